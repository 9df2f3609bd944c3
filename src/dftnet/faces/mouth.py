"""The inside of a mouth, drawn: rows of teeth, a tongue, a throat (see faces/drawn.py).

x      millimetres to the image's right of the middle of the mouth
down   millimetres below the gum line of the upper teeth, which end at `UPPER`
up     millimetres above the border of the lower lip
"""

from __future__ import annotations

import functools

import numpy as np

from dftnet.faces.drawn import CROP_FINE, Array, Picture, Window, axis, sampled, soft, step

WINDOW: Window = (0.1875, 0.46875, 0.8125, 1.0)
"""Where a mouth may be"""
WIDE, TEETH_DEEP, DEEP = 32.0, 12.0, 26.0
"""Millimetres that the drawings show to either side, from the gum line down, and from the lower lip up"""
UPPER = 9.0
"""Millimetres of an upper tooth"""
UPPER_TEETH = (8.4, 6.6, 6.8, 5.4, 4.2)
"""How wide the upper teeth are from the middle on, as seen from the front, millimetres"""
UPPER_ENDS = (0.0, 0.7, 0.2, 1.2, 2.0)
"""How much shorter than the first each of them is"""
LOWER_TEETH = (5.2, 5.6, 6.2, 5.4, 4.2)
LOWER_SHOWN = 2.6
"""Millimetres of lower teeth above the lower lip"""
IVORY, TONGUE, THROAT = (204, 190, 173), (150, 90, 88), (46, 22, 22)
"""RGB, 0 to 255, on a face of medium brightness"""
WARM = np.array([0.9, 1.08, 1.2])
"""Powers of a shadow for red, green and blue: those in a mouth are red"""


def _row(x: Array, widths: tuple[float, ...], ends: tuple[float, ...]) -> tuple[Array, Array]:
    """Of a row of teeth at x [w] millimetres from the middle: how bright, darker in the gaps, at the rounded sides and to the back;
    and how much shorter than the first the tooth there is, its corners rounded."""
    side = np.abs(x)
    borders = np.concatenate([[0.0], np.cumsum(widths)])
    which = np.clip(np.searchsorted(borders, side, "right") - 1, 0, len(widths) - 1)
    middle, half = (borders[which] + borders[which + 1]) / 2, np.array(widths)[which] / 2
    off = np.clip(np.abs(side - middle) / half, 0, 1)
    bright = (1 - 0.10 * off**2 - 0.26 * off**14) * (1 - 0.55 * step(side, 9, 27))
    return bright, np.array(ends)[which] + 1.1 * off**6


@functools.lru_cache(maxsize=4)
def upper_teeth(fine: float = CROP_FINE) -> Picture:
    """RGBA [rows, columns, 4] in [0, 1] over x (-WIDE to WIDE) and `down` (0 to TEETH_DEEP), a pixel every `fine` millimetres."""
    x, down = axis(-WIDE, WIDE, fine), axis(0, TEETH_DEEP, fine)[:, None]
    bright, shorter = _row(x, UPPER_TEETH, UPPER_ENDS)
    end = UPPER - shorter
    here = 1 - step(down - end, -0.5, 0.5)
    shade = bright * (0.86 + 0.14 * step(down, 0, 4)) * (1 - 0.12 * step(down - end, -1.6, 0.2))
    colour = np.array(IVORY, float)[:, None, None] * shade ** WARM[:, None, None]
    return soft(np.concatenate([colour / 255, here[None]]))


@functools.lru_cache(maxsize=4)
def tongue_and_throat(fine: float = CROP_FINE) -> Picture:
    """RGB [rows, columns, 3] in [0, 1] over x and `up` (0 to DEEP): lower teeth, the tongue behind them, and the throat."""
    x, up = axis(-WIDE, WIDE, fine), axis(0, DEEP, fine)[:, None]
    bright, shorter = _row(x, LOWER_TEETH, (0.0, 0.1, -0.2, 0.2, 0.6))
    side = np.abs(x)
    teeth = (1 - step(up - (LOWER_SHOWN - 0.6 * shorter), -0.4, 0.4)) * (1 - 0.8 * step(side, 9, 19))
    tongue = (1 - step(side, 12, 21)) * (1 - step(up + 0.012 * side**2, 6, 15))
    hollow = 1 - 0.14 * np.exp(-((side / 1.6) ** 2)) * step(up, 3, 6)
    shadow = 0.62 + 0.38 * step(up, LOWER_SHOWN, LOWER_SHOWN + 2.5)
    throat, flesh, ivory = (np.array(c, float)[:, None, None] for c in (THROAT, TONGUE, IVORY))
    colour = throat + tongue * (flesh * hollow * shadow - throat)
    shade = 0.82 * bright * (0.85 + 0.15 * step(up, 0, 2))
    colour = colour + teeth * (ivory * shade ** WARM[:, None, None] - colour)
    return soft(colour / 255)


def colours(x: Picture, down: Picture, up: Picture, fine: float) -> Picture:
    """What is at places [h, w]: [h, w, 3] in [0, 1]."""
    column = (x + WIDE) / fine
    teeth = sampled(upper_teeth(fine), column, down / fine)
    behind = sampled(tongue_and_throat(fine), column, up / fine)
    return np.asarray(behind + teeth[..., 3:] * (teeth[..., :3] - behind), np.float32)
