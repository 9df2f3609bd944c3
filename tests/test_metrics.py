"""Every metric has a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet import metrics

RNG = np.random.default_rng(0)


def test_agreement() -> None:
    a = RNG.random(50)
    assert metrics.pearson(a, 3 * a + 1) == pytest.approx(1)
    assert metrics.icc(a, a + 0.3) == pytest.approx(1)
    assert metrics.icc(a, 3 * a) == pytest.approx(2 * 3 / (1 + 9))
    assert metrics.mean_absolute_error(a, a + 0.25) == pytest.approx(0.25)


def test_slope_and_monotone() -> None:
    levels = np.array([0, 0.25, 0.5, 0.75, 1])
    measured = np.stack([0.5 * levels + 0.1, np.full(5, 0.3), [0, 0.3, 0.2, 0.4, 0.5]])
    assert metrics.slopes(levels, measured)[:2] == pytest.approx([0.5, 0])
    assert metrics.monotone(measured).tolist() == [True, False, False]
    assert metrics.monotone(measured, tolerance=0.11).tolist() == [True, False, True]


def test_leakage_of_one_unit() -> None:
    others, own = metrics.leakage(np.array([[0.8, -0.2, 0.0], [0.4, 0.1, 0.3]]), 0)
    assert others == pytest.approx([0.1, 0.2])
    assert own == pytest.approx([0.8, 0.4])


def test_gap_of_a_copy_is_0_and_of_the_target_1() -> None:
    source = RNG.random(20) + 0.1
    assert metrics.gap_closed(source, source) == 0
    assert metrics.gap_closed(np.zeros(20), source) == 1
    assert metrics.gap_closed(2 * source, source) == pytest.approx(-1)


def test_identity_of_a_copy_is_1() -> None:
    embedding = RNG.normal(size=(5, 8))
    assert metrics.cosine(embedding, 3 * embedding) == pytest.approx(1)
    assert metrics.cosine(np.array([[1.0, 0]]), np.array([[0, 2.0]])) == pytest.approx(0)


def test_psnr_and_ssim_of_known_pictures() -> None:
    picture = RNG.integers(0, 245, (3, 32, 24, 3)).astype(np.uint8)
    assert np.isinf(metrics.psnr(picture, picture)).all()
    assert metrics.psnr(picture, picture + np.uint8(10)) == pytest.approx(20 * np.log10(25.5))
    assert metrics.ssim(picture, picture) == pytest.approx(1)
    other = RNG.integers(0, 256, (3, 32, 24, 3)).astype(np.uint8)
    assert (metrics.ssim(picture, other) < 0.2).all()


def test_ssim_agrees_with_scikit_image() -> None:
    reference = pytest.importorskip("skimage.metrics").structural_similarity
    a, b = RNG.integers(0, 256, (2, 40, 40, 3)).astype(np.uint8)
    b = (0.7 * a + 0.3 * b).astype(np.uint8)
    weights = np.array([0.299, 0.587, 0.114])
    _, whole = reference(
        a @ weights,
        b @ weights,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert metrics.ssim(a[None], b[None])[0] == pytest.approx(whole[5:-5, 5:-5].mean(), abs=1e-3)


def test_distances_of_sets() -> None:
    x = RNG.normal(size=(4000, 4))
    assert metrics.frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(x, x + 2) == pytest.approx(16)
    assert metrics.frechet_distance(x, 3 * x) == pytest.approx(16, rel=0.1)  # (3 - 1)² in each of 4 directions
    y, z = RNG.normal(size=(2, 500, 16))
    assert abs(metrics.kernel_distance(y, z)) < 0.02
    assert metrics.kernel_distance(y, z + 1) > 0.5


def test_paint() -> None:
    aligned = np.full((2, 8, 8, 3), 100, np.uint8)
    edited = aligned.copy()
    edited[1, :4] += 51
    assert metrics.paint(edited, aligned) == pytest.approx([0, 0.1])


def test_iris_left() -> None:
    iris, skin = np.array([40, 30, 20]), np.array([200, 160, 140])
    image = np.tile(skin.astype(np.uint8), (10, 10, 1))
    disc = np.zeros((10, 10), bool)
    disc[3:7, 3:7] = True
    assert metrics.iris_left(image, disc, iris, skin) == 0
    image[3:5, 3:7] = iris
    assert metrics.iris_left(image, disc, iris, skin) == 0.5


def test_flow_health_of_known_flows() -> None:
    x = np.arange(20.0)[None, :] + np.zeros((20, 1))
    still = np.zeros((20, 20))
    flows = np.stack([[still, still], [-0.5 * x, still], [-2 * x, still], [still + 3, still + 4]])
    health = metrics.flow_health(flows, np.full((4, 1, 20, 20), 0.7))
    assert health["folding"].tolist() == [0, 0, 1, 0]  # determinants 1, 0.5, -1, 1
    assert health["max_flow"][3] == pytest.approx(5)
    assert health["mean_flow"][3] == pytest.approx(5)
    assert health["total_variation"] == pytest.approx([0, 0.5, 2, 0])
    assert health["mean_attention"] == pytest.approx(0.7)


def test_interval_of_a_constant_is_a_point() -> None:
    found = metrics.interval(np.full(30, 0.4), np.arange(30))
    assert found == pytest.approx((0.4, 0.4, 0.4, 30, 30))


def test_interval_counts_people_not_faces() -> None:
    values = np.repeat(RNG.normal(size=10), 50)
    people = np.repeat(np.arange(10), 50)
    by_person, by_face = metrics.interval(values, people), metrics.interval(values, np.arange(500))
    assert by_person.value == pytest.approx(by_face.value)
    assert by_person.identities == 10
    assert by_person.high - by_person.low > 4 * (by_face.high - by_face.low)
    assert np.isnan(metrics.interval(values[:3], people[:3]).low)
    assert metrics.interval(np.array([np.nan, 2.0, 4.0]), np.arange(3)).value == 3


def test_statistics_of_sums_are_the_metrics() -> None:
    a = RNG.random((40, 3))
    b = a + 0.3 * RNG.random((40, 3))
    b[:, 2] = 0.5  # never moves: left out
    sums = metrics.moments(a, b).sum(0)
    r = np.mean([metrics.pearson(a[:, k], b[:, k]) for k in range(2)])
    assert metrics.pearson_of_moments(sums) == pytest.approx(r)
    icc = np.mean([metrics.icc(a[:, k], b[:, k]) for k in range(3)])
    assert metrics.icc_of_moments(sums) == pytest.approx(icc, abs=1e-6)
    d = np.array([[0.5, 1.0], [0.0, 1.0]])
    assert metrics.gap_of_sums(d.sum(0)) == pytest.approx(metrics.gap_closed(d[:, 0], d[:, 1]))
