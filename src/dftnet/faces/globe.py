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
from dftnet.faces.drawn import Picture, step

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

BESIDE = 0.5
"""Millimetres from the middle of the iris from which on what is behind the lower lid is wholly taken from its own side"""


class Whence(NamedTuple):
    """Where what an eye shows is seen in the photo, and how it is shown, all [h, w]; places are millimetres to the image's right
    and downwards from those that x and y name."""

    seen: tuple[Picture, Picture]
    """The same place, but for what is behind the lower lid."""
    covered: tuple[tuple[Picture, Picture], tuple[Picture, Picture]]
    """Where the like is seen of what the upper lid covers: to the left of the iris's middle, and to the right."""
    on_right: Picture
    """How far the second of them counts, in [0, 1]."""
    share: Picture
    """How far what the lid covers counts, in [0, 1]."""
    light: Picture
    """How bright that is in the lid's shadow."""


def whence(right: Picture, down: Picture, old: Picture, low: Picture, lid: Picture) -> Whence:
    """Maps [h, w] → what they show."""
    bottom = low - ABOVE_LOW
    line = np.maximum(0, down - old + LIDS_SHADE[1])
    share = (1 - step(old, *LIDS_SHADE)) * step(lid - old, *RISES)
    seen = np.minimum(down, np.maximum(bottom, 0))
    mirrored = np.minimum(np.maximum(2 * line - down, down), np.maximum(bottom, line))

    def across(height: Picture) -> Picture:
        """From the middle of the iris, where it is as far from it."""
        return np.sqrt(np.maximum(right**2 + down**2 - height**2, 0))

    side = across(mirrored)
    return Whence(
        ((across(seen) - np.abs(right)) * np.clip(right / BESIDE, -1, 1), seen - down),
        ((-side - right, mirrored - down), (side - right, mirrored - down)),
        np.asarray(step(right, -BOTH_SIDES, BOTH_SIDES), np.float32),
        np.asarray(share, np.float32),
        np.asarray(1 - SHADOW_SHADE * (1 - step(lid, *SHADOW)), np.float32),
    )
