"""The halves of a face in a clip: read seldom while they are alike, in every frame where they are not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dftnet.au_sources.source import read_sides
from dftnet.editing.own_aus import OwnAus
from dftnet.faces.detect import Face

AHEAD = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
ASIDE = AHEAD + np.array([[0, 0], [0, 0], [30, 0], [0, 0], [0, 0]], np.float32)
RATE = 25


class Shut:
    """Reads how dark the picture is as both sides' AU45, and counts the pictures."""

    kind, note, size, names = "shut", "", 8, ("AU45L", "AU45R", "AU25")

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, crops: np.ndarray, /) -> np.ndarray:
        self.read += len(crops)
        level = 1 - crops.mean((1, 2, 3)) / 255
        return np.stack([level, level, 0 * level], 1).astype(np.float32)


def crop(left: float, right: float) -> np.ndarray:
    """The person's left eye (in the right half of the picture) and right eye shut so far."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:], picture[:, :4] = round(255 * (1 - left)), round(255 * (1 - right))
    return picture


def read(crops: list[np.ndarray], landmarks: np.ndarray = AHEAD) -> tuple[np.ndarray, int]:
    """The levels of consecutive frames, and how many pictures were read for them."""
    source = Shut()
    own = OwnAus(SimpleNamespace(estimator=source, au_names=source.names))  # type: ignore[arg-type]
    for number, one in enumerate(crops):
        own.read(one, Face(np.zeros(4, np.float32), landmarks, 1.0), number / RATE)
    return own.levels, source.read


def every_half(crops: list[np.ndarray]) -> np.ndarray:
    return read_sides(Shut(), np.stack(crops), [True] * len(crops))


def test_halves_that_are_alike_are_read_every_fourth_frame() -> None:
    crops = [crop(0.2, 0.2)] * 40
    levels, pictures = read(crops)
    assert pictures == 40 + 2 * 10
    np.testing.assert_array_equal(levels, every_half(crops))


@pytest.mark.parametrize("first", range(8, 13))
def test_a_wink_that_the_whole_face_does_not_tell_is_read_from_its_first_frame_to_its_last(first: int) -> None:
    """Levels 0 and 0.8 in place of 0.4 and 0.4: the whole reads 0.4 throughout."""
    crops = [crop(0, 0.8) if first <= number < first + 6 else crop(0.4, 0.4) for number in range(30)]
    levels, pictures = read(crops)
    np.testing.assert_allclose(levels, every_half(crops), atol=1e-6)
    np.testing.assert_allclose(levels[first : first + 6, :2], [[0, 0.8]] * 6, atol=0.01)
    assert pictures <= 30 + 2 * 17


def test_a_wink_of_one_frame_is_read_where_the_whole_face_tells_of_it() -> None:
    crops = [crop(0, 0.8) if number == 10 else crop(0, 0) for number in range(20)]
    np.testing.assert_allclose(read(crops)[0][10, :2], [0, 0.8], atol=0.01)


def test_a_face_that_looks_aside_is_read_whole() -> None:
    levels, pictures = read([crop(0, 0.8)] * 12, ASIDE)
    assert pictures == 12
    np.testing.assert_allclose(levels[:, :2], 0.4, atol=0.01)


def test_frames_in_which_nothing_can_be_read_are_zero() -> None:
    source = Shut()
    own = OwnAus(SimpleNamespace(estimator=source, au_names=("AU45", "AU12")))  # type: ignore[arg-type]
    face = Face(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0)
    assert own.crop(np.zeros((20, 20, 3), np.uint8), face) is None
    own.read(None, face, 0.0)
    own.read(crop(1, 1), face._replace(landmarks=AHEAD), 0.04)
    np.testing.assert_array_equal(own.levels, [[0, 0], [1, 0]])
