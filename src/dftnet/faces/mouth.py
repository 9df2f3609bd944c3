"""What is behind lips that an edit opens, drawn: rows of teeth, a tongue, a throat; a network says where, it need not learn how.

A photo of shut lips does not tell of the teeth behind them. A network that has to paint them from the mouths of other people
learns their mean, a grey band, whatever its losses. So the inside of a mouth is two drawings in millimetres of an adult's face,
of nobody, by formula, and the generator learns its coordinates, which are smooth: the teeth stay as sharp as they are drawn, keep
their size as the mouth opens, and stay in their place on the skull and the jaw.

    x                  millimetres to the image's right of the middle of the mouth
    down               millimetres below the gum line of the upper teeth, which end at `UPPER`
    up                 millimetres above the border of the lower lip
    red, green, blue   how bright it is, 1 as drawn
    inside             logit of where it is

The eyes of an aligned face are 0.4 of the crop apart, `EYES` millimetres; so a millimetre is 0.4·w/EYES pixels of a crop of w.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

MAPS = ("x", "down", "up", "red", "green", "blue", "inside")
"""Channels of the maps, in order"""
EYES = 63.0
"""Millimetres between an adult's eyes"""
WINDOW = (0.1875, 0.46875, 0.8125, 1.0)
"""Left, top, right and bottom of where a mouth may be, shares of the crop"""
WIDE, TEETH_DEEP, DEEP = 32.0, 12.0, 26.0
"""Millimetres that the drawings show to either side, from the gum line down, and from the lower lip up"""
UPPER = 9.0
"""Millimetres of an upper tooth"""
CROP_FINE = 0.5
"""Millimetres of a drawing's pixel for a crop of 128"""
UPPER_TEETH = (8.4, 6.6, 6.8, 5.4, 4.2)
"""How wide the upper teeth are from the middle on, as seen from the front, millimetres"""
UPPER_ENDS = (0.0, 0.7, 0.2, 1.2, 2.0)
"""How much shorter than the first each of them is"""
LOWER_TEETH = (5.2, 5.6, 6.2, 5.4, 4.2)
LOWER_SHOWN = 2.6
"""Millimetres of lower teeth above the lower lip"""
IVORY, TONGUE, THROAT = (216, 202, 186), (158, 94, 92), (46, 22, 22)
"""RGB, 0 to 255, on a face of medium brightness"""

CRISP = 2.5
"""What the logit is multiplied by: where a network is in doubt of a border, the border is still a sharp one"""
BRIGHTEST = 1.4
"""A light above this is this"""

Array = NDArray[np.float64]


def _step(x: Array, start: float, end: float) -> Array:
    """0 at `start`, 1 at `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _row(x: Array, widths: tuple[float, ...], ends: tuple[float, ...]) -> tuple[Array, Array]:
    """Of a row of teeth at x [w] millimetres from the middle: how bright, darker in the gaps, at the rounded sides and to the back;
    and how much shorter than the first the tooth there is, its corners rounded."""
    side = np.abs(x)
    borders = np.concatenate([[0.0], np.cumsum(widths)])
    which = np.clip(np.searchsorted(borders, side, "right") - 1, 0, len(widths) - 1)
    middle, half = (borders[which] + borders[which + 1]) / 2, np.array(widths)[which] / 2
    off = np.clip(np.abs(side - middle) / half, 0, 1)
    bright = (1 - 0.10 * off**2 - 0.26 * off**14) * (1 - 0.55 * _step(side, 9, 27))
    return bright, np.array(ends)[which] + 1.1 * off**6


@functools.lru_cache(maxsize=4)
def upper_teeth(fine: float = CROP_FINE) -> NDArray[np.float32]:
    """RGBA [rows, columns, 4] in [0, 1] over x (-WIDE to WIDE) and `down` (0 to TEETH_DEEP), a pixel every `fine` millimetres."""
    x, down = _axes(TEETH_DEEP, fine)
    bright, shorter = _row(x, UPPER_TEETH, UPPER_ENDS)
    end = UPPER - shorter
    here = 1 - _step(down - end, -0.5, 0.5)
    shade = bright * (0.86 + 0.14 * _step(down, 0, 4)) * (1 - 0.12 * _step(down - end, -1.6, 0.2))
    colour = np.array(IVORY, float)[:, None, None] * shade
    return _soft(np.concatenate([colour / 255, here[None]]))


@functools.lru_cache(maxsize=4)
def tongue_and_throat(fine: float = CROP_FINE) -> NDArray[np.float32]:
    """RGB [rows, columns, 3] in [0, 1] over x and `up` (0 to DEEP): lower teeth, the tongue behind them, and the throat."""
    x, up = _axes(DEEP, fine)
    bright, shorter = _row(x, LOWER_TEETH, (0.0, 0.1, -0.2, 0.2, 0.6))
    side = np.abs(x)
    teeth = (1 - _step(up - (LOWER_SHOWN - 0.6 * shorter), -0.4, 0.4)) * (1 - 0.8 * _step(side, 9, 19))
    tongue = (1 - _step(side, 12, 21)) * (1 - _step(up + 0.012 * side**2, 6, 15))
    hollow = 1 - 0.14 * np.exp(-((side / 1.6) ** 2)) * _step(up, 3, 6)
    shadow = 0.62 + 0.38 * _step(up, LOWER_SHOWN, LOWER_SHOWN + 2.5)
    throat, flesh, ivory = (np.array(c, float)[:, None, None] for c in (THROAT, TONGUE, IVORY))
    colour = throat + tongue * (flesh * hollow * shadow - throat)
    colour = colour + teeth * (ivory * 0.82 * bright * (0.85 + 0.15 * _step(up, 0, 2)) - colour)
    return _soft(colour / 255)


def _axes(depth: float, fine: float) -> tuple[Array, Array]:
    """x [columns] and the other axis [rows, 1], millimetres."""
    return np.linspace(-WIDE, WIDE, round(2 * WIDE / fine) + 1), np.linspace(0, depth, round(depth / fine) + 1)[:, None]


def _soft(planes: Array) -> NDArray[np.float32]:
    """[c, rows, columns] → [rows, columns, c], a pixel soft: samples between the pixels would be jagged. Read only: it is kept."""
    picture = np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
    soft = np.asarray(cv2.GaussianBlur(picture, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE), np.float32)
    soft.setflags(write=False)
    return soft


def millimetre(size: int) -> float:
    """Pixels of a crop of `size`."""
    return 0.4 * size / EYES


def window(size: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of where a mouth may be in a crop of `size`, all even."""
    left, top, right, bottom = (2 * round(share * size / 2) for share in WINDOW)
    return left, top, right, bottom


def painted(maps: NDArray[np.float32], factor: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps [7, h, w] → what they show, `factor` times as large: colours [h·factor, w·factor, 3] in [0, 1], and where they count
    [h·factor, w·factor] in [0, 1]."""
    fine = CROP_FINE / factor
    x, down, up, *light, inside = (
        cv2.resize(m, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) for m in maps
    )
    column = (x + WIDE) / fine
    teeth = _at(upper_teeth(fine), column, down / fine)
    colour = _at(tongue_and_throat(fine), column, up / fine)
    colour += teeth[..., 3:] * (teeth[..., :3] - colour)
    colour *= np.clip(np.stack(light, 2), 0, BRIGHTEST)
    return np.clip(colour, 0, 1), np.asarray(1 / (1 + np.exp(-np.clip(CRISP * inside, -30, 30))), np.float32)


def _at(drawing: NDArray[np.float32], column: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float32]:
    found = cv2.remap(drawing, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
