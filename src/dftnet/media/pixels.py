"""All changes of one kind of pixels into another.

Conventions
    Outside networks an image is uint8 [h, w, 3], RGB, upright, sRGB; a photo may have uint16 in its place.
    Inside networks it is float32 [n, 3, h, w] in [-1, 1]; `to_float` and `to_uint8` are the only ways there and back.
    8 bits and 16 bits: v → 257 v, and back the nearest, so that black stays black, white white, and there and back is exact.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

STRIP = 256
"""Rows of a picture that are taken from Pillow at once."""
D65 = (0.950456, 1.0, 1.088754)
"""White of sRGB, XYZ."""
XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)


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


def from_pillow(image: Image.Image) -> np.ndarray:
    """A Pillow picture, turned to RGB → uint8 [h, w, 3]; strip by strip, because Pillow's way at once holds the whole
    picture three times more while it lasts."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, STRIP):
        bottom = min(top + STRIP, image.height)
        strip = image.crop((0, top, image.width, bottom))
        pixels[top:bottom] = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    return pixels


def to_lab(image: np.ndarray) -> np.ndarray:
    """uint8 [..., 3] sRGB → float32 CIELAB: L · 2.55, a + 128, b + 128, as OpenCV scales them for 8 bits (its own
    conversion takes 70 ms to make tables before the first picture)."""
    xyz = _LINEAR[image] @ (XYZ_FROM_RGB / np.array(D65)[:, None]).T.astype(np.float32)
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), -1, 0)
    return np.stack([2.55 * (116 * y - 16), 500 * (x - y) + 128, 200 * (y - z) + 128], -1).astype(np.float32)


def eight_bits(values: np.ndarray) -> np.ndarray:
    """uint16 (or uint8, returned as it is) of any shape → uint8."""
    if values.dtype == np.uint8:
        return values
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def sixteen_bits(values: np.ndarray) -> np.ndarray:
    """uint8 (or uint16, returned as it is) of any shape → uint16."""
    return values if values.dtype == np.uint16 else values.astype(np.uint16) * np.uint16(257)


def from_grey(values: np.ndarray) -> np.ndarray:
    """Grey [h, w] of any type → uint8 [h, w, 3]: integers are of 16 bits, floats from 0 to 1 (or 255, where one is above 1)."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float64))
        top = 1.0 if values.max(initial=0.0) <= 1.0 else 255.0
        eight = np.clip(np.rint(values * (255.0 / top)), 0, 255).astype(np.uint8)
    else:
        eight = values if values.dtype == np.uint8 else eight_bits(np.clip(values, 0, 65535).astype(np.uint16))
    return np.repeat(eight[:, :, None], 3, axis=2)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 [h, w, 3] → [h, w] of the same type, the mean of the channels."""
    return np.rint(pixels.mean(2)).astype(pixels.dtype)


def on_white(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """uint8 [h, w, 3] laid on white where alpha uint8 [h, w] lets it through."""
    if alpha is None:
        return pixels
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """[h, w, …] turned and mirrored as EXIF's orientation 1 to 8 asks."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)
