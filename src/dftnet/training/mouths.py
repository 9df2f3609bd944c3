"""Insides of mouths for lips that an edit opens: the more open, the other, and always the same.

A photo of shut lips does not say what is behind them, and a network shown the inside of another mouth each time paints the mean of
all, a grey band; so it does with forty mouths, each for its shape. So a few mouths of the set are chosen, from hardly open to wide
open, typical of their kind; what a request is to paint is theirs, laid into the opening that the mesh draws, one fading into the
next as it opens: no matter of chance any more, and a smooth function of what can be seen.

    ring     [20, 2]   the lips' inner edge (`faces.mesh.MOUTH_RING`), pixels of the crop
    openness           its area over the square of its width
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
KINDS = (0.4, 0.7, 0.95)
"""Quantiles of how open requests open mouths: one mouth is chosen for each"""
CANDIDATES = 250
"""Mouths as open as that, of which it is one"""
OPEN = 60 / 128**2
"""A mouth may be chosen whose opening has at least this share of the crop"""
AHEAD = 8.0
"""Degrees of yaw and pitch up to which it may"""
INWARD = 0.1
"""How far a chosen ring shrinks to its middle line, so that none of its lips is painted"""
CELLS = (24, 48)
"""Mouths are compared on a grid of so many rows and columns"""
CLEAR = 0.6
"""Share of them with less clear edges, and less of a difference between teeth and throat, than those that may be chosen; a cast of
colour is as good as that, and half of them may lean to a side or lie in the dark"""
LIGHT = 0.8
"""Share of the mouths that open least whose teeth are darker than those that may be chosen"""
SHADE = 0.5
"""Power of the ratio of two faces' brightness that a mouth's follows"""
SKIN = np.array([50, 280, 205, 425])
"""Landmarks on the cheeks: where a face's brightness is taken"""
GAIN = (0.5, 1.2)
"""Least and most that a mouth is darkened or lit by"""


def _strip() -> NDArray[np.int64]:
    """Triangles [18, 3] between the upper and the lower lip's points of a ring."""
    pairs = [(i, 20 - i) for i in range(1, 10)]
    triangles = [(0, pairs[0][0], pairs[0][1]), (pairs[-1][0], 10, pairs[-1][1])]
    for (up, low), (next_up, next_low) in pairwise(pairs):
        triangles += [(up, next_up, low), (next_up, next_low, low)]
    return np.array(triangles, np.int64)


STRIP = _strip()


def openness(rings: Array) -> Array:
    """[n, 20, 2] → [n]"""
    width = np.linalg.norm(rings[:, CORNERS[0]] - rings[:, CORNERS[1]], axis=1)
    return np.array([ring_area(ring) for ring in rings], np.float32) / np.maximum(width, 1e-3) ** 2


def brightness(image: NDArray[np.uint8], landmarks: Array) -> float:
    """Of the cheeks of a crop [S, S, 3], 0 to 255; landmarks [478, 2]."""
    x, y = np.clip(np.round(landmarks[SKIN]).astype(int), 2, len(image) - 3).T
    around = [image[v - 2 : v + 3, u - 2 : u + 3].mean() for u, v in zip(x, y, strict=True)]
    return max(float(np.median(around)), 1.0)


@dataclass(frozen=True)
class MouthBank:
    """The chosen mouths of a set, from hardly open to wide open."""

    images: NDArray[np.uint8]
    """[k, S, S, 3]"""
    rings: Array
    """[k, 20, 2], shrunk by `INWARD`"""
    open: Array
    """[k], rising: the openness that each was chosen for"""
    shades: Array
    """[k]: `brightness` of their faces"""

    @classmethod
    def choose(cls, images: NDArray[np.uint8], landmarks: Array, wanted: Array) -> MouthBank | None:
        """From open mouths, crops [m, S, S, 3] with landmarks [m, 478, 2], the one most like the others that are as open, for each
        of `KINDS` of the rings [n, 20, 2] that requests want. None where there is too little to choose from."""
        rings = landmarks[:, MOUTH_RING]
        if len(rings) < CANDIDATES or not len(wanted):
            return None
        kinds = np.quantile(openness(wanted), KINDS).astype(np.float32)
        own, inner = openness(rings), _inward(rings)
        shades = np.array([brightness(*pair) for pair in zip(images, landmarks, strict=True)], np.float32)
        chosen = []
        for kind in kinds:
            near = np.argsort(np.abs(own - kind), kind="stable")[:CANDIDATES]
            throat = bool(kind > kinds[0])
            chosen.append(near[_most_typical(images[near], inner[near], shades[near], throat)])
        picked = np.array(chosen)
        return cls(images[picked], inner[picked], kinds, shades[picked])

    def inside(self, rings: Array, shades: Array) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """What is in openings [n, 20, 2] of faces with `brightness` [n]: uint8 [n, S, S, 3], and bool [n, S, S] where it is."""
        size = self.images.shape[1]
        place = np.interp(openness(rings), self.open, np.arange(len(self.open)))
        lower = np.floor(place).astype(int)
        two = lower, np.minimum(lower + 1, len(self.open) - 1)
        both, mask = draw_triangles(rings, np.concatenate([self.rings[which] for which in two], 2), STRIP, size)
        found = np.zeros((len(rings), size, size, 3), np.float32)
        for which, places, share in zip(two, np.split(both, 2, 3), (1 - (place - lower), place - lower), strict=True):
            gains = np.clip((shades / self.shades[which]) ** SHADE, *GAIN) * share
            for one, k, xy, gain in zip(found, which, places, gains, strict=True):
                one += gain * _at(self.images[k], np.ascontiguousarray(xy))
        return np.clip(np.round(found), 0, 255).astype(np.uint8), mask


def open_mouths(landmarks: Array, yaw: Array, pitch: Array, size: int) -> NDArray[np.bool_]:
    """Which of the faces [n, 478, 2] may be chosen from."""
    area = np.array([ring_area(ring) for ring in landmarks[:, MOUTH_RING]], np.float32)
    return (area > OPEN * size**2) & (np.abs(yaw) < AHEAD) & (np.abs(pitch) < AHEAD)


def _inward(rings: Array) -> Array:
    """Rings [n, 20, 2] shrunk to the line in the middle between their lips."""
    middle = (rings + rings[:, (20 - np.arange(20)) % 20]) / 2
    return (rings + np.float32(INWARD) * (middle - rings)).astype(np.float32)


def _most_typical(images: NDArray[np.uint8], rings: Array, shades: Array, throat: bool) -> int:
    """Of mouths that are as open: the one nearest to all others, on a grid, of those with clear edges, no cast of colour, and the
    darkest `throat`, or the lightest teeth."""
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
    depth = np.quantile(grey, 0.9, (1, 2)) - np.quantile(grey, 0.1, (1, 2))
    cast = np.stack([np.ptp(look[g >= np.quantile(g, 0.75)].mean(0)) for look, g in zip(stack, grey, strict=True)])
    uneven = np.abs(stack - stack[:, :, ::-1]).mean((1, 2, 3))
    wanted = depth if throat else np.quantile(grey, 0.75, (1, 2))
    fine = (edges >= np.quantile(edges, CLEAR)) & (wanted >= np.quantile(wanted, CLEAR if throat else LIGHT))
    for flaw, share in ((cast, CLEAR), (uneven, 0.5), (-shades, 0.5)):
        if (fine & (flaw <= np.quantile(flaw, share))).any():
            fine &= flaw <= np.quantile(flaw, share)
    small = stack.reshape(len(stack), rows // 2, 2, columns // 2, 2, 3).mean((2, 4))
    distance = np.abs(small[:, None] - small).mean((2, 3, 4)).sum(1)
    return int(np.where(fine, distance, np.inf).argmin())


def _at(image: NDArray[np.uint8], places: Array) -> NDArray[np.uint8]:
    """The image [S, S, 3] at places [h, w, 2]."""
    found = cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(found, np.uint8)
