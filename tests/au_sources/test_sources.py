"""Sources that look at pixels: the shipped estimator, and MediaPipe's blendshapes where they are installed."""

from __future__ import annotations

import builtins
import os

import numpy as np
import pytest

from dftnet.au_sources import mediapipe as mediapipe_source
from dftnet.au_sources.mediapipe import BLENDSHAPE_ABSENT
from dftnet.au_sources.source import SOURCES, make_source, read_crops, read_sides
from dftnet.aus import AU_NAMES
from dftnet.faces.align import align
from dftnet.faces.detect import FaceDetector
from dftnet.inference.directory import WEIGHTS
from dftnet.inference.sessions import EstimatorSession
from dftnet.units import UNITS


@pytest.fixture(scope="module")
def crops():
    photo = np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut())
    landmarks = FaceDetector()(photo)[0].landmarks
    return {size: align(photo, landmarks, size)[0] for size in (128, 256)}


@pytest.mark.skipif(not (WEIGHTS / "au-estimator" / "config.json").exists(), reason="no weights in this checkout")
def test_estimator_reads_crops_of_any_size(crops):
    source = make_source("estimator")
    assert source.names == UNITS
    assert (source.kind, source.size, source.note) == ("estimator", 128, "dftnet AU estimator au-estimator")
    found = read_crops(source, [crops[128], crops[256]])
    np.testing.assert_allclose(found[0], EstimatorSession(threads=1)(crops[128][None])[0], atol=1e-6)
    assert np.abs(found[1] - found[0]).mean() < 0.03
    assert read_crops(source, []).shape == (0, 40)


def test_tables_of_mediapipe_are_whole():
    assert len(mediapipe_source.POINTS) == 146
    assert len(set(mediapipe_source.POINTS.tolist())) == 146
    assert len(set(mediapipe_source.BLENDSHAPES)) == 52
    assert mediapipe_source.BLENDSHAPES[25] == "jawOpen"
    assert mediapipe_source.BLENDSHAPES[9] == "eyeBlinkLeft"
    assert mediapipe_source.BLENDSHAPES[44] == "mouthSmileLeft"


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(mediapipe_source.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(mediapipe_source.VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"face_landmarker\.task"):
        mediapipe_source.find_bundle()
    monkeypatch.setenv(mediapipe_source.VARIABLE, str(tmp_path / "none.task"))
    with pytest.raises(ValueError, match="is not a file"):
        mediapipe_source.find_bundle()

    real = builtins.__import__

    def without(name, *args, **options):
        if name.startswith("ai_edge_litert"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"dftnet\[mediapipe\]"):
        make_source("mediapipe")


def test_damaged_bundle(tmp_path):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"no face_landmarker\.task"):
        make_source("mediapipe", path)


def test_mediapipe_sees_the_astronaut_smile(crops):
    pytest.importorskip("ai_edge_litert")
    try:
        mediapipe_source.find_bundle()
    except ValueError:
        pytest.skip(f"no face_landmarker.task; {mediapipe_source.VARIABLE}={os.environ.get(mediapipe_source.VARIABLE)}")
    source = make_source("mediapipe")
    assert set(AU_NAMES) - set(source.names) == set(BLENDSHAPE_ABSENT)
    found = dict(zip(source.names, read_crops(source, [crops[128]])[0], strict=True))
    assert found["AU12"] > 0.5
    assert found["AU45"] < 0.3


def test_an_unknown_source_is_told_with_the_known_ones():
    assert set(SOURCES) == {"estimator", "mediapipe"}
    with pytest.raises(ValueError, match="unknown AU source 'openface'; known: estimator, mediapipe"):
        make_source("openface")


def test_sides_are_read_from_halves_that_differ():
    class Brightness:
        """Reads AU45L and AU45R as the brightness of the whole face, and AU25 as that of its lower half."""

        kind, names, size, note = "brightness", ("AU45L", "AU45R", "AU25"), 8, ""

        def __call__(self, crops):
            x = crops.astype(np.float32) / 255
            whole = x.mean((1, 2, 3))
            return np.stack([whole, whole, x[:, 4:].mean((1, 2, 3))], 1)

    crops = np.zeros((2, 8, 8, 3), np.uint8)
    crops[0, :, 4:] = 255  # the person's left half
    crops[1] = 51
    read = read_sides(Brightness(), crops, [True, True])
    np.testing.assert_allclose(read, [[1, 0, 0.5], [0.2, 0.2, 0.2]], atol=1e-6)
    np.testing.assert_allclose(
        read_sides(Brightness(), crops, [False, True]), [[0.5, 0.5, 0.5], [0.2, 0.2, 0.2]], atol=1e-6
    )
