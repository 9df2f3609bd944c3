"""Model directories: what a session gives, and what it says about a directory that is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dftnet.aus import AU_NAMES, as_vector
from dftnet.inference.sessions import MAX_BATCH, EstimatorSession, GeneratorSession
from dftnet.media.pixels import to_float, to_uint8
from tests.synthetic_model import window, write_estimator, write_generator

SIZE = 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("models") / "synthetic", size=SIZE, offset=0.25)


@pytest.fixture(scope="module")
def session(model: Path) -> GeneratorSession:
    return GeneratorSession(model, threads=1)


def crops(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 3), np.uint8)


def rows(n: int, values: dict[str, float]) -> np.ndarray:
    return np.tile(as_vector(values), (n, 1))


def test_maps_are_what_the_graph_says(session: GeneratorSession) -> None:
    assert (session.size, session.au_names, session.model.conditioning) == (SIZE, AU_NAMES, "difference")
    source = rows(2, {"AU12": 0.25})
    maps = session(crops(2), source, rows(2, {"AU12": 0.75, "AU45": 0.5}))
    assert np.allclose(maps.flow[:, 0], 6 * 0.5 * window(SIZE), atol=1e-5)
    assert not maps.flow[:, 1].any()
    assert np.allclose(maps.attention[:, 0], 1 - 0.5 * window(SIZE), atol=1e-5)
    assert np.allclose(maps.texture, to_float(crops(2)) + 0.25, atol=1e-5)
    composed = (1 - maps.attention) * maps.texture + maps.attention * maps.aligned
    assert np.allclose(maps.image, composed, atol=1e-5)
    assert [value.shape[1:] for value in maps] == [*((c, SIZE, SIZE) for c in (2, 1, 3, 3, 3)), *[(0, 0, 0)] * 5]


def test_own_aus_change_nothing(session: GeneratorSession) -> None:
    own = rows(1, {"AU01": 0.5})
    maps = session(crops(1), own, own)
    assert not maps.flow.any()
    assert (maps.attention == 1).all()
    assert np.array_equal(to_uint8(maps.image), crops(1))


def test_batches_are_cut_and_joined(session: GeneratorSession) -> None:
    n = MAX_BATCH + 3
    many = session(crops(n), rows(n, {}), rows(n, {"AU12": 1}))
    last = session(crops(n)[-1:], rows(1, {}), rows(1, {"AU12": 1}))
    assert np.array_equal(many.image[-1:], last.image)
    assert len(many.flow) == n


def test_target_conditioning_ignores_the_source(tmp_path: Path) -> None:
    session = GeneratorSession(write_generator(tmp_path, size=SIZE, conditioning="target"), threads=1)
    maps = session(crops(1), rows(1, {"AU12": 0.5}), rows(1, {"AU12": 0.5}))
    assert maps.flow[0, 0].max() == pytest.approx(3, abs=1e-5)


def test_model_without_a_flow_gives_zero(tmp_path: Path) -> None:
    session = GeneratorSession(write_generator(tmp_path, size=SIZE, has_flow=False), threads=1)
    maps = session(crops(1), rows(1, {}), rows(1, {"AU12": 1, "AU45": 1}))
    assert maps.flow.shape == (1, 2, SIZE, SIZE)
    assert not maps.flow.any()
    assert np.array_equal(to_uint8(maps.aligned), crops(1))
    assert maps.attention.min() == pytest.approx(0, abs=1e-6)


def test_wrong_arrays_are_refused(session: GeneratorSession) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[n, 64, 64, 3\]"):
        session(crops(1)[:, :32], rows(1, {}), rows(1, {}))
    with pytest.raises(ValueError, match="float32"):
        session(crops(1).astype(np.float32), rows(1, {}), rows(1, {}))
    with pytest.raises(ValueError, match=r"\[1, 17\]"):
        session(crops(1), rows(1, {})[:, :5], rows(1, {}))


def test_estimator(tmp_path: Path) -> None:
    session = EstimatorSession(write_estimator(tmp_path, size=SIZE), threads=1)
    aus = session(crops(3))
    assert aus.dtype == np.float32
    assert np.allclose(aus, 0.25)
    assert aus.shape == (3, len(AU_NAMES))


def test_missing_and_foreign_directories(tmp_path: Path, model: Path) -> None:
    with pytest.raises(ValueError, match="is not a directory"):
        GeneratorSession(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no config\.json"):
        GeneratorSession(tmp_path)
    with pytest.raises(ValueError, match="no dftnet estimator"):
        EstimatorSession(model)
    with pytest.raises(ValueError, match="threads"):
        GeneratorSession(model, threads=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "dftnet-generator-9"}, "this version reads"),
        ({"format": None}, "no dftnet generator"),
        ({"size": "big"}, "size is"),
        ({"au_names": ["AU12", "AU12"]}, "au_names"),
        ({"au_names": ["AU99"]}, "unknown Action Unit"),
        ({"conditioning": "sideways"}, "conditioning"),
    ],
)
def test_foreign_config(tmp_path: Path, model: Path, change: dict[str, object], message: str) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=message):
        GeneratorSession(copy)


def test_damaged_directories(tmp_path: Path, model: Path) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    graph = (copy / "generator.onnx").read_bytes()
    (copy / "generator.onnx").write_bytes(graph[: len(graph) // 2])
    with pytest.raises(ValueError, match="not a readable ONNX graph"):
        GeneratorSession(copy)
    (copy / "generator.onnx").unlink()
    with pytest.raises(ValueError, match="is missing"):
        GeneratorSession(copy)
    write_estimator(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "estimator.onnx", copy / "generator.onnx")
    with pytest.raises(ValueError, match="no dftnet generator"):
        GeneratorSession(copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        GeneratorSession(copy)
