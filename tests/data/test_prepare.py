"""`dftnet prepare` on real photos of one face: what comes out, what is skipped and why, going on after interruptions."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

import dftnet.data.inputs
import dftnet.data.plan
import dftnet.data.prepare
from dftnet.au_sources.source import SOURCES
from dftnet.data import prepare as verb
from dftnet.data.config import PrepareConfig
from dftnet.data.dataset import FaceData
from dftnet.data.inputs import collect, unique_keys
from dftnet.data.shards import read_member, split_key
from dftnet.errors import DatasetError, RequestError
from dftnet.faces.align import crop_from_image
from dftnet.media.files import file_sha256
from dftnet.media.image import decode_image, read_image, write_image
from dftnet.media.share import Share

LANDMARKS = np.array([[201.5, 104.0], [244.0, 105.0], [222.0, 127.0], [203.0, 144.0], [240.0, 145.0]])
BOX = (120, 20, 330, 230)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """uint8 [210, 210, 3], a photo with one face."""
    x0, y0, x1, y1 = BOX
    return np.ascontiguousarray(skimage.data.astronaut()[y0:y1, x0:x1])


def variant(face: np.ndarray, i: int) -> np.ndarray:
    """The face, turned, scaled and lit a little differently for each i."""
    matrix = cv2.getRotationMatrix2D((102, 104), (i % 5 - 2) * 3.0, 1.0 + 0.03 * (i % 4))
    turned = cv2.warpAffine(face, matrix, (210, 210), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(turned * (0.8 + 0.05 * (i % 7)), 0, 255).astype(np.uint8)


def photos(folder: Path, face: np.ndarray, n: int) -> Path:
    for i in range(n):
        write_image(folder / f"p{i:03d}.png", variant(face, i))
    return folder


def labels(path: Path, keys: list[str], **more) -> Path:
    """A generic CSV; `more`: column → function of i."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "AU12", "AU45", *more])
        for i, key in enumerate(keys):
            writer.writerow([key, round(i / max(1, len(keys) - 1), 4), 0.5, *(f(i) for f in more.values())])
    return path


class Made(NamedTuple):
    """What came of `prepare`."""

    data: FaceData
    photos: int
    faces: int
    skipped: dict[str, int]
    """Reason → photos."""
    warnings: list[str]


def prepare(photos: Path, output: Path, table: Path | None = None, *, workers: int = 1, **options) -> Made:
    """`dftnet.data.prepare.prepare` with `options` of its configuration; the set is opened."""
    done = verb.prepare(photos, output, PrepareConfig(labels=table, **options), workers=workers)
    data = FaceData.open(done.path)
    told = data.info["prepared"]
    return Made(data, told["photos"], len(data), told["skipped"], done.warnings)


def report(output: Path) -> dict[str, str]:
    with open(output / "report.csv", newline="") as file:
        return {row["photo"]: row["reason"] for row in csv.DictReader(file)}


def fingerprint(output: Path) -> dict[str, str]:
    """sha256 of everything a set consists of."""
    return {p.name: file_sha256(p) for p in sorted(output.iterdir()) if p.is_file()}


def test_a_set_from_a_folder(tmp_path: Path, face):
    photos(tmp_path / "in" / "deep", face, 6)
    table = labels(
        tmp_path / "l.csv", [f"p{i:03d}" for i in range(6)], subject=lambda i: f"s{i // 2}",
        split=lambda i: ["train", "val", "test"][i // 2], set=lambda i: "web", emotion=lambda i: "happy" if i else "",
        yaw=lambda i: i,
    )  # fmt: skip
    result = prepare(tmp_path / "in", tmp_path / "out", table, size=64)
    data = result.data
    assert (result.faces, result.photos, result.skipped, result.warnings) == (6, 6, {}, [])
    assert data.keys.tolist() == [f"deep/p{i:03d}" for i in range(6)]
    assert data.au_names == ("AU12", "AU45")
    assert np.allclose(data.aus[:, 0], np.linspace(0, 1, 6), atol=1e-4)
    assert data.split.tolist() == ["train", "train", "validation", "validation", "test", "test"]
    assert data.subject.tolist() == ["s0", "s0", "s1", "s1", "s2", "s2"]
    assert data.source.tolist() == ["web"] * 6
    assert data.emotion.tolist() == [""] + ["happy"] * 5
    assert data.extras["yaw"].tolist() == list(range(6))
    assert data.extras["face_pixels"].min() > 80
    assert not (data.path / "work").exists()
    images = data.images(progress=False)
    assert images.shape == (6, 64, 64, 3)
    expected = crop_from_image(LANDMARKS - BOX[:2], 64)
    assert np.abs(data.crop_from_image[2] - expected)[:, 2].max() < 12
    assert np.abs(images[2].astype(int) - images[3]).mean() < 40, "faces lie on each other"


class ReadsSides:
    """An AU source that reads both sides of AU12, and AU25."""

    kind, names, size, note = "sides", ("AU12L", "AU12R", "AU25", "AU61"), 64, "for a test"

    def __init__(self, model, threads=1):
        pass

    def __call__(self, crops):
        return np.tile(np.array([0.2, 0.6, 0.5, 1.0], np.float32), (len(crops), 1))


def test_units_read_on_each_side_are_labels_of_both(tmp_path: Path, face, monkeypatch):
    monkeypatch.setitem(SOURCES, "sides", f"{__name__}:ReadsSides")
    photos(tmp_path / "in", face, 2)
    data = prepare(tmp_path / "in", tmp_path / "out", size=64, au_source="sides").data
    assert data.au_names == ("AU12", "AU25")
    assert np.allclose(data.aus, [0.4, 0.5])
    assert "AU01" in data.info["au_source"]["absent"]


def test_the_same_command_again_does_nothing(tmp_path: Path, face):
    photos(tmp_path / "in", face, 2)
    table = labels(tmp_path / "l.csv", ["p000", "p001"])
    prepare(tmp_path / "in", tmp_path / "out", table, size=32)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    again = prepare(tmp_path / "in", tmp_path / "out", table, size=32)
    assert again.faces == 2
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before


def test_another_set_is_never_destroyed(tmp_path: Path, face):
    photos(tmp_path / "in", face, 2)
    table = labels(tmp_path / "l.csv", ["p000", "p001"])
    prepare(tmp_path / "in", tmp_path / "out", table, size=32)
    before = fingerprint(tmp_path / "out")
    with pytest.raises(ValueError, match=r"holds a set of other photos, labels or options"):
        prepare(tmp_path / "in", tmp_path / "out", table, size=48)
    write_image(tmp_path / "in" / "p002.png", face)
    with pytest.raises(ValueError, match=r"other photos"):
        prepare(tmp_path / "in", tmp_path / "out", table, size=32)
    assert fingerprint(tmp_path / "out") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match=r"not empty"):
        prepare(tmp_path / "in", tmp_path / "mine", table, size=32)
    with pytest.raises(ValueError, match=r"inside the input"):
        prepare(tmp_path / "in", tmp_path / "in" / "out", table, size=32)
    with pytest.raises(FileExistsError, match=r"is a file"):
        prepare(tmp_path / "in", table, table, size=32)


def bad_photos(folder: Path, face: np.ndarray) -> dict[str, str]:
    """Photos of every bad kind; name → the reason expected in the report."""
    folder.mkdir(parents=True)
    write_image(folder / "good.png", face)
    whole = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<html>not found</html>")
    write_image(folder / "tiny.png", face[:1, :1])
    write_image(folder / "small.png", cv2.resize(face, (40, 40), interpolation=cv2.INTER_AREA))
    Image.fromarray(face).convert("L").save(folder / "grey.png")
    write_image(folder / "wall.png", np.full((200, 300, 3), 120, np.uint8))
    write_image(folder / "nolabel.png", face)
    (folder / "notes.txt").write_text("x")
    (folder / "old.tar.gz").write_bytes(b"x")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(face))).save(folder / "sideways.jpg", exif=exif, quality=95)
    Image.fromarray(cv2.resize(face, (6000, 6000))).save(folder / "huge.jpg", quality=60)
    Image.fromarray(face).convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    return {
        "cut.png": "corrupt", "empty.jpg": "corrupt", "page.jpg": "corrupt", "tiny.png": "tiny",
        "small.png": "face too small", "grey.png": "grey", "wall.png": "no face", "nolabel.png": "no label",
        "old.tar.gz": "unreadable archive",
    }  # fmt: skip


def test_bad_photos_are_listed_and_never_stop_it(tmp_path: Path, face):
    expected = bad_photos(tmp_path / "in", face)
    names = [p.name for p in (tmp_path / "in").iterdir() if p.name != "nolabel.png"]
    table = labels(tmp_path / "l.csv", names)
    result = prepare(tmp_path / "in", tmp_path / "out", table, size=64, min_face=40)
    assert report(tmp_path / "out") == expected
    assert result.skipped == {
        "corrupt": 3, "face too small": 1, "grey": 1, "no face": 1, "no label": 1, "tiny": 1, "unreadable archive": 1,
    }  # fmt: skip
    data = result.data
    assert sorted(data.keys.tolist()) == ["cmyk", "good", "huge", "sideways"]
    images = dict(zip(data.keys.tolist(), data.images(progress=False).astype(int), strict=True))
    for name in ("sideways", "huge", "cmyk"):
        assert np.abs(images[name] - images["good"]).mean() < 16, name
    huge = data.crop_from_image[data.keys.tolist().index("huge")]
    good = data.crop_from_image[data.keys.tolist().index("good")]
    assert np.isclose(good[0, 0] / huge[0, 0], 6000 / 210, rtol=0.08), "matrices count in pixels of the photo as stored"


def test_grey_can_be_kept_and_blur_refused(tmp_path: Path, face):
    (tmp_path / "in").mkdir()
    Image.fromarray(face).convert("L").save(tmp_path / "in" / "grey.png")
    write_image(tmp_path / "in" / "soft.png", cv2.GaussianBlur(face, (0, 0), 4))
    table = labels(tmp_path / "l.csv", ["grey", "soft"])
    result = prepare(tmp_path / "in", tmp_path / "out", table, size=64, grey="keep", min_sharpness=100)
    assert result.data.keys.tolist() == ["grey"]
    assert result.skipped == {"blurred": 1}


def test_tars_and_all_faces(tmp_path: Path, face):
    pair = np.full((210, 460, 3), 128, np.uint8)
    pair[:, :210] = face
    pair[30:180, 300:450] = cv2.resize(face, (150, 150), interpolation=cv2.INTER_AREA)
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "set.tar", "w") as tar:
        for name, image in (("x/pair.png", pair), ("x/pair.txt", None), ("one.png", face)):
            buffer = io.BytesIO(b"text")
            if image is not None:
                buffer = io.BytesIO()
                Image.fromarray(image).save(buffer, "PNG")
            member = tarfile.TarInfo(name)
            member.size = len(buffer.getvalue())
            tar.addfile(member, io.BytesIO(buffer.getvalue()))
    (tmp_path / "in" / "cut.tar").write_bytes((tmp_path / "in" / "set.tar").read_bytes()[:100])
    boxes = tmp_path / "fex.csv"
    with open(boxes, "w") as file:
        file.write("input,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,AU12\n")
        file.write("pair.png,60,40,80,110,1,0.2\npair.png,340,60,60,80,1,0.8\none.png,60,40,80,110,1,0.5\n")
    result = prepare(tmp_path / "in", tmp_path / "out", boxes, size=48, faces="all")
    data = result.data
    assert data.keys.tolist() == ["x/pair-f0", "x/pair-f1", "one-f0"]
    assert np.allclose(data.aus[:, 0], [0.2, 0.8, 0.5]), "each face has the label of its own box"
    assert report(tmp_path / "out") == {"cut.tar": "unreadable archive"}


def test_video_frames(tmp_path: Path, face):
    av = pytest.importorskip("av")
    (tmp_path / "in").mkdir()
    with av.open(str(tmp_path / "in" / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 210, 210, "yuv420p", 4_000_000
        for i in range(12):
            frame = av.VideoFrame.from_ndarray(variant(face, i // 4), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    rows = [f"{frame},{int(frame != 6)},{frame / 3:.4f}" for frame in range(1, 13)]
    (tmp_path / "clip.csv").write_text("frame, success, AU12_r\n" + "\n".join(rows) + "\n")
    result = prepare(tmp_path / "in", tmp_path / "out", tmp_path / "clip.csv", size=48, every_seconds=0.5)
    data = result.data
    assert data.keys.tolist() == ["clip_000000", "clip_000010"]
    assert report(tmp_path / "out") == {"clip.mp4": "no label"}, "OpenFace lost frame 6, which is number 5 from 0"
    assert np.allclose(data.aus[:, 0], [1 / 15, 11 / 15], atol=1e-3)
    assert set(data.subject.tolist()) == {"clip.mp4"}, "a video is one person until told otherwise"


def test_landmarks_from_the_label_file(tmp_path: Path, face):
    photos(tmp_path / "in", face, 1)
    points = LANDMARKS - BOX[:2]
    names = [f"{p}_{c}" for p in ("eye_r", "eye_l", "nose", "mouth_r", "mouth_l") for c in "xy"]
    table = labels(
        tmp_path / "l.csv", ["p000"], **{name: lambda i, v=v: v for name, v in zip(names, points.ravel(), strict=True)}
    )
    result = prepare(tmp_path / "in", tmp_path / "out", table, size=64, landmarks="csv")
    assert np.allclose(result.data.crop_from_image[0], crop_from_image(points, 64), atol=1e-6)
    assert result.data.info["alignment"]["landmarks"] == "csv"
    with pytest.raises(ValueError, match=r"no landmark columns"):
        prepare(tmp_path / "in", tmp_path / "o2", labels(tmp_path / "m.csv", ["p000"]), landmarks="csv")


def test_splits_never_share_a_person(tmp_path: Path, face, monkeypatch):
    n = 30
    (tmp_path / "in").mkdir()
    for i in range(n):
        os.symlink(write_image(tmp_path / "a.png", face, overwrite=True), tmp_path / "in" / f"p{i:03d}.png")
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(n)], subject=lambda i: f"person {i // 3}")
    result = prepare(tmp_path / "in", tmp_path / "out", table, size=32, validation=0.4, test=0.3)
    data = result.data
    people = [set(data.subject[data.rows(split)].tolist()) for split in ("train", "validation", "test")]
    assert all(people)
    assert sum(map(len, people)) == 10
    assert 1 <= len(people[0]) < 8
    torn = labels(
        tmp_path / "t.csv", [f"p{i:03d}" for i in range(n)], subject=lambda i: f"person {i // 3}",
        split=lambda i: ["train", "test", "holdout"][i % 3],
    )  # fmt: skip
    warnings = prepare(tmp_path / "in", tmp_path / "torn", torn, size=32).warnings
    assert any("10 people are in more than one split" in warning for warning in warnings)
    assert any("10 rows have an unknown split (holdout)" in warning for warning in warnings)


def test_one_folder_a_person(tmp_path: Path, face):
    for name in ("anna/1.png", "anna/holiday/1.png", "ben/1.png", "loose.png"):
        write_image(tmp_path / "in" / name, face)
    table = labels(
        tmp_path / "l.csv",
        [p.relative_to(tmp_path / "in").as_posix() for p in sorted((tmp_path / "in").rglob("*.png"))],
    )
    made = prepare(tmp_path / "in", tmp_path / "out", table, size=32, people="folders", validation=0, test=0)
    assert dict(zip(made.data.keys.tolist(), made.data.subject.tolist(), strict=True)) == {
        "anna/1": "anna", "anna/holiday/1": "anna", "ben/1": "ben", "loose": "loose",
    }  # fmt: skip
    assert made.warnings == ["1 photos lie in no person's folder (such as 'loose.png'): each counts as its own person"]
    with pytest.raises(DatasetError, match="no photo lies in the folder of a person"):
        prepare(tmp_path / "in" / "ben", tmp_path / "o2", labels(tmp_path / "m.csv", ["1"]), people="folders")


def test_a_table_of_people(tmp_path: Path, face):
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/3.png"):
        write_image(tmp_path / "in" / name, face)
    table = labels(tmp_path / "l.csv", ["a/1", "a/2", "b/1", "b/3"], subject=lambda i: f"labelled {i}")
    (tmp_path / "people.csv").write_text("path,subject\na/1.png,7\nD:\\in\\a\\2.png,7\n3,eve\n")
    made = prepare(
        tmp_path / "in", tmp_path / "out", table, size=32, people=str(tmp_path / "people.csv"), validation=0, test=0
    )
    assert made.data.subject.tolist() == ["7", "7", "labelled 2", "eve"]
    assert any("1 photos have no person in" in warning and "'b/1.png'" in warning for warning in made.warnings)
    (tmp_path / "people.csv").write_text("image,person\n1,eve\na/1.png,7\na/2.png,7\nb/3.png,eve\n")
    made = prepare(
        tmp_path / "in", tmp_path / "o1", table, size=32, people=str(tmp_path / "people.csv"), validation=0, test=0
    )
    assert made.data.subject.tolist() == ["7", "7", "eve", "eve"]
    (tmp_path / "people.csv").write_text("path,subject\nx,7\n")
    with pytest.raises(DatasetError, match=r"no row of .*people.csv names a photo: it has 'x', .* 'a/1.png'"):
        prepare(tmp_path / "in", tmp_path / "o2", table, people=str(tmp_path / "people.csv"))
    (tmp_path / "people.csv").write_text("path,who\nx,7\n")
    with pytest.raises(DatasetError, match="needs the columns path and person"):
        prepare(tmp_path / "in", tmp_path / "o2", table, people=str(tmp_path / "people.csv"))
    with pytest.raises(RequestError, match="give folders, or a CSV"):
        prepare(tmp_path / "in", tmp_path / "o2", table, people="folder")
    with pytest.raises(RequestError, match="faces=largest"):
        prepare(tmp_path / "in", tmp_path / "o2", table, people="folders", faces="all")
    assert not (tmp_path / "o2").exists()


def test_it_says_when_there_are_no_pairs(tmp_path: Path, face):
    photos(tmp_path / "in", face, 4)
    names = [f"p{i:03d}" for i in range(4)]
    alone = prepare(tmp_path / "in", tmp_path / "a", labels(tmp_path / "l.csv", names), size=32)
    assert [w for w in alone.warnings if w.startswith("there are no pairs")]
    assert "--people folders" in alone.warnings[-1]
    twins = labels(tmp_path / "m.csv", names, subject=lambda i: f"s{i // 2}", split=lambda i: "train")
    assert prepare(tmp_path / "in", tmp_path / "b", twins, size=32).warnings == []
    # pairs that are all held out are none to train on
    held = labels(
        tmp_path / "n.csv", names, subject=lambda i: f"s{i // 2}", split=lambda i: "test" if i < 2 else "train"
    )
    kept = prepare(tmp_path / "in", tmp_path / "c", held, size=32)
    assert kept.warnings == []
    lost = labels(
        tmp_path / "o.csv", names, subject=lambda i: f"s{min(i, 2)}", split=lambda i: "train" if i < 2 else "test"
    )
    assert any("there are no pairs" in w for w in prepare(tmp_path / "in", tmp_path / "d", lost, size=32).warnings)


@pytest.mark.parametrize(
    "table",
    ["input,AU12,AU45,FaceScore,subject\np000.png,0.4,0.2,1,anna\np001.png,0.9,0.1,1,anna\n",
     "image,au_12_intensity,au_45_intensity,subject\np000.png,2,1,anna\np001.png,4.5,0,anna\n",
     "file,AU12_r,AU45_r,subject\np000.png,2,1,anna\np001.png,4.5,0,anna\n"],
    ids=["pyfeat", "libreface", "openface"],
)  # fmt: skip
def test_a_subject_column_of_any_format_is_kept(tmp_path: Path, face, table):
    photos(tmp_path / "in", face, 2)
    (tmp_path / "l.csv").write_text(table)
    made = prepare(tmp_path / "in", tmp_path / "out", tmp_path / "l.csv", size=32)
    assert made.data.subject.tolist() == ["anna", "anna"]
    assert np.allclose(made.data.aus[:, 0], [0.4, 0.9])


def test_labels_and_photos_that_do_not_meet(tmp_path: Path, face):
    photos(tmp_path / "in", face, 2)
    with pytest.raises(
        ValueError, match=r"no row of .* names a photo: it has 'nobody', the photos are called 'p000.png'"
    ):
        prepare(tmp_path / "in", tmp_path / "out", labels(tmp_path / "l.csv", ["nobody"]))
    assert not (tmp_path / "out").exists()
    some = labels(tmp_path / "m.csv", ["p000", "ghost", "spook"])
    result = prepare(tmp_path / "in", tmp_path / "out", some, size=32)
    assert result.skipped == {"no label": 1}
    assert any("2 of 3 labelled names match no photo (such as 'ghost')" in warning for warning in result.warnings)
    write_image(tmp_path / "in" / "b" / "p000.png", face)
    with pytest.raises(ValueError, match=r"the label 'p000' fits both"):
        prepare(tmp_path / "in", tmp_path / "o2", some, size=32)


@pytest.mark.parametrize(
    "options",
    [{"size": 5}, {"faces": "both"}, {"encoding": "gif"}, {"validation": 0.6, "test": 0.5}, {"every_seconds": 0},
     {"grey": "no"}, {"quality": 0}, {"au_source": "crystal ball"}],
)  # fmt: skip
def test_options_are_checked_before_work(tmp_path: Path, face, options):
    photos(tmp_path / "in", face, 1)
    table = None if "au_source" in options else labels(tmp_path / "l.csv", ["p000"])
    with pytest.raises(ValueError, match=r"must be|one of|shares|unknown AU source"):
        prepare(tmp_path / "in", tmp_path / "out", table, **options)
    assert not (tmp_path / "out").exists()


def test_nothing_to_prepare(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no such folder"):
        collect(tmp_path / "none")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"holds no photo"):
        collect(tmp_path)


def test_nothing_left(tmp_path: Path):
    write_image(tmp_path / "in" / "wall.png", np.full((100, 100, 3), 9, np.uint8))
    with pytest.raises(ValueError, match=r"report.csv"):
        prepare(tmp_path / "in", tmp_path / "out", labels(tmp_path / "l.csv", ["wall"]))
    assert report(tmp_path / "out") == {"wall.png": "no face"}


def test_keys_are_safe_and_unique(tmp_path: Path):
    for name in ("a b.png", "a_b.png", "A_b.jpg", "ü.png", "x.y.png"):
        (tmp_path / name).write_bytes(b"")
    keys = unique_keys(collect(tmp_path).photos)
    assert len({key.lower() for key in keys}) == 5
    assert all(key.replace("_", "").replace("/", "").replace("-", "").isascii() for key in keys)
    assert not any("." in key for key in keys), "WebDataset takes everything after the first dot as suffix"


# ---- interruptions -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 2 photos, shards of 5 faces."""
    monkeypatch.setattr(dftnet.data.inputs, "CHUNK", 2)
    monkeypatch.setattr(dftnet.data.plan, "SHARD", 5)


def test_interrupted_anywhere_it_goes_on_and_ends_the_same(tmp_path: Path, face, small_chunks, monkeypatch):
    photos(tmp_path / "in", face, 12)
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(12)])

    def run(output: str):
        return prepare(tmp_path / "in", tmp_path / output, table, size=32)

    whole = run("whole")
    assert [shard["faces"] for shard in whole.data.info["shards"]] == [5, 5, 2]
    out = tmp_path / "out"

    calls = {"n": 0}
    cut, encode = dftnet.data.prepare.Cropper.__call__, dftnet.data.assemble.read_chunk

    def stop_at(limit: int, function, error: BaseException):
        def stopping(*args):
            calls["n"] += 1
            if calls["n"] > limit:
                raise error
            return function(*args)

        calls["n"] = 0
        return stopping

    # Ctrl-C while cropping, a full disk while cropping, then again while the shards are put together
    monkeypatch.setattr(dftnet.data.prepare.Cropper, "__call__", stop_at(2, cut, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run("out")
    monkeypatch.setattr(dftnet.data.prepare.Cropper, "__call__", stop_at(2, cut, OSError(28, "disk full")))
    with pytest.raises(OSError, match=r"disk full"):
        run("out")
    assert len(list((out / "work").glob("chunk-*.tar"))) == 4
    monkeypatch.setattr(dftnet.data.prepare.Cropper, "__call__", cut)
    monkeypatch.setattr("dftnet.data.assemble.read_chunk", stop_at(4, encode, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run("out")
    assert not (out / "dataset.json").exists()
    with pytest.raises(ValueError, match=r"run the same prepare command again"):
        FaceData.open(out)
    # and litter of a killed process: half a chunk and half a shard under temporary names
    (out / "work" / ".chunk-00005.tar.abc.tmp.tar").write_bytes(b"half")
    monkeypatch.setattr("dftnet.data.assemble.read_chunk", encode)
    run("out")
    assert fingerprint(out) == fingerprint(tmp_path / "whole")
    assert not (out / "work").exists()


def test_a_file_that_is_no_picture_alone(tmp_path: Path) -> None:
    """Read by the estimator, no face left an array without a shape."""
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(DatasetError, match=r"no face is left to write: text.txt: .*report\.csv says why of each"):
        verb.prepare(tmp_path / "text.txt", tmp_path / "set", PrepareConfig(), workers=1)


def test_two_shares_make_the_set_of_one_run(tmp_path: Path, face, small_chunks, monkeypatch):
    photos(tmp_path / "in", face, 11)
    config = PrepareConfig(labels=labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(11)]), size=32)
    run = lambda out, **more: verb.prepare(tmp_path / "in", tmp_path / out, config, workers=1, **more)  # noqa: E731
    run("whole")
    first = run("shared", share=Share(0, 2))
    assert first.lines == ["share 0/2 is cropped; the set is put together as soon as the other shares are"]
    assert sorted(p.name for p in (tmp_path / "shared").iterdir()) == ["work"]
    # the second share is killed half way, and run again
    crop = dftnet.data.prepare.Cropper.__call__

    def killed(cropper, chunk, tell):
        if chunk.path.name == "chunk-00003.tar":
            raise KeyboardInterrupt
        return crop(cropper, chunk, tell)

    monkeypatch.setattr(dftnet.data.prepare.Cropper, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        run("shared", share=Share(1, 2))
    monkeypatch.setattr(dftnet.data.prepare.Cropper, "__call__", crop)
    assert len(list((tmp_path / "shared" / "work").glob("chunk-*.tar"))) == 4
    last = run("shared", share=Share(1, 2))
    assert last.lines[0].startswith("11 faces of 11 photos")
    assert fingerprint(tmp_path / "shared") == fingerprint(tmp_path / "whole")
    assert not (tmp_path / "shared" / "work").exists()
    assert run("shared", share=Share(0, 2)).lines[0].startswith("already prepared")
    with pytest.raises(DatasetError, match="other photos, labels or options"):
        verb.prepare(
            tmp_path / "in", tmp_path / "shared", PrepareConfig(labels=config.labels, size=48), share=Share(0, 2)
        )


def test_shares_at_the_same_time(tmp_path: Path, face):
    photos(tmp_path / "in", face, 3)
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(3)])
    base = ("prepare", tmp_path / "in", "--labels", table, "--size", 32, "--workers", 1)
    whole = subprocess.run(command(*base, "-o", tmp_path / "whole"), capture_output=True, text=True, timeout=120)
    assert whole.returncode == 0, whole.stderr
    lines = [command(*base, "-o", tmp_path / "shared", "--shard", f"{i}/3") for i in range(3)]
    runs = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for line in lines]
    assert [process.communicate(timeout=120)[1].count("error") for process in runs] == [0, 0, 0]
    assert fingerprint(tmp_path / "shared") == fingerprint(tmp_path / "whole")


def test_unfinished_work_of_another_command_is_kept(tmp_path: Path, face, small_chunks, monkeypatch):
    photos(tmp_path / "in", face, 4)
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(4)])
    monkeypatch.setattr("dftnet.data.prepare.assemble", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "in", tmp_path / "out", table, size=32)
    with pytest.raises(ValueError, match=r"unfinished set of other"):
        prepare(tmp_path / "in", tmp_path / "out", table, size=48)
    assert len(list((tmp_path / "out" / "work").glob("chunk-*.tar"))) == 2


def test_a_damaged_chunk_is_told(tmp_path: Path, face, small_chunks, monkeypatch):
    photos(tmp_path / "in", face, 4)
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(4)])
    with monkeypatch.context() as patch:
        patch.setattr("dftnet.data.prepare.assemble", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            prepare(tmp_path / "in", tmp_path / "out", table, size=32)
    chunk = tmp_path / "out" / "work" / "chunk-00001.tar"
    chunk.write_bytes(chunk.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"chunk-00001.tar"):
        prepare(tmp_path / "in", tmp_path / "out", table, size=32)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dftnet", *map(str, arguments)]


def test_kill_minus_nine_with_two_workers(tmp_path: Path, face):
    """The command is killed while two workers run; they go too, and the command run again ends like one never killed."""
    (tmp_path / "in").mkdir()
    for i in range(6):
        write_image(tmp_path / f"v{i}.jpg", variant(face, i))
    for i in range(640):
        os.symlink(tmp_path / f"v{i % 6}.jpg", tmp_path / "in" / f"p{i:03d}.jpg")
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(640)])
    line = command("prepare", tmp_path / "in", "--labels", table, "--size", 32, "--workers", 2, "-o", tmp_path / "out")
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = tmp_path / "out" / "work"
    deadline = time.time() + 120
    while not list(work.glob("chunk-*.tar")) and time.time() < deadline:
        time.sleep(0.02)
    second = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert second.returncode == 2
    assert "another run is writing" in second.stderr
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(work.glob("chunk-*.tar"))
    assert not (tmp_path / "out" / "dataset.json").exists(), "killed too late to test anything"
    again = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr
    assert re.search(r"photos: going on after \d+ of 640", again.stderr)
    data = FaceData.open(tmp_path / "out")
    data.verify()
    assert len(data) == 640
    images = data.images(progress=False)
    digests = {hashlib.sha256(image.tobytes()).hexdigest() for image in images}
    assert len(digests) == 6
    assert np.array_equal(images[0], images[6])


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, face):
    write_image(tmp_path / "v.jpg", face)
    (tmp_path / "in").mkdir()
    for i in range(400):
        os.symlink(tmp_path / "v.jpg", tmp_path / "in" / f"p{i:03d}.jpg")
    table = labels(tmp_path / "l.csv", [f"p{i:03d}" for i in range(400)])
    line = command("prepare", tmp_path / "in", "--labels", table, "--size", 32, "--workers", 2, "-o", tmp_path / "out")
    process = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits it ignored
    )  # fmt: skip
    deadline = time.time() + 120
    while not list((tmp_path / "out").glob("work/chunk-*.tar")) and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.split("\n")[-2] == "interrupted: run the same command again to go on"


def test_a_failed_start_leaves_nothing_behind(tmp_path: Path, face, monkeypatch):
    photos(tmp_path / "in", face, 3)
    table = labels(tmp_path / "l.csv", ["p000"])
    monkeypatch.setattr(dftnet.data.prepare, "Cropper", lambda config: (_ for _ in ()).throw(OSError("no detector")))
    (tmp_path / "empty").mkdir()
    for output in ("out", "empty"):
        with pytest.raises(OSError, match="no detector"):
            prepare(tmp_path / "in", tmp_path / output, table, size=32)
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_help_and_errors_of_the_command(tmp_path: Path):
    shown = subprocess.run(command("prepare", "--help"), capture_output=True, text=True, timeout=120)
    assert "--labels-format" in shown.stdout
    wrong = subprocess.run(
        command("prepare", tmp_path / "none", "-o", tmp_path / "out"), capture_output=True, text=True, timeout=120
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")
    assert "Traceback" not in wrong.stderr


def test_a_single_file(tmp_path: Path, face):
    path = write_image(tmp_path / "one.png", face)
    result = prepare(path, tmp_path / "out", labels(tmp_path / "l.csv", ["one.png"]), size=48)
    assert (
        np.abs(result.data.images(progress=False)[0].astype(int) - read_image(path)[40:150, 40:150].mean()).mean() > 0
    )
    assert result.data.keys.tolist() == ["one"]


@pytest.fixture
def bucket():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    yield memory
    memory.rm("/bucket", recursive=True)


def test_photos_at_an_address_give_the_set_of_the_same_folder(
    face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket
):
    monkeypatch.setattr(dftnet.data.inputs, "CHUNK", 3)
    source = photos(tmp_path / "photos", face, 4)
    write_image(source / "sub/q.png", variant(face, 5))
    write_image(tmp_path / "tarred/r.png", variant(face, 6))
    with tarfile.open(source / "more.tar", "w") as tar:
        tar.add(tmp_path / "tarred", "tarred")
    (source / "broken.png").write_bytes(b"no picture")
    bucket.put(f"{source}/", "/bucket/photos/", recursive=True)
    table = labels(tmp_path / "l.csv", ["p000", "p001", "p002", "p003", "sub/q.png", "tarred/r.png", "broken"])
    config = PrepareConfig(labels=table, size=48)
    near = verb.prepare(source, tmp_path / "near", config, workers=1)
    far = verb.prepare("memory://bucket/photos", tmp_path / "far", config, workers=1)
    assert near.lines == far.lines
    assert near.lines[0].startswith("6 faces of 7 photos")
    assert far.skipped == {"broken.png": "corrupt"}
    one, other = ({p.name: file_sha256(p) for p in (tmp_path / n).iterdir()} for n in ("near", "far"))
    assert one == other


def test_a_network_that_fails_stops_and_is_no_corrupt_photo(
    face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket
):
    bucket.put(f"{photos(tmp_path / 'photos', face, 2)}/", "/bucket/photos/", recursive=True)
    table = labels(tmp_path / "l.csv", ["p000", "p001"])
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def away(self, path, start=None, end=None):
        raise TimeoutError("no answer")

    monkeypatch.setattr(type(bucket), "cat_file", away)
    with pytest.raises(ConnectionError, match=r"memory://bucket/photos/p000.png cannot be read: no answer"):
        verb.prepare("memory://bucket/photos", tmp_path / "set", PrepareConfig(labels=table, size=48), workers=1)
    assert not (tmp_path / "set").exists()


def test_a_set_is_made_on_a_disk(tmp_path: Path):
    with pytest.raises(OSError, match="s3:/bucket/set is an address, and nothing is written there"):
        verb.prepare(tmp_path, "s3://bucket/set")


def test_a_set_notes_where_each_face_lies_in_its_shard(
    face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dftnet.data.plan, "SHARD", 2)
    table = labels(tmp_path / "l.csv", ["p000", "p001", "p002"])
    data = prepare(photos(tmp_path / "photos", face, 3), tmp_path / "set", table, size=48).data
    assert data.extent is not None
    assert data.shard.tolist() == [0, 0, 1]
    for row, (start, stop) in enumerate(data.extent):
        shard = (data.path / data.info["shards"][data.shard[row]]["name"]).read_bytes()
        name, encoded = read_member(shard[start:stop])
        assert split_key(name)[0] == data.keys[row]
        assert np.array_equal(decode_image(encoded, name), data.read(row))
