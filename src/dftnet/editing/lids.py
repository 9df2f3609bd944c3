"""Lids that come down in an edit (faces/lid.py), at a photo's resolution: its own pixels, with a border as sharp as they are."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from dftnet.editing.planes import blur, sample, sample_photo, span
from dftnet.faces import lid
from dftnet.faces.drawn import CRISP, FROM, NOWHERE, millimetre, window

AWAY = -20.0
"""Logit of a lid where there is none."""
WHENCE = slice(0, lid.INSIDE)
LEAST = 1e-3
"""A share of a pixel below this is none."""


class LidsHere(NamedTuple):
    """Lids in a tile of a photo."""

    place: tuple[slice, slice]
    """Rows and columns of the tile."""
    pixels: np.ndarray
    """[h, w, 3]"""
    share: np.ndarray
    """[h, w] in [0, 1]"""


class Lids(NamedTuple):
    """Lids of a crop, on its grid padded by `pad` on all sides."""

    maps: np.ndarray
    """[h, w, 3]: flow in crop pixels, masked, and the logit of where they are."""
    light: np.ndarray
    """[h, w, 3]: how much brighter they are than what they are made of."""
    crisp: float
    """What the logit is multiplied by: borders are sharper in a photo that is larger."""

    def active(self) -> np.ndarray:
        """bool [h, w]: where they come down."""
        return np.asarray(self.maps[..., lid.INSIDE] > NOWHERE)

    def at(
        self,
        photo: np.ndarray,
        pixels: tuple[np.ndarray, np.ndarray],
        grid: tuple[np.ndarray, np.ndarray],
        back: np.ndarray,
        near: tuple[slice, slice],
    ) -> LidsHere | None:
        """What rows and columns `near` of a tile show of them, None of none. pixels: x and y of the tile in the photo; grid: in the
        maps; back: [2, 2], crop pixels → photo pixels."""
        if not pixels[0][near].size:
            return None
        flow_x, flow_y, inside = cv2.split(sample(self.maps, grid[0][near], grid[1][near]))
        share = 1 / (1 + np.exp(-np.clip(self.crisp * (inside - FROM), -30, 30)))
        share *= share >= LEAST
        if not share.any():
            return None
        here = span(share.any(1)), span(share.any(0))
        x, y = (
            (plane[near] + row[0] * flow_x + row[1] * flow_y)[here] for plane, row in zip(pixels, back, strict=True)
        )
        rows, columns = (slice(n.start + h.start, n.start + h.stop) for n, h in zip(near, here, strict=True))
        light = sample(self.light, grid[0][near][here], grid[1][near][here])
        return LidsHere((rows, columns), sample_photo(photo, x, y) * light, share[here])


def lids_of(maps: np.ndarray, mask: np.ndarray, pad: int, shrink: float, finer: int) -> Lids | None:
    """From maps [6, h, w] in their window and the face's mask on the padded grid, blurred against aliasing by `shrink`; None where
    no lid comes down."""
    if not (maps[lid.INSIDE] > NOWHERE).any():
        return None
    size = len(mask) - 2 * pad
    left, top, right, bottom = window(size, lid.WINDOW)
    around = (top + pad, size - bottom + pad, left + pad, size - right + pad)
    flow, light = (np.ascontiguousarray(maps[of].transpose(1, 2, 0), np.float32) for of in (WHENCE, lid.LIGHT))
    flow, inside = flow * millimetre(size), np.ascontiguousarray(maps[lid.INSIDE], np.float32)
    whole = cv2.merge(
        [
            *cv2.split(cv2.copyMakeBorder(flow, *around, cv2.BORDER_REPLICATE) * mask[..., None]),
            cv2.copyMakeBorder(inside, *around, cv2.BORDER_CONSTANT, value=AWAY),
        ]
    )
    lit = cv2.copyMakeBorder(light, *around, cv2.BORDER_REPLICATE)
    return Lids(blur(whole, shrink), blur(lit, shrink), finer * CRISP)
