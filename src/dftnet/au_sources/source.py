"""Action Units from pixels: one interface, one registry. (By name, from a file: `tables.py`.)

    source = make_source("estimator")
    read_crops(source, crops) → float32 [n, K] in [0, 1], columns source.names

A new source is one class with what `AUSource` asks for, and one line in SOURCES.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from dftnet.errors import RequestError
from dftnet.units import SIDED, side_free


class AUSource(Protocol):
    """Reads the Action Units of aligned faces."""

    @property
    def kind(self) -> str:
        """Its name in SOURCES."""

    @property
    def names(self) -> tuple[str, ...]:
        """The K units that it measures, some or all of `AU_NAMES`."""

    @property
    def size(self) -> int:
        """S, pixels a side of the crops that it takes."""

    @property
    def note(self) -> str:
        """One sentence for dataset.json: what these numbers are."""

    def __call__(self, crops: np.ndarray, /) -> np.ndarray:
        """uint8 [n, S, S, 3] in the project's alignment → float32 [n, K] in [0, 1]."""


UNEVEN = 0.2
"""Halves of a face whose readings differ by more are told one by one"""

SOURCES: dict[str, str] = {
    "estimator": "dftnet.inference.sessions:EstimatorSession",
    "mediapipe": "dftnet.au_sources.mediapipe:MediaPipeSource",
}
"""name → module:class, imported when first asked for; made with a model's path (None: its default) and threads."""


def make_source(name: str, model: str | Path | None = None, threads: int | None = 1) -> AUSource:
    """The source `name`, a key of SOURCES. Raises RequestError for an unknown one, ModelError where it is not installed."""
    if name not in SOURCES:
        raise RequestError(f"unknown AU source {name!r}; known: {', '.join(sorted(SOURCES))}")
    module, _, kind = SOURCES[name].partition(":")
    return getattr(importlib.import_module(module), kind)(model, threads=threads)


def read_crops(source: AUSource, crops: Iterable[np.ndarray]) -> np.ndarray:
    """Aligned crops uint8 [n, s, s, 3] (or a list of them, each of its own size) → float32 [n, K] in [0, 1].

    A crop of another size than the source's is resized: all are aligned alike.
    """
    fitted = [_resized(crop, source.size) for crop in crops]
    if not fitted:
        return np.zeros((0, len(source.names)), np.float32)
    return source(np.stack(fitted))


def read_sides(source: AUSource, crops: np.ndarray, ahead: Sequence[bool]) -> np.ndarray:
    """As `source(crops)`, uint8 [n, S, S, 3] → float32 [n, K], but of faces that look `ahead` [n] a unit's sides are each read from
    its half of the face and the mirror image of that half, where these differ by more than UNEVEN.

    Nobody in the estimator's training set winks: what it reads of one shut eye is 0.2 for both, of such a face 0.9 and 0.
    """
    found = np.array(source(crops), np.float32)
    rows = np.flatnonzero(ahead)
    if len(rows) and sided_places(source.names):
        found[rows] = told_apart(source, crops[rows], found[rows])[0]
    return found


def told_apart(source: AUSource, crops: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What was `found` in crops of faces that look ahead, float32 [n, K], with sides read one by one where they differ (see
    `read_sides`), a new array; and whether any side does, bool [n]."""
    sides = [[source.names.index(name + side) for name in SIDED if name + side in source.names] for side in "LR"]
    half = crops.shape[2] // 2  # the person's left half is the right one of the crop
    left, right = crops.copy(), crops.copy()
    left[:, :, :half] = left[:, :, ::-1][:, :, :half]
    right[:, :, -half:] = right[:, :, ::-1][:, :, -half:]
    each = [np.asarray(source(face), np.float32)[:, side] for face, side in zip((left, right), sides, strict=True)]
    apart = np.abs(each[0] - each[1]) > UNEVEN
    told = found.copy()
    for side, read in zip(sides, each, strict=True):
        told[:, side] = np.where(apart, read, found[:, side])
    return told, apart.any(1)


def sided_places(names: Sequence[str]) -> list[int]:
    """The places in `names` of units on one side of the face that `read_sides` reads from halves."""
    return [place for place, name in enumerate(names) if name != side_free(name) and side_free(name) in SIDED]


def _resized(crop: np.ndarray, size: int) -> np.ndarray:
    if len(crop) == size:
        return crop
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA if len(crop) > size else cv2.INTER_LINEAR)
