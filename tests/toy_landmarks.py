"""Landmarks of no face: a mouth of so many millimetres, and eyes as high as one says."""

from __future__ import annotations

import numpy as np

from dftnet.faces.drawn import millimetre
from dftnet.faces.mesh import EYE_RINGS, IRISES, MOUTH_RING
from dftnet.training.drawn_parts import SKIN

SIZE = 128
MM = millimetre(SIZE)
CENTRE = (64, 92)


def face(width: float = 46, height: float = 14, smile: float = 0) -> np.ndarray:
    """Landmarks [478, 2] of a mouth of so many millimetres: upper lip from the right corner to the left one, lower lip back."""
    x = np.linspace(-1, 1, 11)
    bow = smile * x**2
    upper = np.stack([x * width / 2, -height / 2 * (1 - x**2) - bow], 1)
    lower = np.stack([x * width / 2, height / 2 * (1 - x**2) - bow], 1)
    points = np.full((478, 2), 64, np.float32)
    points[MOUTH_RING] = np.concatenate([upper, lower[9:0:-1]]) * MM + CENTRE
    points[33], points[263], points[133] = (30, 48), (98, 48), (46, 48)
    points[SKIN] = [(40, 75), (88, 75), (44, 80), (84, 80)]
    return points


def looking(height: float, gaze: float = 0) -> np.ndarray:
    """Landmarks with eyes as high as that, millimetres, that look to a side."""
    points = face()
    across = np.concatenate([np.linspace(-1, 1, 9), np.linspace(1, -1, 9)[1:-1]])
    lids = np.concatenate([np.full(9, -0.5), np.full(7, 0.5)]) * height * (1 - across**2)
    for ring, iris, x, outward in zip(EYE_RINGS, IRISES, (38, 89), (-1, 1), strict=True):
        points[ring] = np.stack([-outward * across * 13, lids], 1) * MM + (x, 48)
        points[iris] = (x + gaze * MM, 48)
    return points
