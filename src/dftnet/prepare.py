"""`dftnet prepare`: photos → a dataset directory.

List the photos, match them with the label file, cut faces chunk by chunk in worker processes (each chunk's result is
one file under OUT/work), then put the faces in order into shards, with their labels. Interrupted anywhere, the same
command goes on with the chunks that are missing; the result is byte for byte that of an uninterrupted run.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from dftnet.aus import AU_NAMES
from dftnet.collect import Collection, Photo, chunks, collect, unique_keys
from dftnet.cut import Chunk, CutSettings, Cutter, cut_in_worker, read_chunk, start_worker
from dftnet.data import SPLITS, FaceData, ShardWriter, file_sha256, write_dataset
from dftnet.faces.align import TEMPLATE
from dftnet.faces.au import AUSource, make_source
from dftnet.faces.au_csv import LabelFile
from dftnet.faces.au_formats import open_labels
from dftnet.media import atomic_path

SHARD = 4096
"""Faces of one shard."""


@dataclass
class Prepared:
    """What `prepare` did: the opened set, photos seen, faces written, skipped photos by reason, warnings told."""

    data: FaceData
    photos: int
    faces: int
    skipped: dict[str, int]
    warnings: list[str]


@dataclass
class _Run:
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


def prepare(
    input: str | Path,
    output: str | Path,
    labels: str | Path | None = None,
    labels_format: str = "auto",
    au_range: tuple[float, float] | None = None,
    au_source: str = "estimator",
    size: int = 128,
    faces: str = "largest",
    landmarks: str = "detect",
    encoding: str = "jpeg",
    quality: int = 95,
    grey: str = "skip",
    min_face: int = 48,
    min_sharpness: float = 0.0,
    every_seconds: float = 1.0,
    validation: float = 0.05,
    test: float = 0.05,
    workers: int | None = None,
    quiet: bool = False,
) -> Prepared:
    """Cut, align and label the faces of `input` (folder tree of photos and videos, tars of photos, or one file) into
    the dataset directory `output`.

    `labels`: a label file or folder (`faces.au_formats`), its AU scale `au_range` where it is not the format's own.
    Without labels the AUs come from `au_source`, a registered source that looks at pixels.
    `faces`: "largest" or "all"; `landmarks`: "detect", or "csv" to take them from the label file's columns.
    `encoding`: "jpeg" (4:4:4) or "webp" of `quality`, or "lossless". `grey`: "skip" or "keep".
    `min_face`: least width of the face square in photo pixels; `min_sharpness`: least variance of the Laplacian.
    `every_seconds`: sampling of videos. `validation`, `test`: shares of the people, where `labels` gives no split.
    `workers`: processes, default one a core.

    Raises ValueError or OSError with the remedy; photos that fail are listed in `output`/report.csv instead.
    """
    console = Console(stderr=True, quiet=quiet, highlight=False)
    if validation < 0 or test < 0 or validation + test >= 1:
        raise ValueError("validation and test are shares of the people: 0 or more, together below 1")
    settings = CutSettings(
        size=size, faces=faces, landmarks=landmarks, encoding=encoding, quality=quality, grey=grey, min_face=min_face,
        min_sharpness=min_sharpness, every_seconds=every_seconds, pixel_source="" if labels else au_source,
    )  # fmt: skip
    run = _plan(Path(input), Path(output), labels, labels_format, au_range, settings, (validation, test), console)
    done = _already_done(run)
    if done is not None:
        console.print(f"{output} is already prepared from the same input: nothing to do")
        return done
    with _locked(run.output):
        _cut_all(run, workers or os.cpu_count() or 1, console)
        result = _assemble(run, (validation, test))
    _tell(result, run, console)
    return result


# ---- plan --------------------------------------------------------------------------------------------------------


def _plan(
    input: Path, output: Path, labels: str | Path | None, labels_format: str, au_range: tuple[float, float] | None,
    settings: CutSettings, shares: tuple[float, float], console: Console,
) -> _Run:  # fmt: skip
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
        "labels": [table.kind, table.raw_range, _labels_sha256(table.path)] if table else None,
    }  # fmt: skip
    fingerprint = hashlib.sha256(json.dumps(plan).encode()).hexdigest()
    run = _Run(output, settings, found, unique_keys(found.photos), [], table, source, fingerprint)
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


def _match(run: _Run) -> None:
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


def _claim(run: _Run) -> None:
    """Makes the output folder this run's, or refuses: another set is never destroyed."""
    if (run.output / "dataset.json").exists():
        return
    plan = run.work / "plan.json"
    if plan.exists():
        if _read_fingerprint(plan) != run.fingerprint:
            raise ValueError(
                f"{run.output} holds an unfinished set of other photos, labels or options: "
                "give the same ones to go on, choose another output, or delete it"
            )
        return
    if run.output.exists() and any(run.output.iterdir()) and not _only_ours(run.output):
        raise ValueError(f"{run.output} is not empty: choose another output, or empty it")
    run.work.mkdir(parents=True, exist_ok=True)
    with atomic_path(plan, overwrite=True) as temporary:
        temporary.write_text(json.dumps({"fingerprint": run.fingerprint}))


def _only_ours(output: Path) -> bool:
    """True for a folder in which an earlier run got no further than making `work`."""
    work = output / "work"
    return {p.name for p in output.iterdir()} <= {"work", "lock"} and not (work.exists() and list(work.glob("*.tar")))


def _read_fingerprint(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content.get("fingerprint") or content["prepared"]["fingerprint"])
    except (ValueError, KeyError):
        return ""


def _already_done(run: _Run) -> Prepared | None:
    """The finished set where the folder holds just what this run would make; ValueError if it holds another."""
    info = run.output / "dataset.json"
    if not info.exists():
        return None
    if _read_fingerprint(info) != run.fingerprint:
        raise ValueError(
            f"{run.output} holds a set of other photos, labels or options: choose another output, or delete it"
        )
    shutil.rmtree(run.work, ignore_errors=True)
    data = FaceData.open(run.output)
    prepared = data.info["prepared"]
    return Prepared(data, prepared["photos"], len(data), prepared["skipped"], run.warnings)


@contextlib.contextmanager
def _locked(output: Path) -> Iterator[None]:
    """Keeps two runs from writing into one folder; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(output / "work" / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another run is writing into {output}: wait for it, or choose another output") from None
        yield


# ---- cut ---------------------------------------------------------------------------------------------------------


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f} photos/s")


def _chunk_list(run: _Run) -> list[Chunk]:
    photos = [run.found.photos[i] for i in run.wanted]
    result = []
    for number, unit in enumerate(chunks(photos)):
        members = [run.wanted[i] for i in unit]
        result.append(
            Chunk(
                path=run.work / f"chunk-{number:05d}.tar",
                photos=[run.found.photos[i] for i in members],
                keys=[run.keys[i] for i in members],
                landmarks=[_given_landmarks(run, run.found.photos[i]) for i in members],
            )
        )
    return result


def _given_landmarks(run: _Run, photo: Photo) -> np.ndarray | None:
    if run.settings.landmarks == "detect" or run.labels is None or run.labels.landmarks is None or photo.video:
        return None
    row = run.labels.row_of(photo.names())
    return None if row is None else run.labels.landmarks[row]


def _cut_all(run: _Run, workers: int, console: Console) -> None:
    """Cuts every chunk whose file is not there yet."""
    for leftover in run.work.glob(".*.tmp*"):
        leftover.unlink(missing_ok=True)
    every = _chunk_list(run)
    missing = [chunk for chunk in every if not chunk.path.exists()]
    total = sum(len(chunk.photos) for chunk in every)
    finished = total - sum(len(chunk.photos) for chunk in missing)
    if finished:
        console.print(f"going on after {finished} of {total} photos")
    columns = (
        TextColumn("cutting faces"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"), _Rate(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=console.quiet) as progress:
        task = progress.add_task("", total=total, completed=finished)
        if workers == 1 or len(missing) <= 1:
            cutter = Cutter(run.settings)
            for chunk in missing:
                progress.advance(task, cutter(chunk)[0])
        else:
            for photos, _ in _in_processes(run, missing, min(workers, len(missing))):
                progress.advance(task, photos)


def _in_processes(run: _Run, missing: list[Chunk], workers: int) -> Iterator[tuple[int, int]]:
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=start_worker, initargs=(run.settings, os.getpid())
    )
    try:
        waiting = iter(missing)
        running = {pool.submit(cut_in_worker, chunk) for _, chunk in zip(range(2 * workers), waiting, strict=False)}
        while running:
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
                chunk = next(waiting, None)
                if chunk is not None:
                    running.add(pool.submit(cut_in_worker, chunk))
    except BrokenProcessPool:
        raise OSError(
            "a worker process died (out of memory?): run the same command again to go on, with fewer workers"
        ) from None
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


# ---- assemble ----------------------------------------------------------------------------------------------------


def _assemble(run: _Run, shares: tuple[float, float]) -> Prepared:
    """Chunks → shards, labels.npz, report.csv, dataset.json; then the work folder goes."""
    kept: list[dict] = []
    shards: list[dict] = []
    writer: ShardWriter | None = None
    with contextlib.ExitStack() as stack:
        for chunk in _chunk_list(run):
            rows, skipped, faces = read_chunk(chunk.path)
            run.skipped += [(name, reason, detail) for name, reason, detail in skipped]
            for row, (suffix, data) in zip(rows, faces, strict=True):
                if not _label(run, row):
                    continue
                if writer is None:
                    path = run.output / f"shard-{len(shards):05d}.tar"
                    writer = stack.enter_context(ShardWriter(path, overwrite=True))
                row["shard"] = len(shards)
                writer.add(row["key"], suffix, data)
                kept.append(row)
                if writer.count == SHARD:
                    _close(stack, writer, shards)
                    writer = None
        if writer is not None:
            _close(stack, writer, shards)
    names = [name for name in AU_NAMES if name in run.source.names]
    rows_by_name, extras = _arrays(run, kept, names, shares)
    reasons = dict(sorted(Counter(reason for _, reason, _ in run.skipped).items()))
    _write_report(run)
    write_dataset(run.output, _info(run, names, shards, reasons), rows_by_name, extras)
    shutil.rmtree(run.work, ignore_errors=True)
    return Prepared(FaceData.open(run.output), len(run.found.photos), len(kept), reasons, run.warnings)


def _close(stack: contextlib.ExitStack, writer: ShardWriter, shards: list[dict]) -> None:
    stack.close()
    shards.append({"name": writer.path.name, "faces": writer.count, "bytes": writer.bytes, "sha256": writer.sha256})


def _label(run: _Run, row: dict) -> bool:
    """Enters the label row (number) or AUs of a face; False, and a line in the report, where there is none."""
    if run.labels is not None:
        row["label"] = run.labels.row_of(tuple(row["names"]), np.array(row["landmarks"]))
        if row["label"] is None:
            run.skipped.append((row["photo"], "no label", f"no row of the label file fits the face {row['key']}"))
            return False
        return True
    if not np.isfinite(row["aus"]).all():
        run.skipped.append((row["photo"], "no label", f"{run.source.kind} finds no AUs"))
        return False
    return True


def _arrays(
    run: _Run, kept: list[dict], names: list[str], shares: tuple[float, float]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The row arrays of labels.npz and the extras."""
    n, table = len(kept), run.labels
    index = np.array([row.get("label", 0) for row in kept], np.int64)
    text = {} if table is None else {name: values[index] for name, values in table.text.items()}
    blank = np.full(n, "", dtype="U1")
    keys = np.array([row["key"] for row in kept], dtype=np.str_)
    subject = np.array([row["subject"] or row["key"] for row in kept], dtype=np.str_)
    if "subject" in text:
        subject = np.where(text["subject"] == "", subject, text["subject"])
    if table is None:
        aus = np.array([row["aus"] for row in kept], np.float32).reshape(n, -1)
    else:
        aus = table.aus[index]
    rows = {
        "key": keys,
        "shard": np.array([row["shard"] for row in kept], np.int32),
        "aus": aus[:, [run.source.names.index(name) for name in names]] if n else np.zeros((0, len(names))),
        "subject": subject,
        "split": _splits(run, subject, text.get("split", blank), shares),
        "source": text.get("source", blank),
        "emotion": text.get("emotion", blank),
        "landmarks": np.array([row["landmarks"] for row in kept], np.float32).reshape(n, 5, 2),
        "crop_from_image": np.array([row["crop_from_image"] for row in kept], np.float64).reshape(n, 2, 3),
    }
    extras = {} if table is None else {name: values[index] for name, values in table.extras.items()}
    for name, ours in (("face_pixels", "face_pixels"), ("detection_score", "score"), ("sharpness", "sharpness")):
        extras.setdefault(name, np.array([row[ours] for row in kept], np.float32))
    return rows, extras


def _splits(run: _Run, subject: np.ndarray, given: np.ndarray, shares: tuple[float, float]) -> np.ndarray:
    """The split of each face: the label file's, else by a hash of the subject, so that a person is in one split."""
    spelling = {"training": "train", "val": "validation", "valid": "validation", "dev": "validation", "testing": "test"}
    result = []
    unknown: Counter[str] = Counter()
    for person, word in zip(subject.tolist(), given.tolist(), strict=True):
        split = spelling.get(word.lower(), word.lower())
        if split and split not in SPLITS:
            unknown[word] += 1
        if split not in SPLITS:
            place = int(hashlib.sha256(person.encode()).hexdigest()[:8], 16) / 2**32
            split = "test" if place < shares[1] else "validation" if place < shares[0] + shares[1] else "train"
        result.append(split)
    if unknown:
        run.warnings.append(
            f"{sum(unknown.values())} rows have an unknown split ({', '.join(sorted(unknown))}): split by subject instead"
        )
    seen: dict[str, set[str]] = {}
    for person, split in zip(subject.tolist(), result, strict=True):
        seen.setdefault(person, set()).add(split)
    torn = sorted(person for person, splits in seen.items() if len(splits) > 1)
    if torn:
        run.warnings.append(
            f"{len(torn)} people are in more than one split (such as {torn[0]!r}): correct the split column"
        )
    return np.array(result, dtype=np.str_)


def _info(run: _Run, names: list[str], shards: list[dict], reasons: dict[str, int]) -> dict:
    """The content of dataset.json."""
    source, settings = run.source, run.settings
    return {
        "size": settings.size,
        "au_names": names,
        "au_source": {
            "kind": source.kind, "raw_range": list(source.raw_range), "note": source.note,
            "absent": [name for name in AU_NAMES if name not in names],
        },
        "alignment": {**TEMPLATE, "landmarks": "yunet" if settings.landmarks == "detect" else "csv"},
        "encoding": {"format": settings.encoding, "quality": settings.quality},
        "faces": sum(shard["faces"] for shard in shards),
        "shards": shards,
        "prepared": {
            "fingerprint": run.fingerprint, "photos": len(run.found.photos), "skipped": reasons,
            "settings": asdict(settings),
        },
    }  # fmt: skip


def _write_report(run: _Run) -> None:
    with atomic_path(run.output / "report.csv", overwrite=True) as temporary:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["photo", "reason", "detail"])
        writer.writerows(run.skipped)
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")


def _tell(result: Prepared, run: _Run, console: Console) -> None:
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/] {warning}", soft_wrap=True)
    data = result.data
    counts = ", ".join(f"{len(data.rows(split))} {split}" for split in SPLITS)
    console.print(f"{result.faces} faces of {result.photos} photos ({counts}) in {run.output}", soft_wrap=True)
    if result.skipped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in result.skipped.items())
        console.print(f"skipped: {reasons}; each is listed in {run.output / 'report.csv'}", soft_wrap=True)
