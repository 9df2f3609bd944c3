"""The inside of a mouth, drawn: gums, rows of teeth, a tongue, a throat (see faces/drawn.py).

x      millimetres to the image's right of the middle of the mouth
down   millimetres below the gum line of the upper teeth, which end at `UPPER`
up     millimetres above the border of the lower lip

Jaws are stiff: across a mouth each of the three is a plane that is bent a little along the row, whatever shape the lips have.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from dftnet.faces.drawn import CROP_FINE, INSIDE, Array, Picture, Window, axis, sampled, soft, step

WINDOW: Window = (0.1875, 0.46875, 0.8125, 1.0)
"""Where a mouth may be"""
WIDE, GUMS, TEETH_DEEP, DEEP = 32.0, 6.0, 12.0, 26.0
"""Millimetres that the drawings show to either side, above the gum line, from there down, and from the lower lip up"""
UPPER = 9.0
"""Millimetres of an upper tooth"""
UPPER_TEETH = (8.4, 6.6, 7.0, 5.4, 4.4)
"""How wide the upper teeth are from the middle on, as seen from the front, millimetres"""
UPPER_ENDS = (0.0, 0.8, 0.3, 1.3, 2.0)
"""How much shorter than the first each of them is"""
LOWER_TEETH = (5.2, 5.6, 6.2, 5.4, 4.2)
LOWER_SHOWN = 2.6
"""Millimetres of lower teeth above the lower lip"""
IVORY, TONGUE, THROAT, GUM = (214, 200, 181), (150, 90, 88), (46, 22, 22), (172, 108, 102)
"""RGB, 0 to 255, on a face of medium brightness"""
STIFF_FROM = 12.0
"""Pixels of a crop that an opening has at least whose coordinates are made stiff"""
WARM = np.array([0.9, 1.08, 1.2])
"""Powers of a shadow for red, green and blue: those in a mouth are red"""


class _Row(NamedTuple):
    """A row of teeth at x [w] millimetres from the middle."""

    off: Array
    """How far from the middle of a tooth, 1 at its sides"""
    shorter: Array
    """Millimetres that it ends before the first, its corners rounded"""
    light: Array
    """Darker to the back"""

    @classmethod
    def at(cls, x: Array, widths: tuple[float, ...], ends: tuple[float, ...]) -> _Row:
        side = np.abs(x)
        borders = np.concatenate([[0.0], np.cumsum(widths)])
        which = np.clip(np.searchsorted(borders, side, "right") - 1, 0, len(widths) - 1)
        middle, half = (borders[which] + borders[which + 1]) / 2, np.array(widths)[which] / 2
        off = np.clip((side - middle) / half, -1, 1)
        rounded = (
            0.5 * np.abs(off) ** 3 + (0.7 + 0.5 * (off > 0)) * np.abs(off) ** 8
        )  # more so at the side away from the middle
        return cls(off, np.array(ends)[which] + rounded, 1 - 0.6 * step(side, 8, 26))

    def shade(self, from_end: Array) -> Array:
        """How bright teeth are so many millimetres [h, w] above their ends: they are round, a gap between two is a fine line that
        opens towards their ends, and those let a little of the dark behind through."""
        off = np.abs(self.off)
        gap = (0.1 + 0.3 * (1 - step(from_end, 0, 4))) * off**24
        edge = 0.1 * (1 - step(from_end, 0, 1.8))
        return self.light * (1.03 - 0.13 * off**2.5 - gap - edge)


@functools.lru_cache(maxsize=4)
def upper_teeth(fine: float = CROP_FINE) -> Picture:
    """RGBA [rows, columns, 4] in [0, 1] over x (-WIDE to WIDE) and `down` (-GUMS to TEETH_DEEP), one every `fine` millimetres."""
    x, down = axis(-WIDE, WIDE, fine), axis(-GUMS, TEETH_DEEP, fine)[:, None]
    row = _Row.at(x, UPPER_TEETH, UPPER_ENDS)
    end = UPPER - row.shorter
    here = 1 - step(down - end, -0.35, 0.35)
    shade = row.shade(end - down) * (0.9 + 0.1 * step(down, 0, 4))
    ivory, gum = (np.array(c, float)[:, None, None] for c in (IVORY, GUM))
    colour = ivory * shade ** WARM[:, None, None]
    border = 1.3 * np.abs(row.off) ** 4  # of the gum, which comes down between teeth
    flesh = gum * (row.light * (0.92 + 0.08 * step(border - down, 0.2, 1.5))) ** WARM[:, None, None]
    colour = colour + step(border - down, -0.3, 0.4) * (flesh - colour)
    return soft(np.concatenate([colour / 255, here[None]]))


@functools.lru_cache(maxsize=4)
def tongue_and_throat(fine: float = CROP_FINE) -> Picture:
    """RGB [rows, columns, 3] in [0, 1] over x and `up` (0 to DEEP): lower teeth, the tongue behind them, and the throat."""
    x, up = axis(-WIDE, WIDE, fine), axis(0, DEEP, fine)[:, None]
    row = _Row.at(x, LOWER_TEETH, (0.0, 0.15, -0.2, 0.2, 0.6))
    side, end = np.abs(x), LOWER_SHOWN - 0.6 * row.shorter
    teeth = (1 - step(up - end, -0.35, 0.35)) * (1 - 0.8 * step(side, 9, 19))
    tongue = (1 - step(side, 12, 21)) * (1 - step(up + 0.012 * side**2, 6, 15))
    hollow = 1 - 0.14 * np.exp(-((side / 1.6) ** 2)) * step(up, 3, 6)
    shadow = 0.55 + 0.45 * step(up, LOWER_SHOWN, LOWER_SHOWN + 3)
    throat, flesh, ivory = (np.array(c, float)[:, None, None] for c in (THROAT, TONGUE, IVORY))
    colour = throat + tongue * (flesh * hollow * shadow - throat)
    shade = 0.84 * row.shade(end - up) * (0.85 + 0.15 * step(up, 0, 2))
    colour = colour + teeth * (ivory * shade ** WARM[:, None, None] - colour)
    return soft(colour / 255)


def straightened(maps: Picture) -> Picture:
    """A generator's maps [7, h, w] with each coordinate as stiff as a jaw: the bent plane that comes nearest to it, least squares
    over where the mouth is. What a network says of each pixel wavers by a tenth of a tooth."""
    weight = 1 / (1 + np.exp(-np.clip(maps[INSIDE], -20, 20)))
    if weight.sum() < STIFF_FROM:
        return maps
    rows, columns = maps.shape[1:]
    y, x = (np.linspace(-1, 1, n) for n in (rows, columns))
    across, along = np.broadcast_to(y[:, None], (rows, columns)), np.broadcast_to(x, (rows, columns))
    planes = np.stack([np.ones((rows, columns)), along, across, along**2, along * across]).reshape(5, -1)
    weighted = planes * weight.reshape(-1)
    found = np.linalg.solve(weighted @ planes.T + 1e-3 * np.eye(5), weighted @ maps[:3].reshape(3, -1).T)
    straight = maps.copy()
    straight[:3] = (found.T @ planes).reshape(3, rows, columns)
    return straight


def colours(x: Picture, down: Picture, up: Picture, fine: float) -> Picture:
    """What is at places [h, w]: [h, w, 3] in [0, 1]."""
    column = (x + WIDE) / fine
    teeth = sampled(upper_teeth(fine), column, (down + GUMS) / fine)
    behind = sampled(tongue_and_throat(fine), column, up / fine)
    return np.asarray(behind + teeth[..., 3:] * (teeth[..., :3] - behind), np.float32)
