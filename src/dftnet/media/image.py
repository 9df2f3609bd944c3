"""Pictures as plain pixels, in and out: uint8 [h, w, 3], RGB, upright (EXIF orientation applied), sRGB."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from dftnet.errors import MediaError
from dftnet.media import deep
from dftnet.media.exif import ORIENTATION
from dftnet.media.files import read_file, write_file
from dftnet.media.formats import READ, photo_format
from dftnet.media.pixels import eight_bits, from_grey, from_pillow, on_white, upright

MAX_PIXELS = 150_000_000
"""Images with more pixels than this are refused before they are decoded."""

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, MemoryError)


class TooLargeError(MediaError):
    """A picture of more than MAX_PIXELS."""

    status = 413


def read_image(path: str | Path, at_least: int | None = None) -> np.ndarray:
    """The picture in a file as uint8 [h, w, 3], upright sRGB.

    Raises FileNotFoundError for a missing file, MediaError (with the remedy) for one that is no picture.
    `at_least`: see `decode_image`.
    """
    if Path(path).is_dir():
        raise MediaError(f"{path} is a folder, not an image: name one photo in it")
    return decode_image(read_file(path, "image"), str(path), at_least)


def decode_image(data: bytes, name: str = "image", at_least: int | None = None) -> np.ndarray:
    """Encoded bytes of JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF ... → uint8 [h, w, 3], upright sRGB.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparency is laid on white; of an animation
    the first frame is taken. `at_least` lets a huge JPEG be decoded at a half, quarter or eighth of its size,
    as long as its longer side keeps that many pixels (much faster). Raises MediaError naming `name` and the
    remedy.
    """
    if not data:
        raise MediaError(f"{name} is empty (0 bytes): copy or download it again")
    try:
        with Image.open(io.BytesIO(data), formats=READ) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if at_least is not None and max(width, height) > 2 * at_least:
                shrink = at_least / max(width, height)
                image.draft(None, (int(width * shrink), int(height * shrink)))
            return _as_rgb(image, deep.decode(data, MAX_PIXELS, name))
    except MediaError:
        raise
    except Image.DecompressionBombError:
        raise TooLargeError(
            f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels: scale it down first"
        ) from None
    except UnidentifiedImageError:
        remedy = "convert it to JPEG or PNG"
        raise MediaError(f"{name} is not a picture in a known format{_guess(data)}: {remedy}") from None
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise MediaError(f"{name} is truncated or damaged ({reason}): copy or download it again") from None


def stored_size(data: bytes) -> tuple[int, int]:
    """(width, height) that the header of a picture's bytes states, before any EXIF turn; MediaError if there is none."""
    try:
        with Image.open(io.BytesIO(data), formats=READ) as image:
            return image.size
    except (Image.DecompressionBombError, UnidentifiedImageError, *_DAMAGED) as error:
        raise MediaError(f"not a readable picture ({error})") from None


def first_alone(file: str | Path | bytes) -> str:
    """A word where a file, or its bytes, holds several pictures (frames of an animation, pages of a TIFF), of which the first is
    what is read; else empty."""
    with (
        contextlib.suppress(Exception),
        Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=READ) as image,
    ):
        count = int(getattr(image, "n_frames", 1))
        return f"only the first of its {count} pictures is taken, the others are left out" if count > 1 else ""
    return ""


def is_lossless_webp(data: bytes) -> bool:
    """Whether a WebP, also one that moves, was written without any loss."""
    lossless, at = False, 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"VP8 ":
            return False
        lossless |= kind == b"VP8L"
        at += 8 + (16 if kind == b"ANMF" else size + size % 2)  # a frame of an animation holds chunks
    return lossless


def _guess(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if data[4:8] == b"ftyp" and data[8:11] in (b"hei", b"hev", b"mif"):
        return " (it looks like HEIC, the format of phones: `pip install pillow-heif` reads it)"
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return " (it is a text page, perhaps a failed download)"
    return ""


def _as_rgb(image: Image.Image, values: np.ndarray | None) -> np.ndarray:
    """A lazily opened Pillow image → uint8 [h, w, 3], upright sRGB; `values` uint16 [h, w, c] are its pixels where it has
    16 bits a channel, of which Pillow would take the upper half."""
    profile = image.info.get("icc_profile")
    if values is None:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        turned = image
    else:
        eight = eight_bits(upright(values, int(image.getexif().get(ORIENTATION) or 1)))
        turned = Image.fromarray(eight[..., 0] if eight.shape[2] == 1 else eight)
    if turned.mode in ("I", "F") or turned.mode.startswith("I;16"):
        return from_grey(np.asarray(turned))
    if turned.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in turned.info:
        turned = turned.convert("RGBA")
        colour = turned.convert("RGB")
        colour = _to_srgb(colour, profile) if profile else colour
        return on_white(from_pillow(colour), np.array(turned.getchannel("A")))
    if profile:
        turned = _to_srgb(turned, profile)
    return from_pillow(turned)


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours of an ICC profile (a phone's Display P3, a printer's CMYK) → sRGB; a broken one is ignored."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        if image.mode not in ("RGB", "CMYK", "L"):
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return converted if converted is not None else image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def encode_image(image: np.ndarray, suffix: str, quality: int = 95, lossless: bool = False) -> bytes:
    """uint8 [h, w, 3] → the bytes of a file with this suffix, one of `formats.PHOTO_SUFFIXES`.

    `quality` (1 to 100) is for JPEG (without chroma subsampling from 90) and WebP; the others lose nothing, and WebP
    neither with `lossless`.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise MediaError(f"expected a uint8 image [h, w, 3], got {image.dtype} {list(image.shape)}")
    form = photo_format(suffix)
    buffer = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, form.name, **form.options(quality, lossless))
    except (OSError, ValueError) as error:
        raise MediaError(f"cannot write {list(image.shape[:2])} pixels as {suffix} ({error}): use .png") from None
    return buffer.getvalue()


def write_image(path: str | Path, image: np.ndarray, overwrite: bool = False, quality: int = 95) -> Path:
    """Write uint8 [h, w, 3] to `path`, the format from its suffix; the file appears whole or not at all.

    Raises FileExistsError if it exists and `overwrite` is false, MediaError for an unknown suffix.
    """
    path = Path(path)
    return write_file(path, encode_image(image, path.suffix, quality), overwrite)
