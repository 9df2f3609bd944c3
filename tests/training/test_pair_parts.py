"""Pairs put together part by part."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.training.pair_parts import PairParts
from dftnet.units import UNITS

SIZE = 64
EYES, MOUTH, LEFT_EYE, LEFT_MOUTH, RIGHT_EYE, RIGHT_MOUTH = range(6)


@pytest.fixture(scope="module")
def parts() -> PairParts:
    return PairParts(UNITS, SIZE)


def levels(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in UNITS], np.float32)


@pytest.mark.parametrize(
    ("part", "inside", "outside"),
    [
        (EYES, (20, 40), (52, 40)),
        (MOUTH, (52, 40), (20, 40)),
        (LEFT_EYE, (24, 45), (24, 19)),
        (RIGHT_EYE, (24, 19), (24, 45)),
        (LEFT_MOUTH, (50, 45), (50, 19)),
        (RIGHT_MOUTH, (50, 19), (24, 19)),
    ],
)
def test_a_part_is_the_second_frame_and_the_rest_the_first(
    parts: PairParts, part: int, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    first, second = np.full((SIZE, SIZE, 3), 10, np.uint8), np.full((SIZE, SIZE, 3), 200, np.uint8)
    image = parts.image(part, first, second)
    assert image[inside].tolist() == [200] * 3
    assert image[outside].tolist() == [10] * 3
    y, x = np.mgrid[:SIZE, :SIZE]
    points = np.stack([x, y], -1).reshape(-1, 2).astype(np.float32)
    moved = parts.landmarks(part, points, points + 4).reshape(SIZE, SIZE, 2) - points.reshape(SIZE, SIZE, 2)
    assert moved[inside] == pytest.approx(4)
    assert moved[outside] == pytest.approx(0)


def test_the_levels_of_a_part_are_those_seen_in_it(parts: PairParts) -> None:
    all_asked = np.ones(len(UNITS), np.float32)
    nothing = np.zeros(len(UNITS), np.float32)
    seen = {
        k: {name for name, x in zip(UNITS, parts.levels(k, nothing, all_asked), strict=True) if x} for k in range(6)
    }
    assert seen[EYES] | seen[MOUTH] == set(UNITS)
    assert not seen[EYES] & seen[MOUTH]
    assert seen[LEFT_EYE] == {"AU01L", "AU02L", "AU04L", "AU05L", "AU06L", "AU07L", "AU45L"}
    assert seen[RIGHT_MOUTH] == {"AU09R", "AU10R", "AU12R", "AU14R", "AU15R", "AU20R"}


def test_what_is_not_put_together(parts: PairParts) -> None:
    still = np.zeros(2, np.float32)
    assert parts.fits(LEFT_EYE, levels(AU45L=1, AU45R=1), still)
    assert not parts.fits(LEFT_EYE, levels(AU45R=1), still), "nothing is seen in it"
    assert not parts.fits(LEFT_EYE, levels(AU02L=0.5, AU61=0.5), still), "one eye would look elsewhere"
    assert parts.fits(LEFT_EYE, levels(AU45L=-1, AU61=0.5), still), "an eye that opens may look anywhere"
    assert parts.fits(RIGHT_MOUTH, levels(AU12L=1, AU12R=1), still)
    assert not parts.fits(RIGHT_MOUTH, levels(AU12R=1, AU25=0.6), still), "half an open mouth"
    assert not parts.fits(EYES, levels(AU45L=1), np.array([0.0, 0.8], np.float32)), "the head turns"
