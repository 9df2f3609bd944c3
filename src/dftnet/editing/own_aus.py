"""The own Action Units of one face from frame to frame of a clip.

A face is read whole in every frame, its halves (`au_sources.source.read_sides`, two more readings) only now and then, as
long as they are alike. Where they are not, all frames around are read so: what comes out is what reading the halves of every
frame gives, but for sides that differ for less than EVERY seconds and leave the whole face's reading as it was.
"""

from __future__ import annotations

import numpy as np

from dftnet.au_sources.source import sided_places, told_apart
from dftnet.editing.editor import Editor
from dftnet.errors import UnfitFaceError
from dftnet.faces.align import align
from dftnet.faces.detect import Face
from dftnet.faces.fitness import looks_ahead
from dftnet.units import levels_as

EVERY = 0.16
"""Seconds after which the halves of a face are read again: half a blink."""
MOVED = 0.1
"""Change of a unit in the whole face's reading after which they are read at once; of one eye shut it is 0.15 or more."""


class OwnAus:
    """Give it one face's crops in the order of time; `levels` holds what was read. Serves one thread at a time."""

    def __init__(self, editor: Editor) -> None:
        self.source, self.names = editor.estimator, editor.au_names
        self._rows: list[np.ndarray] = []
        """Of each frame the units of the source, float32."""
        known = self.source.names if self.source is not None else ()
        self._sides = sided_places(known) if sided_places(self.names) else []
        self._skipped: list[tuple[int, np.ndarray]] = []
        """Frames since the halves were read last, with their crops."""
        self._at, self._whole = -np.inf, np.zeros(len(known), np.float32)
        """When the halves were read last, and the whole face's reading then."""
        self._apart = False

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray | None:
        """What of a frame uint8 [h, w, 3] is read; None where nothing reads it, or the landmarks span no face."""
        if self.source is None:
            return None
        try:
            return align(image, face.landmarks, self.source.size)[0]
        except UnfitFaceError:
            return None

    def read(self, crop: np.ndarray | None, face: Face, time: float) -> None:
        """The next frame, at `time` in seconds, by its `crop`."""
        if crop is None or self.source is None:
            self._rows.append(np.zeros(len(self._whole), np.float32))
            return
        whole = np.asarray(self.source(crop[None]), np.float32)[0]
        self._rows.append(whole)
        if not self._sides or not looks_ahead(face.landmarks):
            return
        here = len(self._rows) - 1, crop
        moved = float(np.abs(whole - self._whole)[self._sides].max())
        if not self._apart and time - self._at < EVERY - 1e-6 and moved <= MOVED:
            self._skipped.append(here)
            return
        self._at, self._whole = time, whole
        self._apart = self._read_halves(*here)
        differ = self._apart
        while self._skipped and differ:
            differ = self._read_halves(*self._skipped.pop())
        self._skipped.clear()

    @property
    def levels(self) -> np.ndarray:
        """float32 [n, K] in the order of the editor's `au_names`; 0 where nothing was read."""
        known = self.source.names if self.source is not None else ()
        return levels_as(np.clip(np.stack(self._rows), 0, 1), known, self.names)

    def _read_halves(self, place: int, crop: np.ndarray) -> bool:
        """Whether the sides of a frame differ; they are then told one by one."""
        assert self.source is not None
        told, apart = told_apart(self.source, crop[None], self._rows[place][None])
        self._rows[place] = told[0]
        return bool(apart[0])
