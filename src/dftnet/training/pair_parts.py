"""Pairs that differ in a part of the face only: frame b's eyes, one eye, mouth or half a mouth in frame a.

Nobody is filmed winking as often as blinking, and who smiles also raises the cheeks. Two frames of one person that lie on each
other can be put together with a soft border between the parts, which shows one side or one part moving alone, in true pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dftnet.faces.mesh import Array
from dftnet.faces.template import EYE_LINE, MIDDLE, MOUTH_LINE
from dftnet.units import EYE_TURNS, SIDED

UPPER = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU45")
"""Units of the upper face that have sides"""
BORDER = (EYE_LINE + MOUTH_LINE) / 2 - 0.02
"""Between the eyes' part and the mouth's, y: below the cheeks that smiling lifts to the eyes, above the lips"""
SOFT = 0.05
"""Half the width of the border between two parts"""
CHANGED = 0.3
"""An eye that closes or opens by this much may come alone, whatever the gaze does"""
UNCHANGED = 0.2
"""What must not move where a part is cut through: lips that open, or a gaze that wanders"""
TURNED = 0.6
"""Frames that turn by more than this nuisance are not put together"""


@dataclass(frozen=True)
class Part:
    """One part of the face."""

    columns: NDArray[np.int64]
    """The units that are seen in it"""
    mask: Array
    """[S, S] in [0, 1]: how much of frame b is seen"""
    divided: NDArray[np.int64]
    """Units that are seen across its border, which may not change by more than UNCHANGED"""
    excuse: NDArray[np.int64]
    """… unless one of these changes by CHANGED"""


class PairParts:
    """Puts pairs together, part by part. "Right" is the person's, left in the crop."""

    def __init__(self, names: Sequence[str], size: int) -> None:
        y, x = ((np.mgrid[:size, :size] + 0.5) / size).astype(np.float32)

        def soft(distance: Array) -> Array:
            return np.clip(0.5 + distance / (2 * SOFT), 0, 1)

        def columns(wanted: Sequence[str]) -> NDArray[np.int64]:
            return np.array([names.index(name) for name in wanted if name in names], np.int64)

        upper, lower, left, right = soft(BORDER - y), soft(y - BORDER), soft(x - MIDDLE), soft(MIDDLE - x)
        both = [name + side for name in UPPER for side in "LR"]
        mouth = [name for name in names if name not in (*both, *EYE_TURNS)]
        sided = [name for name in SIDED if name not in UPPER]
        middle = [name for name in mouth if name[:-1] not in sided]
        nothing = np.empty(0, np.int64)
        self.parts = [
            Part(columns([*both, *EYE_TURNS]), upper, nothing, nothing),
            Part(columns(mouth), lower, nothing, nothing),
        ]
        for side, half in (("L", left), ("R", right)):
            eye = columns([name + side for name in UPPER])
            self.parts.append(Part(eye, upper * half, columns(EYE_TURNS), columns([f"AU45{side}"])))
            self.parts.append(Part(columns([name + side for name in sided]), lower * half, columns(middle), nothing))

    def fits(self, k: int, change: Array, turn: Array) -> bool:
        """Whether part k of a pair shows anything and can be put together: change [K] of its levels, turn [N] of the head."""
        part = self.parts[k]
        moves = np.abs(change[part.columns]).max(initial=0) > UNCHANGED
        still = not len(part.divided) or np.abs(change[part.divided]).max() <= UNCHANGED
        excused = len(part.excuse) > 0 and np.abs(change[part.excuse]).max() >= CHANGED
        return bool(moves and (still or excused) and np.abs(turn).max(initial=0) <= TURNED)

    def levels(self, k: int, first: Array, second: Array) -> Array:
        """[K]: the second's in the part, the first's elsewhere."""
        levels = first.copy()
        levels[self.parts[k].columns] = second[self.parts[k].columns]
        return levels

    def landmarks(self, k: int, first: Array, second: Array) -> Array:
        """[v, 2]: the second's in the part, the first's elsewhere."""
        x, y = np.ascontiguousarray(first.T, np.float32)
        share = cv2.remap(self.parts[k].mask, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return first + share.reshape(-1, 1) * (second - first)

    def image(self, k: int, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [S, S, 3]: the second's in the part, the first's elsewhere."""
        share = self.parts[k].mask[..., None]
        return np.rint(first + share * (second.astype(np.float32) - first)).astype(np.uint8)
