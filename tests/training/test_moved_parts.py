"""Where lids are that an edit moves, and the eyes between them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.faces import globe, lid  # noqa: E402
from dftnet.faces.drawn import window  # noqa: E402
from dftnet.faces.mesh import ABOVE_LIDS, EYE_RINGS, GAZE_GAIN, IRISES, LOWER_BROWS, UPPER_LIDS  # noqa: E402
from dftnet.training.moved_parts import EDGE, draw_globes, draw_lids  # noqa: E402
from tests.toy_landmarks import MM, SIZE, looking  # noqa: E402


def lidded(height: float, skin_above: float = 5, brow_above: float = 17) -> np.ndarray:
    """`looking`, with the skin above each lid so many millimetres above where it begins when the eye is 10 mm open, and a brow."""
    points, opened = looking(height), looking(10)
    for brow, x in zip(LOWER_BROWS, (38, 89), strict=True):
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
    top = window(SIZE, lid.WINDOW)[1]
    for skin_above in (2, 5):
        _, y, inside, _ = draw_lids(lidded(10, skin_above, 11), lidded(0.5, skin_above, 11), SIZE)
        rows, columns = np.nonzero(inside > 0.5)
        whence = (rows + top) / MM + y[rows, columns] - 48 / MM
        assert whence.min() > -11 + 2.5, "hair begins below where landmarks see the edge of a brow"
        middle = np.isin(columns, (38 - window(SIZE, lid.WINDOW)[0], 89 - window(SIZE, lid.WINDOW)[0]))
        assert whence[middle].max() <= -5 + 0.2, "no pixel of the eye"


def test_a_lid_is_stretched_the_more_the_nearer_it_is_to_its_fold():
    left = window(SIZE, lid.WINDOW)[0]
    _, y, inside, _ = draw_lids(lidded(10), lidded(0.5), SIZE)
    for column in (38 - left, 89 - left):
        rows = np.flatnonzero(inside[:, column] > 0.9)
        slope = 1 + np.diff(y[rows, column]) * MM  # of skin, a millimetre of lid, from the fold to the border
        assert slope[-2:] == pytest.approx(1, abs=0.2)
        assert slope[:2].max() < 0.5
        assert (np.diff(slope) > -0.12).all(), "no line where it changes"


def test_a_lid_that_rises_takes_its_lashes_along_as_they_are():
    left, top = window(SIZE, lid.WINDOW)[:2]
    _, y, inside, _ = draw_lids(lidded(9, 8), lidded(12, 8), SIZE)
    column = 38 - left
    rows = np.flatnonzero(inside[:, column] > 0.9)
    assert y[rows[-2:], column] == pytest.approx(1.5, abs=0.3), "half of what the eye opens"
    assert rows.max() + top == pytest.approx(48 - (6 + EDGE) * MM, abs=1.5)
    assert y[rows[0], column] < 1, "the skin above is folded"


def test_lids_that_stay_are_not_moved_by_themselves():
    assert not draw_lids(lidded(10), lidded(10.4), SIZE).any()
    assert not draw_lids(lidded(10), lidded(9.5), SIZE).any()
    assert not draw_lids(lidded(0.5), lidded(0), SIZE).any(), "there is nothing to shut"
    one = lidded(10)
    one[EYE_RINGS[0]] = lidded(0.5)[EYE_RINGS[0]]
    inside = draw_lids(lidded(10), one, SIZE)[lid.INSIDE]
    half = inside.shape[1] // 2
    assert inside[:, :half].max() > 0.9
    assert not inside[:, half:].any(), "a wink"


def test_an_eye_stays_between_lids_that_move():
    left, top = window(SIZE, globe.WINDOW)[:2]
    row, column = 48 - top, 38 - left
    for after in (6, 12):
        maps = draw_globes(looking(9), looking(after), False, SIZE)
        x, y, right, down, old, low, new, inside = maps
        assert inside[row, column] == 1
        assert not inside[:, 64 - left].any(), "nothing between the eyes"
        assert np.abs(x[inside > 0.5]).max() < 1e-3
        assert np.abs(y[inside > 0.5]).max() < 1e-3
        assert (right[row, column], down[row, column]) == pytest.approx((0, 0), abs=0.05)
        assert down[row + 2, column] == pytest.approx(2 / MM, abs=0.05)
        assert old[row, column] == pytest.approx(4.5 + EDGE, abs=0.2)
        assert low[row, column] == pytest.approx(4.5, abs=0.2)
        assert new[row, column] == pytest.approx(after / 2 + EDGE, abs=0.2)
        rows = np.flatnonzero(inside[:, column] > 0.5)
        assert len(rows) / MM == pytest.approx(after + EDGE, abs=1.5), "as far as it is seen now"


def test_an_iris_goes_as_far_as_a_gaze_asks_and_the_corners_stay():
    left, top = window(SIZE, globe.WINDOW)[:2]
    row, column = 48 - top, 38 - left
    seen = draw_globes(looking(9), looking(9, gaze=4), True, SIZE)
    asked = draw_globes(looking(9), looking(9, gaze=4 * GAZE_GAIN), False, SIZE)
    assert np.allclose(seen, asked, atol=1e-4), "a teacher moves irises further than it is asked to"
    iris = column + round(4 * MM)
    assert seen[0, row, iris] == pytest.approx(-4, abs=0.01)
    assert seen[2, row, iris] == pytest.approx((iris - column) / MM - 4, abs=0.05)
    assert abs(seen[0, row, column - round(12 * MM)]) < 0.7
    whence = np.arange(seen.shape[2]) / MM + seen[0, row]
    near = slice(column - round(11 * MM), column + round(12 * MM))
    assert (np.diff(whence[near]) > 0).all(), "nothing folds"


def test_eyes_that_stay_as_they_are_or_were_shut_are_not_shown_by_themselves():
    assert not draw_globes(looking(9), looking(9.3), True, SIZE).any()
    assert not draw_globes(looking(0.5), looking(9), True, SIZE).any()
    one = looking(9)
    one[EYE_RINGS[0]], one[IRISES[0]] = looking(5)[EYE_RINGS[0]], looking(5)[IRISES[0]]
    inside = draw_globes(looking(9), one, False, SIZE)[globe.INSIDE]
    half = inside.shape[1] // 2
    assert inside[:, :half].max() == 1
    assert not inside[:, half:].any()
