"""Lips that are shut, and that nothing asks to part, stay shut: no teeth between them.

A reader takes a beard, or a full lip, for lips that are pressed or a chin that is raised. Where that is undone a lower lip goes
down, and a generator paints what it would show of a mouth. So there nothing is painted, and less is undone.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from dftnet.faces import mouth
from dftnet.faces.drawn import INSIDE, window
from dftnet.units import side_free

OPEN, PARTING = ("AU25", "AU26"), ("AU10", "AU22")
"""Units whose level says that lips are apart; and those that part them when they rise"""
PRESSED, UNDONE = ("AU17", "AU23", "AU28"), 0.3
"""What presses lips onto each other, and how much of it is undone of lips that stay shut"""
SHUT, APART = 0.1, 0.25
"""Of these: lips stay shut, and nothing is held back"""
NOWHERE = 40.0
"""Subtracted from the logit of where the inside of a mouth is, there is none"""
SOFT = 0.03
"""Of the crop, at the border of the window"""


def parted(names: Sequence[str], source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How far lips are apart before or after an edit, or parted by it, float32 [n] in [0, 1]; levels [n, K] of `names`."""
    level = np.zeros(len(source), np.float32)
    for k, name in enumerate(map(side_free, names)):
        if name in OPEN:
            level = np.maximum(level, np.maximum(source[:, k], target[:, k]))
        elif name in PARTING:
            level = np.maximum(level, target[:, k] - source[:, k])
    return np.clip((level - SHUT) / (APART - SHUT), 0, 1)


def pressed(names: Sequence[str], change: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Changes [n, K] of `names` with less undone of what presses lips that stay shut; apart: `parted`."""
    change = np.array(change, np.float32)
    share = UNDONE + (1 - UNDONE) * apart
    for k, name in enumerate(names):
        if name in PRESSED:
            change[:, k] = np.where(change[:, k] < 0, share * change[:, k], change[:, k])
    return change


def kept_shut(apart: np.ndarray, attention: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A [n, 1, S, S] and the maps of a mouth's inside [n, 7, h, w] without what lips that stay shut would show; apart: `parted`."""
    held = (1 - apart)[:, None, None, None] * _about_the_mouth(attention.shape[-1])
    maps = maps.copy()
    maps[:, INSIDE] -= NOWHERE * (1 - apart)[:, None, None]
    return attention + held * (1 - attention), maps


@functools.lru_cache(maxsize=4)
def _about_the_mouth(size: int) -> np.ndarray:
    """Its window in a crop of `size`, soft, float32 [size, size] in [0, 1]. Kept for the next call, so read-only."""
    left, top, right, bottom = window(size, mouth.WINDOW)
    inside = np.zeros((size, size), np.float32)
    inside[top:bottom, left:right] = 1
    soft = np.asarray(cv2.GaussianBlur(inside, (0, 0), SOFT * size, borderType=cv2.BORDER_REPLICATE), np.float32)
    soft.setflags(write=False)
    return soft
