"""Where parts are that an edit opens and a formula draws, in the coordinates of their drawings (faces/drawn.py), from landmarks;
and lids that it brings down (faces/lid.py).

    ring     [20, 2]   the lips' inner edge (`faces.mesh.MOUTH_RING`), pixels of the crop

The upper teeth stand still on the skull, the lower ones on the jaw: so x is measured from where the middle of the mouth was, along
the line of the eyes, `up` from the lower lip, and `down` from the upper one, which shows as much of the teeth as it is raised.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dftnet.faces import eye, lid, mouth
from dftnet.faces.drawn import CHANNELS, INSIDE, LIGHT, Window, millimetre, step, window
from dftnet.faces.mask import smooth_step
from dftnet.faces.mesh import ABOVE_LIDS, EYE_CORNERS, EYE_RINGS, IRISES, LOWER_LIDS, MOUTH_RING, UPPER_LIDS, Array
from dftnet.training.mesh_drawing import OPENS, SHUT, draw_triangles, eye_openings, mouth_opened, polygon

UNDER_NOSE, OUTER_CORNERS = 2, (33, 263)
"""Landmarks that expressions hardly move: below the nose, and the outer corners of the eyes"""
SHOWN, RAISED = 3.5, {"AU10": 3.0, "AU12": 3.5}
"""Millimetres of the upper teeth that a lip shows, and how many more where a unit of 1 raises it"""
CHEEKS, SHADE, GAIN = np.array([160.0, 120.0, 100.0]), 0.5, (0.45, 1.25)
"""RGB of the cheeks that the drawing is as bright as; the power of their ratio that a mouth's light follows, its least and most"""
LIPS, LIP_SHADE = 2.5, 0.15
"""Millimetres from a lip within which its shadow lies, and how dark it is at the lip"""
NARROW, NARROW_SHADE = 6.0, 0.55
"""The same of an opening that is lower than this"""
BEYOND = 0.6
"""Millimetres that a mouth's inside reaches over the lips' edges: the dark line where lips met lies there"""
FULLY_SHUT, SOCKET = 0.07, 0.85
"""An eye is drawn that showed less than this share of the square of its width: of others the iris was seen. And its light, as a
share of a mouth's"""
SKIN = np.array([50, 280, 205, 425])
"""Landmarks on the cheeks"""
LASHES, LASH_SHARE = 3.5, 0.7
"""Millimetres above the border of an upper lid that come down with it as they are, lashes and lines of make-up, but no more than
this share of the lid; what is above is stretched"""
BEYOND_LID = 1.6
"""Millimetres beyond a lid on which its flow is known too"""
OVER_EYE, FURTHEST = 1.0, 2.2
"""Millimetres that a lid that shuts an eye reaches over the lower one, beside what that one rises, and most of both: Φ raises it
smoothly, and would leave a line of the eye"""
EDGE = 0.6
"""Millimetres above where landmarks see a lid's border that it is taken to lie: below is white of the eye"""
LEAST_LID, BELOW_BROW = 7.0, 0.75
"""Millimetres of skin that a lid is made of at least, since of what a deep fold hides nothing is seen; and at most so much of the
way to the brow, of which it is not made"""
BROWS = np.array([[46, 53, 52, 65, 55], [276, 283, 282, 295, 285]])
"""Right eye, left eye: landmarks of the lower edge of the brow"""
NEARLY_SHUT = (0.6, 0.95)
"""Of the opening of an eye, how much is covered where its lid begins to reach over the lower one, and where it does in full"""
COMES_DOWN = (0.12, 0.3)
"""Of the opening of an eye, how much is covered where its lid begins to be moved by itself, and where it is so in full"""


UP = np.array([0, -1], np.float32)


def _strip() -> NDArray[np.int64]:
    """Triangles [18, 3] between the upper and the lower lip's points of a ring."""
    pairs = [(i, 20 - i) for i in range(1, 10)]
    triangles = [(0, pairs[0][0], pairs[0][1]), (pairs[-1][0], 10, pairs[-1][1])]
    for (up, low), (next_up, next_low) in pairwise(pairs):
        triangles += [(up, next_up, low), (next_up, next_low, low)]
    return np.array(triangles, np.int64)


def _bands(rows: int, points: int) -> NDArray[np.int64]:
    """Triangles [2 (rows - 1)(points - 1), 3] between rows of points."""
    first = (points * np.arange(rows - 1)[:, None] + np.arange(points - 1)).reshape(-1)
    return np.concatenate(
        [np.stack([first, first + 1, first + points], 1), np.stack([first + 1, first + points + 1, first + points], 1)]
    )


STRIP, LID_STRIP = _strip(), _bands(5, 9)
OTHER_LIP = (20 - np.arange(20)) % 20
"""Of each point of a ring, the one across"""


def light_on(image: NDArray[np.uint8], landmarks: Array) -> Array:
    """[3], red, green and blue: how bright the mouth of a crop [S, S, 3] is, by its cheeks; landmarks [478, 2]."""
    x, y = np.clip(np.round(landmarks[SKIN]).astype(int), 2, len(image) - 3).T
    around = [image[v - 2 : v + 3, u - 2 : u + 3].mean((0, 1)) for u, v in zip(x, y, strict=True)]
    return np.clip((np.median(around, 0) / CHEEKS) ** SHADE, *GAIN)


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
    maps[0] = _from(middle, t, (left, top, right, bottom))[0] / unit
    maps[1], maps[2] = down + mouth.UPPER - shown, up
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
    column = np.arange(left, right, dtype=np.float32)
    for ring, corners, iris in zip(EYE_RINGS, EYE_CORNERS, IRISES, strict=True):
        opening = t[ring]
        before, after = eye_openings(s, t, ring, corners)
        if before >= FULLY_SHUT or after <= before + OPENS:
            continue
        inside = polygon(opening, size)[top:bottom, left:right]
        x, y = _from(t[iris[0]] if true else opening.mean(0), t, (left, top, right, bottom))
        upper = opening[:9][np.argsort(opening[:9, 0])]  # from corner to corner
        row = np.arange(top, bottom, dtype=np.float32)[:, None]
        lid = row - np.interp(column, upper[:, 0], upper[:, 1])[None]
        near = slice(
            *np.clip(np.round(opening[:, 0].mean() + np.array([-0.16, 0.16]) * size).astype(int) - left, 0, None)
        )
        maps[:3, :, near] = np.stack([x, y, lid])[:, :, near] / unit
        maps[LIGHT, :, near] = SOCKET * light_on(image, s)[:, None, None]
        maps[INSIDE] = np.maximum(maps[INSIDE], inside)
    return maps


def draw_lids(s: Array, t: Array, size: int) -> Array:
    """Maps of the upper lids that an edit of a crop of `size` brings down, from landmarks s to t [478, 2]: float32 [4, h, w] of the
    window, `lid`'s with the share of a pixel that is inside in place of the logit, then 1 where whence they come is known."""
    left, top, right, bottom = window(size, lid.WINDOW)
    maps = np.zeros((lid.CHANNELS + 1, bottom - top, right - left), np.float32)
    unit = millimetre(size)
    for side, (ring, corners) in enumerate(zip(EYE_RINGS, EYE_CORNERS, strict=True)):
        before, after = eye_openings(s, t, ring, corners)
        covered = np.array(1 - after / max(before, 1e-3))
        down, shut = (float(step(covered, *limits)) for limits in (COMES_DOWN, NEARLY_SHUT))
        if before < SHUT or down <= 0:
            continue
        rises = float(np.median(s[LOWER_LIDS[side], 1] - t[LOWER_LIDS[side], 1])) / unit
        over = shut * min(OVER_EYE + max(rises, 0), FURTHEST)
        there, here = _lid_rows(s, side, unit, -EDGE), _lid_rows(t, side, unit, over)
        height = np.linalg.norm(there[1] - there[3], axis=1)
        short = np.maximum(_to_brow(s, side, there[3], unit) - height, 0)[:, None]
        here[:2] += UP * short + (there[1] - here[1]) * np.minimum(short, unit) / unit / 2
        there[:2] += UP * short
        values = (there - here).reshape(1, -1, 2) / unit
        (flow,), (seen,) = draw_triangles(here.reshape(1, -1, 2), values, LID_STRIP, size)
        inside = down * polygon(np.concatenate([here[1], here[3][::-1]]), size)
        inside, flow, known = (plane[top:bottom, left:right] for plane in (inside, flow, seen))
        maps[:2] += np.moveaxis(flow, 2, 0) * known
        maps[lid.INSIDE] = np.maximum(maps[lid.INSIDE], inside)
        maps[-1] = np.maximum(maps[-1], known)
    return maps


def _to_brow(points: Array, side: int, low: Array, unit: float) -> Array:
    """[9]: how much skin there is for a lid above each point of its border, LEAST_LID at most: no hair of a brow."""
    brow = points[BROWS[side]]
    brow = brow[np.argsort(brow[:, 0])]
    up = low[:, 1] - np.interp(low[:, 0], brow[:, 0], brow[:, 1])
    return np.minimum(LEAST_LID * unit, BELOW_BROW * up)


def _lid_rows(points: Array, side: int, unit: float, over: float) -> Array:
    """Five rows of points [5, 9, 2] from corner to corner of an eye of landmarks [478, 2]: above the lid, its upper border, where
    its lashes begin, its lower border, so many millimetres further down, and below it."""
    order = slice(None) if side == 0 else slice(None, None, -1)  # from left to right in the image
    first, last = points[EYE_CORNERS[side]]
    low = np.concatenate([first[None], points[UPPER_LIDS[side]][order], last[None]])
    high = np.concatenate([first[None], points[ABOVE_LIDS[side]][order], last[None]])
    high[[0, -1]] += (high[[1, -2]] - low[[1, -2]]) / 2
    low[1:-1, 1] += over * unit
    way = high - low
    length = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-3)
    up = way / length
    lashes = low + up * np.minimum(LASHES * unit, LASH_SHARE * length)
    return np.stack([high + BEYOND_LID * unit * up, high, lashes, low, low - BEYOND_LID * unit * up]).astype(np.float32)


def _empty(size: int, shares: Window) -> tuple[Array, tuple[int, int, int, int]]:
    left, top, right, bottom = window(size, shares)
    return np.zeros((CHANNELS, bottom - top, right - left), np.float32), (left, top, right, bottom)


def _from(middle: Array, t: Array, box: tuple[int, int, int, int]) -> tuple[Array, Array]:
    """How far pixels of a box lie from a place, along the line of the eyes of landmarks t and across it down: two [h, w]."""
    left, top, right, bottom = box
    line = t[OUTER_CORNERS[1]] - t[OUTER_CORNERS[0]]
    cos, sin = line / max(float(np.linalg.norm(line)), 1e-3)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    x, y = x - middle[0], y - middle[1]
    return x * cos + y * sin, y * cos - x * sin
