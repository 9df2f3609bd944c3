import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from dftnet.training import progress
from dftnet.training.progress import Pace, TrainLog, duration


def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_time_left_by_hand(monkeypatch):
    """100 images at 1 s, 200 at 3 s; the machine turns out to be twice as slow."""
    now = clock(monkeypatch)
    pace = Pace([(100, 1.0), (200, 3.0)], 0, 1.0)
    assert pace.left(0) == 700
    now[0] = 20.0
    assert pace.left(10) == 2 * (90 + 600)
    now[0] = 200.0
    assert pace.left(100) == 2 * 600
    now[0] = 230.0
    assert pace.left(110) == 190 * 3
    assert pace.left(300) == 0


def test_time_left_is_unknown_before_anything_is(monkeypatch):
    now = clock(monkeypatch)
    pace = Pace([(100, 1.0)], 40)
    assert pace.left(40) is None
    now[0] = 5.0
    assert pace.left(50) == 25


def test_durations_read_well():
    assert [duration(s) for s in (None, 12, 61, 4020)] == ["?", "12 s", "1 min", "1 h 07 min"]


def test_a_log_file_gets_a_line_every_half_minute(tmp_path, monkeypatch, capsys):
    now = clock(monkeypatch)
    with TrainLog(tmp_path, 600, 0) as log:
        for images in range(1, 601):
            now[0] = float(images)
            log.advance(images)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    assert lines[0].split() == ["30", "of", "600", "images", "(5.0%),", "left", "10", "min"]
