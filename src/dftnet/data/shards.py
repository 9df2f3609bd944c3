"""Tar shards in WebDataset naming: written whole or not at all, equal faces giving equal bytes, and read back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dftnet.errors import DatasetError
from dftnet.media.files import atomic_file, file_sha256


class ShardWriter:
    """Writes encoded images into one tar, whole or not at all.

    with ShardWriter(path) as shard:
        shard.add("anna-001", ".webp", data)
    shard.sha256, shard.count, shard.bytes
    """

    def __init__(self, path: str | Path, overwrite: bool = False):
        self.path = Path(path)
        self.count = 0
        self.bytes = 0
        self.sha256 = ""
        self._context = atomic_file(self.path, overwrite)

    def __enter__(self) -> ShardWriter:
        self._temporary = self._context.__enter__()
        self._tar = tarfile.open(self._temporary, "w", format=tarfile.USTAR_FORMAT)
        return self

    def add(self, key: str, suffix: str, data: bytes) -> tuple[int, int]:
        """Append the member `key` + `suffix` (".webp"); equal input gives equal bytes (no times, no owners).

        Returns its extent: the first byte of its header, and the byte after its last.
        """
        member = tarfile.TarInfo(key + suffix)
        member.size = len(data)
        member.mode = 0o644
        start = self._tar.offset
        self._tar.addfile(member, io.BytesIO(data))
        self.count += 1
        return start, start + tarfile.BLOCKSIZE + len(data)

    def __exit__(self, kind, error, trace) -> None:
        try:
            self._tar.close()
            if kind is None:
                self.sha256 = file_sha256(self._temporary)
                self.bytes = self._temporary.stat().st_size
        except BaseException as closing:
            self._context.__exit__(type(closing), closing, closing.__traceback__)
            raise
        self._context.__exit__(kind, error, trace)


def read_tar(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """(member name, bytes) of the plain files of a tar, in order. Raises DatasetError where the tar is damaged."""
    try:
        with tarfile.open(path, "r|*") as tar:
            for member in tar:
                if member.isfile():
                    file = tar.extractfile(member)
                    assert file is not None
                    yield member.name, file.read()
    except (tarfile.TarError, EOFError) as error:
        raise DatasetError(f"{path} is a damaged tar ({error}): copy or make it again") from None


def read_extents(file: IO[bytes], name: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(member name, its extent as `ShardWriter.add` tells it) of the plain files of a tar, read from its beginning to its end."""
    try:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                if member.isfile():
                    yield member.name, (member.offset_data - tarfile.BLOCKSIZE, member.offset_data + member.size)
    except (tarfile.TarError, EOFError) as error:
        raise DatasetError(f"{name} is a damaged tar ({error}): copy or make it again") from None


def read_member(data: bytes) -> tuple[str, bytes]:
    """(member name, bytes) of the one member whose extent these bytes are; ValueError where they are not."""
    try:
        member = tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        raise ValueError(str(error)) from None
    if tarfile.BLOCKSIZE + member.size != len(data):
        raise ValueError("the size differs")
    return member.name, data[tarfile.BLOCKSIZE :]


def split_key(name: str) -> tuple[str, str]:
    """A member's key and suffix, the WebDataset way: everything from the first dot of the base name is suffix."""
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.partition(".")
    return folder + slash + stem, dot + suffix.lower()
