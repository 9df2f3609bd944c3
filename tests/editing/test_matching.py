"""The search for the request that reads as asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dftnet.editing.matching import NEAR, RENDERS, Match, match


def matched(response: Callable[[np.ndarray], np.ndarray], own: list[float], goal: list[float]) -> Match:
    """All units are searched for; `response`: what is read, of what is requested."""
    seen: list[np.ndarray] = []

    def read(requested: np.ndarray) -> np.ndarray:
        assert ((requested >= 0) & (requested <= 1)).all()
        seen.append(requested)
        return response(requested).astype(np.float32)

    found = match(np.array(own, np.float32), np.array(goal, np.float32), range(len(own)), read)
    assert found.renders == len(seen) <= RENDERS
    assert found.read is not None
    assert np.allclose(response(found.requested), found.read, atol=1e-6)
    return found


@pytest.mark.parametrize("slope", [0.5, 0.7, 1.3, 2.0])
@pytest.mark.parametrize("goal", [0.1, 0.25, 0.4])
def test_a_straight_response(slope: float, goal: float) -> None:
    found = matched(lambda asked: slope * asked, [0.0], [goal])
    assert found.requested[0] == pytest.approx(goal / slope, abs=NEAR / slope)
    assert found.renders <= 2


@pytest.mark.parametrize("goal", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("own", [0.0, 0.2])
def test_a_bent_response(goal: float, own: float) -> None:
    for power in (0.6, 1.6):

        def bent(asked: np.ndarray, power: float = power) -> np.ndarray:
            change = asked - own
            return own + np.sign(change) * np.abs(change) ** power

        assert abs(matched(bent, [own], [goal]).read[0] - goal) <= 0.03


def test_a_face_that_reads_otherwise_than_it_did() -> None:
    """The picture with nothing changed does not read as the photo did."""
    for goal in (0.1, 0.3, 0.5):
        found = matched(lambda asked: asked**0.5, [0.2], [goal])
        assert abs(found.read[0] - goal) <= 0.05


def test_what_cannot_be_reached_is_asked_for_all_there_is() -> None:
    found = matched(lambda asked: 0.4 * asked, [0.0], [0.8])
    assert found.requested[0] == 1
    assert found.read[0] == pytest.approx(0.4)
    assert found.renders == 2
    dead = matched(lambda asked: 0 * asked, [0.0], [0.8])
    assert dead.renders <= 3


def test_several_units_that_leak_into_each_other() -> None:
    mix = np.array([[0.6, 0.15, 0.0], [0.1, 0.5, 0.1], [0.0, -0.1, 0.9]])
    found = matched(lambda asked: np.clip(mix @ asked, 0, 1), [0.0, 0.0, 0.0], [0.4, 0.3, 0.5])
    assert np.abs(found.read - [0.4, 0.3, 0.5]).max() <= 0.03


def test_other_units_are_requested_as_asked_and_a_lost_face_ends_it() -> None:
    own, goal = np.zeros(2, np.float32), np.array([0.3, 0.8], np.float32)
    found = match(own, goal, [0], lambda asked: 0.5 * asked)
    assert found.requested[1] == np.float32(0.8)
    assert found.requested[0] == pytest.approx(0.6, abs=0.04)
    lost = match(own, goal, [0], lambda asked: None)
    assert (lost.read, lost.renders) == (None, 1)
    assert np.array_equal(lost.requested, goal)
