"""Mouths chosen to show what is inside of one that opens."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.faces.mesh import MOUTH_RING  # noqa: E402
from dftnet.training.mouths import CANDIDATES, MouthBank, brightness, open_mouths, openness  # noqa: E402

SIZE = 64


def ring(width: float = 24, height: float = 10, smile: float = 0, centre: tuple[float, float] = (32, 44)) -> np.ndarray:
    """[20, 2]: upper lip from the right corner to the left one, lower lip back."""
    x = np.linspace(-1, 1, 11)
    bow = smile * x**2
    upper = np.stack([x * width / 2, -height / 2 * (1 - x**2) - bow], 1)
    lower = np.stack([x * width / 2, height / 2 * (1 - x**2) - bow], 1)
    return (np.concatenate([upper, lower[9:0:-1]]) + centre).astype(np.float32)


def face(opening: np.ndarray) -> np.ndarray:
    """[478, 2]"""
    points = np.full((478, 2), 20, np.float32)
    points[MOUTH_RING] = opening
    return points


def test_openness_is_the_same_wherever_however_large_and_however_turned():
    one = ring(width=24, height=10, smile=3)
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]], np.float32)
    other = (1.7 * one @ turn.T + (3, -8)).astype(np.float32)
    assert openness(np.stack([one, other])) == pytest.approx(2 / 3 * 10 / 24, rel=0.02)


def test_an_opening_shows_the_mouth_that_is_as_open_or_two_that_fade():
    flat, round_ = ring(height=4), ring(width=12, height=14)
    images = np.stack([np.full((SIZE, SIZE, 3), level, np.uint8) for level in (60, 120)])
    levels = openness(np.stack([flat, round_]))
    bank = MouthBank(images, np.stack([flat, round_]), levels, np.full(2, 150, np.float32))
    between = ring(height=24 * 1.5 * float(levels.mean()))
    asked = np.stack([ring(width=12, height=16), ring(height=3), ring(height=3), between])
    inside, where = bank.inside(asked, np.array([150, 150, 75, 150], np.float32))
    assert inside.shape == (4, SIZE, SIZE, 3)
    found = [np.unique(one[mask]) for one, mask in zip(inside, where, strict=True)]
    assert [len(levels) for levels in found] == [1, 1, 1, 1]
    assert [int(levels[0]) for levels in found] == [120, 60, round(60 * 0.5**0.5), pytest.approx(90, abs=2)]
    assert where[0, 44, 32]
    assert not where[0, 30, 32]
    assert where[0].sum() == pytest.approx(12 * 16 * 2 / 3, rel=0.15)


def test_the_most_typical_clear_mouth_is_chosen():
    rng = np.random.default_rng(0)
    n = CANDIDATES
    images = np.full((n, SIZE, SIZE, 3), 180, np.uint8)
    images[:, 40:44, 20:44] = 240  # teeth
    images[:, 44:48, 20:44] = 30
    images[: n // 2, 40:48, 20:44] = 150  # half of them blurred to a band
    images[-1, 40:44, 20:44], images[-1, 44:48, 20:44] = 30, 240  # one the other way up
    images[-2] = (images[-2] * 0.4).astype(np.uint8)  # and one in the dark
    landmarks = np.stack([face(ring(height=8 + rng.uniform(0, 0.1))) for _ in range(n)])
    assert brightness(images[-2], landmarks[-2]) == pytest.approx(72, abs=1)
    wanted = ring(height=8)[None]
    bank = MouthBank.choose(images, landmarks, wanted)
    assert bank is not None
    assert (bank.images[:, 41, 30] == 240).all()
    assert (bank.images[:, 46, 30] == 30).all()
    assert MouthBank.choose(images[:-1], landmarks[:-1], wanted) is None
    assert MouthBank.choose(images, landmarks, wanted[:0]) is None


def test_mouths_are_chosen_that_are_open_on_faces_that_look_ahead():
    landmarks = np.stack([face(ring(height=12)), face(ring(height=0.5)), face(ring(height=12)), face(ring(height=12))])
    angles = np.array([0, 0, 20, 0], np.float32), np.array([5, 0, 0, -15], np.float32)
    assert open_mouths(landmarks, *angles, SIZE).tolist() == [True, False, False, False]
