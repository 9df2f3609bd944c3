"""Photo files with what an edit must keep: transparency, 16 bits, colour profile, EXIF.

`read_photo` turns the picture upright and keeps its pixels in the file's own colour space, so that what is not
edited stays as it is; `media.read_image` is for the networks' side, which wants 8-bit sRGB and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

from dftnet.media import image as media
from dftnet.media.files import write_file
from dftnet.media.formats import FORMATS, photo_format

KEEPING_FORMATS = tuple(form.name for form in FORMATS if form.keeps)
"""Formats whose extras are kept; any other that `media` reads becomes plain 8-bit RGB."""
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "La", "RGBX")
XMP_KEY, XMP_TAG = "XML:com.adobe.xmp", 700
LONGEST_XMP = 65502
"""Bytes of XMP that a JPEG can hold."""
MARK_VALUE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MARK = f' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="{MARK_VALUE}"'
XMP_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""{mark}/></rdf:RDF></x:xmpmeta>'
)
IPTC_RESOURCE = 0x0404
DESCRIPTION, ORIENTATION, SOFTWARE, ICC_TAG = 0x010E, 0x0112, 0x0131, 0x8773
POINTERS = (0x8769, 0x8825)
"""Tags that lead to the directories Exif and GPS."""
TIFF_LAYOUT = (*range(254, 270), 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 700, ICC_TAG)


class _PlanarError(Exception):
    """OpenCV and Pillow alike take planes one after another for pixels, and give a scrambled picture."""


@dataclass(kw_only=True)
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


def read_photo(path: str | Path) -> Photo:
    """The picture in a file, upright, with its extras.

    Raises FileNotFoundError for a missing file, ValueError (with the remedy) for one that is no picture.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such image: {path}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not an image")
    return decode_photo(path.read_bytes(), str(path))


def decode_photo(data: bytes, name: str = "image") -> Photo:
    """Encoded bytes → Photo; see `read_photo`."""
    photo = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            photo = _decode_deep(data) or _decode(data)
    except _PlanarError:
        raise ValueError(f"{name} is a TIFF with 16-bit planes one after another: save it with chunky pixels") from None
    except Exception:  # decoders raise nearly everything; `media` tries again and words the reason
        photo = None
    return photo if photo is not None else Photo(pixels=media.decode_image(data, name))


def write_photo(path: str | Path, photo: Photo, overwrite: bool = False, quality: int = 95) -> Path:
    """Write a photo, the format from the suffix of `path`; the file appears whole or not at all.

    16 bits and alpha are kept where the format has them (PNG and TIFF both, WebP alpha); otherwise 8 bits, laid
    on white. Raises FileExistsError if the file exists and `overwrite` is false, ValueError for an unknown suffix.
    """
    path = Path(path)
    return write_file(path, encode_photo(photo, path.suffix, quality), overwrite)


def encode_photo(photo: Photo, suffix: str, quality: int = 95) -> bytes:
    """The bytes of a file with this suffix; see `write_photo`."""
    form = photo_format(suffix)
    if photo.pixels.dtype == np.uint16 and form.deep:
        return _encode_deep(photo, form.name)
    eight = _to_eight(photo.pixels)
    alpha = None if photo.alpha is None else _to_eight(photo.alpha)
    if alpha is not None and not form.alpha:
        eight, alpha = _on_white(eight, alpha), None
    if not form.keeps:
        return media.encode_image(eight, suffix, quality)
    if photo.grey:
        image = Image.fromarray(np.rint(eight.mean(2)).astype(np.uint8))
    else:
        image = Image.fromarray(np.ascontiguousarray(eight))
    if alpha is not None:
        image = image.convert("LA" if photo.grey and form.name == "PNG" else "RGBA")
        image.putalpha(Image.fromarray(alpha))
    options: dict[str, Any] = form.options(quality) | ({"icc_profile": photo.profile} if photo.profile else {})
    if photo.exif:
        options["exif"] = photo.exif
    if photo.dpi and form.name in ("PNG", "TIFF", "JPEG"):
        options["dpi"] = photo.dpi
    if photo.xmp and form.name == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(XMP_KEY, photo.xmp.decode("utf-8", "replace"))
    elif photo.xmp and form.name == "TIFF":
        exif = Image.Exif()
        exif.load(photo.exif or b"")
        exif[XMP_TAG] = photo.xmp
        options["exif"] = exif
    elif photo.xmp:
        options["xmp"] = photo.xmp
    if form.name == "JPEG":
        options["extra"] = _photoshop(photo.iptc)
        if len(photo.xmp or b"") > LONGEST_XMP:
            options["xmp"] = XMP_PACKET.format(mark=MARK if MARK_VALUE.encode() in (photo.xmp or b"") else "").encode()
    buffer = io.BytesIO()
    try:
        image.save(buffer, form.name, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"cannot write this picture as {suffix} ({error}): use .png") from None
    return buffer.getvalue()


def mark_edited(photo: Photo, software: str, description: str) -> None:
    """Tell in the photo's metadata that a trained model edited it.

    XMP: IPTC's digital source type "composite with trained algorithmic media". EXIF: Software, and where it is free
    ImageDescription with what was asked.
    """
    exif = Image.Exif()
    if photo.exif:
        exif.load(photo.exif)
    exif[SOFTWARE] = software
    if not exif.get(DESCRIPTION):
        exif[DESCRIPTION] = description
    photo.exif = exif.tobytes()
    packet = (photo.xmp or b"").decode("utf-8", "replace")
    if re.search(r"<rdf:Description\b", packet):
        packet = re.sub(r'\sIptc4xmpExt:DigitalSourceType="[^"]*"', "", packet)
        packet = re.sub(r"<Iptc4xmpExt:DigitalSourceType>.*?</Iptc4xmpExt:DigitalSourceType>", "", packet)
        mark = MARK if "xmlns:Iptc4xmpExt=" not in packet else MARK[MARK.index(" Iptc4xmpExt:") :]
        packet = re.sub(r"<rdf:Description\b", lambda found: found[0] + mark, packet, count=1)
    else:
        packet = XMP_PACKET.format(mark=MARK)
    photo.xmp = packet.encode()


def _decode(data: bytes) -> Photo | None:
    """Photo of 8-bit channels; None for what has no extras worth keeping or needs `media`'s conversions."""
    with Image.open(io.BytesIO(data), formats=KEEPING_FORMATS) as image:
        if image.width * image.height > media.MAX_PIXELS or image.mode not in EIGHT_BIT_MODES:
            return None
        profile = image.info.get("icc_profile") or None
        exif = _kept(image.getexif())  # before load: that closes a TIFF
        image.load()
        xmp = _xmp(image.info.get("xmp") or image.info.get(XMP_KEY))
        turned = ImageOps.exif_transpose(image)
        alpha = None
        if "A" in turned.mode or "a" in turned.mode or "transparency" in turned.info:
            grey = turned.mode == "LA"
            turned = turned.convert("RGBA")
            alpha = np.array(turned.getchannel("A"))
        else:
            grey = turned.mode in ("L", "1")
        colour = np.array(turned.convert("RGB"))
        resources = image.info.get("photoshop")
        iptc = resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None
        return Photo(
            pixels=colour, alpha=alpha, grey=grey, profile=profile, exif=exif, xmp=xmp,
            iptc=iptc if isinstance(iptc, bytes) else None, dpi=_dpi(image),
        )  # fmt: skip


def _decode_deep(data: bytes) -> Photo | None:
    """Photo of a PNG or TIFF with 16 bits a channel, else None."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 33:
        width, height, bits = struct.unpack(">IIB", data[16:25])
    elif data[:4] in (b"II*\0", b"MM\0*"):
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        width, height, bits = int(tags.get(256, 0)), int(tags.get(257, 0)), max(tags.get(258, (1,)))
        if bits == 16 and tags.get(284) == 2 and tags.get(277, 1) > 1:
            raise _PlanarError
    else:
        return None
    if bits != 16 or not 0 < width * height <= media.MAX_PIXELS:
        return None
    log: Any = cv2 if hasattr(cv2, "getLogLevel") else cv2.utils.logging  # moved in OpenCV 5
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(level)
    if values is None or values.dtype != np.uint16:
        return None
    orientation, exif, profile, xmp, dpi = 1, None, None, None, None
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=KEEPING_FORMATS) as image:
        found = image.getexif()
        orientation, exif = int(found.get(ORIENTATION) or 1), _kept(found)
        profile, xmp, dpi = image.info.get("icc_profile") or None, image.info.get(XMP_KEY), _dpi(image)
    if data[:1] != b"\x89":
        profile, xmp = tags.get(ICC_TAG) or None, tags.get(XMP_TAG)
    values = _upright(values, orientation)
    alpha = np.ascontiguousarray(values[..., -1]) if values.ndim == 3 and values.shape[2] in (2, 4) else None
    grey = values.ndim == 2 or values.shape[2] <= 2 or (data[:1] == b"\x89" and data[25] == 4)
    if grey:
        plane = values if values.ndim == 2 else values[..., 0]
        pixels = np.repeat(plane[..., None], 3, 2)
    else:
        pixels = np.ascontiguousarray(values[..., 2::-1])
    return Photo(pixels=pixels, alpha=alpha, grey=grey, profile=profile, exif=exif, xmp=_xmp(xmp), dpi=dpi)


def _kept(exif: Image.Exif) -> bytes | None:
    """EXIF as bytes without what no longer holds: orientation, and a TIFF's own layout."""
    kept = Image.Exif()
    try:
        for tag, value in exif.items():
            if tag != ORIENTATION and tag not in (*TIFF_LAYOUT, *POINTERS):
                kept[tag] = value
        for pointer in POINTERS:
            if inner := exif.get_ifd(pointer):
                kept.get_ifd(pointer).update(inner)
        return kept.tobytes() if any((len(kept), *(kept.get_ifd(pointer) for pointer in POINTERS))) else None
    except Exception:  # damaged, or of the wrong type: Pillow cannot write back everything it reads
        return None


def _xmp(found: str | bytes | None) -> bytes | None:
    """The XMP packet without orientation, which no longer holds."""
    packet = found.encode() if isinstance(found, str) else found if isinstance(found, bytes) else b""
    return re.sub(rb'\s+tiff:Orientation="[^"]*"|<tiff:Orientation>[^<]*</tiff:Orientation>', b"", packet) or None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """Pixels an inch, where the file says it sensibly."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 65535 and 1 < down < 65535 else None


def _photoshop(iptc: bytes | None) -> bytes:
    """The JPEG segment that carries an IPTC record; empty for none, or one that is too long."""
    if not iptc or len(iptc) > 65000:
        return b""
    body = (
        b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    )
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """[H, W, …] turned as EXIF's orientation 1 to 8 says."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


def _to_eight(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else np.rint(values / 257.0).astype(np.uint8)


def _on_white(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    if alpha is None:
        return pixels
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)


def _encode_deep(photo: Photo, form: str) -> bytes:
    """16-bit PNG or TIFF, with alpha and profile."""
    planes = photo.pixels
    if photo.grey and (form == "PNG" or photo.alpha is None):  # few programs read grey TIFF with alpha
        planes = np.rint(photo.pixels.mean(2, keepdims=True)).astype(np.uint16)
    if photo.alpha is not None:
        deep = photo.alpha if photo.alpha.dtype == np.uint16 else photo.alpha.astype(np.uint16) * 257
        planes = np.concatenate([planes, deep[..., None]], 2)
    encode = _deep_png if form == "PNG" else _deep_tiff
    return encode(np.ascontiguousarray(planes), photo)


def _deep_png(planes: np.ndarray, photo: Photo) -> bytes:
    """planes uint16 [H, W, 1 to 4] → PNG."""
    height, width, channels = planes.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = planes.astype(">u2").view(np.uint8).reshape(height, -1).astype(np.int16)
    before = np.zeros_like(rows)
    before[1:] = rows[:-1]
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)  # filter 2: the difference to the row above
    filtered[:, 1:] = rows - before
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))]
    if photo.profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(photo.profile)))
    if photo.dpi:
        across, down = (round(value / 0.0254) for value in photo.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if photo.exif:
        chunks.append((b"eXIf", photo.exif.removeprefix(b"Exif\0\0")))
    if photo.xmp:
        chunks.append((b"iTXt", XMP_KEY.encode() + b"\0\0\0\0\0" + photo.xmp))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), 4)), (b"IEND", b"")]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in chunks:
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(parts)


def _deep_tiff(planes: np.ndarray, photo: Photo) -> bytes:
    """planes uint16 [H, W, 1 to 4] → TIFF, not compressed."""
    height, width, channels = planes.shape
    body = planes.astype("<u2").tobytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")  # writes offsets from the directory's end
    layout = {256: width, 257: height, 258: (16,) * channels, 259: 1, 262: 2 if channels > 2 else 1, 273: 0}
    layout |= {277: channels, 278: height, 279: len(body), 284: 1}
    if channels in (2, 4):
        layout[338] = 2
    for tag, value in layout.items():
        tags[tag] = value
    exif = Image.Exif()
    exif.load(photo.exif or b"")
    for tag, value in exif.items():
        tags[tag] = exif.get_ifd(tag) if tag in POINTERS else value
    if photo.dpi:
        tags[282], tags[283], tags[296] = *photo.dpi, 2
    if photo.profile:
        tags.tagtype[ICC_TAG] = 7
        tags[ICC_TAG] = photo.profile
    if photo.xmp:
        tags.tagtype[XMP_TAG] = 1
        tags[XMP_TAG] = photo.xmp
    return b"II*\0" + struct.pack("<I", 8) + tags.tobytes(8) + body
