"""Files at an address: listed, read, copied, and what goes wrong told in one line."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

import pytest

fsspec = pytest.importorskip("fsspec")

from dftnet.errors import RequestError  # noqa: E402
from dftnet.media.address import FarFile, Place  # noqa: E402


@pytest.fixture
def place():
    memory = fsspec.filesystem("memory")
    memory.pipe(
        {"/photos/a/1.txt": b"hello", "/photos/2.txt": b"0123456789", "/photos/a-b.txt": b"", "/photosets/x": b"1"}
    )
    yield Place("memory://photos")
    memory.rm(["/photos", "/photosets"], recursive=True)


def test_files_are_listed_and_read(place):
    assert list(place.files().items()) == [("2.txt", 10), ("a/1.txt", 5), ("a-b.txt", 0)], "in the order of paths"
    assert place.files(deep=False) == {"2.txt": 10, "a-b.txt": 0}
    assert place.read("a/1.txt") == b"hello"
    assert place.read("2.txt", 3, 5) == b"34"
    assert place.read_ranges(["2.txt", "a/1.txt", "2.txt"], [0, 1, 8], [2, 3, 10]) == [b"01", b"el", b"89"]
    with place.stream("2.txt") as file:
        assert file.read(4) == b"0123"
    assert pickle.loads(pickle.dumps(place)).read("a/1.txt") == b"hello"


def test_sizes_are_asked_for_where_the_list_has_none(place, monkeypatch: pytest.MonkeyPatch):
    memory = fsspec.filesystem("memory")
    find = type(memory).find
    untold = lambda *given, **more: {name: {**told, "size": None} for name, told in find(*given, **more).items()}  # noqa: E731
    monkeypatch.setattr(type(memory), "find", untold)
    assert place.files() == {"2.txt": 10, "a/1.txt": 5, "a-b.txt": 0}


def test_a_file_lies_on_the_disk_while_it_is_needed(place, tmp_path: Path):
    with FarFile(place, "a/1.txt").fetched() as path:
        assert path.name == "1.txt"
        assert path.read_bytes() == b"hello"
    assert not path.parent.exists()
    place.copy("2.txt", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"
    with pytest.raises(FileNotFoundError, match=r"no such file: memory://photos/none"):
        place.copy("none", tmp_path / "none")
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


def test_a_changed_file_has_another_version(place):
    before = place.version("2.txt")
    assert place.version("2.txt") == before
    fsspec.filesystem("memory").pipe("/photos/2.txt", b"changed")
    assert place.version("2.txt") != before


def test_mistakes_are_told_in_one_line():
    with pytest.raises(FileNotFoundError, match="nothing is found at memory://nowhere"):
        Place("memory://nowhere").files()
    with pytest.raises(RequestError, match="nonsense://x cannot be opened: Protocol not known"):
        Place("nonsense://x").files()
    if importlib.util.find_spec("s3fs") is None:
        with pytest.raises(RequestError, match="s3fs"):
            Place("s3://bucket/a").files()


def test_without_fsspec_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(RequestError, match=r"dftnet\[cloud\]"):
        Place("s3://bucket/a").files()
