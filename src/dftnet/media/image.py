"""Images and video in and out, and the project's one change between uint8 and [-1, 1].

Conventions
    Outside networks an image is uint8 [h, w, 3], RGB, upright (EXIF orientation applied), sRGB.
    Inside networks it is float32 [n, 3, h, w] in [-1, 1]; `to_float` and `to_uint8` are the only conversions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from dftnet.media.files import write_file
from dftnet.media.formats import READ, photo_format

MAX_PIXELS = 150_000_000
"""Images with more pixels than this are refused before they are decoded."""

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, MemoryError)


class VideoFrame(NamedTuple):
    """One decoded frame: `number` counts from 0, `time` is in seconds, `image` is uint8 [h, w, 3] RGB."""

    number: int
    time: float
    image: np.ndarray


def to_float(image: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] or [n, h, w, 3] in 0..255 → float32 [n, 3, h, w] in [-1, 1]."""
    if image.dtype != np.uint8 or image.ndim not in (3, 4) or image.shape[-1] != 3:
        raise ValueError(f"expected a uint8 image [h, w, 3] or [n, h, w, 3], got {image.dtype} {list(image.shape)}")
    batch = image if image.ndim == 4 else image[None]
    planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).astype(np.float32)
    return planes / np.float32(127.5) - np.float32(1.0)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """float [n, 3, h, w] in [-1, 1] → uint8 [n, h, w, 3]; rounds to nearest, clips what is outside."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"expected float [n, 3, h, w], got {list(image.shape)}")
    scaled = np.rint((image.astype(np.float32) + 1.0) * 127.5)
    return np.ascontiguousarray(np.clip(scaled, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def read_image(path: str | Path, at_least: int | None = None) -> np.ndarray:
    """The picture in a file as uint8 [h, w, 3], upright sRGB.

    Raises FileNotFoundError for a missing file, ValueError (with the remedy) for one that is no picture.
    `at_least`: see `decode_image`.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such image: {path}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not an image")
    return decode_image(path.read_bytes(), str(path), at_least)


def decode_image(data: bytes, name: str = "image", at_least: int | None = None) -> np.ndarray:
    """Encoded bytes of JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF ... → uint8 [h, w, 3], upright sRGB.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparency is laid on white; of an animation
    the first frame is taken. `at_least` lets a huge JPEG be decoded at a half, quarter or eighth of its size,
    as long as its longer side keeps that many pixels (much faster). Raises ValueError naming `name` and the
    remedy.
    """
    if not data:
        raise ValueError(f"{name} is empty (0 bytes): copy or download it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=READ) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if at_least is not None and max(width, height) > 2 * at_least:
                    shrink = at_least / max(width, height)
                    image.draft(None, (int(width * shrink), int(height * shrink)))
                return _as_rgb(image)
    except Image.DecompressionBombError:
        raise ValueError(
            f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels: scale it down first"
        ) from None
    except UnidentifiedImageError:
        remedy = "convert it to JPEG or PNG"
        raise ValueError(f"{name} is not a picture in a known format{_guess(data)}: {remedy}") from None
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{name} is truncated or damaged ({reason}): copy or download it again") from None


def stored_size(data: bytes) -> tuple[int, int]:
    """(width, height) that the header of a picture's bytes states, before any EXIF turn; ValueError if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=READ) as image:
                return image.size
    except (Image.DecompressionBombError, UnidentifiedImageError, *_DAMAGED) as error:
        raise ValueError(f"not a readable picture ({error})") from None


def _guess(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if data[4:8] == b"ftyp" and data[8:11] in (b"hei", b"hev", b"mif"):
        return " (it looks like HEIC, the format of phones: `pip install pillow-heif` reads it)"
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return " (it is a text page, perhaps a failed download)"
    return ""


def _as_rgb(image: Image.Image) -> np.ndarray:
    """A lazily opened Pillow image → uint8 [h, w, 3], upright sRGB."""
    profile = image.info.get("icc_profile")
    image.load()
    turned = ImageOps.exif_transpose(image)
    if turned.mode in ("I", "F") or turned.mode.startswith("I;16"):
        return _deep_grey(np.asarray(turned), integer=turned.mode != "F")
    if turned.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in turned.info:
        turned = turned.convert("RGBA")
        if profile and turned.mode == "RGBA":
            alpha = turned.getchannel("A")
            turned = _to_srgb(turned.convert("RGB"), profile)
            turned.putalpha(alpha)
        white = Image.new("RGBA", turned.size, (255, 255, 255, 255))
        turned = Image.alpha_composite(white, turned).convert("RGB")
    elif profile:
        turned = _to_srgb(turned, profile)
    pixels = np.array(turned.convert("RGB"))
    return pixels


def _deep_grey(values: np.ndarray, integer: bool) -> np.ndarray:
    """Grey [h, w] of more than 8 bits → uint8 [h, w, 3]; integers are 16-bit, floats 0..1 (or 0..255)."""
    grey = np.nan_to_num(values.astype(np.float64))
    top = 65535.0 if integer else (1.0 if grey.max(initial=0.0) <= 1.0 else 255.0)
    if integer and grey.max(initial=0.0) <= 255.0:
        top = 255.0
    eight = np.clip(np.rint(grey * (255.0 / top)), 0, 255).astype(np.uint8)
    return np.repeat(eight[:, :, None], 3, axis=2)


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
        raise ValueError(f"expected a uint8 image [h, w, 3], got {image.dtype} {list(image.shape)}")
    form = photo_format(suffix)
    buffer = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, form.name, **form.options(quality, lossless))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot write {list(image.shape[:2])} pixels as {suffix} ({error}): use .png") from None
    return buffer.getvalue()


def write_image(path: str | Path, image: np.ndarray, overwrite: bool = False, quality: int = 95) -> Path:
    """Write uint8 [h, w, 3] to `path`, the format from its suffix; the file appears whole or not at all.

    Raises FileExistsError if it exists and `overwrite` is false, ValueError for an unknown suffix.
    """
    path = Path(path)
    return write_file(path, encode_image(image, path.suffix, quality), overwrite)


def read_video(path: str | Path, every_frames: int = 1, every_seconds: float | None = None) -> Iterator[VideoFrame]:
    """Frames of a video in order, upright: every n-th frame, or about one every `every_seconds` seconds.

    Frames that do not decode are skipped. Raises FileNotFoundError, and ValueError where there is no video.
    """
    import av

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such video: {path}")
    if every_frames < 1 or (every_seconds is not None and every_seconds <= 0):
        raise ValueError("sample every 1 or more frames, or every positive number of seconds")
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable video ({error}): convert it to MP4") from None
    with container:
        if not container.streams.video:
            raise ValueError(f"{path} holds no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        due = 0.0
        for number, frame in enumerate(decoded(container, [stream], path)):
            time = float(frame.time) if frame.time is not None else number / rate
            if every_seconds is not None:
                if time + 1e-6 < due:
                    continue
                due = max(due + every_seconds, time + 0.5 * every_seconds)
            elif number % every_frames:
                continue
            turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
            image = frame.to_ndarray(format="rgb24")
            yield VideoFrame(number, time, np.ascontiguousarray(np.rot90(image, turns)))


def decoded(container, streams: list, path: Path, other: Callable[[Any], None] | None = None) -> Iterator:
    """Decoded PyAV frames of the first of `streams`; packets of the others are handed to `other`.

    Passes over damage after the first frame, raises ValueError if none decodes.
    """
    import av

    count = 0
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.stream.index != streams[0].index:
                if other is not None:
                    other(packet)
                continue
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            continue
        except av.error.FFmpegError:
            break
        for frame in frames:
            count += 1
            yield frame
    if count == 0:
        raise ValueError(f"{path}: no frame of it can be decoded: convert it to MP4 (H.264)")
