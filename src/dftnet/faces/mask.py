"""The mask of a face: how far an edit is obeyed, on the crop's grid and around it."""

from __future__ import annotations

import functools

import numpy as np

from dftnet.faces.template import OVAL, OVAL_POWER

OVERHANG = 0.25
"""The flow goes on below the crop for this share of its size (the chin lies at its border), fading to 0."""
FEATHER = 0.3
"""Width of the fade, as a share of the distance from the middle of the face to the mask's border."""


@functools.lru_cache(maxsize=4)
def face_mask(size: int, pad: int = 0) -> np.ndarray:
    """How far the flow is obeyed, float32 [size + 2 pad, size + 2 pad] in [0, 1] on the crop's grid.

    1 inside the face, 0 outside an oval that reaches down below the crop, smooth between. Kept for the next call, so read-only.
    """
    at = (np.arange(-pad, size + pad) + 0.5) / size
    middle_x, middle_y, half_width, half_height = OVAL
    x = (np.abs(at - middle_x) / half_width)[None, :]
    y = (np.abs(at - middle_y) / half_height)[:, None]
    mask = smooth_step((1 - (x**OVAL_POWER + y**OVAL_POWER) ** (1 / OVAL_POWER)) / FEATHER)
    mask.setflags(write=False)
    return mask


def smooth_step(t: np.ndarray) -> np.ndarray:
    """float32 of any shape: 0 up to 0, 1 from 1 on, smooth between."""
    t = np.clip(t, 0, 1).astype(np.float32)
    return t * t * (3 - 2 * t)
