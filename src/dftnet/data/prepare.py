"""`dftnet prepare`: photos → a dataset directory.

List the photos, match them with the label file, cut faces chunk by chunk in worker processes (each chunk's result is
one file under OUT/work), then put the faces in order into shards, with their labels. Interrupted anywhere, the same
command goes on with the chunks that are missing; the result is byte for byte that of an uninterrupted run.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from dftnet.data.assemble import Prepared, assemble
from dftnet.data.cropping import Chunk, CutSettings, Cutter, cut_in_worker, start_worker
from dftnet.data.dataset import SPLITS, FaceData
from dftnet.data.inputs import Photo, chunks
from dftnet.data.prepare_plan import Run, make_plan, read_fingerprint


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

    `labels`: a label file or folder (`au_sources.table_formats`), its AU scale `au_range` where it is not the format's own.
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
    run = make_plan(Path(input), Path(output), labels, labels_format, au_range, settings, (validation, test), console)
    done = _already_done(run)
    if done is not None:
        console.print(f"{output} is already prepared from the same input: nothing to do")
        return done
    with _locked(run.output):
        _cut_all(run, workers or os.cpu_count() or 1, console)
        result = assemble(run, _chunk_list(run), (validation, test))
    _tell(result, run, console)
    return result


def _already_done(run: Run) -> Prepared | None:
    """The finished set where the folder holds just what this run would make; ValueError if it holds another."""
    info = run.output / "dataset.json"
    if not info.exists():
        return None
    if read_fingerprint(info) != run.fingerprint:
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


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f} photos/s")


def _chunk_list(run: Run) -> list[Chunk]:
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


def _given_landmarks(run: Run, photo: Photo) -> np.ndarray | None:
    if run.settings.landmarks == "detect" or run.labels is None or run.labels.landmarks is None or photo.video:
        return None
    row = run.labels.row_of(photo.names())
    return None if row is None else run.labels.landmarks[row]


def _cut_all(run: Run, workers: int, console: Console) -> None:
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


def _in_processes(run: Run, missing: list[Chunk], workers: int) -> Iterator[tuple[int, int]]:
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


def _tell(result: Prepared, run: Run, console: Console) -> None:
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/] {warning}", soft_wrap=True)
    data = result.data
    counts = ", ".join(f"{len(data.rows(split))} {split}" for split in SPLITS)
    console.print(f"{result.faces} faces of {result.photos} photos ({counts}) in {run.output}", soft_wrap=True)
    if result.skipped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in result.skipped.items())
        console.print(f"skipped: {reasons}; each is listed in {run.output / 'report.csv'}", soft_wrap=True)
