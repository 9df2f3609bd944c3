"""The 478 landmarks of every face of a dataset directory, read once by MediaPipe's landmark model and kept in the set.

Needs what the AU source "mediapipe" needs. About 10 ms a face and core.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dftnet.au_sources.mediapipe import Blendshapes
from dftnet.data.dataset import FaceData
from dftnet.editing.options import Progress, silent

_BLOCK = 64
"""Faces of one task"""


def read_landmarks(
    data: str | Path, *, workers: int | None = None, overwrite: bool = False, tell: Progress = silent
) -> Path:
    """Write DATA/mesh.npy; returns it. Raises FileExistsError where it exists, DftnetError without MediaPipe's model."""
    faces = FaceData.open(data)
    if (faces.path / "mesh.npy").exists() and not overwrite:
        raise FileExistsError(f"{faces.path / 'mesh.npy'} exists; allow overwriting (--overwrite) to read them again")
    images = faces.images(tell is not silent)
    readers = threading.local()

    def block(start: int) -> np.ndarray:
        if not hasattr(readers, "own"):
            readers.own = Blendshapes()
        crops = np.asarray(images[start : start + _BLOCK])
        return np.stack([readers.own.landmarks(crop) for crop in crops]).astype(np.float32)

    found: list[np.ndarray] = []
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for part in pool.map(block, range(0, len(faces), _BLOCK)):
            found.append(part)
            tell("landmarks read", min(len(found) * _BLOCK, len(faces)), len(faces))
    return faces.write_mesh(np.concatenate(found), "MediaPipe's face landmarks", overwrite)
