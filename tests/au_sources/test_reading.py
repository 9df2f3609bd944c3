"""`dftnet aus`: tables, JSON, OpenFace's CSV; photos, folders, videos, and files that are none."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from dftnet.au_sources.reading import AUReader, Reading, list_media, read_aus
from dftnet.au_sources.readings import brief, csv_table, describe, json_text, print_readings
from dftnet.au_sources.table_formats import guess_format, open_labels
from dftnet.au_sources.tables import read_table
from dftnet.aus import AU_NAMES
from dftnet.inference.directory import WEIGHTS
from dftnet.media.image import write_image
from dftnet.media.share import Share
from dftnet.units import UNITS

pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "au-estimator" / "config.json").exists(), reason="no estimator weights in this checkout"
)


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[:320, 60:380])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo):
    path = tmp_path_factory.mktemp("photos")
    write_image(path / "a.jpg", photo)
    write_image(path / "b.png", np.full((80, 80, 3), 120, np.uint8))
    (path / "c.jpg").write_bytes(b"no picture")
    (path / "notes.txt").write_text("not looked at")
    return path


def test_reads_a_photo(folder):
    (reading,) = read_aus([folder / "a.jpg"], threads=1)
    assert reading.face == 0
    assert tuple(reading.aus)[:17] == AU_NAMES
    assert set(reading.aus) == {*AU_NAMES, *UNITS}
    assert reading.aus["AU12"] == pytest.approx((reading.aus["AU12L"] + reading.aus["AU12R"]) / 2)
    assert reading.aus["AU12"] > 0.6
    x, y, width, height = reading.box
    assert 0 < x < 320
    assert 0 < y < 320
    assert 40 < width < 300
    assert height > 40


def test_two_shares_read_what_one_run_reads(tmp_path, photo):
    for i in range(5):
        write_image(tmp_path / f"{i % 2}/{i}.jpg", photo[:: i + 1, :: i + 1])
    whole = csv_table(read_aus([tmp_path], threads=1)).splitlines()
    shares = [csv_table(read_aus([tmp_path], threads=1, share=Share(i, 2))).splitlines() for i in range(2)]
    assert all(len(share) > 1 for share in shares)
    assert {share[0] for share in shares} == {whole[0]}
    assert sorted([*shares[0][1:], *shares[1][1:]]) == sorted(whole[1:])
    assert shares[1] == csv_table(read_aus([tmp_path], threads=1, share=Share(1, 2))).splitlines()


def test_folder_goes_on_past_what_is_no_picture(folder):
    skipped: list[str] = []
    readings = list(read_aus([folder], threads=1, skipped=skipped))
    assert [reading.face for reading in readings] == [0, -1]
    assert len(skipped) == 1
    assert "c.jpg" in skipped[0]
    with pytest.raises(ValueError, match=r"c\.jpg"):
        list(read_aus([folder / "c.jpg"], threads=1))


def test_csv_has_the_columns_and_range_of_openface(folder):
    readings = list(read_aus([folder], threads=1, skipped=[]))
    rows = list(csv.DictReader(io.StringIO(csv_table(readings))))
    assert list(rows[0])[:6] == ["file", "frame", "face_id", "timestamp", "confidence", "success"]
    assert list(rows[0])[6:] == [
        "box_x",
        "box_y",
        "box_width",
        "box_height",
        *(f"{name}_r" for name in readings[0].aus),
    ]
    assert [name[:-2] for name in list(rows[0])[10:27]] == list(AU_NAMES)
    assert [float(rows[0][f"box_{side}"]) for side in ("x", "y", "width", "height")] == list(readings[0].box)
    assert float(rows[0]["AU12_r"]) == pytest.approx(5 * readings[0].aus["AU12"], abs=1e-3)
    assert [row["success"] for row in rows] == ["1", "0"]
    assert rows[0]["frame"] == "1"
    assert {rows[1][name] for name in ("face_id", "box_x", *(f"{name}_r" for name in AU_NAMES))} == {""}


def test_a_photo_without_a_face_spoils_no_mean(folder, tmp_path):
    """Its cells were zeros."""
    readings = list(read_aus([folder], threads=1, skipped=[]))
    assert all(value != value for value in readings[1].aus.values())
    (tmp_path / "t.csv").write_text(csv_table(readings))
    column = read_table(tmp_path / "t.csv")["AU12_r"]
    assert np.nanmean(column) == pytest.approx(5 * readings[0].aus["AU12"], abs=1e-3)


@pytest.mark.parametrize(
    ("form", "scale", "kind"),
    [
        ("openface", None, "openface"),
        ("openface", 5, "openface"),
        ("openface", 1, "generic"),
        ("pyfeat", None, "pyfeat"),
    ],
)
def test_every_form_is_read_back_at_its_own_scale(folder, tmp_path, form, scale, kind):
    readings = [one for one in read_aus([folder], threads=1, skipped=[]) if one.face >= 0]
    path = tmp_path / "t.csv"
    path.write_text(csv_table(readings, form, scale))
    assert guess_format(path) == kind
    table = open_labels(path)
    assert table.aus[0] == pytest.approx([readings[0].aus[name] for name in table.names], abs=1e-3)
    assert set(table.names) >= {*AU_NAMES, *(() if form == "pyfeat" else ("AU12L", "AU45R", "AU18"))}


def test_pyfeats_columns(folder):
    row = next(csv.DictReader(io.StringIO(csv_table(read_aus([folder / "a.jpg"], threads=1), "pyfeat"))))
    wanted = ["input", "frame", "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
    assert list(row) == [*wanted, *AU_NAMES[:-1], "AU43"]
    assert row["frame"] == "0"


@pytest.mark.parametrize(("form", "scale"), [("pyfeat", 5), ("openface", 3), ("excel", None)])
def test_forms_that_are_none(form, scale):
    with pytest.raises(ValueError, match="openface"):
        csv_table([], form, scale)


def test_csv_can_be_imported_again(folder, tmp_path):
    path = tmp_path / "labels.csv"
    readings = list(read_aus([folder], threads=1, skipped=[]))
    path.write_text(csv_table(readings))
    assert guess_format(path) == "openface"
    source = open_labels(path)
    row = source.row_of((readings[0].file, "a.jpg", "a"))
    np.testing.assert_allclose(source.aus[row], [readings[0].aus[name] for name in source.names], atol=1e-3)


def test_json(folder):
    rows = json.loads(json_text(read_aus([folder], threads=1, skipped=[])))
    assert rows[0]["aus"]["AU12"] > 0.6
    assert rows[1]["face"] is None
    assert rows[1]["aus"] == {}


def test_video_has_a_row_a_frame(photo, tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = photo.shape[1], photo.shape[0], "yuv420p"
        stream.bit_rate = 4_000_000
        for _ in range(4):
            for packet in stream.encode(av.VideoFrame.from_ndarray(photo, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    readings = list(read_aus([path], threads=1))
    assert [reading.frame for reading in readings] == [0, 1, 2, 3]
    assert readings[2].time == pytest.approx(0.2, abs=0.01)
    assert all(reading.aus["AU12"] > 0.6 for reading in readings)
    assert [reading.frame for reading in read_aus([path], every_frames=2, threads=1)] == [0, 2]


def test_words():
    line = next(line for line in describe({"AU12": 0.83, "AU45": 0.0}) if "AU12" in line)
    assert line.startswith("AU12 lip corner puller")
    assert "0.83" in line
    assert "█" * 16 in line
    assert brief({"AU12": 0.83, "AU45": 0.0}) == "AU12 lip corner puller 0.83"
    assert brief({"AU12": 0.1}) == "neutral"


def test_printing(capsys):
    aus = dict.fromkeys(AU_NAMES, 0.5)
    print_readings([Reading("x.jpg", 0, 0.0, i, 0.9, (0, 0, 9, 9), aus) for i in range(2)], full=1)
    print_readings([Reading("y.jpg", 0, 0.0, -1, 0.0, (0, 0, 0, 0), aus)])
    out = capsys.readouterr().out
    assert "x.jpg, face 0\n" in out
    assert "x.jpg, face 1: AU01" in out  # counted as `edit --face` counts
    assert "y.jpg: no face" in out


def test_nothing_to_read(tmp_path):
    with pytest.raises(ValueError, match="nothing to read"):
        list_media([tmp_path])
    with pytest.raises(FileNotFoundError):
        list_media([tmp_path / "missing.jpg"])
    with pytest.raises(ValueError, match="model directory"):
        AUReader(tmp_path)


def test_command_line(folder, tmp_path):
    from typer.testing import CliRunner

    from dftnet.cli.app import command_line

    run = CliRunner()
    plain = run.invoke(command_line(), ["aus", str(folder), "--threads", "1"])
    assert plain.exit_code == 1  # as `edit` of a folder with a file that cannot be read
    assert f"failed: {folder / 'c.jpg'}" in plain.stderr.replace("\n", "")
    assert plain.stderr.endswith("1 could not be read\n")
    assert "AU12  lip corner puller" in plain.output
    assert "b.png: no face" in plain.output.replace("\n", "")
    out = tmp_path / "aus.csv"
    assert run.invoke(command_line(), ["aus", str(folder / "a.jpg"), "--csv", str(out)]).exit_code == 0
    assert out.read_text().startswith("file,frame,face_id")
    again = run.invoke(command_line(), ["aus", str(folder / "a.jpg"), "--csv", str(out)])
    assert isinstance(again.exception, FileExistsError)
    as_json = run.invoke(command_line(), ["aus", str(folder / "a.jpg"), "--json"])
    assert json.loads(as_json.stdout)[0]["aus"]["AU12"] > 0.6


def test_train_aus_names_what_is_wrong(tmp_path):
    pytest.importorskip("torch")
    from typer.testing import CliRunner

    from dftnet.cli.app import command_line

    run = CliRunner()
    assert isinstance(
        run.invoke(command_line(), ["train-aus", str(tmp_path), "-o", str(tmp_path / "r")]).exception, ValueError
    )
    wrong = run.invoke(command_line(), ["train-aus", str(tmp_path), "-o", "r", "--calibrate", "AU45=x"])
    assert "GAIN,OFFSET" in str(wrong.exception)
