"""What is said of a face that cannot be edited, or only with doubts; nothing is raised, and logging hears of it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from dftnet.faces.detect import Face
from dftnet.faces.fitness import covered, doubts, fitness
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


def test_doubts_are_logged_and_silent_unless_asked_for(crop, caplog, capfd):
    with caplog.at_level(logging.WARNING, "dftnet"):
        fitness(face(FRONTAL), crop, 0)
        assert caplog.records == []
        fitness(face(FRONTAL, 0.5), crop, 2)
    assert [(r.name, r.levelname) for r in caplog.records] == [("dftnet", "WARNING")]
    assert "face 2 is hard to see" in caplog.text
    assert capfd.readouterr() == ("", "")
