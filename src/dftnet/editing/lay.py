"""How maps of a crop, or of a window of it, are laid onto the crop's grid, padded on all sides, on which a photo is edited."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from dftnet.editing.planes import blur
from dftnet.faces.drawn import Window, millimetre, window


class Lay(NamedTuple):
    """The padded grid of one face."""

    mask: np.ndarray
    """[h, w]: the face's."""
    pad: int
    shrink: float
    """Sigma of the blur against aliasing."""
    finer: int
    """How many times as large what is painted is kept, and how much sharper borders are: 1, 2 or 4."""

    @property
    def size(self) -> int:
        """Side of the crop."""
        return len(self.mask) - 2 * self.pad

    @property
    def unit(self) -> float:
        """Crop pixels of a millimetre."""
        return millimetre(self.size)

    def on(self, planes: np.ndarray, shares: Window, outside: float | None = None) -> np.ndarray:
        """[c, h, w] of a window → [h, w, c], or [h, w] of one; beyond it goes on, or is `outside`."""
        size = self.size
        left, top, right, bottom = window(size, shares)
        around = (top + self.pad, size - bottom + self.pad, left + self.pad, size - right + self.pad)
        picture = np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
        if outside is None:
            return blur(cv2.copyMakeBorder(picture, *around, cv2.BORDER_REPLICATE), self.shrink)
        return blur(cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=outside), self.shrink)
