"""What there is to prepare: photos in a folder tree, in tar shards, frames of videos; listed, named, cut into chunks.

The list is sorted, so that the same input gives the same list on every run; nothing is decoded here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO

from dftnet.errors import DatasetError
from dftnet.media.address import FarFile, Place
from dftnet.media.files import check_there, is_address
from dftnet.media.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dftnet.media.video import is_video

CHUNK = 128
"""Photos of one unit of work: what an interruption can cost."""


@dataclass(frozen=True)
class Source:
    """One photo, or one whole video, by where its bytes are."""

    path: str
    """Path relative to the input folder; inside a tar, the member's name."""
    file: str
    """The file on disk: the photo, the video, or the tar that holds it; its name in `place`, where there is one."""
    offset: int = -1
    """First byte in `file`, or -1 for the whole file."""
    size: int = 0
    """Number of bytes."""
    number: int = 0
    """Position (from 1) among the photos of its folder: the frame number OpenFace gives an image sequence."""
    video: bool = False
    place: Place | None = None
    """The folder at an address that `file` is in."""

    def read(self) -> bytes:
        """The encoded bytes."""
        if self.place is not None:
            part = (self.offset, self.offset + self.size) if self.offset >= 0 else ()
            return self.place.read(self.file, *part)
        with open(self.file, "rb") as file:
            if self.offset >= 0:
                file.seek(self.offset)
            return file.read(self.size if self.offset >= 0 else -1)

    @contextlib.contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """The whole file, open for reading."""
        with open(self.file, "rb") if self.place is None else self.place.stream(self.file) as file:
            yield file

    @contextlib.contextmanager
    def on_disk(self) -> Iterator[Path]:
        """The whole file's path, or that of a copy while it is needed."""
        if self.place is None:
            yield Path(self.file)
            return
        with FarFile(self.place, self.file).fetched() as path:
            yield path

    def names(self, frame: int | None = None) -> tuple[str, ...]:
        """How a label file may call it (frame `frame`, from 0, of a video), the most exact name first."""
        stem = re.sub(r"\.[^./]+$", "", self.path)
        base, short = self.path.rsplit("/", 1)[-1], stem.rsplit("/", 1)[-1]
        if frame is not None:
            return tuple(dict.fromkeys(f"{name}#{frame + 1}" for name in (self.path, stem, base, short)))
        root = PurePosixPath(self.place.address).name if self.place is not None else ""
        folder = self.path.rpartition("/")[0] or Path(self.file).parent.name or root
        sequence = (f"{folder}#{self.number}", f"{folder.rsplit('/', 1)[-1]}#{self.number}")
        return tuple(dict.fromkeys((self.path, stem, base, short, *sequence)))


@dataclass(frozen=True)
class Collection:
    """Everything found at an input."""

    photos: list[Source] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    """Names of files that are neither images, videos nor tars."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """(name, reason) of tars that cannot be listed."""

    def fingerprint(self) -> str:
        """sha256 over names and sizes: changes when photos are added, removed or replaced."""
        rows = [[p.path, p.offset, p.size, p.video] for p in self.photos]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def collect(source: str | Path) -> Collection:
    """List the photos and videos of a folder tree (also of one at an address), a tar, or a single file.

    Raises FileNotFoundError where there is nothing, DatasetError where no photo is inside.
    """
    if is_address(source):
        place = Place(str(source))
        files = [Source(name, name, size=size, place=place) for name, size in place.files().items()]
        single = False
    else:
        files, single = _files_below(Path(source)), Path(source).is_file()
    found = Collection()
    numbers: dict[str, int] = {}
    for file in files:
        relative = PurePosixPath(file.path)
        if any(part.startswith(".") for part in relative.parts):
            continue
        suffix = relative.suffix.lower()
        video = suffix in VIDEO_SUFFIXES or (single and is_video(file.file))
        if suffix in IMAGE_SUFFIXES or (single and not video and suffix != ".tar"):
            folder = relative.parent.as_posix()
            numbers[folder] = numbers.get(folder, 0) + 1
            found.photos.append(replace(file, number=numbers[folder]))
        elif video:
            found.photos.append(replace(file, video=True))
        elif suffix == ".tar":
            _list_tar(file, found)
        elif relative.name.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")):
            found.unreadable.append((file.path, "compressed archive: unpack it first"))
        else:
            found.ignored.append(file.path)
    if not found.photos:
        what = f"; {found.unreadable[0][0]}: {found.unreadable[0][1]}" if found.unreadable else ""
        raise DatasetError(
            f"{source} holds no photo, video or tar of photos{what}: point to the folder with the photos"
        )
    return found


def _files_below(source: Path) -> list[Source]:
    """Every file of a folder tree, in order, or the one file."""
    check_there(source, "folder or file")
    root = source if source.is_dir() else source.parent
    files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    return [Source(file.relative_to(root).as_posix(), str(file), size=file.stat().st_size) for file in files]


def _list_tar(file: Source, found: Collection) -> None:
    title = PurePosixPath(file.path).name
    try:
        with file.stream() as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            number = 0
            for member in tar:
                if not member.isfile() or Path(member.name).name.startswith("."):
                    continue
                if Path(member.name).suffix.lower() not in IMAGE_SUFFIXES:
                    found.ignored.append(f"{title}/{member.name}")
                    continue
                number += 1
                name = member.name.removeprefix("./")
                found.photos.append(
                    replace(file, path=name, offset=member.offset_data, size=member.size, number=number)
                )
    except (tarfile.TarError, EOFError) as error:
        found.unreadable.append((title, f"damaged tar ({error}): copy it again"))


def chunks(photos: Iterable[Source]) -> list[list[int]]:
    """Positions of the photos by unit of work: up to `CHUNK` photos of one tar or tree, each video alone."""
    units: list[list[int]] = []
    current: list[int] = []
    for i, photo in enumerate(photos):
        if photo.video:
            units.append([i])
        else:
            current.append(i)
            if len(current) == CHUNK:
                units.append(current)
                current = []
    if current:
        units.append(current)
    return units


def unique_keys(photos: list[Source]) -> list[str]:
    """A key for each photo: its path without suffix, only letters, digits, - _ and /; made unique by a number."""
    taken: set[str] = set()
    keys = []
    for photo in photos:
        stem = re.sub(r"\.[^./]+$", "", photo.path)
        key = re.sub(r"[^A-Za-z0-9_/-]+", "_", stem).strip("/") or "photo"
        parts = [part[:48] for part in key.split("/")]
        key = "/".join(parts)[-80:].lstrip("/")
        number, candidate = 2, key
        while candidate.lower() in taken:
            candidate = f"{key}_{number}"
            number += 1
        taken.add(candidate.lower())
        keys.append(candidate)
    return keys
