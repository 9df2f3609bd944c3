"""Where the inside of a mouth is that opens, and how it is lit."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.faces.mesh import MOUTH_RING  # noqa: E402
from dftnet.faces.mouth import UPPER, millimetre, window  # noqa: E402
from dftnet.training.mouths import CHEEKS, SKIN, draw_mouth, light_on, teeth_shown  # noqa: E402

SIZE = 128
MM = millimetre(SIZE)
CENTRE = (64, 92)
LEFT, TOP = window(SIZE)[:2]


def face(width: float = 46, height: float = 14, smile: float = 0) -> np.ndarray:
    """Landmarks [478, 2] of a mouth of so many millimetres: upper lip from the right corner to the left one, lower lip back."""
    x = np.linspace(-1, 1, 11)
    bow = smile * x**2
    upper = np.stack([x * width / 2, -height / 2 * (1 - x**2) - bow], 1)
    lower = np.stack([x * width / 2, height / 2 * (1 - x**2) - bow], 1)
    points = np.full((478, 2), 64, np.float32)
    points[MOUTH_RING] = np.concatenate([upper, lower[9:0:-1]]) * MM + CENTRE
    points[33], points[263], points[133] = (30, 48), (98, 48), (46, 48)
    points[SKIN] = [(40, 75), (88, 75), (44, 80), (84, 80)]
    return points


def skin(colour: tuple[float, float, float] = tuple(CHEEKS)) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), np.round(colour), np.uint8)


def test_lengths_are_millimetres_from_the_middle_and_from_both_lips():
    maps = draw_mouth(skin(), face(height=0.2), face(), 4.0)
    row, column = round(CENTRE[1]) - TOP, CENTRE[0] - LEFT
    x, down, up, *_, inside = maps[:, row, column]
    assert inside == 1
    assert x == pytest.approx(0, abs=0.05)
    assert down - (UPPER - 4) == pytest.approx(7, abs=0.7), (
        "half of the opening, which begins where 4 mm of the teeth are left"
    )
    assert up == pytest.approx(7, abs=0.7)
    assert maps[0, row, column + 8] == pytest.approx(8 / MM, abs=0.05)
    area = maps[6].sum() / MM**2
    assert area == pytest.approx(46 * 14 * 2 / 3, rel=0.15)


def test_teeth_stay_in_the_middle_of_the_face_where_one_side_smiles():
    there = face()
    there[MOUTH_RING] += np.float32((4, 0))  # the lips move to a side, the nose does not
    maps = draw_mouth(skin(), face(height=0.2), there, 4.0)
    assert maps[0, round(CENTRE[1]) - TOP, CENTRE[0] - LEFT] == pytest.approx(0, abs=0.05)


def test_a_mouth_that_does_not_open_has_no_inside():
    assert not draw_mouth(skin(), face(), face(), 4.0).any()
    assert not draw_mouth(skin(), face(), face(height=5), 4.0).any()


def test_a_mouth_is_lit_as_its_face():
    bright, dark = (light_on(skin(c), face()) for c in ((160, 120, 100), (40, 30, 25)))
    assert bright == pytest.approx(np.ones(3), abs=0.01)
    assert dark == pytest.approx(np.full(3, 0.5), abs=0.01), "by the root: teeth are white on a dark face too"
    blue = light_on(skin((120, 120, 130)), face())
    assert blue[2] > 1 > blue[0], "in the colour of the light"


def test_a_raised_lip_shows_more_of_the_teeth():
    names = ("AU10L", "AU10R", "AU12L", "AU12R", "AU26")
    levels = np.array([[0, 0, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 1, 0, 0], [1, 1, 1, 1, 0]], np.float32)
    assert teeth_shown(levels, names).tolist() == [3.5, 7.0, 5.25, UPPER]
