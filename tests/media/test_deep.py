"""PNG and TIFF of 16 bits: what other programs write is read exactly, what is damaged is refused, and silently."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from dftnet.errors import MediaError
from dftnet.media.photo import decode_photo

RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 65536, (37, 53, 4), np.uint16)
KINDS = {"grey": RGBA[..., 0], "grey and alpha": RGBA[..., :2], "rgb": RGBA[..., :3], "rgba": RGBA}


def on_stderr(act: Callable[[], object]) -> bytes:
    """What the process writes to its stderr, libraries in C included."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            act()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate", "deflate with differences"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_tiffs_of_other_programs(kind: str, byteorder: str, compression: str | None, tile: tuple | None) -> None:
    tifffile = pytest.importorskip("tifffile")
    values = KINDS[kind]
    colour = values.ndim == 3 and values.shape[2] > 2
    more = {"photometric": "rgb" if colour else "minisblack", "tile": tile, "byteorder": byteorder}
    more |= {"compression": "deflate", "predictor": "with" in compression} if compression else {}
    if values.ndim == 3 and values.shape[2] in (2, 4):
        more |= {"extrasamples": ["unassalpha"], "planarconfig": "contig"}
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **more)
    if kind == "grey and alpha" and tile is not None:
        pytest.skip("no decoder at hand reads this one")
    photo = decode_photo(buffer.getvalue())
    wanted = values[..., :3] if colour else values.reshape(37, 53, -1)[..., :1].repeat(3, 2)
    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, wanted)
    assert photo.grey != colour
    if "alpha" in kind or kind == "rgba":
        assert np.array_equal(photo.alpha, values[..., -1])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba"])
def test_files_of_opencv(suffix: str, kind: str) -> None:
    values = KINDS[kind]
    stored = values if kind == "grey" else np.concatenate([values[..., 2::-1], values[..., 3:]], 2)
    data = cv2.imencode(suffix, stored)[1].tobytes()
    photo = decode_photo(data)
    assert np.array_equal(photo.pixels, values[..., :3] if kind != "grey" else values[..., None].repeat(3, 2))


def test_what_is_not_16_bits_of_grey_or_rgb_is_left_to_others() -> None:
    """Half floats and CMYK have 16 bits too."""
    tifffile = pytest.importorskip("tifffile")
    for values, more in (
        (np.linspace(0, 1, 400, dtype=np.float16).reshape(20, 20), {"photometric": "minisblack"}),
        (RGBA[:20, :20], {"photometric": "separated"}),
    ):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, values, **more)
        with contextlib.suppress(MediaError):  # told in one line where nobody reads it
            assert decode_photo(buffer.getvalue()).pixels.dtype == np.uint8


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_damage_is_refused_without_a_word_of_the_decoders(suffix: str) -> None:
    smooth = cv2.GaussianBlur(cv2.resize(RGBA[..., :3], (64, 64)), (0, 0), 4)
    whole = cv2.imencode(suffix, smooth)[1].tobytes()

    def read(data: bytes) -> None:
        with pytest.raises(MediaError, match=r"copy|convert"):
            decode_photo(data)

    for share in (0.2, 0.5, 0.9):
        assert on_stderr(lambda share=share: read(whole[: int(len(whole) * share)])) == b""
