"""Reading and writing pictures and video: every kind of input ends as upright uint8 RGB, or as one clear sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dftnet.media import image as media


def ramp(height: int = 24, width: int = 40) -> np.ndarray:
    """A smooth colour picture whose four corners differ."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), 255 - x * 200 // (width - 1)], -1).astype(
        np.uint8
    )


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif", ".jpg"])
def test_write_and_read_back(tmp_path: Path, suffix: str):
    path = media.write_image(tmp_path / "deep" / f"a{suffix}", ramp())
    back = media.read_image(path)
    worst = int(np.abs(back.astype(int) - ramp()).max())
    assert worst <= {".jpg": 12, ".webp": 40}.get(suffix, 0)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_lossless_webp_is_exact():
    data = media.encode_image(ramp(), ".webp", lossless=True)
    assert np.array_equal(media.decode_image(data), ramp())


def test_never_overwrites_unless_told(tmp_path: Path):
    path = media.write_image(tmp_path / "a.png", ramp())
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"--overwrite"):
        media.write_image(path, 255 - ramp())
    assert path.read_bytes() == before
    media.write_image(path, 255 - ramp(), overwrite=True)
    assert np.array_equal(media.read_image(path), 255 - ramp())


def test_unknown_suffix_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(ValueError, match=r"\.png"):
        media.write_image(tmp_path / "a.xyz", ramp())


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_applied(turn: int):
    upright = ramp()
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert np.array_equal(media.decode_image(data), upright)


def test_other_colour_modes_become_rgb():
    grey = Image.fromarray(ramp()[:, :, 0])
    for data in (encoded(grey, "PNG"), encoded(grey, "JPEG", quality=100), encoded(grey.convert("1"), "PNG")):
        image = media.decode_image(data)
        assert image.shape == (24, 40, 3)
        assert np.array_equal(image[..., 0], image[..., 2])
    palette = Image.fromarray(ramp()).quantize(64)
    assert np.array_equal(media.decode_image(encoded(palette, "PNG")), np.asarray(palette.convert("RGB")))
    cmyk = media.decode_image(encoded(Image.fromarray(ramp()).convert("CMYK"), "JPEG", quality=98))
    assert np.abs(cmyk.astype(int) - ramp()).mean() < 8


def test_transparency_is_laid_on_white():
    rgba = np.dstack([ramp(), np.zeros((24, 40), np.uint8)])
    rgba[:, :20, 3] = 255
    image = media.decode_image(encoded(Image.fromarray(rgba), "PNG"))
    assert np.array_equal(image[:, :20], ramp()[:, :20])
    assert (image[:, 20:] == 255).all()


def test_sixteen_bit_grey_keeps_its_range():
    deep = np.linspace(0, 65535, 24 * 40).reshape(24, 40).astype(np.uint16)
    for form in ("PNG", "TIFF"):
        image = media.decode_image(encoded(Image.fromarray(deep), form))
        assert image.dtype == np.uint8
        assert np.abs(image[..., 0].astype(float) - deep / 257).max() <= 1


def test_colour_profile_is_converted_and_a_broken_one_ignored():
    picture = Image.fromarray(ramp())
    broken = encoded(picture, "PNG", icc_profile=b"nonsense")
    assert np.array_equal(media.decode_image(broken), ramp())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(media.decode_image(encoded(picture, "PNG", icc_profile=srgb)), ramp())


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (10, 200)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert (media.decode_image(data) == 10).all()


def test_damage_is_told_with_the_remedy(tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    for form in ("JPEG", "PNG", "WEBP"):
        data = encoded(noise, form)
        with pytest.raises(ValueError, match=r"truncated or damaged.*again|not a picture"):
            media.decode_image(data[: len(data) // 2], "x")
    with pytest.raises(ValueError, match=r"empty"):
        media.decode_image(b"", "x")
    with pytest.raises(ValueError, match=r"failed download"):
        media.decode_image(b"<!DOCTYPE html><html>404</html>", "x")
    with pytest.raises(ValueError, match=r"HEIC"):
        media.decode_image(b"\0\0\0\x18ftypheic" + bytes(50), "x")
    with pytest.raises(FileNotFoundError, match=r"no such image"):
        media.read_image(tmp_path / "none.png")
    with pytest.raises(ValueError, match=r"folder"):
        media.read_image(tmp_path)


def test_too_many_pixels_are_refused_before_decoding():
    size = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", size), (b"IDAT", zlib.compress(b"0"))):
        header += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    with pytest.raises(ValueError, match=r"million pixels.*scale it down"):
        media.decode_image(header, "bomb.png")


def test_a_huge_jpeg_may_be_decoded_small():
    data = encoded(Image.fromarray(ramp(400, 800)), "JPEG")
    assert media.decode_image(data, at_least=200).shape == (100, 200, 3)
    assert media.decode_image(data, at_least=500).shape == (400, 800, 3)
    assert media.stored_size(data) == (800, 400)
