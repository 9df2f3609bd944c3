"""The dataset directory: tar shards of aligned faces, their labels, and what reads and writes both.

    dataset.json        format, size, AU names and where they come from, alignment, shards with sha256
    labels.npz          one row a face: key, shard, aus, subject, split, source, ...  (no pickles)
    labels-NAME.npz     other AU labels of the same faces, e.g. by an estimator; may know more units than the set
    mesh.npy            the landmarks of a face mesh on every face, where they were read; mesh.json says by whom
    shard-00000.tar     WebDataset naming: KEY.webp or KEY.jpg, in the order of the rows
    cache/images.npy    all faces decoded, made on first use; may be deleted (images-64.npy: reduced to 64 pixels)

Nothing here imports PyTorch. `docs/data-format.md` describes every field.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from dftnet.data.shards import read_tar, split_key
from dftnet.errors import DatasetError, RequestError
from dftnet.media.files import atomic_file, file_sha256, is_address, write_file
from dftnet.media.image import decode_image
from dftnet.media.share import one_at_a_time
from dftnet.units import ALL_UNITS, levels_as

FORMAT = "dftnet-dataset-1"
SPLITS = ("train", "validation", "test")
MESH_POINTS = 478
"""MediaPipe's: 468 of the face, 10 of the irises."""
_BATCH = 256


class Pictures(Protocol):
    """Faces by their rows."""

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """int [m] → uint8 [m, S, S, 3]."""


@dataclass
class FaceData:
    """A dataset directory, opened: row i of every array belongs to the same face."""

    path: Path
    info: dict
    size: int
    """Edge of the square faces in pixels, as `images` and `read` give them."""
    au_names: tuple[str, ...]
    """The K Action Units of the columns of `aus`."""
    keys: np.ndarray
    """str [n], unique."""
    shard: np.ndarray
    """int32 [n], the number of the shard that holds the face."""
    aus: np.ndarray
    """float32 [n, K] in [0, 1]."""
    subject: np.ndarray
    """str [n], whose face it is, as far as known."""
    split: np.ndarray
    """str [n]: "train", "validation" or "test"."""
    source: np.ndarray
    """str [n], the collection it is from ("" if not told)."""
    emotion: np.ndarray
    """str [n], "" if not told."""
    landmarks: np.ndarray
    """float32 [n, 5, 2], in pixels of the photo the face was cut from."""
    crop_from_image: np.ndarray
    """float64 [n, 2, 3], from that photo to the face."""
    extras: dict[str, np.ndarray] = field(default_factory=dict)
    """Every other numeric label column, float32 [n], NaN where empty."""
    extent: np.ndarray | None = None
    """int64 [n, 2], from which byte of its shard to before which the face's member lies; None where nobody has noted it."""

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def open(cls, path: str | Path, size: int | None = None) -> FaceData:
        """Reads `dataset.json` and `labels.npz`. Raises DatasetError or FileNotFoundError with the remedy.

        size: give the faces reduced to this many pixels, of which the set's own size is a multiple.
        """
        if is_address(path):
            raise DatasetError(f"{path} is an address, and only `dftnet train` reads there: copy the set to a disk")
        path = Path(path)
        return cls._open(
            path, size, {file.name: file.stat().st_size for file in path.glob("*") if file.is_file()}, path
        )

    @classmethod
    def _open(cls, path: Path, size: int | None, there: Mapping[str, int], place: object) -> FaceData:
        """The labels in `path`; the shards are at `place`, which holds these files of so many bytes."""
        info = _read_info(path)
        labels = _read_npz(path / "labels.npz")
        n, names = len(labels["key"]), tuple(info["au_names"])
        if labels["aus"].shape != (n, len(names)):
            raise DatasetError(f"{path}: labels.npz and dataset.json disagree on the AUs: prepare the set again")
        for shard in info["shards"]:
            if there.get(shard["name"]) != shard["bytes"]:
                state = "cut off or changed" if shard["name"] in there else "missing"
                raise DatasetError(
                    f"{place}/{shard['name']} is {state}: copy it again, or delete {place} and prepare the set again"
                )
        extras = {str(name): labels["extras"][:, i] for i, name in enumerate(labels["extra_names"])}
        prepared = int(info["size"])
        size = size or prepared
        if prepared % size:
            raise DatasetError(
                f"{path} holds {prepared}-pixel faces, which do not reduce to {size} evenly; prepare the set with --size {size}"
            )
        arrays: dict[str, Any] = {name: labels[name] for name in _ROW_ARRAYS}
        arrays["crop_from_image"] = reduced_crop(arrays["crop_from_image"], prepared // size)
        arrays |= {"keys": labels["key"], "extent": labels.get("extent")}
        return cls(path=path, info=info, size=size, au_names=names, extras=extras, **arrays)

    def rows(self, split: str) -> np.ndarray:
        """int64 [m]: the rows of "train", "validation" or "test", or all of them for "all"."""
        if split == "all":
            return np.arange(len(self), dtype=np.int64)
        if split not in SPLITS:
            raise RequestError(f"no split {split!r}: use {', '.join(SPLITS)} or all")
        return np.flatnonzero(self.split == split).astype(np.int64)

    def labels(self, name: str = "labels") -> np.ndarray:
        """float32 [n, K]: the AUs of `labels.npz`, or those of `labels-NAME.npz` in the columns of `au_names`; of a unit that
        is only known on sides, their mean."""
        names, aus = self.label_set(name)
        absent = [au for au in self.au_names if au not in names and not {f"{au}L", f"{au}R"} <= set(names)]
        if absent:
            raise DatasetError(f"{self._label_file(name)} lacks {', '.join(absent)}: make the labels again")
        return levels_as(aus, names, self.au_names)

    def label_set(self, name: str = "labels") -> tuple[tuple[str, ...], np.ndarray]:
        """All units of `labels.npz` or `labels-NAME.npz`, which may know more than the set, and their levels float32 [n, J]."""
        if name == "labels":
            return self.au_names, self.aus
        path = self._label_file(name)
        if not path.exists():
            known = sorted(p.stem.removeprefix("labels-") for p in self.path.glob("labels-*.npz"))
            here = ", ".join(["labels", *known])
            raise FileNotFoundError(
                f"{path} does not exist; label sets here: {here} (`dftnet relabel {self.path} --name {name}` makes one of what the "
                "shipped reader reads)"
            )
        other = _read_npz(path)
        row = {key: i for i, key in enumerate(other["key"].tolist())}
        if any(key not in row for key in self.keys.tolist()):
            raise DatasetError(f"{path} lacks some faces of this set: make the labels again")
        order = [row[key] for key in self.keys.tolist()]
        return tuple(other["au_names"].tolist()), np.ascontiguousarray(other["aus"][order], np.float32)

    def _label_file(self, name: str) -> Path:
        return self.path / f"labels-{name}.npz"

    def write_labels(
        self, name: str, aus: np.ndarray, note: str = "", overwrite: bool = False, names: Sequence[str] | None = None
    ) -> Path:
        """Save other AUs [n, J] in [0, 1] of these faces as `labels-NAME.npz`; `names` of the J units, else `au_names`."""
        units = tuple(names) if names is not None else self.au_names
        if aus.shape != (len(self), len(units)):
            raise DatasetError(f"expected AUs {[len(self), len(units)]}, got {list(aus.shape)}")
        if not np.isfinite(aus).all() or aus.min() < 0 or aus.max() > 1:
            raise DatasetError("AU labels must be numbers in [0, 1]: clip them first")
        if not name.replace("-", "").replace("_", "").isalnum() or name == "labels":
            raise RequestError(f"{name!r} cannot name a label set: use letters, digits, - and _")
        path = self._label_file(name)
        arrays = {"key": self.keys, "aus": aus.astype(np.float32), "au_names": np.array(units)}
        write_npz(path, {**arrays, "note": np.array(note)}, overwrite)
        return path

    def mesh(self) -> np.ndarray:
        """float32 [n, 478, 2]: the face mesh's landmarks in pixels of the faces as `images` gives them.

        Memory-mapped at the set's own size. Raises FileNotFoundError where they were not read, DatasetError for those of
        other faces.
        """
        path, about = self.path / "mesh.npy", self.path / "mesh.json"
        if not path.exists() or not about.exists():
            raise FileNotFoundError(
                f"{self.path} has no landmarks of a face mesh ({path.name}): read them with `dftnet landmarks {self.path}`"
            )
        points = np.load(path, mmap_mode="r")
        if json.loads(about.read_text("utf-8")).get("faces") != self._faces_sha256() or len(points) != len(self):
            raise DatasetError(f"{path} belongs to other faces: read the landmarks again")
        factor = self.info["size"] // self.size
        return points if factor == 1 else ((points + 0.5) / factor - 0.5).astype(np.float32)

    def write_mesh(self, points: np.ndarray, note: str = "", overwrite: bool = False) -> Path:
        """Save a face mesh's landmarks [n, 478, 2], pixels of the faces at the set's own size, in the order of the rows."""
        if points.shape != (len(self), MESH_POINTS, 2) or not np.isfinite(points).all():
            raise DatasetError(f"expected finite landmarks {[len(self), MESH_POINTS, 2]}, got {list(points.shape)}")
        path = self.path / "mesh.npy"
        with atomic_file(path, overwrite) as temporary, open(temporary, "wb") as file:
            np.save(file, points.astype(np.float32), allow_pickle=False)
        about = {"note": note, "size": self.info["size"], "faces": self._faces_sha256()}
        write_file(self.path / "mesh.json", json.dumps(about, indent=2) + "\n", overwrite=True)
        return path

    def _faces_sha256(self) -> str:
        """Of the keys, in order."""
        return hashlib.sha256("\n".join(self.keys.tolist()).encode()).hexdigest()

    def pictures(self) -> Pictures:
        """The faces for a training, which takes a few rows at a time: those of `images`."""
        return self.images()

    def read(self, row: int) -> np.ndarray:
        """One face, uint8 [S, S, 3], from its shard (slow: for many faces use `images`)."""
        cache = self._cache()
        if self._cache_is_current(cache):
            return np.array(np.load(cache, mmap_mode="r")[row])
        shard = self.path / self.info["shards"][int(self.shard[row])]["name"]
        for name, data in read_tar(shard):
            if split_key(name)[0] == self.keys[row]:
                return self._decode(name, data)
        raise DatasetError(f"{shard} does not hold {self.keys[row]}: prepare the set again")

    def verify(self) -> None:
        """Compares the sha256 of every shard; raises DatasetError naming the first that differs."""
        for shard in self.info["shards"]:
            self._compare(self.path / shard["name"], shard["sha256"])

    def _compare(self, path: Path, expected: str) -> None:
        if file_sha256(path) != expected:
            raise DatasetError(f"{path} is damaged (sha256 differs): copy it again, or prepare the set again")

    def images(self, progress: bool = True) -> np.ndarray:
        """uint8 [n, S, S, 3], memory-mapped: all faces, decoded once into PATH/cache/images.npy.

        Later calls reuse that file; of several processes one decodes, and the others wait for it. Shards are compared with their
        sha256 while decoding. Raises DatasetError for a damaged shard, OSError where the disk is full (the cache needs
        n * S * S * 3 bytes).
        """
        cache = self._cache()
        if not self._cache_is_current(cache):
            cache.parent.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(cache.parent):
                if not self._cache_is_current(cache):
                    self._decode_into(cache, progress)
        return np.load(cache, mmap_mode="r")

    def _cache(self) -> Path:
        reduced = self.size != self.info["size"]
        return self.path / "cache" / (f"images-{self.size}.npy" if reduced else "images.npy")

    def _decode(self, name: str, data: bytes) -> np.ndarray:
        image, prepared = decode_image(data, name), self.info["size"]
        if image.shape != (prepared, prepared, 3):
            raise DatasetError(f"{name} is {image.shape[1]}x{image.shape[0]}, not {prepared}: prepare again")
        if self.size == prepared:
            return image
        return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)

    def _fingerprint(self) -> str:
        shards = [shard["sha256"] for shard in self.info["shards"]]
        return hashlib.sha256(json.dumps([self.size, shards]).encode()).hexdigest()

    def _cache_is_current(self, cache: Path) -> bool:
        stamp = cache.with_suffix(".sha256")
        expected = 128 + len(self) * self.size * self.size * 3
        return (
            cache.exists() and stamp.exists() and cache.stat().st_size >= expected
            and stamp.read_text().strip() == self._fingerprint()
        )  # fmt: skip

    def _decode_into(self, cache: Path, progress: bool) -> None:
        shape = (len(self), self.size, self.size, 3)
        need = int(np.prod(shape))
        stats = os.statvfs(cache.parent) if hasattr(os, "statvfs") else None
        if stats is not None and stats.f_bavail * stats.f_frsize < need * 1.02:
            raise OSError(28, f"decoding {self.path} needs {need / 1e9:.1f} GB in {cache.parent}: free some space")
        with atomic_file(cache, overwrite=True) as temporary, open(temporary, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for block in self._decoded_blocks(progress):
                file.write(block.tobytes())
            file.flush()
        write_file(cache.with_suffix(".sha256"), self._fingerprint() + "\n", overwrite=True)

    def _decoded_blocks(self, progress: bool) -> Iterator[np.ndarray]:
        """uint8 [m, S, S, 3] blocks in the order of the rows, checked against the labels' keys."""
        console = Console(stderr=True)
        blocks = track(
            self._member_blocks(), "decoding faces", -(-len(self) // _BATCH), disable=not progress, console=console
        )
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for block in blocks:
                yield np.stack(list(pool.map(lambda item: self._decode(*item), block)))

    def _member_blocks(self) -> Iterator[list[tuple[str, bytes]]]:
        row, block = 0, []
        for shard in self.info["shards"]:
            self._compare(self.path / shard["name"], shard["sha256"])
            for name, data in read_tar(self.path / shard["name"]):
                if row >= len(self) or split_key(name)[0] != self.keys[row]:
                    raise DatasetError(f"{shard['name']} and labels.npz name different faces: prepare the set again")
                block.append((name, data))
                row += 1
                if len(block) == _BATCH:
                    yield block
                    block = []
        if row != len(self):
            raise DatasetError(f"the shards hold {row} faces, labels.npz {len(self)}: prepare the set again")
        if block:
            yield block


def reduced_crop(matrix: np.ndarray, factor: int) -> np.ndarray:
    """Affine [..., 2, 3] into a crop → into the crop reduced by `factor`; pixel centres are at integers."""
    reduced = matrix / factor
    reduced[..., 2] += 0.5 / factor - 0.5
    return reduced


_ROW_ARRAYS = ("shard", "aus", "subject", "split", "source", "emotion", "landmarks", "crop_from_image")


def write_dataset(path: Path, info: dict, rows: dict[str, np.ndarray], extras: dict[str, np.ndarray]) -> None:
    """Write labels.npz, then dataset.json: a directory with dataset.json is a complete set."""
    n = len(rows["key"])
    if n == 0:
        raise DatasetError("no face is left to write: see report.csv for the reasons")
    if len(set(rows["key"].tolist())) != n:
        raise DatasetError("two faces have the same key")
    unknown = [au for au in info["au_names"] if au not in ALL_UNITS]
    if unknown:
        raise DatasetError(f"unknown AUs {', '.join(unknown)}: known are {', '.join(ALL_UNITS)}")
    table = np.stack([extras[k] for k in extras], 1) if extras else np.zeros((n, 0))
    arrays = {name: rows[name] for name in ("key", *_ROW_ARRAYS)}
    arrays["extras"] = table.astype(np.float32)
    arrays["extra_names"] = np.array(list(extras), dtype=np.str_)
    if "extent" in rows:
        arrays["extent"] = rows["extent"]
    write_npz(path / "labels.npz", arrays, overwrite=True)
    write_file(path / "dataset.json", json.dumps({"format": FORMAT, **info}, indent=2) + "\n", overwrite=True)


def write_npz(path: Path, arrays: dict[str, np.ndarray], overwrite: bool = False) -> None:
    """A compressed .npz without pickles, whole or not at all."""
    for name, array in arrays.items():
        if array.dtype == object:
            raise DatasetError(f"array {name} holds Python objects")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_file(path, buffer.getvalue(), overwrite)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: copy it again, or prepare the set again") from None
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DatasetError(f"{path} is damaged ({error}): copy it again, or prepare the set again") from None
    except Exception as error:  # zipfile.BadZipFile and zlib.error have no common base
        raise DatasetError(f"{path} is damaged ({error}): copy it again, or prepare the set again") from None


def _read_info(path: Path) -> dict:
    file = path / "dataset.json"
    if not path.exists():
        raise FileNotFoundError(f"no dataset at {path}: make one with `dftnet prepare PHOTOS -o {path}`")
    if not file.exists():
        unfinished = (path / "work").exists()
        remedy = "run the same prepare command again to finish it" if unfinished else "is this the right folder?"
        raise DatasetError(f"{path} has no dataset.json: {remedy}")
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{file} is damaged ({error}): copy it again, or prepare the set again") from None
    if info.get("format") != FORMAT:
        raise DatasetError(f"{file} has format {info.get('format')!r}, this version reads {FORMAT!r}")
    return info
