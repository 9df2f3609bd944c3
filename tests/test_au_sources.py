"""Label files: every format is read as its tool writes it, every kind of bad column is caught, counted and told."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from dftnet.aus import AU_NAMES
from dftnet.faces.au import AU_SOURCES, BLENDSHAPE_ABSENT, BLENDSHAPE_AUS, FaceInput, aus_from_blendshapes, make_source
from dftnet.faces.au_formats import LABEL_FORMATS, guess_format, open_labels

Rows = list[dict[str, object]]


def write(path: Path, rows: Rows, separator: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", newline="") as file:
        file.write(separator.join(rows[0]) + "\n")
        file.writelines(separator.join(str(cell) for cell in row.values()) + "\n" for row in rows)
    return path


def generic_rows(n: int = 30, top: float = 1.0) -> Rows:
    rng = np.random.default_rng(0)
    return [{"key": f"p{i}", **{au: round(float(rng.uniform(0, top)), 3) for au in AU_NAMES}} for i in range(n)]


def labels_of(source, *names: str) -> np.ndarray:
    return source([FaceInput(names=names)])[0]


def test_generic(tmp_path: Path):
    rows = generic_rows()
    for i, row in enumerate(rows):
        row.update(subject=f"s{i // 3}", split="train", set="web", emotion="", yaw=i, note="text")
    for name in ("a.csv", "a.csv.gz"):
        source = open_labels(write(tmp_path / name, rows))
        assert source.kind == "generic"
        assert source.names == AU_NAMES
        assert source.warnings == []
        assert np.allclose(labels_of(source, "p7"), [rows[7][au] for au in AU_NAMES])
        assert source.text["subject"][7] == "s2"
        assert source.text["source"][7] == "web"
        assert source.extras["yaw"][7] == 7
        assert list(source.extras) == ["yaw"]


def test_generic_with_declared_range_and_short_names(tmp_path: Path):
    rows = [{"file": f"img{i}.jpg", "AU1": 5 * i / 29, "au_12": 2.5, "AU99": 3} for i in range(30)]
    source = open_labels(write(tmp_path / "a.csv", rows), au_range=(0, 5))
    assert source.names == ("AU01", "AU12")
    assert np.allclose(labels_of(source, "img29.jpg"), [1, 0.5])


def test_a_photo_is_found_by_path_name_or_stem(tmp_path: Path):
    rows = generic_rows(4)
    for row, key in zip(rows, ("a/x.jpg", "b/x.jpg", "C:\\faces\\y.png", "./z"), strict=True):
        row["key"] = key
    source = open_labels(write(tmp_path / "a.csv", rows))
    assert source.row_of(("a/x.jpg",)) == 0
    assert source.row_of(("b/x.jpg", "b/x", "x.jpg", "x")) == 1
    assert source.row_of(("deep/y.png", "deep/y", "y.png", "y")) == 2
    assert source.row_of(("z.jpg", "z")) == 3
    assert source.row_of(("c/x.jpg", "c/x", "x.jpg", "x")) is None, "x is ambiguous"
    assert np.isnan(labels_of(source, "nobody")).all()


OPENFACE_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)


def openface_row(value: float, **first: object) -> dict[str, object]:
    row: dict[str, object] = dict(first)
    row["pose_Ry"] = 0.1
    row.update({f"x_{i}": 100 + i + first.get("face", 0) * 300 for i in range(36, 48)})
    row.update({f"y_{i}": 50 + i for i in range(36, 48)})
    row.update({f"AU{au:02d}_r": value for au in OPENFACE_AUS})
    row.update({f"AU{au:02d}_c": 1.0 for au in (*OPENFACE_AUS, 28)})
    return row


def test_openface_image_files(tmp_path: Path):
    """FaceLandmarkImg writes one CSV a photo, a row a face, ", " between the names."""
    write(tmp_path / "of" / "anna.csv", [openface_row(2.5, face=0, confidence=0.98)], ", ")
    two = [openface_row(1.0, face=0, confidence=0.9), openface_row(4.0, face=1, confidence=0.9)]
    write(tmp_path / "of" / "pair.csv", two, ", ")
    source = open_labels(tmp_path / "of")
    assert source.kind == "openface"
    assert source.names == AU_NAMES
    assert np.allclose(labels_of(source, "anna.jpg", "anna"), 0.5)
    assert np.isclose(source.extras["yaw"][0], np.degrees(0.1))
    for shift, expected in ((0, 0.2), (300, 0.8)):
        landmarks = np.array([[130.0 + shift, 90], [155 + shift, 90], [140, 110], [130, 130], [150, 130]])
        found = source([FaceInput(("pair.jpg", "pair"), None, landmarks)])[0]
        assert np.allclose(found, expected)
    far = np.array([[900.0, 90], [930, 90], [915, 110], [905, 130], [925, 130]])
    assert source.row_of(("pair",), far) is None


def test_openface_video_file(tmp_path: Path):
    rows = [
        openface_row(0.5 * i, frame=i, face_id=0, timestamp=i / 30, confidence=0.9, success=int(i != 3))
        for i in range(1, 9)
    ]
    source = open_labels(write(tmp_path / "clip.csv", rows, ", "))
    assert np.allclose(labels_of(source, "clip.mp4#2", "clip#2"), 0.2)
    assert np.isnan(labels_of(source, "clip#3")).all()
    assert any("1 of 8 rows have success = 0" in warning for warning in source.warnings)


def test_pyfeat(tmp_path: Path):
    rows = [
        {"FaceRectX": 10, "FaceRectY": 20, "FaceRectWidth": 100, "FaceRectHeight": 120, "FaceScore": 0.99,
         **{f"AU{au:02d}": 0.1 * (i % 10) for au in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)},
         "anger": 0.1, "input": f"/data/faces/im{i}.jpg", "frame": i}
        for i in range(25)
    ]  # fmt: skip
    source = open_labels(write(tmp_path / "fex.csv", rows))
    assert source.kind == "pyfeat"
    assert source.names == AU_NAMES, "AU43 stands for AU45"
    assert np.allclose(labels_of(source, "sub/im7.jpg", "sub/im7", "im7.jpg", "im7"), 0.7)
    for row in rows:
        row["input"] = "clip.mp4"
    video = open_labels(write(tmp_path / "video.csv", rows))
    assert np.allclose(labels_of(video, "clip.mp4#8"), 0.7), "py-feat counts frames from 0"


def test_libreface(tmp_path: Path):
    aus = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    rows = [
        {"input_image_path": f"x/im{i}.png", **{f"au_{au}_intensity": i % 6 for au in aus}, "au_7": 1, "au_10": 0}
        for i in range(30)
    ]
    source = open_labels(write(tmp_path / "l.csv", rows))
    assert source.kind == "libreface"
    assert [int(name[2:]) for name in source.names] == list(aus)
    assert np.allclose(labels_of(source, "im4.png"), 0.8)
    frames = [{"frame_idx": i, **{f"au_{au}_intensity": i % 6 for au in aus}} for i in range(30)]
    video = open_labels(write(tmp_path / "clip.csv", frames))
    assert np.allclose(labels_of(video, "clip#5"), 0.8)
    assert "AU07" in source.absent


PAIRS = (
    *("browDown", "browOuterUp", "eyeBlink", "eyeSquint", "mouthFrown", "mouthLowerDown"),
    *("mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp"),
)
CHANNELS = [
    "browInnerUp",
    "jawOpen",
    "mouthClose",
    "mouthShrugLower",
    *(p + s for p in PAIRS for s in ("Left", "Right")),
]


def test_blendshapes(tmp_path: Path):
    rows = [{"image": f"i{i}.jpg", **{f"mp_{name}": 0.3 for name in CHANNELS}} for i in range(5)]
    rows[2].update(mp_eyeBlinkLeft=0.9, mp_eyeBlinkRight=0.2, mp_mouthSmileLeft=0.5, mp_jawOpen=0.8, mp_mouthClose=0.1)
    source = open_labels(write(tmp_path / "b.csv", rows))
    assert source.kind == "blendshapes"
    assert source.names == BLENDSHAPE_AUS
    assert set(source.absent) == set(BLENDSHAPE_ABSENT)
    assert any("AU09 (noseSneer is always zero)" in warning for warning in source.warnings)
    found = dict(zip(source.names, labels_of(source, "i2.jpg"), strict=True))
    assert np.isclose(found["AU45"], 0.2), "a wink is no blink"
    assert np.isclose(found["AU12"], 0.4)
    assert np.isclose(found["AU25"], 0.7)
    with pytest.raises(ValueError, match=r"lack.*mouthFrownLeft"):
        aus_from_blendshapes({name: np.zeros(3) for name in CHANNELS if "Frown" not in name})


# ---- what is wrong with label files ------------------------------------------------------------------------------


def broken(tmp_path: Path, change, n: int = 40, **options):
    rows = generic_rows(n)
    change(rows)
    return open_labels(write(tmp_path / "a.csv", rows), **options)


def test_all_zero_column(tmp_path: Path):
    source = broken(tmp_path, lambda rows: [row.update(AU05=0) for row in rows])
    assert "AU05" in source.absent
    assert any("AU05 is zero in every row" in warning for warning in source.warnings)
    with pytest.raises(ValueError, match=r"every AU column is empty or zero"):
        broken(tmp_path, lambda rows: [row.update(dict.fromkeys(AU_NAMES, 0)) for row in rows])


def test_negative_values(tmp_path: Path):
    source = broken(tmp_path, lambda rows: rows[3].update(AU12=-0.4))
    assert any("AU12: 1 values outside 0 to 1 (1 negative) are clipped" in warning for warning in source.warnings)
    assert source.aus.min() >= 0
    with pytest.raises(ValueError, match=r"AU12 goes from -.*--au-range"):
        broken(tmp_path, lambda rows: [row.update(AU12=-float(str(row["AU12"]))) for row in rows])


def test_wrong_scale(tmp_path: Path):
    with pytest.raises(ValueError, match=r"goes from .* to .*--au-range 0 5"):
        open_labels(write(tmp_path / "a.csv", generic_rows(40, top=5.0)))
    small = [openface_row(i / 40, frame=i + 1, success=1) for i in range(40)]
    with pytest.raises(ValueError, match=r"no AU exceeds .*--au-range 0 1"):
        open_labels(write(tmp_path / "b.csv", small))
    assert open_labels(tmp_path / "b.csv", au_range=(0, 1)).raw_range == (0, 1)
    with pytest.raises(ValueError, match=r"must rise"):
        open_labels(tmp_path / "b.csv", au_range=(1, 0))


def test_nan(tmp_path: Path):
    source = broken(tmp_path, lambda rows: [rows[i].update(AU06="nan") for i in (2, 5)])
    assert any("2 of 40 rows have an AU that is not a number" in warning for warning in source.warnings)
    assert source.row_of(("p5",)) is None
    source = broken(tmp_path, lambda rows: [row.update(AU06="") for row in rows[5:]])
    assert "AU06" in source.absent
    assert any("AU06 is empty (NaN) in most rows" in warning for warning in source.warnings)


def test_text_in_a_column(tmp_path: Path):
    with pytest.raises(ValueError, match=r"AU06 holds 'high', which is no number"):
        broken(tmp_path, lambda rows: rows[2].update(AU06="high"))


def test_duplicated_keys(tmp_path: Path):
    source = broken(tmp_path, lambda rows: [rows[i].update(key="p0") for i in (4, 9)])
    assert any("2 rows repeat a key (such as 'p0')" in warning for warning in source.warnings)
    assert source.row_of(("p0",)) == 0


def test_files_that_are_no_labels(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no such label file"):
        open_labels(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"no rows"):
        open_labels(tmp_path / "empty.csv")
    (tmp_path / "other.csv").write_text("key,x\na,1\n")
    with pytest.raises(ValueError, match=r"known formats.*generic"):
        open_labels(tmp_path / "other.csv")
    with pytest.raises(ValueError, match=r"no AU column"):
        open_labels(tmp_path / "other.csv", "generic")
    (tmp_path / "nokey.csv").write_text("x,AU01\na,1\n")
    with pytest.raises(ValueError, match=r"names the image"):
        open_labels(tmp_path / "nokey.csv")
    (tmp_path / "ragged.csv").write_text("key,AU01\na,1\nb\n")
    with pytest.raises(ValueError, match=r"line 3 has 1 cells, the header 2"):
        open_labels(tmp_path / "ragged.csv")
    (tmp_path / "twice.csv").write_text("key,AU01,AU01\na,1,1\n")
    with pytest.raises(ValueError, match=r"two columns called AU01"):
        open_labels(tmp_path / "twice.csv")
    (tmp_path / "bad.csv.gz").write_bytes(gzip.compress(b"key,AU01\na,1\n" * 500)[:40])
    with pytest.raises(ValueError, match=r"not a readable CSV"):
        open_labels(tmp_path / "bad.csv.gz")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"holds no .csv"):
        open_labels(tmp_path / "folder")


def test_the_wrong_format_is_told(tmp_path: Path):
    path = write(tmp_path / "a.csv", generic_rows())
    with pytest.raises(ValueError, match=r"--labels-format"):
        open_labels(path, "openface")
    with pytest.raises(ValueError, match=r"unknown label format"):
        open_labels(path, "excel")
    assert guess_format(path) == "generic"


def test_the_registry():
    with pytest.raises(ValueError, match=r"unknown AU source 'nobody'.*openface"):
        make_source("nobody")
    assert set(LABEL_FORMATS) - {"auto"} <= set(AU_SOURCES)


def test_numbers_as_keys_and_quoted_cells(tmp_path: Path):
    path = tmp_path / "a.csv"
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["key", "AU12"])
        writer.writerows([[17, 0.25], [18, 0.5]])
    assert labels_of(open_labels(path), "17.jpg", "17")[0] == 0.25
