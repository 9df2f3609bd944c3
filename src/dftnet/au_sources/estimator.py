"""The shipped AU estimator as a source of labels, for `prepare` and for judging."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from dftnet.au_sources.source import AUSource, FaceInput, register
from dftnet.inference.sessions import EstimatorSession


def stacked_crops(faces: Sequence[FaceInput], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The crops that are there, uint8 [m, size, size, 3] (aligned alike, so resized where of another size), and their
    positions int [m]."""
    found = [(i, face.crop) for i, face in enumerate(faces) if face.crop is not None]
    crops = np.zeros((len(found), size, size, 3), np.uint8)
    for row, (_, crop) in zip(crops, found, strict=True):
        assert crop is not None
        shrinks = len(crop) > size
        flags = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        row[:] = crop if len(crop) == size else cv2.resize(crop, (size, size), interpolation=flags)
    return crops, np.array([i for i, _ in found], np.int64)


@register("estimator")
class EstimatorSource(AUSource):
    """Reads aligned crops with an estimator's model directory (None: the shipped one)."""

    kind = "estimator"
    needs_pixels = True

    def __init__(self, model: str | Path | None = None, threads: int | None = 1) -> None:
        self.session = EstimatorSession(model, threads=threads)
        self.names = self.session.au_names
        self.note = f"dftnet AU estimator {self.session.directory.name}"

    def __call__(self, faces: Sequence[FaceInput]) -> np.ndarray:
        crops, rows = stacked_crops(faces, self.session.size)
        values = np.full((len(faces), len(self.names)), np.nan, np.float32)
        if len(rows):
            values[rows] = self.session(crops)
        return values
