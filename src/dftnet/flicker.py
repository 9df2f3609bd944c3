"""How much an edited clip flickers: a number beside that of the clip it was made from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 96


def flicker(frames: Sequence[np.ndarray], crop_from_frame: Sequence[np.ndarray]) -> float:
    """Mean second difference in time of the face held still, in grey levels of 255.

    frames           uint8 [H, W, 3], evenly spaced in time
    crop_from_frame  [2, 3] for each frame, to a crop of SIDE pixels; the same for edited and unedited frames

    Steady motion and slow change count nothing, trembling and flashing all they have. The ratio to the unedited
    frames' value is 1 for an edit that adds none.
    """
    if len(frames) < 3 or len(frames) != len(crop_from_frame):
        raise ValueError(f"flicker needs 3 or more frames, each with its matrix, not {len(frames)}")
    grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in frames]
    held = np.stack(
        [cv2.warpAffine(g, m, (SIDE, SIDE), flags=cv2.INTER_LINEAR) for g, m in zip(grey, crop_from_frame, strict=True)]
    )
    return float(np.abs(held[:-2] - 2 * held[1:-1] + held[2:]).mean())
