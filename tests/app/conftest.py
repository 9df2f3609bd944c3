"""A server for the tests of the app: in this process, with a generator whose maps are known."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from dftnet import Editor
from tests.synthetic_model import write_estimator, write_generator


def encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """The bytes of a picture."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    """uint8 [h, w, 3]"""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def crowded(pixels: np.ndarray) -> bytes:
    """A JPEG whose EXIF fills its 64 KB with a maker's note: no room for a mark."""
    exif = Image.Exif()
    exif[0x010F] = "camera"
    exif.get_ifd(0x8769)[0x927C] = b"m" * 65400
    return encoded(pixels, "JPEG", quality=95, exif=exif.tobytes())


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """One face, uint8 [300, 300, 3]."""
    return np.ascontiguousarray(skimage.data.astronaut()[:300, 70:370])


@pytest.fixture(scope="session")
def pair(portrait: np.ndarray) -> np.ndarray:
    """Two faces, the smaller on the right."""
    small = cv2.resize(portrait, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    canvas = np.full((300, 300 + small.shape[1], 3), 90, np.uint8)
    canvas[:, :300], canvas[: small.shape[0], 300:] = portrait, small
    return canvas


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model") / "wobble", size=64)


@pytest.fixture(scope="session")
def editor(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Editor:
    estimator = write_estimator(tmp_path_factory.mktemp("model") / "estimator", value=0.25)
    return Editor.from_pretrained(model, estimator=estimator, threads=1)


@pytest.fixture
def client(editor: Editor) -> Iterator[object]:
    from starlette.testclient import TestClient

    from dftnet.app.api import create_app
    from dftnet.app.settings import Settings

    settings = Settings(max_bytes=2_000_000, max_pixels=4_000_000, preview=400)
    with TestClient(create_app(settings, editor), base_url="http://localhost:8000") as client:
        yield client
