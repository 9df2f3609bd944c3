"""A dataset directory at an address, for sets that fit on no disk: labels and landmarks are copied once, faces fetched as they
are drawn.

A pair is two frames of one person, chosen from all of them by their Action Units, so a training jumps about in its set, and a
stream of shards through a shuffled buffer would draw other pairs. Each face is one member of an uncompressed tar: where it lies is
known from the labels, and its bytes are asked for alone. So what is drawn is what the local reader draws, in the same order.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from dftnet.data.dataset import FaceData, Pictures
from dftnet.data.shards import read_extents, read_member, split_key
from dftnet.errors import DatasetError
from dftnet.media.address import Place
from dftnet.media.files import is_address, write_file
from dftnet.media.share import one_at_a_time

AHEAD = 8
"""Batches whose faces are fetched before they are drawn"""
THREADS = 4
"""That many batches are fetched and decoded at once"""
BESIDE = re.compile(r"dataset\.json|labels(-.+)?\.npz|mesh\.(npy|json)")
"""The files of a set that are copied."""
COPIES = "copied.json"
"""Beside the copies: of which version each is."""


def open_faces(data: str | Path, size: int | None = None) -> FaceData:
    """The set in a directory or at an address, see `FaceData.open`."""
    return FarFaceData.open(data, size) if is_address(data) else FaceData.open(data, size)


@dataclass
class FarFaceData(FaceData):
    """A set whose faces are at an address; `path` has copies of the rest."""

    place: Place | None = None
    """Where the shards are."""

    @classmethod
    def open(cls, path: str | Path, size: int | None = None) -> FaceData:
        """Copies what is beside the shards, and finds the faces in those of an older set; raises DatasetError or OSError with
        the remedy."""
        place = Place(str(path))
        there = place.files(deep=False)
        if "dataset.json" not in there:
            raise FileNotFoundError(
                f"no dataset at {place}: copy one there, as `dftnet prepare` makes it (dataset.json, labels.npz, shards)"
            )
        faces = cls._open(_copied(place, list(there)), size, there, place)
        assert isinstance(faces, FarFaceData)
        faces.place = place
        if faces.extent is None:
            faces.extent = faces._found_extents()
        return faces

    def images(self, progress: bool = True) -> np.ndarray:
        """Not here: they would not fit."""
        raise DatasetError(f"{self.place} is an address, and only `dftnet train` reads there: copy the set to a disk")

    def pictures(self) -> Pictures:
        """The faces, fetched as they are drawn."""
        return FarPictures(self)

    def read(self, row: int) -> np.ndarray:
        """One face, uint8 [S, S, 3], fetched."""
        return self.fetch(np.array([row]))[row]

    def verify(self) -> None:
        """Reads every shard through and compares its sha256."""
        assert self.place is not None
        for shard in self.info["shards"]:
            digest = hashlib.sha256()
            with self.place.stream(shard["name"]) as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            if digest.hexdigest() != shard["sha256"]:
                raise DatasetError(f"{self.place}/{shard['name']} is damaged (sha256 differs): copy it again")

    def fetch(self, rows: NDArray[np.int64]) -> dict[int, np.ndarray]:
        """Row → face, uint8 [S, S, 3], all asked for at once. DatasetError where another face lies there."""
        assert self.place is not None
        assert self.extent is not None
        names = [self.info["shards"][number]["name"] for number in self.shard[rows]]
        starts, stops = self.extent[rows].T.tolist()
        parts = self.place.read_ranges(names, starts, stops)
        found = {}
        for row, shard, part in zip(rows.tolist(), names, parts, strict=True):
            try:
                name, data = read_member(part)
            except ValueError as error:
                name, data = f"no face ({error})", b""
            if split_key(name)[0] != self.keys[row]:
                raise DatasetError(
                    f"{self.place}/{shard} holds {name} where labels.npz says {self.keys[row]}: copy the set again"
                )
            found[row] = self._decode(name, data)
        return found

    def _found_extents(self) -> np.ndarray:
        """int64 [n, 2] of a set from before they were noted: every shard is read through once."""
        assert self.place is not None
        row = {key: i for i, key in enumerate(self.keys.tolist())}
        extent = np.zeros((len(self), 2), np.int64)
        for shard in track(self.info["shards"], "finding faces", console=Console(stderr=True)):
            with self.place.stream(shard["name"]) as file:
                for name, found in read_extents(file, f"{self.place}/{shard['name']}"):
                    if (key := split_key(name)[0]) in row:
                        extent[row[key]] = found
        return extent


class FarPictures:
    """The faces of a far set by their rows. Those of the next batches come while the present one is learnt from."""

    def __init__(self, faces: FarFaceData) -> None:
        self._faces = faces
        self._pool = ThreadPoolExecutor(THREADS)
        self._coming: deque[tuple[frozenset[int], Future[dict[int, np.ndarray]]]] = deque(maxlen=AHEAD + 1)

    def expect(self, rows: NDArray[np.int64]) -> None:
        """These will be asked for soon. What was expected too long ago is forgotten."""
        rows = np.unique(rows)
        self._coming.append((frozenset(rows.tolist()), self._pool.submit(self._faces.fetch, rows)))

    def __getitem__(self, rows: NDArray[np.int64]) -> np.ndarray:
        """int [m] → uint8 [m, S, S, 3]."""
        size, wanted = self._faces.size, set(np.asarray(rows).tolist())
        found: dict[int, np.ndarray] = {}
        for expected, coming in list(self._coming):
            if not expected.isdisjoint(wanted - found.keys()):
                found |= coming.result()
        if missing := sorted(wanted - found.keys()):
            found |= self._faces.fetch(np.array(missing))
        return np.stack([found[row] for row in rows.tolist()]) if len(rows) else np.zeros((0, size, size, 3), np.uint8)


def _copied(place: Place, names: list[str]) -> Path:
    """A folder of this machine with what is beside the shards of a set, brought up to date."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(place.address.encode()).hexdigest()[:12]
    folder = cache / "dftnet" / f"{PurePosixPath(place.address).name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder):
        note = folder / COPIES
        known: dict[str, str] = json.loads(note.read_text("utf-8")) if note.exists() else {}
        wanted = {name: place.version(name) for name in names if BESIDE.fullmatch(name)}
        for name, version in wanted.items():
            if known.get(name) != version or not (folder / name).exists():
                place.copy(name, folder / name)
        for name in known.keys() - wanted.keys():
            (folder / name).unlink(missing_ok=True)
        write_file(note, json.dumps(wanted, indent=1), overwrite=True)
    return folder
