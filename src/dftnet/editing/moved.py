"""Parts of a face that an edit moves by a flow of their own, at a photo's resolution: its own pixels, with a border as sharp as
they are. Lids that come down or rise (faces/lid.py), and eyes that stay between lids that move (faces/globe.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from dftnet.editing.lay import Lay
from dftnet.editing.planes import sample, sample_photo, span, thrice
from dftnet.faces import globe, lid
from dftnet.faces.drawn import CRISP, FROM, NOWHERE

AWAY = -20.0
"""Logit of a part where there is none."""
LEAST = 1e-3
"""A share of a pixel below this is none."""

Pair = tuple[np.ndarray, np.ndarray]
Slices = tuple[slice, slice]


class Here(NamedTuple):
    """A part in a tile of a photo."""

    place: Slices
    """Rows and columns of the tile."""
    pixels: np.ndarray
    """[h, w, 3]"""
    share: np.ndarray
    """[h, w] in [0, 1]"""

    def put(self, edited: np.ndarray, corner: Slices) -> None:
        """Into pixels [h, w, 3] of the tile that begin at `corner`, in place."""
        rows, columns = (
            slice(own.start - p.start, own.stop - p.start) for own, p in zip(self.place, corner, strict=True)
        )
        under = edited[rows, columns]
        under += thrice(self.share) * (self.pixels - under)


@dataclass(frozen=True)
class MovedPart(ABC):
    """One of a crop, on its grid padded on all sides."""

    maps: Sequence[np.ndarray]
    """[h, w, c] each: what is told of it, smooth; lengths in millimetres."""
    inside: np.ndarray
    """[h, w]: logit of where it is."""
    crisp: float
    """What the logit is multiplied by: borders are sharper in a photo that is larger."""
    unit: float
    """Crop pixels of a millimetre."""

    part: ClassVar[ModuleType]
    """Says which window its maps are of, and which of them is `inside`."""

    @classmethod
    def of(cls, maps: np.ndarray, lay: Lay) -> MovedPart | None:
        """From a generator's maps [c, h, w] of its window; None where there is nothing of it."""
        inside = maps[cls.part.INSIDE, None]
        if not (inside > NOWHERE).any():
            return None
        return cls(cls.told(maps, lay), lay.on(inside, cls.part.WINDOW, AWAY), lay.finer * CRISP, lay.unit)

    @classmethod
    @abstractmethod
    def told(cls, maps: np.ndarray, lay: Lay) -> Sequence[np.ndarray]:
        """Its `maps`."""

    @abstractmethod
    def shown(self, photo: np.ndarray, pixels: Pair, told: Sequence[np.ndarray], back: np.ndarray) -> np.ndarray:
        """What pixels x and y of a photo show of it, [h, w, 3], where this is told of it; back [2, 2]: crop pixels → photo's."""

    def active(self) -> np.ndarray:
        """bool [h, w]: where there is any of it."""
        return np.asarray(self.inside > NOWHERE)

    def at(self, photo: np.ndarray, pixels: Pair, grid: Pair, back: np.ndarray, near: Slices) -> Here | None:
        """What rows and columns `near` of a tile show of it, None of nothing. pixels: x and y of the tile in the photo; grid: in
        the maps."""
        if not pixels[0][near].size:
            return None
        inside = sample(self.inside, grid[0][near], grid[1][near])
        share = 1 / (1 + np.exp(-np.clip(self.crisp * (inside - FROM), -30, 30)))
        share *= share >= LEAST
        if not share.any():
            return None
        here = span(share.max(1) > 0), span(share.max(0) > 0)
        (x, y), at = ([plane[near][here] for plane in planes] for planes in (pixels, grid))
        told = [sample(plane, at[0], at[1]) for plane in self.maps]
        rows, columns = (slice(n.start + h.start, n.start + h.stop) for n, h in zip(near, here, strict=True))
        return Here((rows, columns), self.shown(photo, (x, y), told, back), share[here])


class Lids(MovedPart):
    """Upper lids that come down or rise, in their light."""

    part: ClassVar[ModuleType] = lid

    @classmethod
    def told(cls, maps: np.ndarray, lay: Lay) -> Sequence[np.ndarray]:
        flow = lay.on(maps[: lid.INSIDE], lid.WINDOW) * lay.mask[..., None]
        return flow, lay.on(maps[lid.LIGHT], lid.WINDOW)

    def shown(self, photo: np.ndarray, pixels: Pair, told: Sequence[np.ndarray], back: np.ndarray) -> np.ndarray:
        flow, light = told
        return sample_photo(photo, *_moved(pixels, back, self.unit * flow[..., 0], self.unit * flow[..., 1])) * light


class Globes(MovedPart):
    """Eyes between lids that move."""

    part: ClassVar[ModuleType] = globe

    @classmethod
    def told(cls, maps: np.ndarray, lay: Lay) -> Sequence[np.ndarray]:
        return [lay.on(maps[of], globe.WINDOW) for of in (slice(0, 4), slice(4, globe.INSIDE))]  # OpenCV samples four

    def shown(self, photo: np.ndarray, pixels: Pair, told: Sequence[np.ndarray], back: np.ndarray) -> np.ndarray:
        flow_x, flow_y, *places = (np.asarray(plane, np.float32) for part in told for plane in cv2.split(part))
        flow_x, flow_y = self.unit * flow_x, self.unit * flow_y
        found = globe.whence(*(place.astype(np.float64) for place in places))
        seen = sample_photo(photo, *_moved(pixels, back, flow_x, flow_y))
        if not found.share.any():
            return seen
        here = span(found.share.max(1) > 0), span(found.share.max(0) > 0)
        x, y = pixels[0][here], pixels[1][here]
        left, right = (
            sample_photo(photo, *_moved((x, y), back, (flow_x + self.unit * dx)[here], (flow_y + self.unit * dy)[here]))
            for dx, dy in (found.on_left, found.on_right)
        )
        covered = (left + thrice(found.right[here]) * (right - left)) * thrice(found.light[here])
        seen[here] += thrice(found.share[here]) * (covered - seen[here])
        return seen


def moved_parts(drawn: Mapping[str, np.ndarray], lay: Lay) -> tuple[MovedPart, ...]:
    """Those that an edit shows, the lower ones first, from maps by the names of `faces.drawn.PARTS`."""
    kinds: dict[str, type[MovedPart]] = {"globes": Globes, "lids": Lids}
    found = (kind.of(drawn[name], lay) for name, kind in kinds.items() if name in drawn)
    return tuple(part for part in found if part is not None)


def _moved(pixels: Pair, back: np.ndarray, x: np.ndarray, y: np.ndarray) -> Pair:
    """Pixels of a photo and a way in crop pixels → the pixels there."""
    return pixels[0] + back[0, 0] * x + back[0, 1] * y, pixels[1] + back[1, 0] * x + back[1, 1] * y
