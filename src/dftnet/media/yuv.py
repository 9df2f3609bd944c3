"""RGB and YUV 4:2:0 planes: whole pictures, and only what an edit changed.

Planes are Y [H, W], U and V [H / 2, W / 2] uint8; `tags` are FFmpeg's numbers of colorspace and color_range.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]

LUMA = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
"""FFmpeg's numbers of the YUV matrices → the shares of red and blue in Y; BT.601's for all others."""
HD_TAGS = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
"""BT.709: what pictures become when they are made a video."""


def to_planes(image: np.ndarray, tags: Mapping[str, int]) -> Planes:
    """uint8 RGB [H, W, 3] of even size → Y [H, W], U, V [H / 2, W / 2] uint8, rounded without bias."""
    y, u, v = _yuv(image.astype(np.float32), tags)
    dark = 0 if tags.get("color_range") == 2 else 16
    return _bytes(y + dark), _bytes(u + 128), _bytes(v + 128)


def add_difference(planes: Planes, image: np.ndarray, edited: np.ndarray, tags: Mapping[str, int]) -> Planes:
    """Y, U, V of the edited frame: the decoded planes plus what the edit changed; elsewhere they are the same bytes."""
    changed = (image != edited).reshape(len(image), -1)
    rows, columns = np.nonzero(changed.any(1))[0], np.nonzero(changed.any(0))[0] // 3
    if len(rows) == 0:
        return planes
    top, left = int(rows[0]) // 2, int(columns[0]) // 2
    bottom, right = int(rows[-1]) // 2 + 1, int(columns[-1]) // 2 + 1
    wide, half = np.s_[2 * top : 2 * bottom, 2 * left : 2 * right], np.s_[top:bottom, left:right]
    change = _yuv(edited[wide].astype(np.float32) - image[wide], tags)
    result = (planes[0].copy(), planes[1].copy(), planes[2].copy())
    for plane, part, delta in zip(result, (wide, half, half), change, strict=True):
        plane[part] = _bytes(plane[part] + delta)
    return result


def _yuv(colour: np.ndarray, tags: Mapping[str, int]) -> Planes:
    """float RGB (or a difference) [h, w, 3] of even size → Y [h, w], U, V [h / 2, w / 2] without offsets."""
    red, blue = LUMA.get(tags.get("colorspace", 2), (0.299, 0.114))
    full = tags.get("color_range") == 2
    y = colour @ np.array([red, 1 - red - blue, blue], np.float32)
    u, v = (colour[..., 2] - y) / (2 - 2 * blue), (colour[..., 0] - y) / (2 - 2 * red)
    small = u.shape[1] // 2, u.shape[0] // 2
    u, v = (cv2.resize(part, small, interpolation=cv2.INTER_AREA) for part in (u, v))
    return (y, u, v) if full else (y * (219 / 255), u * (224 / 255), v * (224 / 255))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
