"""One of several equal shares of the work, for machines that know nothing of each other: `--shard 0/8` … `--shard 7/8`.

Which share a file is in follows from its path relative to the input alone, so a share that was lost is simply run again,
anywhere, and all shares together are the whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from dftnet.errors import RequestError


@dataclass(frozen=True)
class Share:
    """Share `index` (from 0) of `count`."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise RequestError(
                f"share {self.index}/{self.count}: of N shares the first is 0/N, the last N-1/N", field="shard"
            )

    @classmethod
    def parse(cls, text: str | None) -> Share:
        """ "0/8"; None is the whole."""
        if text is None:
            return WHOLE
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if not found:
            raise RequestError(f"--shard {text!r}: write I/N, from 0/N to N-1/N, such as 0/8", field="shard")
        return cls(int(found[1]), int(found[2]))

    def has(self, name: str | PurePath) -> bool:
        """Whether the file of this relative path is in it: sha256 of the path with forward slashes, modulo `count`."""
        path = name.as_posix() if isinstance(name, PurePath) else name.replace("\\", "/")
        digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index

    def files(self, paths: Iterable[Path], root: Path) -> list[Path]:
        """Those of the paths below `root` that are in it."""
        return [path for path in paths if self.has(path.relative_to(root))]

    @property
    def whole(self) -> bool:
        """True where there is but one share."""
        return self.count == 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Share()


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Waits until no other process is in here for this folder, where the system has locks; they end with the process."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
