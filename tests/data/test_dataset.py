"""The dataset directory: what is written is read, damage is told, the cache is made once, shards stream as WebDataset."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dftnet.data.dataset import FaceData, write_dataset, write_npz
from dftnet.data.shards import ShardWriter, read_tar, split_key
from dftnet.errors import DatasetError
from dftnet.media.files import file_sha256
from dftnet.media.image import encode_image

SIZE = 16


def faces(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (n, SIZE, SIZE, 3), dtype=np.uint8)


def make_set(path: Path, n: int = 10, per_shard: int = 4) -> np.ndarray:
    """A small lossless set of noise faces; returns the images."""
    images = faces(n)
    keys = [f"a/p{i}" for i in range(n)]
    shards = []
    for start in range(0, n, per_shard):
        with ShardWriter(path / f"shard-{len(shards):05d}.tar") as shard:
            for i in range(start, min(n, start + per_shard)):
                shard.add(keys[i], ".webp", encode_image(images[i], ".webp", lossless=True))
        shards.append({"name": shard.path.name, "faces": shard.count, "bytes": shard.bytes, "sha256": shard.sha256})
    rows = {
        "key": np.array(keys), "shard": np.arange(n, dtype=np.int32) // per_shard,
        "aus": np.linspace(0, 1, 2 * n, dtype=np.float32).reshape(n, 2),
        "subject": np.array([f"s{i // 2}" for i in range(n)]),
        "split": np.array((["train"] * (n - 4) + ["validation"] * 2 + ["test"] * 2)[:n]),
        "source": np.array(["web"] * n), "emotion": np.array([""] * n), "landmarks": np.zeros((n, 5, 2), np.float32),
        "crop_from_image": np.tile(np.eye(2, 3), (n, 1, 1)),
    }  # fmt: skip
    info = {"size": SIZE, "au_names": ["AU12", "AU45"], "shards": shards}
    write_dataset(path, info, rows, {"yaw": np.arange(n, dtype=np.float32)})
    return images


@pytest.fixture
def made(tmp_path: Path) -> tuple[FaceData, np.ndarray]:
    images = make_set(tmp_path / "set")
    return FaceData.open(tmp_path / "set"), images


def test_a_set_gives_its_faces_reduced(made):
    data, images = made
    small = FaceData.open(data.path, SIZE // 2)
    means = images.reshape(10, 8, 2, 8, 2, 3).mean((2, 4))
    assert small.size == SIZE // 2
    assert np.abs(small.images(progress=False) - means).max() <= 1
    assert np.abs(small.read(3) - means[3]).max() <= 1
    assert np.array_equal(data.images(progress=False), images)  # each size has a cache of its own
    corner = small.crop_from_image[0] @ [7.5, 7.5, 1]
    assert np.allclose(corner, 3.5)  # the middle of the photo stays the middle of the crop
    with pytest.raises(ValueError, match="--size 7"):
        FaceData.open(data.path, 7)


def test_rows_and_arrays(made):
    data, images = made
    assert len(data) == 10
    assert data.size == SIZE
    assert data.au_names == ("AU12", "AU45")
    assert data.aus.dtype == np.float32
    assert data.extras["yaw"].tolist() == list(range(10))
    assert data.rows("train").tolist() == [0, 1, 2, 3, 4, 5]
    assert data.rows("test").tolist() == [8, 9]
    assert data.rows("train").dtype == np.int64
    assert len(data.rows("all")) == 10
    with pytest.raises(ValueError, match=r"no split 'dev'"):
        data.rows("dev")
    assert np.array_equal(data.read(7), images[7])


def test_images_are_decoded_once(made):
    data, images = made
    decoded = data.images(progress=False)
    assert isinstance(decoded, np.memmap)
    assert np.array_equal(decoded, images)
    cache = data.path / "cache" / "images.npy"
    stamp = cache.stat().st_mtime_ns
    assert np.array_equal(FaceData.open(data.path).images(progress=False), images)
    assert cache.stat().st_mtime_ns == stamp
    assert np.array_equal(data.read(3), images[3])


def test_of_several_who_want_the_images_one_decodes(made, monkeypatch: pytest.MonkeyPatch):
    data, images = made
    decode, decoded = FaceData._decode_into, []
    began = threading.Event()

    def slowly(self, cache, progress):
        decoded.append(cache)
        began.set()
        time.sleep(0.2)
        decode(self, cache, progress)

    monkeypatch.setattr(FaceData, "_decode_into", slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(data.images, False)
        assert began.wait(10)
        assert np.array_equal(data.images(progress=False), images)
        assert np.array_equal(first.result(), images)
    assert len(decoded) == 1


def test_a_cut_off_or_foreign_cache_is_made_again(made):
    data, images = made
    data.images(progress=False)
    cache = data.path / "cache" / "images.npy"
    with open(cache, "rb+") as file:
        file.truncate(500)
    assert np.array_equal(data.images(progress=False), images)
    cache.with_suffix(".sha256").write_text("of another set")
    cache.write_bytes(cache.read_bytes()[:128] + bytes(images.nbytes))
    assert np.array_equal(data.images(progress=False), images)
    assert sorted(p.name for p in cache.parent.iterdir()) == ["images.npy", "images.sha256"]


def test_a_changed_shard_is_told(made):
    data, _ = made
    data.verify()
    shard = data.path / "shard-00001.tar"
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=r"shard-00001.tar is damaged \(sha256"):
        data.verify()
    with pytest.raises(ValueError, match=r"shard-00001.tar is damaged"):
        data.images(progress=False)
    assert not (data.path / "cache" / "images.npy").exists()


def test_missing_and_cut_off_parts_are_told(tmp_path: Path):
    make_set(tmp_path / "set")
    with pytest.raises(FileNotFoundError, match=r"dftnet prepare"):
        FaceData.open(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no dataset.json"):
        FaceData.open(tmp_path)

    def broken(change) -> Path:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(tmp_path / "set", copy)
        change(copy)
        return copy

    with pytest.raises(ValueError, match=r"shard-00002.tar is missing"):
        FaceData.open(broken(lambda p: (p / "shard-00002.tar").unlink()))
    with pytest.raises(ValueError, match=r"cut off or changed"):
        FaceData.open(broken(lambda p: (p / "shard-00000.tar").write_bytes(b"x")))
    with pytest.raises(FileNotFoundError, match=r"labels.npz is missing"):
        FaceData.open(broken(lambda p: (p / "labels.npz").unlink()))
    with pytest.raises(ValueError, match=r"labels.npz is damaged"):
        FaceData.open(broken(lambda p: (p / "labels.npz").write_bytes((p / "labels.npz").read_bytes()[:300])))
    with pytest.raises(ValueError, match=r"dataset.json is damaged"):
        FaceData.open(broken(lambda p: (p / "dataset.json").write_text("{")))
    with pytest.raises(ValueError, match=r"has format 'else'"):
        FaceData.open(broken(lambda p: (p / "dataset.json").write_text(json.dumps({"format": "else"}))))
    other = broken(lambda p: make_set(p / "more", n=8))
    shutil.copy(other / "more" / "labels.npz", other / "labels.npz")
    with pytest.raises(ValueError, match=r"the shards hold|name different"):
        FaceData.open(other).images(progress=False)


def test_other_labels(made):
    data, _ = made
    new = 1 - data.aus
    data.write_labels("estimated", new, note="flipped")
    assert np.array_equal(FaceData.open(data.path).labels("estimated"), new)
    assert np.array_equal(data.labels(), data.aus)
    with pytest.raises(FileExistsError):
        data.write_labels("estimated", new)
    with pytest.raises(FileNotFoundError, match=r"label sets here: labels, estimated"):
        data.labels("none")
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        data.write_labels("more", new + 1)
    with pytest.raises(ValueError, match=r"cannot name"):
        data.write_labels("../x", new)


def test_other_labels_are_matched_by_key_and_name(made):
    data, _ = made
    order = np.arange(len(data))[::-1]
    arrays = {"key": data.keys[order], "aus": data.aus[order][:, ::-1], "au_names": np.array(["AU45", "AU12"])}
    write_npz(data.path / "labels-shuffled.npz", arrays)
    assert np.array_equal(data.labels("shuffled"), data.aus)
    write_npz(data.path / "labels-short.npz", {**arrays, "key": arrays["key"][:3], "aus": arrays["aus"][:3]})
    with pytest.raises(ValueError, match=r"lacks some faces"):
        data.labels("short")


def test_labels_may_know_more_units_than_the_set(made):
    data, _ = made
    names = ("AU12L", "AU12R", "AU45", "AU12")
    levels = np.linspace(0, 1, 40, dtype=np.float32).reshape(10, 4)
    data.write_labels("sides", levels, names=names)
    again = FaceData.open(data.path)
    assert again.label_set("sides")[0] == names
    assert np.array_equal(again.label_set("sides")[1], levels)
    assert np.array_equal(again.labels("sides"), levels[:, [3, 2]])
    assert again.label_set() == (data.au_names, again.aus)
    with pytest.raises(DatasetError, match=r"expected AUs \[10, 3\]"):
        data.write_labels("more", levels, names=names[:3])
    data.write_labels("part", levels[:, :2], names=names[:2])
    with pytest.raises(DatasetError, match="lacks AU45"):
        data.labels("part")
    data.write_labels("split", levels[:, :3], names=names[:3])
    assert np.allclose(data.labels("split")[:, 0], levels[:, :2].mean(1))


def test_the_landmarks_of_a_mesh_are_kept(made):
    data, _ = made
    with pytest.raises(FileNotFoundError, match="no landmarks of a face mesh"):
        data.mesh()
    points = np.random.default_rng(0).uniform(0, SIZE, (10, 478, 2)).astype(np.float32)
    data.write_mesh(points, note="drawn at random")
    assert isinstance(data.mesh(), np.memmap)
    assert np.array_equal(data.mesh(), points)
    half = FaceData.open(data.path, SIZE // 2).mesh()
    assert np.allclose(half, (points + 0.5) / 2 - 0.5)
    assert np.allclose(FaceData.open(data.path, SIZE // 2).mesh()[0, 0] * 2 + 0.5, points[0, 0])
    with pytest.raises(FileExistsError):
        data.write_mesh(points)
    with pytest.raises(DatasetError, match=r"expected finite landmarks \[10, 478, 2\]"):
        data.write_mesh(points[:9], overwrite=True)
    other = FaceData.open(data.path)
    other.keys = other.keys[::-1]
    with pytest.raises(DatasetError, match="belongs to other faces"):
        other.mesh()


def test_equal_faces_give_equal_bytes(tmp_path: Path):
    make_set(tmp_path / "one")
    make_set(tmp_path / "two")
    for file in ("shard-00000.tar", "labels.npz", "dataset.json"):
        assert file_sha256(tmp_path / "one" / file) == file_sha256(tmp_path / "two" / file)


def test_a_half_written_shard_never_appears(tmp_path: Path):
    def interrupted() -> None:
        with ShardWriter(tmp_path / "shard.tar") as shard:
            shard.add("a", ".webp", b"123")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_no_pickles(tmp_path: Path):
    with pytest.raises(ValueError, match=r"Python objects"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}], dtype=object)})
    np.savez(tmp_path / "b.npz", key=np.array([{}], dtype=object))
    make_set(tmp_path / "set")
    shutil.copy(tmp_path / "b.npz", tmp_path / "set" / "labels.npz")
    with pytest.raises(ValueError, match=r"damaged"):
        FaceData.open(tmp_path / "set")


def test_unknown_units_and_repeated_keys_are_refused(tmp_path: Path):
    rows = {"key": np.array(["a", "a"])}
    with pytest.raises(ValueError, match=r"same key"):
        write_dataset(tmp_path, {"au_names": []}, rows, {})
    with pytest.raises(ValueError, match=r"unknown AUs AU99"):
        write_dataset(tmp_path, {"au_names": ["AU99"]}, {"key": np.array(["a"])}, {})
    with pytest.raises(ValueError, match=r"report.csv"):
        write_dataset(tmp_path, {"au_names": []}, {"key": np.array([])}, {})


def test_keys_and_suffixes_the_webdataset_way():
    assert split_key("a/b.c/d.e.webp") == ("a/b.c/d", ".e.webp")
    assert split_key("d.JPG") == ("d", ".jpg")


def test_shards_stream_with_webdataset(made):
    wds = pytest.importorskip("webdataset")
    data, images = made
    files = [str(data.path / shard["name"]) for shard in data.info["shards"]]
    stream = wds.WebDataset(files, shardshuffle=False).decode("rgb8").to_tuple("__key__", "webp")
    for (key, image), expected_key, expected in zip(stream, data.keys, images, strict=True):
        assert key == expected_key
        assert np.array_equal(image, expected)


def test_damaged_tar(tmp_path: Path):
    (tmp_path / "a.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(ValueError, match=r"damaged tar"):
        list(read_tar(tmp_path / "a.tar"))
