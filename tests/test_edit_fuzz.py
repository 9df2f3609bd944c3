"""Whatever the bytes, sizes and requests are: a result, or a ValueError with one sentence; never anything else."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dftnet.aus import AU_NAMES, WORDS, Request, parse_values, target
from dftnet.cli_edit import spread
from dftnet.compositing import composite
from dftnet.editor import Editor
from dftnet.photo import Photo, decode_photo, encode_photo
from dftnet.runtime import GeneratorSession
from tests.synthetic_model import write_generator

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SMALL = skimage.data.astronaut()[40:200:2, 150:310:2]


def encoded(form: str, mode: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(SMALL).convert(mode).save(buffer, form)
    return buffer.getvalue()


FILES = [encoded("JPEG", "RGB"), encoded("PNG", "RGBA"), encoded("WEBP", "RGB"), encoded("TIFF", "RGB")]
FILES += [encode_photo(Photo(pixels=SMALL.astype(np.uint16) * 257), suffix) for suffix in (".png", ".tif")]


@QUICK
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"RIFF"])
)
def test_any_bytes(data: bytes, start: bytes) -> None:
    with pytest.raises(ValueError, match="image"):
        decode_photo(start + data)


@QUICK
@given(st.sampled_from(FILES), st.data())
def test_damaged_files(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, min(len(damaged), 600) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = decode_photo(bytes(damaged))
    except ValueError:
        return
    assert photo.pixels.ndim == 3
    assert photo.pixels.dtype in (np.uint8, np.uint16)


@QUICK
@given(
    st.lists(st.text(max_size=6) | st.sampled_from([*AU_NAMES, *WORDS, "=", "0.5", "AU12=1", "smile=0"]), max_size=4)
)
def test_any_request(items: list[str]) -> None:
    try:
        goal = target(np.full(17, 0.3), Request(set=parse_values(items), add=parse_values(items, -1)))
    except ValueError:
        return
    assert goal.min() >= 0
    assert goal.max() <= 1


@QUICK
@given(st.lists(st.sampled_from(["--au", "--add", "--sweep", "AU12=1", "AU45", "0:1:3", "p.jpg", "-o", "--", "smile"])))
def test_spreading_loses_no_word(words: list[str]) -> None:
    result = spread(words)
    joined = " ".join(result).replace("=0:1:3", " 0:1:3").split()
    assert [word for word in joined if word not in ("--au", "--add")] == [
        word for word in words if word not in ("--au", "--add")
    ]


@QUICK
@given(
    st.integers(1, 90), st.integers(1, 90), st.floats(-180, 180), st.floats(0.05, 20), st.floats(-50, 150),
    st.floats(-50, 150), st.floats(-200, 200), st.floats(0, 1),
)  # fmt: skip
def test_any_place_and_flow(
    height: int, width: int, angle: float, scale: float, x: float, y: float, flow: float, attention: float
) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    linear = np.array([[c, -s], [s, c]])
    matrix = np.hstack([linear, (15.5 - linear @ np.array([x, y]))[:, None]])
    crop = np.full((32, 32, 3), 100, np.uint8)
    maps = np.full((2, 32, 32), flow), np.full((1, 32, 32), attention), np.zeros((3, 32, 32))
    assert composite(photo, matrix, crop, *maps).shape == photo.shape


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    return Editor(GeneratorSession(write_generator(tmp_path_factory.mktemp("model"), size=64), threads=1))


@settings(QUICK, max_examples=15)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 7), st.booleans())
def test_any_size(editor: Editor, height: int, width: int, turn: int, deep: bool) -> None:
    image = np.asarray(Image.fromarray(SMALL).resize((width, height)))
    image = np.ascontiguousarray(np.rot90(image, turn % 4)[:: -1 if turn > 3 else 1])
    image = image.astype(np.uint16) * 257 if deep else image
    try:
        result = editor.edit(image, {"AU12": 1, "AU45": 0.4})
    except ValueError as error:
        if "face" not in str(error):
            raise
        return
    assert result.shape == image.shape
    assert result.dtype == image.dtype
