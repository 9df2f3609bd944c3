"""Training on a set at an address: what is drawn is what the local reader draws, bit for bit."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
fsspec = pytest.importorskip("fsspec")

from dftnet.data.dataset import FaceData  # noqa: E402
from dftnet.data.far import AHEAD, FarFaceData, open_faces  # noqa: E402
from dftnet.errors import DatasetError  # noqa: E402
from dftnet.media import address  # noqa: E402
from dftnet.training.batches import BatchSource  # noqa: E402
from dftnet.training.config import stretch  # noqa: E402
from dftnet.training.loop import train  # noqa: E402
from dftnet.training.presets import preset  # noqa: E402
from dftnet.training.run import load_state  # noqa: E402
from tests.toy_faces import write_toy_faces  # noqa: E402

CPU = torch.device("cpu")
TINY = preset("tiny")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> FaceData:
    return FaceData.open(write_toy_faces(tmp_path_factory.mktemp("toy") / "set", per_shard=5))


@pytest.fixture
def bucket(local: FaceData):
    """The set at memory://bucket/set, without what is decoded of it."""
    memory = fsspec.filesystem("memory")
    for path in local.path.iterdir():
        if path.is_file():
            memory.pipe(f"/bucket/set/{path.name}", path.read_bytes())
    yield memory
    memory.rm("/bucket", recursive=True)


def test_batches_are_those_of_the_local_reader(local, bucket):
    data = open_faces("memory://bucket/set", TINY.size)
    assert isinstance(data, FarFaceData)
    near, distant = (BatchSource(d, TINY, CPU, rank=1, world=2) for d in (local, data))
    for images_seen in (0, *range(160, 160 + 20 * TINY.batch, TINY.batch), 8):
        one, other = near.batch(images_seen), distant.batch(images_seen)
        for name in ("image", "true", "aus", "target", "paired"):
            assert torch.equal(getattr(one, name), getattr(other, name)), (images_seen, name)


def test_a_training_is_bit_for_bit_the_local_one(local, bucket, tmp_path: Path, cache: Path):
    config = stretch(replace(TINY, decay_images=24), 64)
    train(local.path, tmp_path / "near", config, quiet=True)
    train("memory://bucket/set", tmp_path / "distant", config, quiet=True)
    one, other = (load_state(tmp_path / name)["players"]["generator"] for name in ("near", "distant"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    copies = {path.name for path in next((cache / "dftnet").iterdir()).iterdir()}
    assert copies == {"dataset.json", "labels.npz", "copied.json"}, "no shard, nothing decoded"


def test_the_next_batches_come_meanwhile(local, bucket, monkeypatch: pytest.MonkeyPatch):
    data = open_faces("memory://bucket/set")
    waited_for: list[int] = []
    fetch = FarFaceData.fetch

    def noted(self, rows):
        if threading.current_thread() is threading.main_thread():
            waited_for.append(step)
        return fetch(self, rows)

    monkeypatch.setattr(FarFaceData, "fetch", noted)
    source = BatchSource(data, TINY, CPU)
    for step in range(2 * AHEAD):
        source.batch(step * TINY.batch)
    assert set(waited_for) <= {0, 1}, "the second batch tells that they come in a row"
    assert len(source.images._coming) == AHEAD + 1, "what is past is forgotten"


def test_a_set_with_extents_is_not_read_through(local, bucket, monkeypatch: pytest.MonkeyPatch):
    opened = open_faces("memory://bucket/set")
    assert opened.extent is not None
    assert np.array_equal(opened.read(7), local.read(7))
    small = open_faces("memory://bucket/set", local.size // 2).read(7)
    assert np.array_equal(small, FaceData.open(local.path, local.size // 2).read(7))
    monkeypatch.setattr(FarFaceData, "_found_extents", lambda self: pytest.fail("read through"))
    open_faces("memory://bucket/set")


def test_the_shards_of_an_older_set_are_read_through_once(local, bucket, tmp_path: Path):
    with np.load(local.path / "labels.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "extent"}
    np.savez(tmp_path / "labels.npz", **arrays)
    bucket.pipe("/bucket/set/labels.npz", (tmp_path / "labels.npz").read_bytes())
    opened = open_faces("memory://bucket/set")
    assert np.array_equal(opened.extent, local.extent)
    assert np.array_equal(opened.read(7), local.read(7))


def test_a_run_is_kept_on_a_disk(local):
    with pytest.raises(OSError, match="s3:/bucket/run is an address, and nothing is written there"):
        train(local.path, "s3://bucket/run", TINY)


def test_labels_and_landmarks_come_along_and_follow_changes(local, bucket, tmp_path: Path):
    shutil.copytree(local.path, tmp_path / "set")
    mine = FaceData.open(tmp_path / "set")
    mine.write_labels("other", 1 - mine.aus)
    mine.write_mesh(np.random.default_rng(0).uniform(0, 32, (len(mine), 478, 2)).astype(np.float32))
    for name in ("labels-other.npz", "mesh.npy", "mesh.json"):
        bucket.pipe(f"/bucket/set/{name}", (tmp_path / "set" / name).read_bytes())
    data = open_faces("memory://bucket/set")
    assert np.array_equal(data.labels("other"), mine.labels("other"))
    assert isinstance(data.mesh(), np.memmap)
    assert np.array_equal(data.mesh(), mine.mesh())
    mine.write_labels("other", mine.aus, overwrite=True)
    bucket.pipe("/bucket/set/labels-other.npz", (tmp_path / "set/labels-other.npz").read_bytes())
    assert np.array_equal(open_faces("memory://bucket/set").labels("other"), mine.aus)
    bucket.rm("/bucket/set/labels-other.npz")
    with pytest.raises(FileNotFoundError, match="label sets here: labels"):
        open_faces("memory://bucket/set").labels("other")


def test_shards_kept_on_a_disk_by_a_chained_address(local, bucket, tmp_path: Path):
    data = open_faces("simplecache::memory://bucket/set")
    rows = np.array([3, 11, 3])
    assert np.array_equal(data.pictures()[rows], local.images()[rows])


def test_what_is_wrong_there_is_told(local, bucket, monkeypatch: pytest.MonkeyPatch):
    data = open_faces("memory://bucket/set")
    data.verify()
    shard = bytearray(bucket.cat_file("/bucket/set/shard-00001.tar"))
    bucket.pipe("/bucket/set/shard-00001.tar", bytes(shard[512:] + shard[:512]))
    with pytest.raises(DatasetError, match=r"shard-00001.tar holds no face .* where labels.npz says s1-1"):
        data.read(5)
    with pytest.raises(DatasetError, match=r"shard-00001.tar is damaged \(sha256"):
        data.verify()
    bucket.pipe("/bucket/set/shard-00001.tar", bytes(shard[:512]))
    with pytest.raises(DatasetError, match=r"memory://bucket/set/shard-00001.tar is cut off or changed"):
        open_faces("memory://bucket/set")
    bucket.rm("/bucket/set/dataset.json")
    with pytest.raises(FileNotFoundError, match="no dataset at memory://bucket/set"):
        open_faces("memory://bucket/set")


def test_other_readers_say_that_the_set_is_to_be_copied(bucket):
    with pytest.raises(DatasetError, match="only `dftnet train` reads there: copy the set to a disk"):
        FaceData.open("memory://bucket/set")
    with pytest.raises(DatasetError, match="copy the set to a disk"):
        open_faces("memory://bucket/set").images()


def test_a_network_that_is_away_for_a_while_is_waited_for(local, bucket, monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []
    monkeypatch.setattr(address.time, "sleep", waits.append)
    data = open_faces("memory://bucket/set")
    read, away = bucket.cat_ranges, [True, True]

    def unsteady(*arguments, **more):
        if away and away.pop():
            raise ConnectionResetError("the network is away")
        return read(*arguments, **more)

    monkeypatch.setattr(type(bucket), "cat_ranges", lambda self, *a, **m: unsteady(*a, **m))
    assert np.array_equal(data.read(0), local.read(0))
    assert waits == [1, 2]
    away += [True] * address.TRIES
    with pytest.raises(ConnectionError, match="memory://bucket/set cannot be read: the network is away"):
        data.read(0)
