"""Where parts are that an edit moves by a flow of their own, and whence they come, from landmarks s before it and t after it, both
[478, 2] in pixels of a crop: lids (faces/lid.py), and the eyes between them (faces/globe.py)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from dftnet.faces import globe, lid
from dftnet.faces.drawn import millimetre, step, window
from dftnet.faces.mesh import (
    ABOVE_LIDS,
    EYE_CORNERS,
    EYE_RINGS,
    GAZE_GAIN,
    IRISES,
    LOWER_BROWS,
    LOWER_LIDS,
    UPPER_LIDS,
    Array,
)
from dftnet.training.drawn_parts import FULLY_SHUT
from dftnet.training.mesh_drawing import SHUT, draw_triangles, eye_openings, polygon

LASHES, LASH_SHARE = 3.5, 0.7
"""Millimetres above the border of an upper lid that rise with it as they are, lashes and lines of make-up, but no more than this
share of the lid; what is above is folded"""
BEYOND_LID = 1.6
"""Millimetres beyond a lid on which its flow is known too"""
OVER_EYE, FURTHEST = 1.0, 2.2
"""Millimetres that a lid that shuts an eye reaches over the lower one, beside what that one rises, and most of both: Φ raises it
smoothly, and would leave a line of the eye"""
EDGE = 0.6
"""Millimetres above where landmarks see a lid's border that it is taken to lie: below is white of the eye"""
LID_MADE_OF, BELOW_BROW, LEAST_SKIN = 7.0, 4.0, 2.0
"""Millimetres of skin that a lid is made of, since of what a deep fold hides nothing is seen; it ends so far below where landmarks
see the lower edge of a brow, of whose hair it is not made, but it is never less than the last"""
UNROLLED, MOST_STRETCHED = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1, 0.0), 4.0
"""Of the way up a lid that has come down, where its rows lie; and how many times as long as what it is made of it may be and still
have its lashes as they are"""
NEARLY_SHUT = (0.6, 0.95)
"""Of the opening of an eye, how much is covered where its lid begins to reach over the lower one, and where it does in full"""
GOES_UP = (0.3, 0.9)
"""Millimetres that a lid rises from which on it is moved by itself, and is so in full: its lashes go with it as they are"""
COMES_DOWN = (0.12, 0.3)
"""Of the opening of an eye, how much is covered where its lid begins to be moved by itself, and where it is so in full"""
MOVES = (0.3, 0.8)
"""Millimetres that lids or an iris move from which on the eye between them is shown by itself, and is so in full"""
IRIS_MOVES = 6.5
"""Millimetres about its middle that an iris moves as one"""
NEAR = 0.16
"""Share of the crop to either side of an eye within which its maps are its own"""


UP = np.array([0, -1], np.float32)


@functools.lru_cache(maxsize=4)
def _bands(rows: int, points: int) -> NDArray[np.int64]:
    """Triangles [2 (rows - 1)(points - 1), 3] between rows of points."""
    first = (points * np.arange(rows - 1)[:, None] + np.arange(points - 1)).reshape(-1)
    return np.concatenate(
        [np.stack([first, first + 1, first + points], 1), np.stack([first + 1, first + points + 1, first + points], 1)]
    )


def draw_lids(s: Array, t: Array, size: int) -> Array:
    """Maps of the upper lids that an edit of a crop of `size` brings down or raises: float32 [4, h, w] of the window, `lid`'s with
    the share of a pixel that is inside in place of the logit, then 1 where whence they come is known."""
    left, top, right, bottom = window(size, lid.WINDOW)
    maps = np.zeros((lid.CHANNELS + 1, bottom - top, right - left), np.float32)
    unit = millimetre(size)
    for side, (ring, corners) in enumerate(zip(EYE_RINGS, EYE_CORNERS, strict=True)):
        before, after = eye_openings(s, t, ring, corners)
        covered = np.array(1 - after / max(before, 1e-3))
        down, shut = (float(step(covered, *limits)) for limits in (COMES_DOWN, NEARLY_SHUT))
        risen = float(np.median(s[UPPER_LIDS[side], 1] - t[UPPER_LIDS[side], 1])) / unit
        up = float(step(np.array(risen), *GOES_UP))
        if before < SHUT or max(down, up) <= 0:
            continue
        there, here = _raised(s, t, side, unit) if up > 0 else _lowered(s, t, side, unit, shut)
        values = (there - here).reshape(1, -1, 2) / unit
        (flow,), (seen,) = draw_triangles(here.reshape(1, -1, 2), values, _bands(*here.shape[:2]), size)
        inside = max(down, up) * polygon(np.concatenate([here[1], here[-2][::-1]]), size)
        inside, flow, known = (plane[top:bottom, left:right] for plane in (inside, flow, seen))
        maps[:2] += np.moveaxis(flow, 2, 0) * known
        maps[lid.INSIDE] = np.maximum(maps[lid.INSIDE], inside)
        maps[-1] = np.maximum(maps[-1], known)
    return maps


def _raised(s: Array, t: Array, side: int, unit: float) -> tuple[Array, Array]:
    """Rows of a lid that rises, before and after: its lashes go with it as they are."""
    there, here = (_lid_rows(points, side, unit, -EDGE) for points in (s, t))
    here[2] = here[3] + _as_long(here[1] - here[3], np.linalg.norm(there[2] - there[3], axis=1))
    return there, here


def _lowered(s: Array, t: Array, side: int, unit: float, shut: float) -> tuple[Array, Array]:
    """Rows of a lid that comes down, before and after: one that shuts the eye, as far as `shut`, reaches over the lower one."""
    rises = float(np.median(s[LOWER_LIDS[side], 1] - t[LOWER_LIDS[side], 1])) / unit
    there, here = (
        _lid_rows(s, side, unit, -EDGE),
        _lid_rows(t, side, unit, shut * min(OVER_EYE + max(rises, 0), FURTHEST)),
    )
    way = there[1] - there[3]
    height = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-3)
    skin = _without_hair(s, side, there[3], unit)[:, None]
    short = np.maximum(skin - height, 0)
    here[:2] += UP * short + (there[1] - here[1]) * np.minimum(short, unit) / unit / 2
    there[:2] += UP * short - way / height * np.maximum(height - skin, 0)
    return _unrolled(there, here)


def _unrolled(there: Array, here: Array) -> tuple[Array, Array]:
    """Rows of a lid, before and after, with more of them between its borders: lashes stay as long as they are, and above them skin
    is stretched the more the nearer it is to the fold that it comes from, d_s = D_s (1 - (1 - d_t / D_t)^(D_t / D_s))."""
    longer = (np.linalg.norm(rows[1] - rows[3], axis=1) for rows in (here, there))
    power = np.clip(next(longer) / np.maximum(next(longer), 1e-3), 1, MOST_STRETCHED)[:, None]
    found = []
    for rows, power_of in ((there, power), (here, np.ones_like(power))):
        between = [rows[3] + (rows[1] - rows[3]) * (1 - (1 - share) ** power_of) for share in UNROLLED]
        found.append(np.stack([rows[0], *between, rows[4]]).astype(np.float32))
    return found[0], found[1]


def draw_globes(s: Array, t: Array, true: bool, size: int) -> Array:
    """Maps of the eyes that stay as they are between lids that an edit of a crop of `size` moves: float32 [8, h, w] of the window,
    `globe`'s with the share of a pixel that is inside in place of the logit. `true`: t was seen in a picture; else its irises go
    `GAZE_GAIN` times their way."""
    left, top, right, bottom = window(size, globe.WINDOW)
    maps = np.zeros((globe.CHANNELS, bottom - top, right - left), np.float32)
    unit = millimetre(size)
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    for ring, corners, iris in zip(EYE_RINGS, EYE_CORNERS, IRISES, strict=True):
        gaze = (t[iris[0]] - s[iris[0]]) / (1 if true else GAZE_GAIN)
        far = max(float(np.linalg.norm(t[ring] - s[ring], axis=1).max()), float(np.linalg.norm(gaze))) / unit
        if eye_openings(s, t, ring, corners)[0] < FULLY_SHUT or far <= MOVES[0]:
            continue
        middle, centre = s[iris[0]], s[iris[0]] + gaze
        share = _with_the_iris(x, centre[0], t[corners, 0], IRIS_MOVES * unit)
        here_x, here_y = x - share * gaze[0], y - share * gaze[1]
        (upper, lower), (raised, lowered) = (_lid_borders(p, ring, EDGE * unit) for p in (s, t))
        inside = polygon(np.concatenate([raised, lowered[::-1]]), size)[top:bottom, left:right]
        near = np.abs(x[0] - t[ring][:, 0].mean()) < NEAR * size
        found = np.stack([
            -share * gaze[0], -share * gaze[1], here_x - middle[0], here_y - middle[1], here_y - np.interp(here_x, *upper.T),
            np.interp(here_x, *lower.T) - middle[1], y - np.interp(x, *raised.T),
        ])[:, :, near] / unit  # fmt: skip
        maps[: globe.INSIDE, :, near] = found
        maps[globe.INSIDE] = np.maximum(maps[globe.INSIDE], inside * float(step(np.array(far), *MOVES)))
    return maps


def _as_long(ways: Array, lengths: Array) -> Array:
    """Ways [n, 2] made as long as lengths [n], or nearly all of what they are where they are shorter."""
    own = np.maximum(np.linalg.norm(ways, axis=1), 1e-3)
    return ways / own[:, None] * np.minimum(lengths, 0.9 * own)[:, None]


def _with_the_iris(x: Array, centre: float, corners: Array, radius: float) -> Array:
    """How far columns go with an iris at a column: 1 on it, 0 at the corners of the eye [2], which it does not reach."""
    away = np.where(x < centre, centre - corners.min(), corners.max() - centre)
    return np.clip((away - np.abs(x - centre)) / np.maximum(away - radius, 1), 0, 1)


def _lid_borders(points: Array, ring: NDArray[np.int64], above: float) -> tuple[Array, Array]:
    """The upper and the lower border of an eye of landmarks [478, 2], from left to right in the image, [9, 2] and [9, 2]; the upper
    one so many pixels above its landmarks, but for the corners."""
    around = points[ring]
    upper, lower = around[:9].copy(), np.concatenate([around[8:], around[:1]])
    upper[1:-1, 1] -= above
    return upper[np.argsort(upper[:, 0])], lower[np.argsort(lower[:, 0])]


def _without_hair(points: Array, side: int, low: Array, unit: float) -> Array:
    """[9]: how much skin there is for a lid above each point of its border, LID_MADE_OF at most: no hair of a brow."""
    brow = points[LOWER_BROWS[side]]
    brow = brow[np.argsort(brow[:, 0])]
    up = low[:, 1] - np.interp(low[:, 0], brow[:, 0], brow[:, 1])
    return np.clip(up - BELOW_BROW * unit, LEAST_SKIN * unit, LID_MADE_OF * unit)


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
