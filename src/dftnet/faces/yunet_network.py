"""YuNet (MIT, Shiqi Yu) run by ONNX Runtime, for many threads at once: picture → boxes, landmarks and scores.

OpenCV's own engine takes two to three times as long for the same numbers, and its wrapper (FaceDetectorYN) serves one thread
only. So the wrapper's decoding stands here, after OpenCV's modules/objdetect/src/face_detect.cpp.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np

from dftnet.onnx_runtime import open_graph

WEIGHTS = Path(__file__).parent / "yunet" / "face_detection_yunet_2023mar.onnx"
STRIDES = (8, 16, 32)
"""Pixels between the anchors of each of the network's three grids."""
OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
MOST = 5000
"""Boxes that the suppression of overlaps looks at."""


class YuNet:
    """`YuNet(0.5, 0.3)(image)` → float32 [n, 15]: x, y, width, height, five landmarks x, y, score; the best first.

    `threshold`: the least score. `overlap`: of boxes that overlap more (as a share of their union) the best stays;
    1 keeps every anchor's opinion.

    Serves many threads; each call computes on its own thread alone.
    """

    def __init__(self, threshold: float, overlap: float) -> None:
        if not WEIGHTS.exists():
            raise FileNotFoundError(f"the face detector's weights are missing ({WEIGHTS}): install dftnet again")
        self.threshold, self.overlap = threshold, overlap

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """`image` is uint8 [h, w, 3] RGB."""
        height, width = (-(-side // STRIDES[-1]) * STRIDES[-1] for side in image.shape[:2])
        planes = np.zeros((1, 3, height, width), np.float32)
        for plane, channel in zip(planes[0], reversed(cv2.split(image)), strict=True):  # BGR; blobFromImage is slower
            plane[: image.shape[0], : image.shape[1]] = channel
        found = dict(zip(OUTPUTS, _network().run(OUTPUTS, {"input": planes}), strict=True))
        rows = _decode(found, height, width, self.threshold)
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        return rows if self.overlap >= 1 or len(rows) < 2 else self._without_overlaps(rows)

    def _without_overlaps(self, rows: np.ndarray) -> np.ndarray:
        boxes = np.trunc(rows[:, :4]).astype(np.float64).tolist()  # OpenCV compares whole pixels
        kept = cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), self.threshold, self.overlap, 1.0, MOST)
        return rows[np.asarray(kept, np.int64).reshape(-1)]


_network = functools.cache(functools.partial(open_graph, WEIGHTS, threads=1))
"""The one network of a process."""


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
