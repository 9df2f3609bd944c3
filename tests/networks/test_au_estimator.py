"""The AU estimator: exported graph, shipped weights, and what must not change its reading."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from dftnet.aus import AU_NAMES, as_dict
from dftnet.data.relabel import steady_aus
from dftnet.faces.align import align
from dftnet.faces.detect import FaceDetector
from dftnet.inference.directory import WEIGHTS
from dftnet.inference.sessions import EstimatorSession
from dftnet.media.pixels import to_float
from dftnet.metrics import icc, mean_absolute_error, pearson
from dftnet.units import mirror_order

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from dftnet.networks.au_estimator import Estimator, EstimatorConfig  # noqa: E402
from dftnet.training.export import difference, example_crops, export_estimator, load_estimator  # noqa: E402

SHIPPED = WEIGHTS / "au-estimator"
shipped = pytest.mark.skipif(not (SHIPPED / "config.json").exists(), reason="no weights in this checkout")


@pytest.fixture(scope="module")
def astronaut():
    """(photo uint8 [h, w, 3], landmarks [5, 2]) of the smiling astronaut (NASA, public domain)."""
    data = pytest.importorskip("skimage.data")
    photo = np.ascontiguousarray(data.astronaut())
    return photo, FaceDetector()(photo)[0].landmarks


@pytest.fixture(scope="module")
def crop(astronaut):
    return align(*astronaut, 128)[0]


@pytest.fixture(scope="module")
def session():
    return EstimatorSession(SHIPPED, threads=1)


def moved(crop, degrees=0.0, shift=(0.0, 0.0)):
    size = len(crop)
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2,) * 2, degrees, 1.0)
    matrix[:, 2] += shift
    return cv2.warpAffine(crop, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)


TOLERANCE = 1e-4
DOCUMENT = {"alignment": {"template": "eyes-mouth"}, "provenance": {"command": "test"}, "results": {}}


def small(size=64, **fields):
    torch.manual_seed(0)
    config = EstimatorConfig(size=size, channels=(8, 8, 16, 16), blocks=(1, 1, 1), regional=4, hidden=16, **fields)
    network = Estimator(config, auxiliary=5)
    for layer in network.modules():  # statistics as after a training
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 2)
    return network.eval()


def test_written_directory_equals_the_network(tmp_path):
    network = small()
    assert export_estimator(tmp_path, network, DOCUMENT) < TOLERANCE
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        wanted = network(torch.from_numpy(to_float(crops))).numpy()
    read = EstimatorSession(tmp_path, threads=1)(crops)
    assert read.shape == (3, len(AU_NAMES))
    np.testing.assert_allclose(read, wanted, atol=5e-3)  # half-precision weights
    assert not any(name.startswith("auxiliary") for name in load_estimator(tmp_path).state_dict())


def test_batch_equals_one_by_one(tmp_path):
    export_estimator(tmp_path, small(), DOCUMENT)
    session = EstimatorSession(tmp_path, threads=1)
    crops = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    singles = np.concatenate([session(crop[None]) for crop in crops])
    np.testing.assert_allclose(session(crops), singles, atol=1e-5)


def test_every_parameter_gets_a_gradient():
    network = small().train()
    logits, side = network.logits(torch.randn(4, 3, 64, 64))
    (logits.square().mean() + side.square().mean()).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # the branches that end in a norm of scale 0 get theirs after the first step
    assert not [name for name in silent if "trunk" not in name]


def test_wrong_sizes_and_names_are_errors(tmp_path):
    with pytest.raises(ValueError, match="64"):
        small()(torch.zeros(1, 3, 128, 128))
    with pytest.raises(ValueError, match="multiple of 16"):
        EstimatorConfig(size=100)
    export_estimator(tmp_path, small(), DOCUMENT)
    with pytest.raises(ValueError, match="takes uint8"):
        EstimatorSession(tmp_path)(np.zeros((1, 32, 32, 3), np.uint8))
    document = json.loads((tmp_path / "config.json").read_text())
    document["au_names"][0] = "AU99"
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="AU99"):
        EstimatorSession(tmp_path)
    document["format"] = "dftnet-estimator-2"
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="format"):
        load_estimator(tmp_path)


@shipped
def test_shipped_graph_equals_pytorch_and_its_example(session):
    from safetensors.numpy import load_file

    example = load_file(SHIPPED / "example.safetensors")
    noise = torch.rand(3, 3, session.size, session.size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for image in (noise, noise[:1], torch.from_numpy(to_float(example["image"]))):
        assert difference(SHIPPED / "estimator.onnx", load_estimator(SHIPPED), {"image": image}, ["aus"]) < TOLERANCE
    np.testing.assert_array_equal(example["image"], example_crops(session.size))
    np.testing.assert_allclose(session(example["image"]), example["aus"], atol=1e-3)
    assert (SHIPPED / "estimator.onnx").stat().st_size < 6e6


@shipped
def test_astronaut_smiles_with_open_eyes(session, crop):
    aus = as_dict(session(crop[None])[0], session.au_names)
    assert aus["AU12"] > 0.6
    assert aus["AU25"] > 0.3
    assert aus["AU45"] < 0.2
    assert aus["AU15"] < 0.2


@shipped
@pytest.mark.parametrize(
    "change", [{"shift": (3, 0)}, {"shift": (0, -3)}, {"degrees": 5}, {"degrees": -5}, "mirror"], ids=str
)
def test_reading_is_steady(session, crop, change):
    other = crop[:, ::-1] if change == "mirror" else moved(crop, **change)
    difference = np.abs(session(np.ascontiguousarray(other)[None]) - session(crop[None]))
    assert difference.mean() < 0.05


@shipped
def test_same_face_at_another_resolution(session, astronaut):
    photo, _ = astronaut
    large = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    readings = []
    for image in (photo, large):
        face = FaceDetector()(image)[0]
        readings.append(session(align(image, face.landmarks, 128)[0][None]))
    assert np.abs(readings[0] - readings[1]).mean() < 0.05


@shipped
def test_steady_reading_is_the_mean_of_views(session, crop):
    one = steady_aus(session, crop[None], views=1, names=session.au_names)
    np.testing.assert_allclose(one, session(crop[None]), atol=1e-6)
    mirrored = session(np.ascontiguousarray(crop[None, :, ::-1]))[:, mirror_order(session.au_names)]
    both = (session(crop[None]) + mirrored) / 2
    np.testing.assert_allclose(steady_aus(session, crop[None], views=2, names=session.au_names), both, atol=1e-6)


def test_a_mirrored_view_gives_its_sides_back():
    def read(crops):
        """The left half's brightness as AU12R (the person's right), the right half's as AU12L."""
        halves = crops.astype(np.float64).mean((1, 3)) / 255
        return np.stack([halves[:, 16:].mean(1), halves[:, :16].mean(1)], 1)

    crop = np.zeros((1, 32, 32, 3), np.uint8)
    crop[:, :, :16] = 200
    names = ("AU12L", "AU12R")
    steady = steady_aus(read, crop, views=2, names=names)
    np.testing.assert_allclose(steady, [[0, 200 / 255]], atol=1e-6)


def test_agreement_by_hand():
    a, b = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])
    assert pearson(a, b) == pytest.approx(1)
    assert icc(a, b) == pytest.approx(2 * 4 / (2 + 8))  # 2 cov / (var + var)
    assert icc(a, a + 7) == pytest.approx(1)
    assert mean_absolute_error(a, b) == pytest.approx(2)
    assert np.isnan(pearson(a, np.ones(3)))
    with pytest.raises(AssertionError, match="equal length"):
        pearson(a, b[:2])
