"""PNG and TIFF with 16 bits a channel, which Pillow reads and writes with 8 only.

Values are uint16 [H, W, C] as stored (not yet upright): C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin

from dftnet.errors import MediaError
from dftnet.media import exif as exif_tags
from dftnet.media import xmp as xmp_packet

CHANNELS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
"""FFmpeg's names of the layouts, less their byte order → channels."""
PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
GREY_OR_RGB = (0, 1, 2)
"""A TIFF's photometric interpretations that are understood here."""


def is_png(data: bytes) -> bool:
    """Whether these bytes begin as a PNG's do."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 33


def tiff_tags(data: bytes) -> Mapping[int, Any]:
    """The first directory of a TIFF; empty for anything else."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return {}
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    return tags


def decode(data: bytes, most_pixels: int, name: str) -> np.ndarray | None:
    """The values in a PNG or TIFF with 16 bits a channel, else None; so too for more than `most_pixels` and for damage.

    Raises MediaError for planes one after another, which decoders take for pixels and give a scrambled picture.
    """
    if is_png(data):
        width, height, bits = struct.unpack(">IIB", data[16:25])
        tags: Mapping[int, Any] = {}
    else:
        tags = tiff_tags(data)
        width, height, bits = int(tags.get(256, 0)), int(tags.get(257, 0)), max(tags.get(258, (1,)))
        if bits == 16 and tags.get(284) == 2 and tags.get(277, 1) > 1:
            raise MediaError(f"{name} is a TIFF with 16-bit planes one after another: save it with chunky pixels")
        if max(tags.get(339, (1,))) != 1 or tags.get(262) not in GREY_OR_RGB:
            return None
    if bits != 16 or not 0 < width * height <= most_pixels:
        return None
    values = _tiles(data) if 322 in tags else _decoded(data, "png" if not tags else "tiff")
    return values if values is not None and values.shape[:2] == (height, width) else None


def _decoded(data: bytes, codec: str) -> np.ndarray | None:
    """By FFmpeg, which is silent about damage: an exception, or None for a layout not known here."""
    import av

    context: Any = av.CodecContext.create(codec, "r")
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    if not frames:
        return None
    frame = frames[0]
    layout, order = frame.format.name[:-2], frame.format.name[-2:]
    if layout not in CHANNELS or order not in ("le", "be"):
        return None
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
    values = rows[: frame.height, : frame.width * CHANNELS[layout] * 2].copy().view(f"{'<>'[order == 'be']}u2")
    return values.reshape(frame.height, frame.width, CHANNELS[layout]).astype(np.uint16)


def _tiles(data: bytes) -> np.ndarray | None:
    """By OpenCV, which reads tiles and talks about damage on stderr: so Pillow looks at them first."""
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        image.load()
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        return None
    values = values[..., None] if values.ndim == 2 else values
    return np.concatenate([values[..., 2::-1], values[..., 3:]], 2)


def encode(
    values: np.ndarray,
    form: str,
    *,
    profile: bytes | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    texts: Mapping[str, str] | None = None,
) -> bytes:
    """values uint16 [H, W, 1 to 4] → the bytes of a "PNG" (which has texts), or of a "TIFF", which is not compressed."""
    values = np.ascontiguousarray(values)
    if form == "TIFF":
        return _tiff(values, profile, exif, xmp, dpi)
    written = {key: text.encode("utf-8", "replace") for key, text in (texts or {}).items()}
    return _png(values, profile, exif, written | ({xmp_packet.KEY: xmp} if xmp else {}), dpi)


def _png(
    values: np.ndarray,
    profile: bytes | None,
    exif: bytes | None,
    texts: Mapping[str, bytes],
    dpi: tuple[float, float] | None,
) -> bytes:
    height, width, channels = values.shape
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1).astype(np.int16)
    before = np.zeros_like(rows)
    before[1:] = rows[:-1]
    filtered = np.full((height, rows.shape[1] + 1), 2, np.uint8)  # filter 2: the difference to the row above
    filtered[:, 1:] = rows - before
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, PNG_COLOURS[channels], 0, 0, 0))]
    if profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if dpi:
        across, down = (round(value / 0.0254) for value in dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    chunks += [(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text) for key, text in texts.items()]
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), 4)), (b"IEND", b"")]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in chunks:
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(parts)


def _tiff(
    values: np.ndarray, profile: bytes | None, exif: bytes | None, xmp: bytes | None, dpi: tuple[float, float] | None
) -> bytes:
    height, width, channels = values.shape
    body = values.astype("<u2").tobytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")  # writes offsets from the directory's end
    layout = {256: width, 257: height, 258: (16,) * channels, 259: 1, 262: 2 if channels > 2 else 1, 273: 0}
    layout |= {277: channels, 278: height, 279: len(body), 284: 1}
    if channels in (2, 4):
        layout[338] = 2
    for tag, value in layout.items():
        tags[tag] = value
    directory = exif_tags.loaded(exif)
    for tag, value in directory.items():
        tags[tag] = directory.get_ifd(tag) if tag in exif_tags.POINTERS else value
    if dpi:
        tags[282], tags[283], tags[296] = *dpi, 2
    if profile:
        tags.tagtype[exif_tags.ICC] = 7
        tags[exif_tags.ICC] = profile
    if xmp:
        tags.tagtype[xmp_packet.TAG] = 1
        tags[xmp_packet.TAG] = xmp
    return b"II*\0" + struct.pack("<I", 8) + tags.tobytes(8) + body
