"""Time left from the first minute on, on a clock of our own; a line every half minute where there is no terminal."""

from __future__ import annotations

import pytest

from dftnet.cli.progress import InterruptedWork, Pace, duration, goes_on, lines


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_of_a_run_that_goes_on():
    clock, said = Clock(), []
    tell = lines(said.append, clock)
    tell("photos", 400, 1000)
    assert said == ["photos: going on after 400 of 1000"]
    for second in range(1, 66):  # starts after 5 s, then 4 a second
        clock.now = 100.0 + second
        tell("photos", 400 + max(0, 4 * (second - 5)), 1000)
    assert said[1:] == [
        "photos: 500 of 1000, 4.0 a second, 125 min left".replace("125 min", "2 min"),
        "photos: 620 of 1000, 4.0 a second, 2 min left",
    ]


def test_the_time_left_is_right_from_the_first_minute():
    clock = Clock()
    pace = Pace(3000, clock)
    clock.now += 7  # processes start
    done = 3000
    for _ in range(60):
        clock.now += 0.5
        done += 5
        pace.step(done)
    assert pace.rate == pytest.approx(10)
    assert pace.told(44_000) == f"10.0 a second, {duration((44_000 - done) / 10)} left"


def test_short_runs_say_nothing_and_slow_ones_tell_seconds():
    clock, said = Clock(), []
    tell = lines(said.append, clock)
    for done in range(6):
        clock.now += 4
        tell("clip", done, 0)
    assert said == []
    clock.now += 10
    tell("clip", 6, 0)
    assert said == ["clip: 6, 5 s each"]


def test_durations():
    assert [duration(s) for s in (0, 89, 91, 3600, 12_000)] == ["0 s", "89 s", "2 min", "60 min", "3 h 20 min"]


def test_ctrl_c_says_how_to_go_on():
    with pytest.raises(InterruptedWork, match="run the same command again to go on"), goes_on():
        raise KeyboardInterrupt
