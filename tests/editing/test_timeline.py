"""Requests over time: keyframes, drives, and how both are typed."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.aus import AU_NAMES
from dftnet.editing.request import Request
from dftnet.editing.timeline import Drive, Timeline, parse_values_over_time

OWN = dict.fromkeys(AU_NAMES, 0.2)


def test_keyframes_ease_and_stay() -> None:
    course = Timeline(keys={"AU12": [(1, 0), (2, 1)]})
    values = [course.at(time, OWN).set["AU12"] for time in (0, 1, 1.25, 1.5, 1.75, 2, 9)]
    assert values == pytest.approx([0, 0, 0.15625, 0.5, 0.84375, 1, 1])
    assert course.seconds == 2
    assert not course.constant
    assert Timeline(Request(set={"AU12": 1})).constant


def test_keyframes_of_words_and_changes() -> None:
    course = Timeline(Request(set={"AU04": 0.3}), {"smile": [(0, 1)]}, {"AU01": [(0, -0.5), (1, 0.5)]})
    asked = course.at(1, OWN)
    assert asked.set == {"AU04": 0.3, "AU06": 0.6, "AU12": 1}
    assert asked.add == {"AU01": 0.5}


def test_typed_keyframes() -> None:
    values, keys = parse_values_over_time(["AU12=0@0s,1@1.5s", "AU04=0.5", "smile=0.2@0,0.4@200ms"])
    assert values == {"AU04": 0.5}
    assert keys == {"AU12": [(0.0, 0.0), (1.5, 1.0)], "smile": [(0.0, 0.2), (0.2, 0.4)]}
    assert parse_values_over_time(["AU12=-0.5@1s"], -1.0)[1] == {"AU12": [(1.0, -0.5)]}
    for bad in (
        "AU12=0@",
        "AU12=0@2s,1@1s",
        "AU12=2@0s",
        "AU99=1@0s",
        "AU12@1",
        "AU12=a@1s",
        "AU12=0@1s,,1@2s",
        "=1@1s",
    ):
        with pytest.raises(ValueError):
            parse_values_over_time([bad])


def test_drive() -> None:
    drive = Drive(times=np.array([0.0, 1.0]), aus=np.array([[0.0], [1.0]], np.float32), names=("AU12",))
    course = Timeline(Request(strength=0.5), drive=drive)
    like = course.at(0.5, OWN).like
    assert like is not None
    assert like["AU12"] == pytest.approx(0.5)
    assert like["AU04"] == 0.2  # not in the drive: stays
    assert course.at(7, OWN).like["AU12"] == 1  # type: ignore[index]
    with pytest.raises(ValueError, match="not both"):
        Timeline(Request(like=OWN), drive=drive)
