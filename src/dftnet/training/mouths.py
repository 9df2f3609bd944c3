"""Insides of mouths for lips that an edit opens: of the same shape, and always the same ones.

A photo of shut lips does not say what is behind them, and a network shown the inside of another mouth each time paints the mean of
all, a pale band. So a few mouths of the set are chosen, one for each way of being open, typical of its kind; what a request is to
paint is theirs, laid into the opening that the mesh draws, and no longer a matter of chance.

    ring     [20, 2]   the lips' inner edge (`faces.mesh.MOUTH_RING`), pixels of the crop
    shape    [40]      the ring from corner to corner: their middle at 0, their distance 1
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dftnet.faces.mesh import MOUTH_RING, Array
from dftnet.training.mesh_drawing import draw_triangles, ring_area

CORNERS = (0, 10)
"""Of the ring: the right corner of the mouth and the left one"""
KINDS = 40
"""Mouths that are chosen"""
CANDIDATES = 120
"""Mouths of nearly the same shape, of which one is"""
OPEN = 60 / 128**2
"""A mouth may be chosen whose opening has at least this share of the crop"""
AHEAD = 12.0
"""Degrees of yaw and pitch up to which it may"""
INWARD = 0.1
"""How far a chosen ring shrinks to its middle line, so that none of its lips is painted"""
CELLS = (24, 48)
"""Mouths are compared on a grid of so many rows and columns"""
CLEAR = 0.6
"""Share of them whose teeth have less clear edges than those that may be chosen; half of it have too much colour"""
SHADE = 0.7
"""Power of the ratio of two faces' brightness that a mouth's follows"""
SKIN = np.array([50, 280, 205, 425])
"""Landmarks on the cheeks: where a face's brightness is taken"""
LIT = 110.0
"""`brightness` above which a face's mouth may be chosen"""
GAIN = (0.4, 1.5)
"""Least and most that a mouth is darkened or lit by"""
STEPS = 12
"""Of the search for kinds of shapes"""


def _strip() -> NDArray[np.int64]:
    """Triangles [18, 3] between the upper and the lower lip's points of a ring."""
    pairs = [(i, 20 - i) for i in range(1, 10)]
    triangles = [(0, pairs[0][0], pairs[0][1]), (pairs[-1][0], 10, pairs[-1][1])]
    for (up, low), (next_up, next_low) in pairwise(pairs):
        triangles += [(up, next_up, low), (next_up, next_low, low)]
    return np.array(triangles, np.int64)


STRIP = _strip()


def shapes_of(rings: Array) -> Array:
    """[n, 20, 2] → [n, 40]."""
    right, left = rings[:, CORNERS[0]], rings[:, CORNERS[1]]
    axis = left - right
    width = np.maximum((axis * axis).sum(1, keepdims=True), 1e-6)
    across = np.stack([-axis[:, 1], axis[:, 0]], 1)
    from_middle = rings - ((left + right) / 2)[:, None]
    along = np.einsum("nvd,nd->nv", from_middle, axis) / width
    down = np.einsum("nvd,nd->nv", from_middle, across) / width
    return np.concatenate([along, down], 1).astype(np.float32)


def brightness(image: NDArray[np.uint8], landmarks: Array) -> float:
    """Of the cheeks of a crop [S, S, 3], 0 to 255; landmarks [478, 2]."""
    x, y = np.clip(np.round(landmarks[SKIN]).astype(int), 2, len(image) - 3).T
    around = [image[v - 2 : v + 3, u - 2 : u + 3].mean() for u, v in zip(x, y, strict=True)]
    return max(float(np.median(around)), 1.0)


@dataclass(frozen=True)
class MouthBank:
    """The chosen mouths of a set."""

    images: NDArray[np.uint8]
    """[k, S, S, 3]"""
    rings: Array
    """[k, 20, 2], shrunk by `INWARD`"""
    shapes: Array
    """[k, 40], what each was chosen for"""
    shades: Array
    """[k]: `brightness` of their faces"""

    @classmethod
    def choose(cls, images: NDArray[np.uint8], landmarks: Array, wanted: Array) -> MouthBank | None:
        """From open mouths, crops [m, S, S, 3] with landmarks [m, 478, 2]: for each of the `KINDS` of shapes among those that
        requests want, rings [n, 20, 2], the mouth that is most like the others of its shape. None where there is too little
        to choose from."""
        rings = landmarks[:, MOUTH_RING]
        if len(rings) < CANDIDATES or len(wanted) < KINDS:
            return None
        own = shapes_of(rings)
        kinds = _kinds(shapes_of(wanted))
        chosen = []
        inner = _inward(rings)
        shades = np.array([brightness(*pair) for pair in zip(images, landmarks, strict=True)], np.float32)
        for kind in kinds:
            near = np.argsort(np.abs(own - kind).sum(1), kind="stable")[:CANDIDATES]
            chosen.append(near[_most_typical(images[near], inner[near], shades[near])])
        picked = np.array(chosen)
        return cls(images[picked], inner[picked], kinds, shades[picked])

    def inside(self, rings: Array, shades: Array) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """What is in openings [n, 20, 2] of faces with `brightness` [n]: uint8 [n, S, S, 3], and bool [n, S, S] where it is."""
        size = self.images.shape[1]
        which = np.abs(shapes_of(rings)[:, None] - self.shapes).sum(2).argmin(1)
        places, mask = draw_triangles(rings, self.rings[which], STRIP, size)
        gains = np.clip((shades / self.shades[which]) ** SHADE, *GAIN)
        inside = [
            cv2.convertScaleAbs(_at(self.images[k], xy), alpha=float(gain))
            for k, xy, gain in zip(which, places, gains, strict=True)
        ]
        return np.stack(inside) if inside else np.zeros((0, size, size, 3), np.uint8), mask


def open_mouths(landmarks: Array, yaw: Array, pitch: Array, size: int) -> NDArray[np.bool_]:
    """Which of the faces [n, 478, 2] may be chosen from."""
    area = np.array([ring_area(ring) for ring in landmarks[:, MOUTH_RING]], np.float32)
    return (area > OPEN * size**2) & (np.abs(yaw) < AHEAD) & (np.abs(pitch) < AHEAD)


def _inward(rings: Array) -> Array:
    """Rings [n, 20, 2] shrunk to the line in the middle between their lips."""
    middle = (rings + rings[:, (20 - np.arange(20)) % 20]) / 2
    return (rings + np.float32(INWARD) * (middle - rings)).astype(np.float32)


def _kinds(shapes: Array) -> Array:
    """[n, 40] → the means of `KINDS` groups of them, by Lloyd's steps."""
    means = shapes[np.linspace(0, len(shapes) - 1, KINDS).astype(int)]
    for _ in range(STEPS):
        group = np.abs(shapes[:, None] - means).sum(2).argmin(1)
        means = np.stack([shapes[group == k].mean(0) if (group == k).any() else means[k] for k in range(KINDS)])
    return means.astype(np.float32)


def _most_typical(images: NDArray[np.uint8], rings: Array, shades: Array) -> int:
    """Of mouths of one shape: the one nearest to all others, on a grid, of those with clear edges and no cast of colour."""
    rows, columns = CELLS
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    edge = np.linspace(0, 1, 11)
    looks = []
    for image, ring, shade in zip(images, rings, shades, strict=True):
        upper, lower = ring[:11], ring[(20 - np.arange(11)) % 20]
        top, bottom = (np.stack([np.interp(u, edge, line[:, d]) for d in (0, 1)], 2) for line in (upper, lower))
        look = _at(image, (top + v[..., None] * (bottom - top)).astype(np.float32))
        looks.append(look.astype(np.float32) * (128 / shade) ** SHADE)
    stack = np.stack(looks)
    grey = stack.mean(3)
    edges = np.stack([np.abs(look - cv2.GaussianBlur(look, (0, 0), 2)).mean() for look in grey])
    cast = np.stack([np.ptp(look[g >= np.quantile(g, 0.75)].mean(0)) for look, g in zip(stack, grey, strict=True)])
    fine = (edges >= np.quantile(edges, CLEAR)) & (cast <= np.quantile(cast, 1 - CLEAR / 2)) & (shades > LIT)
    if not fine.any():
        fine = edges >= np.quantile(edges, CLEAR)
    small = stack.reshape(len(stack), rows // 2, 2, columns // 2, 2, 3).mean((2, 4))
    distance = np.abs(small[:, None] - small).mean((2, 3, 4)).sum(1)
    return int(np.where(fine, distance, np.inf).argmin())


def _at(image: NDArray[np.uint8], places: Array) -> NDArray[np.uint8]:
    """The image [S, S, 3] at places [h, w, 2]."""
    found = cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(found, np.uint8)
