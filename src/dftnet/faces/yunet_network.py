"""YuNet (MIT, Shiqi Yu) run by OpenCV, for many threads at once: picture → boxes, landmarks and scores.

OpenCV's own wrapper (FaceDetectorYN) serves one thread only, and prints a warning of OpenCV 5 at every start. So its
decoding stands here, after OpenCV's modules/objdetect/src/face_detect.cpp: the same numbers.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

WEIGHTS = Path(__file__).parent / "yunet" / "face_detection_yunet_2023mar.onnx"
STRIDES = (8, 16, 32)
"""Pixels between the anchors of each of the network's three grids."""
OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
LEAST = 2 * STRIDES[-1]
"""Pixels a side that the network is given at least: over a grid of a single row OpenCV 4 computes with memory that is not its
own (up to 4.12 at least; a grey strip of 30 by 2000 pixels showed faces)."""
MOST = 5000
"""Boxes that the suppression of overlaps looks at."""


class YuNet:
    """`YuNet(0.5, 0.3)(image)` → float32 [n, 15]: x, y, width, height, five landmarks x, y, score; the best first.

    `threshold`: the least score. `overlap`: of boxes that overlap more (as a share of their union) the best stays;
    1 keeps every anchor's opinion.

    Serves many threads: each call borrows a network that no other call is using. As many are made as calls ran at
    once, at most one a core; further calls wait.
    """

    def __init__(self, threshold: float, overlap: float) -> None:
        if not WEIGHTS.exists():
            raise FileNotFoundError(f"the face detector's weights are missing ({WEIGHTS}): install dftnet again")
        self.threshold, self.overlap = threshold, overlap
        self._idle: list[cv2.dnn.Net] = []
        self._turn = threading.BoundedSemaphore(os.cpu_count() or 1)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """`image` is uint8 [h, w, 3] RGB."""
        height, width = (max(LEAST, -(-side // STRIDES[-1]) * STRIDES[-1]) for side in image.shape[:2])
        padded = cv2.copyMakeBorder(image, 0, height - image.shape[0], 0, width - image.shape[1], cv2.BORDER_CONSTANT)
        planes = np.stack(cv2.split(padded)[::-1])[None].astype(np.float32)  # BGR; blobFromImage is slower
        with self._network() as network:
            network.setInput(planes)
            found = dict(zip(OUTPUTS, network.forward(OUTPUTS), strict=True))
        rows = _decode(found, height, width, self.threshold)
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        return rows if self.overlap >= 1 or len(rows) < 2 else self._without_overlaps(rows)

    def _without_overlaps(self, rows: np.ndarray) -> np.ndarray:
        boxes = np.trunc(rows[:, :4]).astype(np.float64).tolist()  # OpenCV compares whole pixels
        kept = cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), self.threshold, self.overlap, 1.0, MOST)
        return rows[np.asarray(kept, np.int64).reshape(-1)]

    @contextlib.contextmanager
    def _network(self) -> Iterator[cv2.dnn.Net]:
        with self._turn:
            try:
                network = self._idle.pop()
            except IndexError:
                network = cv2.dnn.readNetFromONNX(str(WEIGHTS))
            yield network
            self._idle.append(network)  # one that failed is not used again


@functools.lru_cache(maxsize=16)
def _anchors(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of each anchor, float32 [n, 2], and its stride, float32 [n, 1], grid after grid."""
    places, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        places.append(np.stack([columns.ravel(), rows.ravel()], 1))
        strides.append(np.full((rows.size, 1), stride, np.float32))
    return np.concatenate(places), np.concatenate(strides)


def _decode(found: dict[str, np.ndarray], height: int, width: int, threshold: float) -> np.ndarray:
    """The network's outputs for a picture of `height` x `width` → float32 [n, 15], see YuNet."""

    def joined(kind: str, channels: int) -> np.ndarray:
        return np.concatenate([found[f"{kind}_{stride}"].reshape(-1, channels) for stride in STRIDES])

    scores = np.sqrt(np.clip(joined("cls", 1), 0, 1) * np.clip(joined("obj", 1), 0, 1))
    at = np.flatnonzero(scores[:, 0] >= np.float32(threshold))
    places, strides = (values[at] for values in _anchors(height, width))
    box = joined("bbox", 4)[at]
    sides = np.exp(box[:, 2:].astype(np.float64)).astype(np.float32) * strides
    corner = (places + box[:, :2]) * strides - sides / np.float32(2)
    points = (joined("kps", 10)[at].reshape(-1, 5, 2) + places[:, None]) * strides[:, :, None]
    rows = np.concatenate([corner, sides, points.reshape(-1, 10), scores[at]], 1)
    return rows[np.isfinite(rows).all(1)]
