"""Alignment: the similarity that takes a face's landmarks to a fixed place in a square crop.

Conventions
    Pixel centres lie at integer coordinates (x to the right, y down), as in OpenCV. Matrices are named
    destination_from_source and are 2x3: p_crop = crop_from_image @ [x, y, 1].
    A place given as fraction f of a crop of `size` pixels is the pixel coordinate f * size - 0.5.
    Outside the image its border is replicated.

Template "eyes-mouth": both eyes and the middle of the mouth corners (not the corners: a smile widens them).
"""

from __future__ import annotations

import cv2
import numpy as np

from dftnet.errors import UnfitFaceError
from dftnet.faces.template import EYES, MOUTH


def template_points(size: int) -> np.ndarray:
    """float64 [3, 2]: right eye, left eye, middle of the mouth, in pixels of a crop of `size`."""
    fractions = np.array([*EYES, MOUTH], np.float64)
    return fractions * size - 0.5


def crop_from_image(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Least-squares similarity, float64 [2, 3], from the image to a square crop of `size` pixels.

    `landmarks` [5, 2] in image pixels: right eye, left eye, nose, right, left mouth corner (person's right).
    Raises ValueError where the points do not span a face (not finite, or all in one place).
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise UnfitFaceError(f"expected 5 finite landmarks [5, 2], got {np.asarray(landmarks).tolist()}")
    if size < 1:
        raise ValueError(f"the crop needs at least 1 pixel, got size {size}")
    source = np.stack([points[0], points[1], (points[3] + points[4]) / 2])
    return similarity(source, template_points(size))


def similarity(source: np.ndarray, destination: np.ndarray) -> np.ndarray:
    """destination_from_source, float64 [2, 3]: least squared error over points [n, 2]."""
    source_mean, destination_mean = source.mean(0), destination.mean(0)
    a, b = source - source_mean, destination - destination_mean
    spread = float((a * a).sum())
    if spread < 1e-9:
        raise UnfitFaceError("the landmarks all lie in one place: detect the face again")
    c = float((a * b).sum()) / spread
    s = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    rotation = np.array([[c, -s], [s, c]])
    if c * c + s * s < 1e-18:
        raise UnfitFaceError("the landmarks do not span a face: detect the face again")
    return np.hstack([rotation, (destination_mean - rotation @ source_mean)[:, None]])


def invert(matrix: np.ndarray) -> np.ndarray:
    """image_from_crop for crop_from_image, and the other way round: float64 [2, 3]."""
    linear = np.linalg.inv(np.asarray(matrix, np.float64)[:, :2])
    return np.hstack([linear, -(linear @ matrix[:, 2:])])


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [n, 2] moved by a 2x3 matrix: float64 [n, 2]."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def align(image: np.ndarray, landmarks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The face as an upright square: (crop uint8 [size, size, 3], crop_from_image float64 [2, 3]).

    `image` is uint8 [h, w, 3], `landmarks` [5, 2] its pixels.
    """
    matrix = crop_from_image(landmarks, size)
    return warp_to_crop(image, matrix, size), matrix


def warp_to_crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Resample `image` [h, w, c] by crop_from_image into [size, size, c], without aliasing.

    Where an image pixel becomes smaller than a crop pixel, the crop is sampled k times finer (cubic) and
    averaged in k x k blocks: every image pixel counts, so there is no aliasing at any scale.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    k = max(1, int(np.ceil(1.0 / scale - 1e-6)))
    k = min(k, max(1, 8192 // size))
    fine = np.array([[k, 0, 0.5 * (k - 1)], [0, k, 0.5 * (k - 1)]]) @ np.vstack([matrix, [0, 0, 1]])
    # only the part of the image that the crop shows: OpenCV refuses sources beyond 32767 pixels
    corners = transform(invert(matrix), np.array([[-1, -1], [size, -1], [size, size], [-1, size]]))
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - 3, 0, [width - 1, height - 1])
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 4, 1, [width, height])
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    fine[:, 2] += fine[:, :2] @ np.array([x0, y0], np.float64)
    crop = cv2.warpAffine(
        np.ascontiguousarray(image[y0:y1, x0:x1]), fine, (size * k, size * k),
        flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return crop if k == 1 else cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
