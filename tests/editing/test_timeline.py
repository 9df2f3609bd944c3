"""Requests over time: keyframes, drives, and how both are typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dftnet.aus import AU_NAMES
from dftnet.editing.request import Request
from dftnet.editing.timeline import Drive, Timeline, parse_values_over_time, read_drive_csv

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


def test_openface_csv(tmp_path: Path) -> None:
    lines = ["frame, face_id, timestamp, confidence, success, AU12_r, AU45_r, AU28_c"]
    for i in range(6):
        lines.append(f"{i + 1}, 0, {i / 10}, 0.98, {int(i != 2)}, {i}, 0, 1")
        lines.append(f"{i + 1}, 1, {i / 10}, 0.98, 1, 5, 5, 1")
    path = tmp_path / "of.csv"
    path.write_text("\n".join(lines))
    drive = read_drive_csv(path)
    assert drive.names == ("AU12", "AU45")
    assert drive.at(0.2) == pytest.approx({"AU12": 0.4, "AU45": 0})  # the frame without success is bridged
    assert drive.at(9) == pytest.approx({"AU12": 1, "AU45": 0})
    generic = tmp_path / "g.csv"
    generic.write_text("key,AU01,AU12\n" + "".join(f"a#{i + 1},0.1,{i / 9}\n" for i in range(10)))
    assert read_drive_csv(generic).at(0.36)["AU12"] == pytest.approx(1.0)
    for text in ("", "a,b\n1,2\n", "frame,success,AU12_r\n1,0,2\n", "frame,success,AU12_r\n1,1,90\n", "\x00\x01"):
        path.write_text(text)
        with pytest.raises(ValueError):
            read_drive_csv(path)
