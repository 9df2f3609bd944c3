"""Parts of a face that no photo shows and a formula draws, the inside of a mouth and eyes behind lids: what is common to them.

A photo of shut lips does not tell of the teeth behind them, nor one of shut eyes of their irises. A network that has to paint them
from other people's learns their mean, a grey band, whatever its losses. So these parts are drawings in millimetres of an adult's
face, of nobody, and the generator learns their coordinates, which are smooth: what is drawn stays as sharp as it is drawn, keeps
its size, and stays in its place while lips and lids move.

A part's maps have seven channels: three coordinates of its own (faces/mouth.py, faces/eye.py), then

    red, green, blue   how bright it is, 1 as drawn
    inside             logit of where it is

on a window of the crop. The eyes of an aligned face are 0.4 of the crop apart, `EYES_APART` millimetres; so a millimetre is
0.4·w/EYES_APART pixels of a crop of w.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dftnet.faces.mask import smooth_step

PAINTED = ("mouth", "eyes")
PARTS = (*PAINTED, "lids", "globes", "shade")
"""In a generator's configuration, in its graph's answers, in what a photo is composed of; lids and globes are moved, not painted,
and the shade is a ratio"""
CHANNELS = 7
LIGHT, INSIDE = slice(3, 6), 6
"""Channels of the maps"""
EYES_APART = 63.0
"""Millimetres between an adult's eyes"""
CROP_FINE = 0.5
"""Millimetres of a drawing's pixel for a crop of 128"""
CRISP, FROM = 2.5, 0.8
"""What the logit is multiplied by: where a network is in doubt of a border, the border is still a sharp one; and the logit that a
border lies at, above 0 since a training counts what is drawn for more than what is not"""
NOWHERE, BESIDE = -2.0, 2
"""Logit below which nothing of a part is drawn into a photo, and pixels of the maps around what is"""
BRIGHTEST = 1.4
"""A light above this is this"""

Array = NDArray[np.float64]
Picture = NDArray[np.float32]
Colours = Callable[[Picture, Picture, Picture, float], Picture]
"""Three coordinates [h, w] and millimetres of a drawing's pixel → what is there, [h, w, 3] in [0, 1]"""
Window = tuple[float, float, float, float]
"""Left, top, right and bottom, shares of the crop"""


def millimetre(size: int) -> float:
    """Pixels of a crop of `size`."""
    return 0.4 * size / EYES_APART


def window(size: int, shares: Window) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in a crop of `size`, all even."""
    left, top, right, bottom = (2 * round(share * size / 2) for share in shares)
    return left, top, right, bottom


def painted(maps: Picture, factor: int, colours: Colours) -> tuple[Picture, Picture]:
    """Maps [7, h, w] of a part whose coordinates and millimetres a pixel give `colours` → what they show, `factor` times as large:
    [h·factor, w·factor, 3] in [0, 1], and where it counts, [h·factor, w·factor] in [0, 1]."""
    large = [cv2.resize(plane, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) for plane in maps]
    first, second, third = (np.asarray(plane, np.float32) for plane in large[:3])
    found = colours(first, second, third, CROP_FINE / factor)
    found = np.clip(found * np.clip(np.stack(large[LIGHT], 2), 0, BRIGHTEST), 0, 1)
    inside = 1 / (1 + np.exp(-np.clip(CRISP * (large[INSIDE] - FROM), -30, 30)))
    return np.asarray(found, np.float32), np.asarray(inside, np.float32)


def draw_into(texture: Picture, maps: Picture, place: tuple[int, int], factor: int, colours: Colours) -> None:
    """A part, as sharp as it is drawn, into a texture [h · factor, w · factor, 3] in [0, 1] that the part's window begins in at the
    pixel x, y of the maps, as far as it lies in it; in place."""
    rows, columns = (np.nonzero((maps[INSIDE] > NOWHERE).any(axis))[0] for axis in (1, 0))
    if not len(rows):
        return
    first_row, first_column = max(rows[0] - BESIDE, 0), max(columns[0] - BESIDE, 0)
    colour, inside = painted(
        maps[:, first_row : rows[-1] + BESIDE + 1, first_column : columns[-1] + BESIDE + 1], factor, colours
    )
    x, y = factor * (place[0] + int(first_column)), factor * (place[1] + int(first_row))
    top, bottom = max(y, 0), min(y + inside.shape[0], texture.shape[0])
    left, right = max(x, 0), min(x + inside.shape[1], texture.shape[1])
    if top >= bottom or left >= right:
        return
    here, under = (slice(top - y, bottom - y), slice(left - x, right - x)), texture[top:bottom, left:right]
    under += cv2.merge([inside[here]] * 3) * (colour[here] - under)


def step(x: Array, start: float, end: float) -> Array:
    """0 at `start`, 1 at `end`, smooth between."""
    return np.asarray(smooth_step((x - start) / (end - start)))


def axis(start: float, end: float, fine: float) -> Array:
    """From `start` to `end` in steps of about `fine`."""
    return np.linspace(start, end, round((end - start) / fine) + 1)


def soft(planes: Array) -> Picture:
    """[c, rows, columns] → [rows, columns, c], a pixel soft: samples between the pixels would be jagged. Read only: it is kept."""
    picture = np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
    blurred = np.asarray(cv2.GaussianBlur(picture, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE), np.float32)
    blurred.setflags(write=False)
    return blurred


def sampled(drawing: Picture, column: Picture, row: Picture) -> Picture:
    """A drawing [rows, columns, c] at places [h, w] of its own pixels."""
    found = cv2.remap(drawing, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
