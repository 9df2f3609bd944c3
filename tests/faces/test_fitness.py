"""What is said of a face that cannot be edited, or only with doubts; nothing is raised, and logging hears of it."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
import skimage.data

from dftnet.faces.align import align
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.fitness import covered, doubts, fitness, hidden_mouth, too_dark
from dftnet.faces.template import PARTS

FRONTAL = np.array([[30, 37], [70, 37], [50, 57], [37, 76], [63, 76]], np.float64)
"""Landmarks of a face whose crop is 100 pixels a side."""
NOSE_ASIDE = np.array([[0, 0], [0, 0], [18, 0], [0, 0], [0, 0]])


def face(landmarks: np.ndarray, score: float = 0.9) -> Face:
    low, high = landmarks.min(0), landmarks.max(0)
    return Face(np.concatenate([low, high - low]).astype(np.float32), landmarks.astype(np.float32), score)


@pytest.fixture
def crop() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("landmarks", "score", "trouble", "note"),
    [
        (FRONTAL, 0.9, "", ""),
        (FRONTAL * 0.19, 0.9, "too small", ""),
        (FRONTAL * 0.21, 0.9, "", "is small"),
        (FRONTAL * 0.47, 0.9, "", "is small"),
        (FRONTAL * 0.49, 0.9, "", ""),
        (FRONTAL * [0.42, 1], 0.9, "profile", ""),
        (FRONTAL * [0.62, 1], 0.9, "", "well to the side"),
        (FRONTAL + NOSE_ASIDE, 0.9, "", "well to the side"),
        (FRONTAL, 0.55, "", "score 0.55"),
    ],
)
def test_doubts(landmarks, score, trouble, note):
    found = doubts(face(landmarks, score), 3)
    for text, part in zip(found, (trouble, note), strict=True):
        assert part in text
        assert bool(part) == bool(text)
        assert not text or "face 3" in text


def test_a_part_of_one_colour_is_covered(crop):
    assert covered(crop) == []
    for name, place in PARTS.items():
        hidden = crop.copy()
        rows = slice(int(100 * (place.y - place.half_height)), int(100 * (place.y + place.half_height)) + 1)
        hidden[rows, int(100 * (place.x - place.half_width)) : int(100 * (place.x + place.half_width)) + 1] = 90
        assert covered(hidden) == [name]
        assert name in fitness(face(FRONTAL), hidden, 0).note


def test_nothing_but_one_colour_is_trouble(crop):
    assert "half hidden (mouth and right eye and left eye)" in fitness(face(FRONTAL), np.full_like(crop, 90), 0).trouble


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    photo = skimage.data.astronaut()
    return align(photo, FaceDetector()(photo)[0].landmarks, 128)[0]


def in_front(portrait: np.ndarray, thing: np.ndarray, x: float, y: float, half_width: float, half_height: float):
    """`thing`, uint8 of the crop's shape, in an ellipse in front of the face."""
    mask = np.zeros((128, 128), np.uint8)
    centre, axes = (round(x * 128), round(y * 128)), (round(half_width * 128), round(half_height * 128))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    mask = cv2.GaussianBlur(mask, (5, 5), 0)[..., None] / 255.0
    return (portrait * (1 - mask) + thing * mask).astype(np.uint8)


def test_a_hand_a_microphone_and_a_mask_before_the_mouth(portrait):
    assert fitness(face(FRONTAL), portrait, 0) == ("", "")
    cheek = cv2.resize(portrait[64:84, 25:45], (128, 128), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(15, 60, (64, 64, 1), dtype=np.uint8)
    microphone = cv2.resize(np.repeat(grain, 3, 2), (128, 128))
    mask = np.full_like(portrait, (150, 190, 215))
    mask[::6], mask[:, ::17] = (110, 150, 190), (180, 210, 225)
    for thing, place in (
        (cheek, (0.5, 0.8, 0.3, 0.2)),
        (microphone, (0.5, 0.82, 0.2, 0.2)),
        (mask, (0.5, 0.9, 0.5, 0.28)),
    ):
        hidden = in_front(portrait, thing, *place)
        assert hidden_mouth(hidden)
        assert "in front of the mouth of face 2" in fitness(face(FRONTAL), hidden, 2).note
    assert not hidden_mouth(np.repeat(portrait.mean(2, keepdims=True), 3, 2).astype(np.uint8))  # an old photo


@pytest.mark.parametrize(("light", "told"), [(1.0, False), (0.25, False), (0.04, True), (0.01, True)])
def test_very_little_light(portrait, light, told):
    crop = np.rint(255 * ((portrait / 255) ** 2.2 * light) ** (1 / 2.2)).astype(np.uint8)
    assert bool(too_dark(crop, 0)) is told
    assert ("face 0 is very dark" in fitness(face(FRONTAL), crop, 0).note) is told


def test_doubts_are_logged_and_silent_unless_asked_for(portrait, caplog, capfd):
    with caplog.at_level(logging.WARNING, "dftnet"):
        fitness(face(FRONTAL), portrait, 0)
        assert caplog.records == []
        fitness(face(FRONTAL, 0.5), portrait, 2)
    assert [(r.name, r.levelname) for r in caplog.records] == [("dftnet", "WARNING")]
    assert "face 2 is hard to see" in caplog.text
    assert capfd.readouterr() == ("", "")
