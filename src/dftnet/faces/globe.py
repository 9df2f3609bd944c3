"""The eyes that a photo shows, in an edit that moves their lids: they stay.

Lids slide over an eye, they do not stretch it. Φ, which is smooth, stretches iris and pupil when a lid rises and squeezes them
when it falls. So a head of the generator (networks/drawn.py) tells where between the lids the eye is seen, and there the photo's
own eye is shown, not moved but by the gaze. What a photo does not show since a lid covers it is taken from elsewhere in that eye,
as far from the middle of the iris, for an iris is round: above from its mirror image below, or as far down as it is seen.

An eye's maps have eight channels, on a window of the crop, all but the last in millimetres (faces/drawn.py):

    x, y     whence it comes: as Φ
    right    how far that is to the image's right of the middle of the iris in the photo
    down     … and below it
    old      … and below the border of the upper lid there
    low      how far the border of the lower lid is below the middle of the iris there
    lid      how far it is below the border of the upper lid now
    inside   logit of where it is
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dftnet.faces import eye
from dftnet.faces.drawn import Array, Picture, step

WINDOW = eye.WINDOW
CHANNELS, INSIDE = 8, 7
LIDS_SHADE = (0.6, 1.8)
"""Millimetres below the border of the upper lid from where to where a photo shows lashes and shadow, and not the eye alone"""
RISES = (0.4, 1.2)
"""Millimetres that a lid has risen from which on what it uncovers is taken from below, and is so in full"""
ABOVE_LOW = 0.7
"""Millimetres above the border of the lower lid from which on it is no longer the eye that is seen"""

SHADOW, SHADOW_SHADE = (0.0, 3.5), 0.35
"""Millimetres below the border of the upper lid within which what it uncovered lies in its shadow, and how dark that is"""
BOTH_SIDES = 1.5
"""Millimetres from the middle of the iris within which what is covered is a mixture of what is seen on either side"""

WATER_LINE = 1.2
"""Millimetres that what the upper lid covers stays further away from the lower one: it is wet, pink and bright there"""
SOFT = 0.03
"""Millimetres within which the way to a side is made soft: at 0 a root has no slope that can be computed"""
BEHIND = 0.5
"""Millimetres below what is seen from which on what the lower lid covers is taken from beside it, in full"""


class Whence(NamedTuple):
    """Where the like of what lids cover is seen in the photo, and how it is shown, all [h, w]; places are millimetres to the
    image's right and downwards from those that x and y name."""

    on_left: tuple[Picture, Picture]
    on_right: tuple[Picture, Picture]
    """To the left and to the right of the middle of the iris."""
    right: Picture
    """How far the second of them counts, in [0, 1]."""
    share: Picture
    """How far they count, in [0, 1]; the rest is what is seen at its place."""
    light: Picture
    """How bright they are in the upper lid's shadow."""


def whence(right: Array, down: Array, old: Array, low: Array, lid: Array) -> Whence:
    """Maps [h, w] → what they show."""
    bottom, line = low - ABOVE_LOW, np.maximum(0, down - old + LIDS_SHADE[1])
    lowest = np.where(down < line, bottom - WATER_LINE, bottom)
    height = np.minimum(np.maximum(2 * line - down, down), np.maximum(lowest, line))
    across = np.sqrt(np.maximum(right**2 + down**2 - height**2, 0) + SOFT**2) - SOFT
    uncovered = (1 - step(old, *LIDS_SHADE)) * step(lid - old, *RISES)
    places = (-across - right, height - down, across - right)
    shares = (
        step(right, -BOTH_SIDES, BOTH_SIDES),
        np.maximum(uncovered, step(down - bottom, 0, BEHIND)),
        1 - SHADOW_SHADE * (1 - step(lid, *SHADOW)),
    )
    on_left, below, on_right = (np.asarray(place, np.float32) for place in places)
    return Whence((on_left, below), (on_right, below), *(np.asarray(share, np.float32) for share in shares))
