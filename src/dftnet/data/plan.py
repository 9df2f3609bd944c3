"""What one run of `dftnet prepare` has to do: which photos, under which keys, labels and people, cut into chunks.

Made before any work, so that whatever is wrong with photos, labels or options is said before anything is written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dftnet.au_sources.people import open_people
from dftnet.au_sources.source import AUSource, make_source
from dftnet.au_sources.table_formats import open_labels
from dftnet.au_sources.tables import LabelTable
from dftnet.data.config import PrepareConfig
from dftnet.data.inputs import Collection, Source, chunks, collect, unique_keys
from dftnet.errors import DatasetError, RequestError
from dftnet.media.files import check_folder, file_sha256, is_address

SHARD = 4096
"""Faces of one shard."""


@dataclass(frozen=True)
class Job:
    """One photo or video to crop."""

    source: Source
    key: str
    """What its faces are called in the set."""
    landmarks: np.ndarray | None = None
    """float [5, 2] in the photo's pixels, where they come from the label file."""
    subject: str = ""
    """Whose photo it is; "" where nobody said."""


@dataclass(frozen=True)
class Chunk:
    """One unit of work: jobs whose faces go into the tar `path`."""

    path: Path
    jobs: list[Job]


@dataclass(frozen=True)
class Plan:
    """Everything that a run needs to know."""

    output: Path
    config: PrepareConfig
    found: Collection
    labels: LabelTable | None
    source: AUSource | LabelTable
    """`labels`, or what looks at the pixels."""
    fingerprint: str
    """Of photos, labels and options: the same plan makes the same set."""
    chunks: list[Chunk] = field(default_factory=list)
    shard: int = SHARD
    """Faces of one shard."""
    warnings: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    """(photo, reason, detail) of what is left out from the start."""

    @property
    def work(self) -> Path:
        """Where the chunks lie until the set is put together."""
        return self.output / "work"


def make_plan(input: str | Path, output: Path, config: PrepareConfig) -> Plan:
    """Looks at input, labels and people. Raises DatasetError, RequestError or OSError with the remedy."""
    _check_output(input, output)
    table = _open_table(config)
    source: AUSource | LabelTable = table if table is not None else make_source(config.pixel_source)
    found = collect(input)
    warnings = list(table.warnings) if table else []
    skipped = [(name, "unreadable archive", why) for name, why in found.unreadable]
    wanted = list(range(len(found.photos)))
    if table is not None:
        wanted = _with_label(found.photos, table, warnings, skipped)
    subjects = [""] * len(found.photos)
    if config.people is not None:
        people = open_people(config.people)
        paths = [photo.path for photo in found.photos]
        subjects = [people(path) for path in paths]
        warnings += people.told(paths, subjects)
    keys = unique_keys(found.photos)
    plan = Plan(output, config, found, table, source, _fingerprint(found, config, source), [], SHARD, warnings, skipped)
    jobs = [
        Job(found.photos[i], keys[i], _given_landmarks(config, table, found.photos[i]), subjects[i]) for i in wanted
    ]
    plan.chunks.extend(
        Chunk(plan.work / f"chunk-{number:05d}.tar", [jobs[i] for i in unit])
        for number, unit in enumerate(chunks([job.source for job in jobs]))
    )
    return plan


def _check_output(input: str | Path, output: Path) -> None:
    """DatasetError or OSError where the set cannot be made there."""
    check_folder(output)
    resolved, source = output.resolve(), Path(input).resolve()
    if not is_address(input) and source.is_dir() and (resolved == source or source in resolved.parents):
        raise DatasetError(f"the output {output} lies inside the input {input}: choose a folder elsewhere")


def _open_table(config: PrepareConfig) -> LabelTable | None:
    """The label file, checked for what the configuration wants of it."""
    if config.labels is None:
        if config.landmarks == "csv":
            raise RequestError("landmarks=csv needs a label file with the columns eye_r_x, eye_r_y, ... mouth_l_y")
        return None
    table = open_labels(config.labels, config.labels_format, config.au_range)
    if config.landmarks == "csv" and table.landmarks is None:
        raise DatasetError(
            f"{config.labels} has no landmark columns (eye_r_x, eye_r_y, ... mouth_l_y): use landmarks=detect"
        )
    return table


def _fingerprint(found: Collection, config: PrepareConfig, source: AUSource | LabelTable) -> str:
    labels: list = [source.kind, source.note]
    if isinstance(source, LabelTable):
        labels = [source.kind, source.raw_range, _tables_sha256(source.path)]
    plan = {
        "photos": found.fingerprint(), "settings": config.cropping(), "shares": (config.validation, config.test),
        "shard": SHARD, "labels": labels,
    }  # fmt: skip
    if config.people is not None:
        table = Path(config.people)
        plan["people"] = file_sha256(table) if table.is_file() else config.people
    return hashlib.sha256(json.dumps(plan).encode()).hexdigest()


def _tables_sha256(path: Path) -> str:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*.csv*") if p.is_file())
    return hashlib.sha256("".join(file_sha256(file) for file in files).encode()).hexdigest()


def _with_label(
    photos: list[Source], table: LabelTable, warnings: list[str], skipped: list[tuple[str, str, str]]
) -> list[int]:
    """Positions of the photos that have a label; tells of those that have none and of labels without photo."""
    used: dict[str, str] = {}
    wanted = []
    for i, photo in enumerate(photos):
        if photo.video:
            wanted.append(i)
            continue
        key = table.key_of(photo.names())
        if key is None or (table.row_of(photo.names()) is None and table.centres is None):
            detail = "no row of the label file names it" if key is None else "its label is not a number"
            skipped.append((photo.path, "no label", detail))
            continue
        if key in used:
            raise DatasetError(
                f"the label {key!r} fits both {used[key]} and {photo.path}: name the rows by the path relative to the input"
            )
        used[key] = photo.path
        wanted.append(i)
    if not wanted:
        raise DatasetError(
            f"no row of {table.path} names a photo: it has {table.keys[0]!r}, the photos are called "
            f"{photos[0].path!r}: name the rows by file name or by path relative to the input"
        )
    orphans = sorted(set(table.keys) - set(used))
    if orphans and not any(photo.video for photo in photos):
        warnings.append(
            f"{len(orphans)} of {len(set(table.keys))} labelled names match no photo (such as {orphans[0]!r}): "
            "is a part of the photos missing?"
        )
    return wanted


def _given_landmarks(config: PrepareConfig, table: LabelTable | None, photo: Source) -> np.ndarray | None:
    if config.landmarks == "detect" or table is None or table.landmarks is None or photo.video:
        return None
    row = table.row_of(photo.names())
    return None if row is None else table.landmarks[row]
