"""Lips that are shut stay shut where nothing asks to part them."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.faces import mouth
from dftnet.faces.drawn import INSIDE, window
from dftnet.inference.sessions import GeneratorSession
from dftnet.inference.shut_lips import UNDONE, kept_shut, parted, pressed

NAMES = ("AU10L", "AU10R", "AU12", "AU17", "AU23", "AU25", "AU26")


def levels(**units: float) -> np.ndarray:
    return np.array([[units.get(name, 0.0) for name in NAMES]], np.float32)


@pytest.mark.parametrize(
    ("source", "target", "apart"),
    [
        ({}, {"AU12": 1.0, "AU17": 1.0}, 0),
        ({"AU17": 0.8}, {}, 0),
        ({"AU10L": 0.9}, {}, 0),
        ({}, {"AU25": 0.5}, 1),
        ({"AU26": 0.5}, {}, 1),
        ({}, {"AU10R": 0.4}, 1),
        ({"AU10R": 0.4}, {"AU10R": 0.45}, 0),
    ],
)
def test_lips_are_parted_by_what_opens_them(source: dict, target: dict, apart: float) -> None:
    assert parted(NAMES, levels(**source), levels(**target)).tolist() == [apart]


def test_what_presses_shut_lips_is_undone_in_part() -> None:
    change = levels(AU17=-0.8, AU12=-0.5) + levels(AU23=0.6)
    wanted = levels(AU17=-0.8 * UNDONE, AU12=-0.5) + levels(AU23=0.6)
    assert pressed(NAMES, change, np.zeros(1, np.float32)) == pytest.approx(wanted)
    assert pressed(NAMES, change, np.ones(1, np.float32)) == pytest.approx(change)


def test_nothing_is_painted_between_shut_lips_and_all_beside_them() -> None:
    left, top, right, bottom = window(128, mouth.WINDOW)
    attention = np.full((2, 1, 128, 128), 0.2, np.float32)
    maps = np.full((2, 7, bottom - top, right - left), 3.0, np.float32)
    held, told = kept_shut(np.array([0, 1], np.float32), attention, maps)
    assert held[0, 0, (top + bottom) // 2, 64] == pytest.approx(1)
    assert held[0, 0, 20, 64] == pytest.approx(0.2)
    assert (told[0, INSIDE] < -20).all()
    assert np.array_equal(held[1], attention[1])
    assert np.array_equal(told[1], maps[1])


def test_a_nose_wrinkled_over_shut_lips_shows_no_teeth_and_lips_asked_to_part_do() -> None:
    session = GeneratorSession()
    rng = np.random.default_rng(0)
    crop = np.clip(rng.normal(150, 8, (1, 128, 128, 3)), 0, 255).astype(np.uint8)
    own = np.zeros((1, len(session.au_names)), np.float32)
    for names, painted in ((("AU09L", "AU09R"), False), (("AU25", "AU26"), True)):
        target = own.copy()
        target[:, [session.au_names.index(name) for name in names]] = 1
        maps, parts = session(crop, own, target), session.parts(crop, own, target)
        assert np.array_equal(maps.attention, parts.attention)
        lips = maps.attention[0, 0, 90:110, 50:78]
        assert (lips.min() < 0.9) == painted
        composed = (1 - maps.attention) * maps.texture + maps.attention * maps.aligned
        assert maps.image == pytest.approx(composed, abs=2e-3)
