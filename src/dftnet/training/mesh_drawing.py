"""Landmarks before and after → a backward flow on the pixel grid, where it holds, and where paint belongs.

Convention: a map of `size` cells a side lies over a crop of S pixels; its cell i is the crop's pixel (i + 0.5)·S/size - 0.5. Flow
is in pixels of the crop, channel 0 is x, backward: aligned(p) = source(p + flow(p)). NumPy and OpenCV, no random numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dftnet.faces.mesh import EYE_CORNERS, EYE_RINGS, IRISES, MOUTH_RING, Array

WINDOWS = (1, 2, 3, 4, 6, 8, 12, 20, 32, 64)
"""Sides of the windows of cells that triangles are tested in, each in the smallest that holds it"""
GROWN = 0.012
"""A mouth has opened where its area grew by a tenth and by this share of the square of an eye's width, or more"""
ANEW = 1.6
"""How many times as large an opening is of which all is painted anew: what was seen of teeth would be stretched"""
SHUT, OPENS = 0.12, 0.05
"""An eye is shut where its opening is less than this share of the square of its width, and opens where it grows by this or more"""


class Drawing(NamedTuple):
    """What a mesh says of n edits, on maps of m × m cells, float32."""

    flow: Array
    """Φ [n, 2, m, m] in pixels of the crop"""
    mask: Array
    """[n, 1, m, m] in [0, 1]: how far Φ is known"""
    warped: Array
    """A [n, 1, m, m] in [0, 1]: 0 inside an opening that has grown, 1 elsewhere"""
    certain: Array
    """[n, 1, m, m] in [0, 1]: how far A is known; half where a lid came down"""
    eyes: Array
    """[n, 1, m, m] in [0, 1]: inside the eyes, before or after"""


def draw_triangles(points: Array, values: Array, triangles: NDArray[np.int64], size: int) -> tuple[Array, NDArray]:
    """Values [n, v, c] interpolated over the triangles [t, 3] laid at points [n, v, 2] (cells): [n, size, size, c], and bool
    [n, size, size] where one lies. Triangles that show their back are left out; of several the last one counts."""
    n, c = len(points), values.shape[2]
    a, b, d = (points[:, triangles[:, i]] for i in range(3))
    ab, ad = b - a, d - a
    area = ab[..., 0] * ad[..., 1] - ab[..., 1] * ad[..., 0]
    low = np.ceil(np.minimum(np.minimum(a, b), d)).astype(np.int32)
    high = np.floor(np.maximum(np.maximum(a, b), d)).astype(np.int32)
    low, high = np.maximum(low, 0), np.minimum(high, size - 1)
    extent = (high - low + 1).min(-1), (high - low + 1).max(-1)
    front = np.where(area.sum(1, keepdims=True) < 0, -1, 1)  # of each face
    drawn = (area * front > 1e-3) & (extent[0] > 0)
    out = np.zeros((n, size, size, c), np.float32)
    mask = np.zeros((n, size, size), bool)
    before = 0
    for window in WINDOWS:
        which, triangle = np.nonzero(drawn & (extent[1] > before) & (extent[1] <= window))
        before = window
        if not len(which):
            continue
        o = np.arange(window, dtype=np.int32)
        x = low[which, triangle, 0][:, None, None] + o[None, None, :]
        y = low[which, triangle, 1][:, None, None] + o[None, :, None]
        ex = x - a[which, triangle, 0][:, None, None]
        ey = y - a[which, triangle, 1][:, None, None]
        p, q, r = ab[which, triangle], ad[which, triangle], 1 / area[which, triangle]
        u = ex * (q[:, 1] * r)[:, None, None] - ey * (q[:, 0] * r)[:, None, None]
        v = ey * (p[:, 0] * r)[:, None, None] - ex * (p[:, 1] * r)[:, None, None]
        inside = (u >= -1e-4) & (v >= -1e-4) & (u + v <= 1.0001) & (x < size) & (y < size)
        k, j, i = np.nonzero(inside)
        image, corners = which[k], triangles[triangle[k]]
        first = values[image, corners[:, 0]]
        shares = u[k, j, i][:, None], v[k, j, i][:, None]
        drawn_values = first + sum(s * (values[image, corners[:, m + 1]] - first) for m, s in enumerate(shares))
        row, column = low[which[k], triangle[k], 1] + j, low[which[k], triangle[k], 0] + i
        out[image, row, column] = drawn_values
        mask[image, row, column] = True
    return out, mask


def draw(source: Array, target: Array, triangles: NDArray[np.int64], crop: int, size: int) -> Drawing:
    """s, t [n, 478, 2] in pixels of a crop of `crop` → Drawing on maps of `size`."""
    scale = size / crop
    s, t = (((p + 0.5) * scale - 0.5).astype(np.float32) for p in (source, target))
    flow, mask = draw_triangles(t[:, :468], (source - target)[:, :468].astype(np.float32), triangles, size)
    warped, certain = np.ones((2, len(s), size, size), np.float32)
    eyes = np.zeros_like(warped)
    known = mask.astype(np.float32)
    for i in range(len(s)):
        _mouth(i, s[i], t[i], (known, warped))
        _eyes(i, s[i], t[i], (flow, known, warped, certain, eyes), source[i] - target[i])
    return Drawing(
        flow=np.ascontiguousarray(flow.transpose(0, 3, 1, 2)),
        mask=known[:, None],
        warped=warped[:, None],
        certain=certain[:, None],
        eyes=eyes[:, None],
    )


def polygon(ring: Array, size: int) -> Array:
    """The inside of a ring [v, 2] of cells, [size, size] in [0, 1] with soft borders."""
    fine = np.zeros((size * 4, size * 4), np.uint8)
    corners = np.round(((ring + 0.5) * 4 - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [corners], 255, shift=4)
    shares = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(shares, np.float32) / np.float32(255)


def mouth_opened(s: Array, t: Array) -> float:
    """How far a mouth has opened from landmarks s to t [478, 2], so that its inside has to be painted: 0 to 1, which is an opening
    `ANEW` times as large."""
    before, after = ring_area(s[MOUTH_RING]), ring_area(t[MOUTH_RING])
    if after <= 1.1 * before + GROWN * float(((s[33] - s[133]) ** 2).sum()):
        return 0.0
    return min(1.0, (after / max(before, 1e-3) - 1) / (ANEW - 1))


def eye_openings(s: Array, t: Array, ring: NDArray[np.int64], corners: NDArray[np.int64]) -> tuple[float, float]:
    """How open an eye is in landmarks s and t [478, 2]: shares of the square of its width."""
    width = max(float(np.linalg.norm(s[corners[0]] - s[corners[1]])), 1e-3)
    return ring_area(s[ring]) / width**2, ring_area(t[ring]) / width**2


def ring_area(ring: Array) -> float:
    """Of a ring [v, 2], in the square of its unit."""
    x, y = ring.T
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def _mouth(i: int, s: Array, t: Array, maps: tuple[Array, Array]) -> None:
    """Paint where the mouth has opened, into the maps of edit i: `known`, `warped`."""
    known, warped = maps
    opened = mouth_opened(s, t)
    if opened:
        inside = polygon(t[MOUTH_RING], warped.shape[-1]) * opened
        warped[i] = np.minimum(warped[i], 1 - inside)
        known[i] *= 1 - 0.8 * inside


def _eyes(i: int, s: Array, t: Array, maps: tuple[Array, Array, Array, Array, Array], step: Array) -> None:
    """Paint where eyes have opened, half as sure of none where they shut, and the irises; into the maps of edit i: `flow`, `known`,
    `warped`, `certain`, `eyes`."""
    flow, known, warped, certain, eyes = maps
    size = warped.shape[-1]
    for ring, corners, iris in zip(EYE_RINGS, EYE_CORNERS, IRISES, strict=True):
        shown, asked = polygon(s[ring], size), polygon(t[ring], size)
        eyes[i] = np.maximum(eyes[i], np.maximum(shown, asked))
        before, after = eye_openings(s, t, ring, corners)
        if before < SHUT and after > before + OPENS:
            warped[i] = np.minimum(warped[i], 1 - asked)
            known[i] *= 1 - 0.8 * asked
        elif after < before - 0.05:
            certain[i] *= 1 - shown / 2
        if before > 0.1 and after > 0.06:
            _iris(flow[i], asked, t, iris, step[iris[0]])


def _iris(flow: Array, opening: Array, t: Array, iris: NDArray[np.int64], step: Array) -> None:
    """The iris moves as a disc, clipped to the opening; flow [m, m, 2] in place, step [2] in pixels of the crop."""
    centre = t[iris[0]]
    radius = float(np.linalg.norm(t[iris[1:]] - centre, axis=1).mean())
    y, x = np.mgrid[: len(flow), : len(flow)].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1])
    share = (opening * np.clip((1.7 * radius - distance) / max(0.6 * radius, 1e-3), 0, 1))[..., None]
    flow[:] = share * step + (1 - share) * flow
