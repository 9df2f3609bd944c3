"""Where the inside of a mouth and eyes are that open, and how they are lit."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.faces import eye, lid, mouth  # noqa: E402
from dftnet.faces.drawn import INSIDE, millimetre, window  # noqa: E402
from dftnet.faces.mesh import ABOVE_LIDS, EYE_RINGS, IRISES, MOUTH_RING, UPPER_LIDS  # noqa: E402
from dftnet.faces.mouth import UPPER  # noqa: E402
from dftnet.training.drawn_parts import BROWS, CHEEKS, SKIN, draw_eyes, draw_lids, draw_mouth, light_on, teeth_shown  # noqa: E402

SIZE = 128
MM = millimetre(SIZE)
CENTRE = (64, 92)
LEFT, TOP = window(SIZE, mouth.WINDOW)[:2]


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


def looking(height: float, gaze: float = 0) -> np.ndarray:
    """Landmarks with eyes as high as that, millimetres, that look to a side."""
    points = face()
    across = np.concatenate([np.linspace(-1, 1, 9), np.linspace(1, -1, 9)[1:-1]])
    lids = np.concatenate([np.full(9, -0.5), np.full(7, 0.5)]) * height * (1 - across**2)
    for ring, iris, x, outward in zip(EYE_RINGS, IRISES, (38, 89), (-1, 1), strict=True):
        points[ring] = np.stack([-outward * across * 13, lids], 1) * MM + (x, 48)
        points[iris] = (x + gaze * MM, 48)
    return points


def lidded(height: float, skin_above: float = 5, brow_above: float = 17) -> np.ndarray:
    """`looking`, with the skin above each lid so many millimetres above where it begins when the eye is 10 mm open, and a brow."""
    points, opened = looking(height), looking(10)
    for brow, x in zip(BROWS, (38, 89), strict=True):
        points[brow] = np.stack([np.linspace(x - 14, x + 14, 5), np.full(5, 48 - brow_above * MM)], 1)
    for above, upper in zip(ABOVE_LIDS, UPPER_LIDS, strict=True):
        points[above] = opened[upper] - np.float32((0, skin_above * MM))
    return points


def test_a_lid_that_comes_down_is_the_skin_above_it_as_far_as_the_lower_lid():
    left, top = window(SIZE, lid.WINDOW)[:2]
    x, y, inside, known = draw_lids(lidded(10), lidded(0.5), SIZE)
    for column in (38 - left, 89 - left):
        rows = np.flatnonzero(inside[:, column] > 0.5) + top
        assert rows.min() == pytest.approx(48 - 12 * MM, abs=1.5), "from the skin above it"
        assert rows.max() == pytest.approx(48 + 1.5 * MM, abs=1.5), "to a little below the lower lid"
        whence = rows / MM + y[rows - top, column]
        assert whence.max() <= 48 / MM - 5 + 0.2, "no pixel of the eye"
        assert whence.min() >= 48 / MM - 13
        assert (np.diff(whence) > 0).all(), "nothing folds"
        below = rows.max() + 1 - top
        assert known[below, column], "and beyond its border it goes on as it is"
        assert y[below, column] == pytest.approx(y[below - 1, column], abs=0.6)
        assert np.abs(x[rows - top, column]).max() < 0.5
    lashes = y[:, 38 - left][(inside[:, 38 - left] > 0.9)][-2:]
    assert lashes[0] == pytest.approx(lashes[1], abs=0.3), "lashes are not stretched"


def test_no_hair_of_a_brow_is_made_a_lid():
    _, y, inside, _ = draw_lids(lidded(10, 2, 11), lidded(0.5, 2, 11), SIZE)
    rows, columns = np.nonzero(inside > 0.5)
    top = window(SIZE, lid.WINDOW)[1]
    assert ((rows + top) / MM + y[rows, columns]).min() > (48 - 11 * MM) / MM + 0.5


def test_lids_that_rise_or_stay_are_not_moved_by_themselves():
    assert not draw_lids(lidded(8), lidded(10), SIZE).any()
    assert not draw_lids(lidded(10), lidded(9.5), SIZE).any()
    assert not draw_lids(lidded(0.5), lidded(0), SIZE).any(), "there is nothing to shut"
    one = lidded(10)
    one[EYE_RINGS[0]] = lidded(0.5)[EYE_RINGS[0]]
    inside = draw_lids(lidded(10), one, SIZE)[lid.INSIDE]
    half = inside.shape[1] // 2
    assert inside[:, :half].max() > 0.9
    assert not inside[:, half:].any(), "a wink"


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
