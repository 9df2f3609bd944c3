"""What MediaPipe's 478 landmarks say of a face: the opening of eyes and lips, brows, gaze, and where the iris lies.

Points are [n, 478, 2] (x, y) in pixels of the crop; right and left are the person's.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dftnet.faces.mesh import EYE_RINGS

CLOSED = 0.13
"""Eyes with an aspect ratio of MediaPipe's lids up to this count as closed. Of faces judged by hand in the test split
(benchmarks/eyelids_by_hand.json) it takes 18 of 18 closed ones and 0 of 30 open ones; in the validation split, which has
squints, 10 of 11 and 0 of 25."""

EYES: tuple[dict[str, Any], ...] = (
    {"corners": (33, 133), "lids": ((160, 144), (158, 153)), "iris": (468, 469, 470, 471, 472), "skin": (27, 28, 29)},
    {"corners": (362, 263), "lids": ((385, 380), (387, 373)), "iris": (473, 474, 475, 476, 477), "skin": (257, 258, 259)},
)  # fmt: skip
"""MediaPipe's points of the person's right and left eye; skin lies on the upper lid, below the brow."""
BROWS = (105, 66, 107, 334, 296, 336)
MOUTH_CORNERS, INNER_LIPS, NOSE_BASE = (61, 291), (13, 14), 2
RIGID = (6, 33, 127, 133, 151, 195, 197, 243, 263, 356, 362, 463)
"""Nose bridge, eye corners, temples, forehead: what expressions hardly move."""
FEW = 6
"""Pixels of an eye that are too few to tell a colour"""
FACE_POINTS = 468
"""Of the 478 landmarks, the irises come last."""
GEOMETRY = ("eye_aspect_ratio", "lip_corners", "brow_height", "lip_gap")


def geometry(points: np.ndarray) -> dict[str, np.ndarray]:
    """Ratios of MediaPipe's landmarks [n, 478, 2] (x, y in pixels) → float64 [n] each.

    eye_aspect_ratio  the opening between the lids over the eye's width, the wider of both eyes (so both must close)
    lip_corners       how high the mouth's corners lie above the base of the nose (negative), over the eyes' distance
    brow_height       the brows above the eyes, over the eyes' distance
    lip_gap           between the inner lips, over the eyes' distance
    """
    p = np.asarray(points, np.float64)
    ratios, centres = [], []
    for eye in EYES:
        a, b = (p[:, i] for i in eye["corners"])
        opening = sum(np.linalg.norm(p[:, up] - p[:, low], axis=1) for up, low in eye["lids"]) / 2
        ratios.append(opening / np.maximum(np.linalg.norm(b - a, axis=1), 1e-6))
        centres.append((a + b) / 2)
    across = centres[1] - centres[0]
    between = np.maximum(np.linalg.norm(across, axis=1), 1e-6)
    up = np.stack([across[:, 1], -across[:, 0]], 1) / between[:, None]

    def height(of: np.ndarray, above: np.ndarray) -> np.ndarray:
        return ((of - above) * up).sum(1) / between

    upper, lower = (p[:, i] for i in INNER_LIPS)
    return {
        "eye_aspect_ratio": np.maximum(*ratios),
        "lip_corners": height(p[:, MOUTH_CORNERS].mean(1), p[:, NOSE_BASE]),
        "brow_height": height(p[:, BROWS].mean(1), (centres[0] + centres[1]) / 2),
        "lip_gap": np.linalg.norm(upper - lower, axis=1) / between,
    }


def shape_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Landmarks [n, 478, 2], twice → float64 [n]: mean distance over the face's points, pixels (irises left out)."""
    return np.linalg.norm(first[:, :FACE_POINTS] - second[:, :FACE_POINTS], axis=2).mean(1)


def head_held(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Landmarks [n, 478, 3] turned, shifted and scaled onto others [n, 478, 3]: what remains between the two is no motion of the
    head. float64 [n, 478, 3]."""
    p, q = (np.asarray(x, np.float64) for x in (points, onto))
    scale, turn = _rigid(p, q)
    turned = np.einsum("nij,nvj->nvi", turn, p - p[:, RIGID].mean(1, keepdims=True))
    return scale[:, None, None] * turned + q[:, RIGID].mean(1, keepdims=True)


def head_turn(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Degrees [n, 2], to the person's left and down, that a head turned from landmarks [n, 478, 3] to others; z away from the
    camera."""
    _, turn = _rigid(*(np.asarray(x, np.float64) for x in (points, onto)))
    ahead = -turn[:, :, 2]  # where a face looks that looked into the camera
    return np.degrees(np.stack([np.arctan2(ahead[:, 0], -ahead[:, 2]), np.arctan2(ahead[:, 1], -ahead[:, 2])], 1))


def _rigid(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scales [n] and rotations [n, 3, 3] that bring the points RIGID of p onto those of q by least squares (Umeyama 1991)."""
    a, b = (x[:, RIGID] - x[:, RIGID].mean(1, keepdims=True) for x in (p, q))
    u, s, vt = np.linalg.svd(np.einsum("nvi,nvj->nij", b, a))
    mirrored = np.linalg.det(u @ vt) < 0
    s[mirrored, 2] *= -1
    u[mirrored, :, 2] *= -1
    return s.sum(1) / np.maximum((a * a).sum((1, 2)), 1e-12), u @ vt


def gaze(points: np.ndarray) -> np.ndarray:
    """[n, 478, 2] → float64 [n, 2, 2]: for each eye the iris from the middle of the eye's corners, in eye widths."""
    p = np.asarray(points, np.float64)
    found = []
    for eye in EYES:
        a, b = (p[:, i] for i in eye["corners"])
        width = np.maximum(np.linalg.norm(b - a, axis=1, keepdims=True), 1e-6)
        found.append((p[:, eye["iris"][0]] - (a + b) / 2) / width)
    return np.stack(found, 1)


def eye_turns(points: np.ndarray) -> np.ndarray:
    """[n, 478, 2] → float64 [n, 2, 2]: for each eye the iris from the middle of its corners (along the eye to the right of the
    image, across it down), in eye widths."""
    p = np.asarray(points, np.float64)
    found = []
    for eye, offset in zip(EYES, np.moveaxis(gaze(p), 1, 0), strict=True):
        axis = _unit(p[:, eye["corners"][1]] - p[:, eye["corners"][0]])
        across = np.stack([-axis[:, 1], axis[:, 0]], 1)
        found.append(np.stack([(offset * axis).sum(1), (offset * across).sum(1)], 1))
    return np.stack(found, 1)


def lid_shift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Landmarks [n, 478, 2], twice → float64 [n]: mean way of the lids about the eyes' corners, in eye widths."""
    found = []
    for eye in EYES:
        lids = [point for pair in eye["lids"] for point in pair]
        places = []
        for points in (before, after):
            p = np.asarray(points, np.float64)
            a, b = (p[:, None, i] for i in eye["corners"])
            places.append((p[:, lids] - (a + b) / 2) / np.maximum(np.linalg.norm(b - a, axis=2, keepdims=True), 1e-6))
        found.append(np.linalg.norm(places[1] - places[0], axis=2).mean(1))
    return np.mean(found, 0)


def iris_contrast(images: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Crops uint8 [n, S, S, 3], landmarks [n, 478, 2] → float64 [n]: how much darker the irises are than the rest of what is seen
    between the lids, of 1, the lesser eye; 0 where an eye shows less than a few pixels of either."""
    found = np.zeros((len(images), len(EYES)))
    for i, (image, where) in enumerate(zip(images, points, strict=True)):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) / 255
        y, x = np.mgrid[: len(grey), : len(grey)]
        for k, (eye, lids) in enumerate(zip(EYES, EYE_RINGS, strict=True)):
            opening = cv2.fillPoly(np.zeros_like(image[..., 0]), [np.rint(where[lids]).astype(np.int32)], 1) > 0
            centre, *rim = where[list(eye["iris"])]
            far = np.hypot(x - centre[0], y - centre[1]) / max(np.linalg.norm(rim - centre, axis=1).mean(), 1e-6)
            iris, white = grey[opening & (far < 0.9)], grey[opening & (far > 1.2)]
            if min(len(iris), len(white)) >= FEW:
                found[i, k] = white.mean() - iris.mean()
    return found.min(1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """[n, 2] at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def iris_discs(image: np.ndarray, points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For both eyes of one open-eyed crop [S, S, 3] with landmarks [478, 2]: (disc bool [S, S], iris [3], skin [3]).

    The disc is the part of the iris between the lids, without its lowest third: lashes lie there when the eye closes.
    """
    size = len(image)
    y, x = np.mgrid[:size, :size]
    found = []
    for eye in EYES:
        ring = points[list(eye["iris"])]
        centre, radius = ring[0], np.linalg.norm(ring[1:] - ring[0], axis=1).mean()
        lid = points[[upper for upper, _ in eye["lids"]], 1].mean()
        disc = (np.hypot(x - centre[0], y - centre[1]) <= radius) & (y <= centre[1] + radius / 3) & (y > lid)
        around = np.clip(np.rint(points[list(eye["skin"])]).astype(int), 1, size - 2)
        skin = np.concatenate([image[v - 1 : v + 2, u - 1 : u + 2].reshape(-1, 3) for u, v in around])
        if disc.sum() >= 6:
            found.append((disc, np.median(image[disc], axis=0), np.median(skin, axis=0)))
    return found
