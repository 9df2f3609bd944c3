"""The plan of one `dftnet prepare` run: which photos, which labels, whose folder; nothing is decoded here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from dftnet.au_sources.source import AUSource, make_source
from dftnet.au_sources.table_formats import open_labels
from dftnet.au_sources.tables import LabelFile
from dftnet.data.cropping import CutSettings
from dftnet.data.inputs import Collection, collect, unique_keys
from dftnet.media.files import file_sha256, write_file

SHARD = 4096
"""Faces of one shard."""


@dataclass
class Run:
    """The plan of one run."""

    output: Path
    settings: CutSettings
    found: Collection
    keys: list[str]
    wanted: list[int]
    """Positions of the photos to cut."""
    labels: LabelFile | None
    source: AUSource
    fingerprint: str
    warnings: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    """(photo, reason, detail)."""

    @property
    def work(self) -> Path:
        return self.output / "work"


def make_plan(
    input: Path, output: Path, labels: str | Path | None, labels_format: str, au_range: tuple[float, float] | None,
    settings: CutSettings, shares: tuple[float, float], console: Console,
) -> Run:  # fmt: skip
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file: give a folder for the set")
    resolved = output.resolve()
    if input.is_dir() and (resolved == input.resolve() or input.resolve() in resolved.parents):
        raise ValueError(f"the output {output} lies inside the input {input}: choose a folder elsewhere")
    table = open_labels(labels, labels_format, au_range) if labels else None
    if table is None and settings.landmarks == "csv":
        raise ValueError("landmarks=csv needs a label file with the columns eye_r_x, eye_r_y, ... mouth_l_y")
    if table is not None and settings.landmarks == "csv" and table.landmarks is None:
        raise ValueError(f"{labels} has no landmark columns (eye_r_x, eye_r_y, ... mouth_l_y): use landmarks=detect")
    source: AUSource = table if table is not None else make_source(settings.pixel_source)
    found = collect(input)
    plan = {
        "photos": found.fingerprint(), "settings": asdict(settings), "shares": shares, "shard": SHARD,
        "labels": [table.kind, table.raw_range, _labels_sha256(table.path)] if table else [source.kind, source.note],
    }  # fmt: skip
    fingerprint = hashlib.sha256(json.dumps(plan).encode()).hexdigest()
    run = Run(output, settings, found, unique_keys(found.photos), [], table, source, fingerprint)
    run.warnings += table.warnings if table else []
    run.skipped += [(name, "unreadable archive", why) for name, why in found.unreadable]
    _match(run)
    _claim(run)
    videos = sum(photo.video for photo in found.photos)
    console.print(
        f"{len(found.photos) - videos} photos, {videos} videos"
        + (f", {found.ignored} other files ignored" if found.ignored else "")
        + (f"; labels: {table.kind}, {len(table.keys)} rows, {len(table.names)} AUs" if table else "")
    )
    return run


def _labels_sha256(path: Path) -> str:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*.csv*") if p.is_file())
    return hashlib.sha256("".join(file_sha256(file) for file in files).encode()).hexdigest()


def _match(run: Run) -> None:
    """Decides which photos have a label; tells of those that have none and of labels without photo."""
    photos, table = run.found.photos, run.labels
    if table is None:
        run.wanted = list(range(len(photos)))
        return
    used: dict[str, str] = {}
    for i, photo in enumerate(photos):
        if photo.video:
            run.wanted.append(i)
            continue
        key = table.key_of(photo.names())
        if key is None or (table.row_of(photo.names()) is None and table.centres is None):
            detail = "no row of the label file names it" if key is None else "its label is not a number"
            run.skipped.append((photo.path, "no label", detail))
            continue
        if key in used:
            raise ValueError(
                f"the label {key!r} fits both {used[key]} and {photo.path}: name the rows by the path relative to the input"
            )
        used[key] = photo.path
        run.wanted.append(i)
    if not run.wanted:
        raise ValueError(
            f"no row of {table.path} names a photo: it has {table.keys[0]!r}, the photos are called "
            f"{photos[0].path!r}: name the rows by file name or by path relative to the input"
        )
    if any(photo.video for photo in photos):
        return
    orphans = sorted(set(table.keys) - set(used))
    if orphans:
        run.warnings.append(
            f"{len(orphans)} of {len(set(table.keys))} labelled names match no photo (such as {orphans[0]!r}): "
            "is a part of the photos missing?"
        )


def _claim(run: Run) -> None:
    """Makes the output folder this run's, or refuses: another set is never destroyed."""
    if (run.output / "dataset.json").exists():
        return
    plan = run.work / "plan.json"
    if plan.exists():
        if read_fingerprint(plan) != run.fingerprint:
            raise ValueError(
                f"{run.output} holds an unfinished set of other photos, labels or options: "
                "give the same ones to go on, choose another output, or delete it"
            )
        return
    if run.output.exists() and any(run.output.iterdir()) and not _only_ours(run.output):
        raise ValueError(f"{run.output} is not empty: choose another output, or empty it")
    run.work.mkdir(parents=True, exist_ok=True)
    write_file(plan, json.dumps({"fingerprint": run.fingerprint}), overwrite=True)


def _only_ours(output: Path) -> bool:
    """True for a folder in which an earlier run got no further than making `work`."""
    work = output / "work"
    return {p.name for p in output.iterdir()} <= {"work", "lock"} and not (work.exists() and list(work.glob("*.tar")))


def read_fingerprint(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content.get("fingerprint") or content["prepared"]["fingerprint"])
    except (ValueError, KeyError):
        return ""
