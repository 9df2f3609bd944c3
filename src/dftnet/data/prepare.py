"""`dftnet prepare`: photos → a dataset directory.

List the photos, match them with the label file, crop faces chunk by chunk in worker processes (each chunk's result is
one file under OUT/work), then put the faces in order into shards, with their labels. Interrupted anywhere, the same
command goes on with the chunks that are missing; the result is byte for byte that of an uninterrupted run.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dftnet.cluster import check_engine, on_ray
from dftnet.data.assemble import assemble, summary
from dftnet.data.config import PrepareConfig
from dftnet.data.cropping import Cropper
from dftnet.data.dataset import FaceData
from dftnet.data.plan import Plan, make_plan
from dftnet.data.workers import in_processes
from dftnet.editing.options import Progress, Report, silent
from dftnet.errors import DatasetError
from dftnet.media.files import write_file
from dftnet.media.share import WHOLE, Share

NOTE = "plan.json"
"""In the work folder: whose work it is."""


def prepare(
    input: str | Path,
    output: str | Path,
    config: PrepareConfig | None = None,
    *,
    workers: int | None = None,
    share: Share = WHOLE,
    engine: str = "local",
    tell: Progress = silent,
) -> Report:
    """Crop, align and label the faces of `input` (folder tree of photos and videos, tars of photos, one file, or the address
    of a folder, such as s3://bucket/photos) into the dataset directory `output`.

    `workers`: processes, default one a core; with the engine "ray" actors of a cluster (`dftnet.cluster`).
    `share`: crop this share of the photos only; whichever share finds all the others done puts the set together, which is
    that of a single run. Raises DftnetError or OSError with the remedy; photos that fail are listed in `output`/report.csv
    instead. A start that fails leaves nothing behind; interrupted later, the same call goes on.
    """
    check_engine(engine)
    plan = make_plan(input, Path(output), config or PrepareConfig())
    done = _already_done(plan)
    if done is not None:
        return done
    with _claimed(plan, share), _locked(plan, f"lock-{share.index}-of-{share.count}", wait=False):
        _crop_all(plan, share, workers, engine, tell)
        if not all(chunk.path.exists() for chunk in plan.chunks) and not (plan.output / "dataset.json").exists():
            line = f"share {share} is cropped; the set is put together as soon as the other shares are"
            return Report(path=plan.output, lines=[line], warnings=plan.warnings)
        with _locked(plan, "lock-assembly", wait=True):
            return _already_done(plan) or assemble(plan)


def _already_done(plan: Plan) -> Report | None:
    """The finished set where the folder holds just what this plan would make; DatasetError if it holds another."""
    info = plan.output / "dataset.json"
    if not info.exists():
        return None
    if _fingerprint_in(info) != plan.fingerprint:
        raise DatasetError(
            f"{plan.output} holds a set of other photos, labels or options: choose another output, or delete it"
        )
    shutil.rmtree(plan.work, ignore_errors=True)
    lines = [
        "already prepared from the same input: nothing to do",
        *summary(FaceData.open(plan.output)),
    ]
    return Report(path=plan.output, lines=lines, warnings=plan.warnings)


@contextlib.contextmanager
def _claimed(plan: Plan, share: Share) -> Iterator[None]:
    """Makes the output folder this plan's, or refuses: another set is never destroyed. A start without a chunk is undone."""
    new = not plan.output.exists()
    known = (plan.work / NOTE).exists() or (plan.output / "dataset.json").exists()
    if not new and not known and any(plan.output.iterdir()) and not _only_ours(plan):
        raise DatasetError(f"{plan.output} is not empty: choose another output, or empty it")
    with contextlib.suppress(FileExistsError):  # by an earlier run, or by another share
        write_file(plan.work / NOTE, json.dumps({"fingerprint": plan.fingerprint}))
    if _fingerprint_in(plan.work / NOTE) != plan.fingerprint:
        raise DatasetError(
            f"{plan.output} holds an unfinished set of other photos, labels or options: "
            "give the same ones to go on, choose another output, or delete it"
        )
    try:
        yield
    except BaseException:
        if share.whole and not list(plan.work.glob("chunk-*.tar")) and _only_ours(plan):
            shutil.rmtree(plan.output if new else plan.work, ignore_errors=True)
        raise


def _only_ours(plan: Plan) -> bool:
    """True for a folder in which an earlier run got no further than making `work`."""
    return {p.name for p in plan.output.iterdir()} <= {"work"} and not list(plan.work.glob("*.tar"))


def _fingerprint_in(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content.get("fingerprint") or content["prepared"]["fingerprint"])
    except (ValueError, KeyError):
        return ""


@contextlib.contextmanager
def _locked(plan: Plan, name: str, wait: bool) -> Iterator[None]:
    """Keeps two runs from doing the same in one folder; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(plan.work / name, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            raise DatasetError(
                f"another run is writing into {plan.output}: wait for it, or choose another output"
            ) from None
        yield


def _crop_all(plan: Plan, share: Share, workers: int | None, engine: str, tell: Progress) -> None:
    """Crops every chunk of the share whose file is not there yet."""
    mine = plan.chunks[share.index :: share.count]
    missing = [chunk for chunk in mine if not chunk.path.exists()]
    total = sum(len(chunk.jobs) for chunk in mine)
    done = total - sum(len(chunk.jobs) for chunk in missing)
    make = functools.partial(Cropper, plan.config)

    def step(count: int) -> None:
        nonlocal done
        done += count
        tell("photos", done, total)

    step(0)
    processes = min(workers or os.cpu_count() or 1, len(missing))
    if engine == "ray":
        for chunk, _ in on_ray(make, missing, workers):
            step(len(chunk.jobs))
    elif processes > 1:
        for count in in_processes(make, missing, processes):
            step(count)
    elif missing:
        cropper = make()
        for chunk in missing:
            cropper(chunk, step)
