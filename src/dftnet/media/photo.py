"""Photo files with what an edit must keep: transparency, 16 bits, colour profile, EXIF.

`read_photo` turns the picture upright and keeps its pixels in the file's own colour space, so that what is not
edited stays as it is; `image.read_image` is for the networks' side, which wants 8-bit sRGB and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from dftnet.errors import MediaError
from dftnet.media import deep, exif, xmp
from dftnet.media.files import read_file, readers_of, write_file
from dftnet.media.formats import FORMATS, READ, photo_format
from dftnet.media.image import MAX_PIXELS, decode_image, encode_image, first_alone, is_lossless_webp
from dftnet.media.pixels import eight_bits, from_pillow, on_white, sixteen_bits, to_grey, upright

KEEPING = tuple(form.name for form in FORMATS if form.keeps)
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "La", "RGBX")
LONGEST_XMP, LONGEST_EXIF, LONGEST_IPTC = 65502, 65533, 65000
"""Bytes that a JPEG can hold."""
IPTC_RESOURCE = 0x0404
TEXTS = ("Title", "Author", "Description", "Copyright", "Creation Time", "Disclaimer", "Warning", "Source", "Comment")
"""Texts of a PNG that are about the picture, by the standard's names."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A picture and what came with it."""

    pixels: np.ndarray
    """uint8 or uint16 [H, W, 3] RGB, upright, in the colour space of `profile`."""
    alpha: np.ndarray | None = None
    """uint8 or uint16 [H, W], 0 is transparent."""
    grey: bool = False
    """The file had one channel; it is written with one."""
    profile: bytes | None = None
    """ICC profile."""
    exif: bytes | None = None
    """EXIF without orientation (the pixels are upright)."""
    xmp: bytes | None = None
    """XMP packet."""
    iptc: bytes | None = None
    """IPTC-IIM record (caption, author, rights …); JPEG only."""
    dpi: tuple[float, float] | None = None
    """Pixels an inch across and down."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Title, author, copyright … as PNG keeps them; PNG only."""
    lossless: bool = False
    """The file was written without loss in a format that may have some (WebP); it is again, in the same format."""
    readers: int | None = None
    """The file's permissions: nobody may read a copy who may not read the photo."""
    notes: tuple[str, ...] = ()
    """What was in the file and is not here."""


def read_photo(path: str | Path) -> Photo:
    """The picture in a file, upright, with its extras.

    Raises FileNotFoundError for a missing file, MediaError (with the remedy) for one that is no picture.
    """
    if Path(path).is_dir():
        raise MediaError(f"{path} is a folder, not an image: name one photo in it")
    return replace(decode_photo(read_file(path, "image"), str(path)), readers=readers_of(path))


def decode_photo(data: bytes, name: str = "image") -> Photo:
    """Encoded bytes → Photo; see `read_photo`."""
    photo = None
    try:
        photo = _decode_deep(data, name) or _decode(data)
    except MediaError:
        raise
    except Exception:  # decoders raise nearly everything; `decode_image` tries again and words the reason
        photo = None
    if photo is not None:
        return photo
    pixels = decode_image(data, name)  # also CMYK, Lab, floats: what only fits as sRGB
    return Photo(pixels=pixels, **{**_extras(data), "profile": None})


def write_photo(path: str | Path, photo: Photo, overwrite: bool = False, quality: int = 95) -> Path:
    """Write a photo, the format from the suffix of `path`; the file appears whole or not at all.

    16 bits and alpha are kept where the format has them (PNG and TIFF both, WebP alpha); otherwise 8 bits, laid
    on white. Raises FileExistsError if the file exists and `overwrite` is false, MediaError for an unknown suffix.
    """
    path = Path(path)
    return write_file(path, encode_photo(photo, path.suffix, quality), overwrite, photo.readers)


def encode_photo(photo: Photo, suffix: str, quality: int = 95) -> bytes:
    """The bytes of a file with this suffix; see `write_photo`."""
    form = photo_format(suffix)
    if photo.pixels.dtype == np.uint16 and form.deep:
        return _encode_deep(photo, form.name)
    pixels = eight_bits(photo.pixels)
    alpha = None if photo.alpha is None else eight_bits(photo.alpha)
    if alpha is not None and not form.alpha:
        pixels, alpha = on_white(pixels, alpha), None
    if not form.keeps:
        return encode_image(pixels, suffix, quality)
    image = Image.fromarray(to_grey(pixels) if photo.grey else np.ascontiguousarray(pixels))
    if alpha is not None:
        image = image.convert("LA" if photo.grey and form.name == "PNG" else "RGBA")
        image.putalpha(Image.fromarray(alpha))
    options = form.options(quality, photo.lossless) | _metadata(photo, form.name)
    if photo.lossless and form.name == "WEBP":
        options["exact"] = True  # colours under what is transparent, too
    buffer = io.BytesIO()
    try:
        image.save(buffer, form.name, **options)
    except (OSError, ValueError, KeyError) as error:
        raise MediaError(f"cannot write this picture as {suffix} ({error}): use .png") from None
    return buffer.getvalue()


def left_out(photo: Photo, suffix: str) -> list[str]:
    """What of the photo a file with this suffix cannot hold, and is told in a line each."""
    form = photo_format(suffix)
    told = []
    if form.name == "JPEG":
        gone = exif.shortened(photo.exif, LONGEST_EXIF)[1] if photo.exif else []
        told += [f"EXIF of a JPEG holds 64 KB: left out {', '.join(gone)}"] if gone else []
        told += ["XMP of a JPEG holds 64 KB: only the mark is kept"] if len(photo.xmp or b"") > LONGEST_XMP else []
        told += ["a caption (IPTC) of a JPEG holds 64 KB: left out"] if len(photo.iptc or b"") > LONGEST_IPTC else []
    return told


def _metadata(photo: Photo, form: str) -> dict[str, Any]:
    """What Pillow's `save` is told, so that the file holds the photo's extras."""
    options: dict[str, Any] = {"icc_profile": photo.profile} if photo.profile else {}
    if photo.exif:
        options["exif"] = exif.shortened(photo.exif, LONGEST_EXIF)[0] if form == "JPEG" else photo.exif
    if photo.dpi and form in ("PNG", "TIFF", "JPEG"):
        options["dpi"] = photo.dpi
    if form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        packet = {xmp.KEY: photo.xmp.decode("utf-8", "replace")} if photo.xmp else {}
        for key, text in {**photo.texts, **packet}.items():
            options["pnginfo"].add_itxt(key, text)
    elif photo.xmp and form == "TIFF":
        options["exif"] = exif.loaded(photo.exif)
        options["exif"][xmp.TAG] = photo.xmp
    elif photo.xmp:
        options["xmp"] = xmp.shortened(photo.xmp, LONGEST_XMP) if form == "JPEG" else photo.xmp
    if form == "JPEG":
        options["extra"] = _photoshop(photo.iptc)
    return options


def _decode(data: bytes) -> Photo | None:
    """Photo of 8-bit channels; None for what has no extras worth keeping or needs `decode_image`'s conversions."""
    extras = _extras(data)
    with Image.open(io.BytesIO(data), formats=KEEPING) as image:
        if image.width * image.height > MAX_PIXELS or image.mode not in EIGHT_BIT_MODES:
            return None
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        turned: Image.Image = image
        alpha = None
        if "A" in turned.mode or "a" in turned.mode or "transparency" in turned.info:
            grey = turned.mode == "LA"
            turned = turned.convert("RGBA")
            alpha = np.array(turned.getchannel("A"))
        else:
            grey = turned.mode in ("L", "1")
        return Photo(pixels=from_pillow(turned), alpha=alpha, grey=grey, **extras)


def _decode_deep(data: bytes, name: str) -> Photo | None:
    """Photo of a PNG or TIFF with 16 bits a channel, else None."""
    values = deep.decode(data, MAX_PIXELS, name)
    if values is None:
        return None
    orientation = 1
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=KEEPING) as image:
        orientation = int(image.getexif().get(exif.ORIENTATION) or 1)
    values = upright(values, orientation)
    channels = values.shape[2]
    alpha = np.ascontiguousarray(values[..., -1]) if channels in (2, 4) else None
    pixels = np.ascontiguousarray(values[..., :3]) if channels > 2 else np.repeat(values[..., :1], 3, 2)
    return Photo(pixels=pixels, alpha=alpha, grey=channels < 3, **_extras(data))


def _encode_deep(photo: Photo, form: str) -> bytes:
    """16-bit PNG or TIFF, with alpha and profile."""
    planes = photo.pixels
    if photo.grey and (form == "PNG" or photo.alpha is None):  # few programs read grey TIFF with alpha
        planes = to_grey(photo.pixels)[..., None]
    if photo.alpha is not None:
        planes = np.concatenate([planes, sixteen_bits(photo.alpha)[..., None]], 2)
    return deep.encode(
        planes, form, profile=photo.profile, exif=photo.exif, xmp=photo.xmp, dpi=photo.dpi, texts=photo.texts
    )


def _extras(data: bytes) -> dict[str, Any]:
    """What came with the pixels, by the names of Photo's fields; nothing where the file cannot be opened."""
    found: dict[str, Any] = {}
    packet = None
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=READ) as image:
        info = image.info
        resources = info.get("photoshop")
        iptc = resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None
        found = {
            "profile": info.get("icc_profile") or None,
            "exif": exif.still_true(image.getexif()),
            "iptc": iptc if isinstance(iptc, bytes) else None,
            "dpi": _dpi(info),
            "texts": {key: str(info[key]) for key in TEXTS if image.format == "PNG" and key in info},
            "lossless": image.format == "WEBP" and is_lossless_webp(data),
        }
        packet = info.get("xmp") or info.get(xmp.KEY)
    with contextlib.suppress(Exception):  # Pillow does not open every TIFF that has these
        tags = deep.tiff_tags(data)
        found |= {"profile": tags.get(exif.ICC) or found.get("profile")} if tags else {}
        packet = tags.get(xmp.TAG) or packet
    found["xmp"], gone = xmp.still_true(packet if isinstance(packet, str | bytes) else None)
    return {**found, "notes": (*([first] if (first := first_alone(data)) else []), *xmp.told(gone))}


def _dpi(info: dict[Any, Any]) -> tuple[float, float] | None:
    """Pixels an inch, where the file says it sensibly."""
    try:
        across, down = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 65535 and 1 < down < 65535 else None


def _photoshop(iptc: bytes | None) -> bytes:
    """The JPEG segment that carries an IPTC record; empty for none, or one that is too long."""
    if not iptc or len(iptc) > LONGEST_IPTC:
        return b""
    body = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    body = b"Photoshop 3.0\0" + body
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
