"""`dftnet show`: the card says what is in the set, the sheets show it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dftnet.data.card import card, show, sparkline, strongest_sheet
from dftnet.data.dataset import FaceData, write_dataset
from dftnet.data.shards import ShardWriter
from dftnet.media.image import encode_image, read_image

SIZE = 32


@pytest.fixture
def made(tmp_path: Path) -> FaceData:
    """24 even faces, as bright as their AU12 is strong; three a person."""
    n, path = 24, tmp_path / "set"
    level = np.linspace(0, 1, n)
    with ShardWriter(path / "shard-00000.tar") as shard:
        for i in range(n):
            face = np.full((SIZE, SIZE, 3), round(255 * level[i]), np.uint8)
            shard.add(f"p{i:02d}", ".webp", encode_image(face, ".webp", lossless=True))
    rows = {
        "key": np.array([f"p{i:02d}" for i in range(n)]), "shard": np.zeros(n, np.int32),
        "aus": np.stack([level, np.zeros(n)], 1).astype(np.float32),
        "subject": np.array([f"s{i // 3}" for i in range(n)]), "split": np.array(["train"] * 18 + ["test"] * 6),
        "source": np.array(["web"] * 20 + ["film"] * 4), "emotion": np.array([""] * 22 + ["happy"] * 2),
        "landmarks": np.zeros((n, 5, 2), np.float32), "crop_from_image": np.zeros((n, 2, 3)),
    }  # fmt: skip
    info = {
        "size": SIZE, "au_names": ["AU12", "AU45"],
        "au_source": {"kind": "generic", "note": "a CSV", "raw_range": [0, 5], "absent": ["AU01"]},
        "alignment": {"template": "eyes-mouth", "landmarks": "yunet"}, "encoding": {"format": "lossless", "quality": 95},
        "shards": [{"name": "shard-00000.tar", "faces": n, "bytes": shard.bytes, "sha256": shard.sha256}],
        "prepared": {"skipped": {"grey": 3}},
    }  # fmt: skip
    write_dataset(path, info, rows, {})
    return FaceData.open(path)


def printed(data: FaceData, rows: np.ndarray) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(*card(data, data.aus, rows), sep="\n")
    return out.getvalue()


def test_the_card(made: FaceData):
    text = printed(made, made.rows("all"))
    for part in (
        "24 faces of 8 people, 32x32, 1 shards", "generic (a CSV), raw 0 to 5", "train 18, test 6", "web 20, film 4",
        "happy 2", "s0 (3)", "absent  AU01", "3 grey", "lip corner puller  0.500",
    ):  # fmt: skip
        assert part in text, part
    assert "6 faces of 2 people" in printed(made, made.rows("test"))


def test_the_pictures(made: FaceData, tmp_path: Path):
    shown = show(made.path, tmp_path / "out", count=13, console=Console(file=io.StringIO()))
    faces = read_image(shown.faces)
    assert faces.shape == (2 * 96, 12 * 96, 3)
    strongest = read_image(shown.strongest)
    assert strongest.shape == (2 * 96, 12 * 96, 3)
    levels = strongest[10, 48::96, 0].astype(int).tolist()
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 255
    bars = read_image(shown.histograms)
    assert bars.shape == (150, 2 * 220, 3)
    blue = (bars == (70, 110, 170)).all(2)
    # AU12 runs evenly from 0 to 1: 24 faces in 40 bins, so 24 full bars of 4 columns; AU45 is 0 in all: one bar, at the left
    assert blue[40:128, :220].any(0).sum() == 24 * 4
    assert np.flatnonzero(blue[:, 220:].any(0)).tolist() == [10, 11, 12, 13]
    assert blue[40:128, 220 + 10].sum() == 88


def test_earlier_pictures_stay(made: FaceData, tmp_path: Path):
    quiet = Console(file=io.StringIO())
    shown = show(made.path, tmp_path / "out", count=13, console=quiet)
    before = shown.faces.read_bytes()
    shown.strongest.unlink()
    with pytest.raises(FileExistsError, match=r"faces.png exists: .*--overwrite"):
        show(made.path, tmp_path / "out", count=5, console=quiet)
    assert shown.faces.read_bytes() == before
    assert not shown.strongest.exists(), "nothing is written where one picture would be replaced"
    show(made.path, tmp_path / "out", count=5, overwrite=True, console=quiet)
    assert read_image(shown.faces).shape == (96, 5 * 96, 3)


def test_at_most_two_faces_a_person(made: FaceData):
    picture = strongest_sheet(made.images(progress=False), made, made.aus, made.rows("all"), across=4)
    expected = [round(255 * i / 23) for i in (23, 22, 20, 19)]
    assert np.abs(picture[10, 48::96, 0].astype(int) - expected).max() <= 1


def test_the_default_folder_and_a_split(made: FaceData):
    shown = show(made.path, split="test", count=99, console=Console(file=io.StringIO()))
    assert shown.faces == made.path / "show" / "faces.png"
    assert read_image(shown.faces).shape == (96, 6 * 96, 3)


def test_errors(made: FaceData):
    quiet = Console(file=io.StringIO())
    with pytest.raises(ValueError, match=r"split validation of .* is empty"):
        show(made.path, split="validation", console=quiet)
    with pytest.raises(ValueError, match=r"count"):
        show(made.path, count=0, console=quiet)
    with pytest.raises(FileNotFoundError, match=r"label sets here"):
        show(made.path, labels="none", console=quiet)


def test_sparkline():
    assert sparkline(np.array([0.0, 0.0, 1.0]), bins=4) == "█  ▆"
    assert len(sparkline(np.zeros(0), bins=7)) == 7
