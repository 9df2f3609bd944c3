"""Files at an address (s3://bucket/photos, gs://…, https://…, memory://…): listed, read and copied by fsspec, which knows the
file systems. Install what yours needs beside it: `pip install "dftnet[cloud]" s3fs`.

place = Place("s3://bucket/photos")
place.files()                            # {"a/1.jpg": 120311, …}: names relative to the place → bytes
place.read("a/1.jpg")
with FarFile(place, "a/1.jpg").fetched() as path:   # on this machine's disk while it is needed
    …
"""

from __future__ import annotations

import contextlib
import errno
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

from dftnet.errors import RequestError
from dftnet.media.files import atomic_file

TRIES = 5
"""What fails is tried again after 1, 2, 4 … seconds: work of days outlives a network that is away for a moment."""
Read = TypeVar("Read")


@dataclass(frozen=True)
class Place:
    """A folder at an address. Goes to other processes and machines as its address.

    Raises FileNotFoundError, PermissionError, RequestError where a package is missing, and ConnectionError for all else.
    """

    address: str

    def __str__(self) -> str:
        return self.address

    def files(self, *, deep: bool = True) -> dict[str, int]:
        """Name relative to the place → bytes of every file in it, sorted as paths are; with `deep` below it.

        Raises FileNotFoundError where there is nothing.
        """

        def find(system: Any, root: str) -> dict[str, int]:
            system.invalidate_cache()
            found = system.find(root, maxdepth=None if deep else 1, detail=True)
            sizes = {name: about["size"] for name, about in found.items() if name != root}
            untold = [name for name, size in sizes.items() if size is None]  # the list of a web server
            sizes |= zip(untold, system.sizes(untold), strict=True) if untold else {}
            return {name[len(root.rstrip("/")) + 1 :]: int(size or 0) for name, size in sizes.items()}

        sizes = {name: size for name, size in self._done(find).items() if ".." not in name.split("/")}
        if not sizes:
            raise FileNotFoundError(f"nothing is found at {self}: look at its spelling, and give a folder")
        return dict(sorted(sizes.items(), key=lambda item: item[0].split("/")))

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """The bytes of a file, or those from `start` to before `stop`."""
        return self._done(lambda system, root: system.cat_file(_join(root, name), start=start, end=stop), name)

    def read_ranges(self, names: Sequence[str], starts: Sequence[int], stops: Sequence[int]) -> list[bytes]:
        """Many such parts, at once where the file system can."""

        def ranges(system: Any, root: str) -> list[bytes]:
            paths = [_join(root, name) for name in names]
            return system.cat_ranges(paths, list(starts), list(stops), on_error="raise")

        return self._done(ranges)

    def version(self, name: str) -> str:
        """Another word where the file is another one."""
        return self._done(lambda system, root: system.ukey(_join(root, name)), name)

    @contextlib.contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """A file, open for reading from its beginning to its end."""
        with self._told(name) as (system, root), system.open(_join(root, name), "rb") as file:
            yield file

    def copy(self, name: str, path: Path) -> None:
        """A file to `path` on this machine's disk, whole or not at all; what is there is replaced."""
        with atomic_file(path, overwrite=True) as temporary:
            self._done(lambda system, root: system.get_file(_join(root, name), str(temporary)), name)

    def _done(self, work: Callable[[Any, str], Read], name: str = "") -> Read:
        """work(fsspec's file system, the place's path in it), tried again where the network fails."""
        for attempt in range(TRIES):
            try:
                with self._told(name) as there:
                    return work(*there)
            except ConnectionError:
                if attempt == TRIES - 1:
                    raise
            time.sleep(2**attempt)
        raise AssertionError

    @contextlib.contextmanager
    def _told(self, name: str = "") -> Iterator[tuple[Any, str]]:
        """fsspec's file system and the place's path in it; its errors, which are of every kind, told in one line."""
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise RequestError(f'{self} is an address, which needs fsspec: pip install "dftnet[cloud]"') from None
        try:
            there = url_to_fs(self.address)
        except (ImportError, ValueError) as error:  # fsspec knows the package that is missing
            raise RequestError(f"{self} cannot be opened: {error}") from None
        shown = _join(str(self), name) if name else str(self)
        try:
            yield there
        except FileNotFoundError:
            raise FileNotFoundError(f"no such file: {shown}") from None
        except PermissionError:
            raise PermissionError(f"{shown} may not be read: sign in, or ask for it") from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # of the disk here
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConnectionError(f"{shown} cannot be read: {reason}") from error


@dataclass(frozen=True)
class FarFile:
    """One file of a place."""

    place: Place
    name: str
    """Relative to the place."""

    def __str__(self) -> str:
        return _join(str(self.place), self.name)

    @property
    def suffix(self) -> str:
        """As of a path: ".jpg"."""
        return PurePosixPath(self.name).suffix

    @contextlib.contextmanager
    def fetched(self) -> Iterator[Path]:
        """The path of a copy with the same name, which is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="dftnet-") as folder:
            path = Path(folder) / PurePosixPath(self.name).name
            self.place.copy(self.name, path)
            yield path


def _join(root: str, name: str) -> str:
    return f"{root.rstrip('/')}/{name}"
