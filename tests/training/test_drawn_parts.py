"""Where the inside of a mouth and eyes are that open, and how they are lit."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.faces import eye, mouth  # noqa: E402
from dftnet.faces.drawn import INSIDE, window  # noqa: E402
from dftnet.faces.light import CHEEKS  # noqa: E402
from dftnet.faces.mesh import EYE_RINGS, MOUTH_RING  # noqa: E402
from dftnet.faces.mouth import UPPER  # noqa: E402
from dftnet.training.drawn_parts import FLATTER, draw_eyes, draw_mouth, light_on, teeth_shown  # noqa: E402
from tests.toy_landmarks import CENTRE, MM, SIZE, face, looking  # noqa: E402

LEFT, TOP = window(SIZE, mouth.WINDOW)[:2]


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


def test_rows_of_teeth_are_bent_less_than_lips_and_have_none_of_their_waves():
    waved = face()
    waved[MOUTH_RING[[4, 6]]] += np.float32((0, 2.5))  # the upper lip comes down beside its middle
    maps = draw_mouth(skin(), face(height=0.2), waved, 4.0)
    row = round(CENTRE[1]) - TOP
    for coordinate in maps[1:3, row]:
        near = coordinate[CENTRE[0] - LEFT - 14 : CENTRE[0] - LEFT + 15]
        bends = np.diff(near, 2)
        assert np.ptp(bends) < 1e-3, "a parabola"
    lip = waved[MOUTH_RING[:11]]
    lips_bend = np.polyfit(lip[:, 0], lip[:, 1], 2)[0] / MM
    assert 0 < 2 * lips_bend * FLATTER == pytest.approx(-float(np.diff(maps[1, row], 2).mean()), rel=0.4)


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


def test_irises_lie_where_a_picture_shows_them_or_in_the_middle():
    left, top = window(SIZE, eye.WINDOW)[:2]
    opened = looking(9, gaze=3)
    maps = draw_eyes(skin(), looking(0.5), opened, True)
    for x in (38, 89):
        row, column = 48 - top, x - left
        assert maps[INSIDE, row, column] == 1
        assert maps[0, row, column] == pytest.approx(-3, abs=0.6)
        assert maps[1, row, column] == pytest.approx(0, abs=0.1)
        assert maps[2, row, column] == pytest.approx(4.5, abs=0.5), "below the upper lid"
        assert maps[2, row + 3, column] - maps[2, row, column] == pytest.approx(3 / MM, abs=0.05)
    middle = draw_eyes(skin(), looking(0.5), opened, False)
    assert middle[0, 48 - top, 38 - left] == pytest.approx(0, abs=0.6)
    assert not maps[INSIDE, :, 64 - left].any(), "nothing is drawn between the eyes"


def test_eyes_that_were_open_or_stay_shut_are_not_drawn():
    assert not draw_eyes(skin(), looking(8), looking(11), True).any()
    assert not draw_eyes(skin(), looking(0.5), looking(1), True).any()
    one = looking(0.5)
    one[EYE_RINGS[0]] = looking(9)[EYE_RINGS[0]]
    maps = draw_eyes(skin(), looking(0.5), one, True)
    half = maps.shape[2] // 2
    assert maps[INSIDE, :, :half].any()
    assert not maps[INSIDE, :, half:].any(), "a wink opens one"
