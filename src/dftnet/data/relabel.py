"""Label a dataset directory anew with the estimator: what the pixels show, without what a judge adds of its own.

Each face is read several times, mirrored and slightly moved, and the readings are averaged; the sides of a face that looks ahead as
the editor reads them, by halves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from dftnet.au_sources.source import read_sides
from dftnet.aus import AU_NAMES
from dftnet.data.dataset import FaceData
from dftnet.editing.options import Progress, silent
from dftnet.errors import DatasetError, RequestError
from dftnet.faces.fitness import looks_ahead
from dftnet.inference.sessions import MAX_BATCH, EstimatorSession
from dftnet.media.files import check_file
from dftnet.units import known_to, mirror_order

SHIFT = 1.5 / 128
"""Displacement of a moved view, share of the side."""
VIEWS = ((0, 0, False), (0, 0, True), (1, 1, False), (-1, -1, True), (-1, 1, False), (1, -1, True))
"""(x, y, mirrored): displacements in SHIFTs; the first `views` of them are read."""


def view(crops: np.ndarray, x: float, y: float, mirrored: bool) -> np.ndarray:
    """Crops uint8 [n, S, S, 3] displaced by (x, y) pixels, border replicated, then mirrored if asked."""
    if x or y:
        size = crops.shape[1]
        matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        moved = [
            cv2.warpAffine(c, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for c in crops
        ]
        crops = np.stack(moved).astype(np.uint8)
    return np.ascontiguousarray(crops[:, :, ::-1]) if mirrored else crops


def steady_aus(
    read: Callable[[np.ndarray], np.ndarray],
    crops: np.ndarray,
    views: int = len(VIEWS),
    names: Sequence[str] = AU_NAMES,
) -> np.ndarray:
    """The mean over the first `views` VIEWS of read(crops) [n, K] in the units `names`, for crops uint8 [n, S, S, 3].

    What a mirrored view shows on the left is on the right.
    """
    step, swap = SHIFT * crops.shape[1], mirror_order(names)
    total = np.zeros((len(crops), len(names)))
    for x, y, mirrored in VIEWS[:views]:
        levels = np.asarray(read(view(crops, x * step, y * step, mirrored)), np.float64)
        total += levels[:, swap] if mirrored else levels
    return np.asarray(total / views, np.float32)


def relabel(
    data: str | Path,
    name: str = "estimated",
    model: str | Path | None = None,
    views: int = len(VIEWS),
    threads: int | None = None,
    overwrite: bool = False,
    tell: Progress = silent,
) -> Path:
    """Write DATA/labels-NAME.npz: all units that the estimator reads, of every face. Returns the file.

    Raises DatasetError where the set's size or AUs are not the estimator's, FileExistsError where the labels exist.
    """
    if not 1 <= views <= len(VIEWS):
        raise RequestError(f"views is {views}; give 1 to {len(VIEWS)}")
    faces = FaceData.open(data)
    path = faces.path / f"labels-{name}.npz"
    check_file(path, overwrite)
    workers = threads or os.cpu_count() or 1
    estimator = EstimatorSession(model, threads=1)
    if estimator.size != faces.size:
        raise DatasetError(
            f"{faces.path} holds {faces.size}-pixel faces, the estimator reads {estimator.size}; prepare the set with "
            f"--size {estimator.size}, or train an estimator on it (dftnet train-aus)"
        )
    known = known_to(estimator.au_names, faces.au_names)
    absent = [au for au in faces.au_names if au not in known]
    if absent:
        raise DatasetError(f"the estimator does not read {', '.join(absent)}, which {faces.path} is labelled with")
    images = faces.images(tell is not silent)

    ahead = [looks_ahead(points) for points in faces.landmarks]

    def block(start: int) -> np.ndarray:
        of = slice(start, start + MAX_BATCH)
        return steady_aus(
            lambda crops: read_sides(estimator, crops, ahead[of]), np.asarray(images[of]), views, estimator.au_names
        )

    found: list[np.ndarray] = []
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(block, range(0, len(faces), MAX_BATCH)):
            found.append(part)
            tell("faces read", min(len(found) * MAX_BATCH, len(faces)), len(faces))
    note = f"{estimator.directory.name}, mean of {views} views"
    return faces.write_labels(name, np.concatenate(found), note, overwrite, estimator.au_names)
