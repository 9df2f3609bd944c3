"""Tables that a face can be driven by: whose time, whose scale, which of several people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dftnet.au_sources.over_time import AUsOverTime, read_over_time


@pytest.fixture
def read(tmp_path: Path):
    def reading(text: str) -> AUsOverTime:
        (tmp_path / "drive.csv").write_text(text)
        return read_over_time(tmp_path / "drive.csv")

    return reading


def test_openface(read):
    lines = ["frame, face_id, timestamp, confidence, success, AU12_r, AU45_r, AU28_c"]
    for i in range(6):
        lines.append(f"{i + 1}, 0, {i / 10}, 0.98, {int(i != 2)}, {i}, 0, 1")
        lines.append(f"{i + 1}, 1, {i / 10}, 0.98, 1, 5, 5, 1")
    found = read("\n".join(lines))
    assert (found.names, found.warnings) == (("AU12", "AU45"), [])
    assert found.times.tolist() == [0.0, 0.1, 0.3, 0.4, 0.5]  # the frame without success is left out
    assert found.aus.tolist() == [[np.float32(i / 5), 0] for i in (0, 1, 3, 4, 5)]


def test_frames_with_gaps_keep_their_time(read):
    """They were 1/25 s apart, each: 15 times too fast for one frame in 15."""
    found = read("frame,success,AU12_r\n" + "".join(f"{100 + 15 * i},1,{i}\n" for i in range(5)))
    assert found.times == pytest.approx([0, 0.6, 1.2, 1.8, 2.4])
    assert "25 frames a second are assumed" in found.warnings[0]


def test_rows_without_any_time_are_a_25th_apart(read):
    found = read("key,AU01,AU12\n" + "".join(f"a#{i + 1},0.1,{i / 9}\n" for i in range(10)))
    assert found.times == pytest.approx(np.arange(10) / 25)
    assert found.aus[9] == pytest.approx([0.1, 1.0])


@pytest.mark.parametrize(("top", "scale"), [(1.0, 1.0), (4.0, 5.0)])
def test_libreface(read, top, scale):
    """Its times are milliseconds; its intensities come in 0 to 5 or in 0 to 1."""
    rows = "".join(f"{i},{40 * i},{top * i / 29},0.0\n" for i in range(30))
    found = read("frame_idx,frame_time_in_ms,au_12_intensity,au_1_intensity\n" + rows)
    assert found.times == pytest.approx(np.arange(30) * 0.04)
    assert found.aus[29, found.names.index("AU12")] == pytest.approx(top / scale)
    assert bool(found.warnings) == (scale == 1.0)


def test_a_table_of_neither_scale(read):
    with pytest.raises(ValueError, match="AUs of up to 80; bring them to 0 to 1, or to 0 to 5") as caught:
        read("key,AU12\na,0\nb,80\n")
    assert "--" not in str(caught.value)


def test_two_people_of_one_frame_do_not_follow_each_other_in_time(read):
    """py-feat has a row a face; the second person's rows change places with the first's."""
    lines = ["input,frame,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,AU12,AU01"]
    for i in range(10):
        one, two = f"c.mp4,{i},{100 + i},50,60,60,0.9,0.{i},0.1", f"c.mp4,{i},{400 - i},50,60,60,0.9,0.95,0.9"
        lines += [one, two] if i % 3 else [two, one] if i else [one, two]
    found = read("\n".join(lines))
    assert found.times == pytest.approx(np.arange(10) / 25)
    assert found.aus[:, found.names.index("AU12")] == pytest.approx(np.arange(10) / 10)
    assert any("up to 2 faces at a time" in line for line in found.warnings)


def test_a_spreadsheet_of_another_country(tmp_path: Path):
    path = tmp_path / "drive.csv"
    path.write_text("timestamp;success;AU12_r\n0,0;1;0,5\n0,5;1;2,5\n", encoding="utf-16")
    found = read_over_time(path)
    assert found.times.tolist() == [0.0, 0.5]
    assert found.aus[:, 0] == pytest.approx([0.1, 0.5])


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "frame,success,AU12_r\n1,0,2\n", "frame,success,AU12_r\n1,1,90\n", "\x00\x01"]
)
def test_what_is_no_drive(read, text):
    with pytest.raises(ValueError):
        read(text)
