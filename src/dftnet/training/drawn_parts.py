"""Where parts are that an edit opens and a formula draws, in the coordinates of their drawings (faces/drawn.py), from landmarks.

    ring     [20, 2]   the lips' inner edge (`faces.mesh.MOUTH_RING`), pixels of the crop

The upper teeth stand still on the skull, the lower ones on the jaw: so x is measured from where the middle of the mouth was, along
the line of the eyes, `up` from the lower lip, and `down` from the upper one, which shows as much of the teeth as it is raised; both
from a parabola through the lip, made flatter, for rows of teeth are no lips.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dftnet.faces import eye, mouth
from dftnet.faces.drawn import CHANNELS, INSIDE, LIGHT, Window, millimetre, window
from dftnet.faces.light import cheek_light
from dftnet.faces.mask import smooth_step
from dftnet.faces.mesh import EYE_CORNERS, EYE_RINGS, IRISES, MOUTH_RING, Array
from dftnet.training.mesh_drawing import OPENS, draw_triangles, eye_openings, mouth_opened, polygon

UNDER_NOSE, OUTER_CORNERS = 2, (33, 263)
"""Landmarks that expressions hardly move: below the nose, and the outer corners of the eyes"""
SHOWN, RAISED = 3.5, {"AU10": 3.0, "AU12": 3.5}
"""Millimetres of the upper teeth that a lip shows, and how many more where a unit of 1 raises it"""
GAIN = (0.45, 1.25)
"""Least and most of the light on a mouth"""
LIPS, LIP_SHADE = 2.5, 0.15
"""Millimetres from a lip within which its shadow lies, and how dark it is at the lip"""
NARROW, NARROW_SHADE = 6.0, 0.55
"""The same of an opening that is lower than this"""
BEYOND = 0.6
"""Millimetres that a mouth's inside reaches over the lips' edges: the dark line where lips met lies there"""
FLATTER, CORNERS = 0.5, 0.5
"""How much of a lip's bend a row of teeth has, and how much the corners of the mouth say of it"""
FULLY_SHUT, SOCKET = 0.07, 0.85
"""An eye is drawn that showed less than this share of the square of its width: of others the iris was seen. And its light, as a
share of a mouth's"""
SKIN = np.array([50, 280, 205, 425])
"""Landmarks on the cheeks"""


def _strip() -> NDArray[np.int64]:
    """Triangles [18, 3] between the upper and the lower lip's points of a ring."""
    pairs = [(i, 20 - i) for i in range(1, 10)]
    triangles = [(0, pairs[0][0], pairs[0][1]), (pairs[-1][0], 10, pairs[-1][1])]
    for (up, low), (next_up, next_low) in pairwise(pairs):
        triangles += [(up, next_up, low), (next_up, next_low, low)]
    return np.array(triangles, np.int64)


STRIP = _strip()
OTHER_LIP = (20 - np.arange(20)) % 20
"""Of each point of a ring, the one across"""


def light_on(image: NDArray[np.uint8], landmarks: Array) -> Array:
    """[3], red, green and blue: how bright the mouth of a crop [S, S, 3] is, by its cheeks; landmarks [478, 2]."""
    return np.clip(cheek_light(image, landmarks[SKIN]), *GAIN)


def teeth_shown(levels: Array, names: tuple[str, ...]) -> Array:
    """Millimetres of the upper teeth below the upper lip of faces asked for levels [n, K]: [n]."""
    shown = np.full(len(levels), SHOWN, np.float32)
    for unit, more in RAISED.items():
        columns = [k for k, name in enumerate(names) if name[:4] == unit]
        if columns:
            shown += more * levels[:, columns].mean(1)
    return np.minimum(shown, mouth.UPPER)


def draw_mouth(image: NDArray[np.uint8], s: Array, t: Array, shown: float) -> Array:
    """Maps of the mouth of an edit from landmarks s to t [478, 2] of a crop [S, S, 3], with so many millimetres of teeth shown:
    float32 [7, h, w] of the window; in place of the logit the share of a pixel that is inside. All 0 where no mouth opens."""
    size = len(image)
    maps, (left, top, right, bottom) = _empty(size, mouth.WINDOW)
    opened = mouth_opened(s, t)
    if not opened:
        return maps
    ring, unit = t[MOUTH_RING], millimetre(size)
    heights = np.linalg.norm(ring - ring[OTHER_LIP], axis=1) / unit
    upper = np.arange(20) <= 10
    values = np.stack([np.where(upper, 0, heights), np.where(upper, heights, 0)], 1).astype(np.float32)
    (drawn,), (seen,) = draw_triangles(ring[None], values[None], STRIP, size)
    weight = cv2.blur(seen.astype(np.float32), (5, 5))  # a pixel that the border cuts has its neighbours' values
    drawn = np.where(seen[..., None], drawn, cv2.blur(drawn, (5, 5)) / np.maximum(weight, 1e-3)[..., None])
    down, up = np.moveaxis(drawn[top:bottom, left:right], 2, 0)
    shadow = 1 - LIP_SHADE + LIP_SHADE * smooth_step(np.minimum(down, up) / LIPS)
    shadow = shadow * (1 - NARROW_SHADE + NARROW_SHADE * smooth_step((down + up) / NARROW))
    middle = s[MOUTH_RING[5]] + t[UNDER_NOSE] - s[UNDER_NOSE]
    box = _pixels(left, top, right, bottom)
    x, y = _from(middle, t, box)
    gums, lower = (_row_along(_from(middle, t, lip), x) for lip in (ring[:11], ring[np.r_[10:20, 0]]))
    maps[0] = x / unit
    maps[1], maps[2] = (y - gums) / unit + mouth.UPPER - shown, (lower - y) / unit
    maps[LIGHT] = light_on(image, s)[:, None, None] * shadow ** mouth.WARM[:, None, None]
    away = (ring - ring[OTHER_LIP]) / np.maximum(heights * unit, 1e-3)[:, None]
    grown = ring + BEYOND * unit * np.minimum(heights, 1)[:, None] * away
    maps[INSIDE] = opened * polygon(grown, size)[top:bottom, left:right]
    return maps


def draw_eyes(image: NDArray[np.uint8], s: Array, t: Array, true: bool) -> Array:
    """The same of the eyes that open. `true`: t was seen in a picture; else the iris is taken to lie in the middle between the
    lids."""
    size = len(image)
    maps, (left, top, right, bottom) = _empty(size, eye.WINDOW)
    unit = millimetre(size)
    box = _pixels(left, top, right, bottom)
    column, row = box[0, :, 0], box[:, :1, 1]
    for ring, corners, iris in zip(EYE_RINGS, EYE_CORNERS, IRISES, strict=True):
        opening = t[ring]
        before, after = eye_openings(s, t, ring, corners)
        if before >= FULLY_SHUT or after <= before + OPENS:
            continue
        inside = polygon(opening, size)[top:bottom, left:right]
        x, y = _from(t[iris[0]] if true else opening.mean(0), t, box)
        upper = opening[:9][np.argsort(opening[:9, 0])]  # from corner to corner
        lid = row - np.interp(column, upper[:, 0], upper[:, 1])[None]
        near = slice(
            *np.clip(np.round(opening[:, 0].mean() + np.array([-0.16, 0.16]) * size).astype(int) - left, 0, None)
        )
        maps[:3, :, near] = np.stack([x, y, lid])[:, :, near] / unit
        maps[LIGHT, :, near] = SOCKET * light_on(image, s)[:, None, None]
        maps[INSIDE] = np.maximum(maps[INSIDE], inside)
    return maps


def _empty(size: int, shares: Window) -> tuple[Array, tuple[int, int, int, int]]:
    left, top, right, bottom = window(size, shares)
    return np.zeros((CHANNELS, bottom - top, right - left), np.float32), (left, top, right, bottom)


def _pixels(left: int, top: int, right: int, bottom: int) -> Array:
    """x and y of the pixels of a box: [h, w, 2]."""
    return np.stack(np.meshgrid(np.arange(left, right), np.arange(top, bottom)), 2).astype(np.float32)


def _from(middle: Array, t: Array, points: Array) -> tuple[Array, Array]:
    """How far points [..., 2] lie from a place, along the line of the eyes of landmarks t and across it down."""
    line = t[OUTER_CORNERS[1]] - t[OUTER_CORNERS[0]]
    cos, sin = line / max(float(np.linalg.norm(line)), 1e-3)
    x, y = np.moveaxis(points - middle, -1, 0)
    return x * cos + y * sin, y * cos - x * sin


def _row_along(lip: tuple[Array, Array], x: Array) -> Array:
    """How far down at x a row of teeth lies along a lip's points x and y [11], corners first and last."""
    weight = np.ones(len(lip[0]))
    weight[[0, -1]] = CORNERS
    bend, slope, level = np.polyfit(*lip, 2, w=weight)
    return np.asarray(level + slope * x + FLATTER * bend * x**2, np.float32)
