"""The directory of a training run, of a generator and of the AU estimator alike.

    config.json         what decides the run: written once, compared ever after
    state-IMAGES.pt     what to go on from, the newest two; read with `weights_only=True`
    log.jsonl           a line each for training and validation at an interval; tensorboard/ has the same numbers
    samples/, model/    pictures on the way, and the model directory at the end

Files are written to a temporary name and renamed: a killed process or a full disk costs at most the last interval. Of several
processes the first one writes, and the others read what it found.
"""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from dftnet.errors import RequestError
from dftnet.media.files import atomic_file, clear_leftovers, refuse_address, write_file
from dftnet.training import distributed

KEEP = 2
"""Training states kept: the newest, and one to fall back to"""
SAVE_EVERY = 600.0
"""Seconds after which a training state is written, whatever the interval in images"""

logger = logging.getLogger(__name__)


def check_claim(
    run: Path,
    config: Mapping[str, Any],
    *,
    as_today: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
    free: Collection[str] = (),
) -> None:
    """Raise RequestError where the directory holds a run with another configuration, naming what differs; OSError for an address.

    as_today: brings a config.json of an earlier version to the names of `config`. free: fields that may differ.
    """
    refuse_address(run)
    path = run / "config.json"
    if not path.exists():
        return
    now = json.loads(json.dumps(config))
    before = as_today(read_config(run))
    changed = [name for name in now if before.get(name) != now[name] and name not in free]
    if changed:
        raise RequestError(
            f"{run} was begun with another {', '.join(changed)}; give another --output, or train with --config {path} to "
            "resume it"
        )


def claim(run: Path, config: Mapping[str, Any]) -> None:
    """Make the directory the run of this configuration, which `check_claim` has seen; what is there stays."""
    run.mkdir(parents=True, exist_ok=True)
    write_file(run / "config.json", json.dumps(config, indent=2) + "\n", overwrite=True)


def read_config(run: Path) -> dict[str, Any]:
    """config.json of a run."""
    path = run / "config.json"
    if not path.is_file():
        raise RequestError(f"{run} is no training run: it has no config.json; give the --output of dftnet train")
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise RequestError(f"{path} is damaged ({error}); copy the run anew, or give another --output") from error
    if not isinstance(config, dict):
        raise RequestError(f"{path} holds no configuration; copy the run anew, or give another --output")
    return config


def save_state(run: Path, images_seen: int, state: dict[str, Any]) -> bool:
    """Write run/state-IMAGES.pt and drop older ones; False (and the old states kept) where the disk refuses."""
    path = run / f"state-{images_seen:010d}.pt"
    try:
        with atomic_file(path, overwrite=True) as temporary:
            torch.save(state, temporary)
    except (OSError, RuntimeError):
        return False
    for old in states(run)[:-KEEP]:
        old.unlink(missing_ok=True)
    return True


def states(run: Path) -> list[Path]:
    """The run's training states, oldest first."""
    return sorted(run.glob("state-*.pt"))


def load_state(run: Path) -> dict[str, Any] | None:
    """The newest training state that can be read, on the CPU; None where there is none. Changes nothing in the directory."""
    for path in reversed(states(run)):
        if (state := _read_state(path)) is not None:
            return state
    return None


def resume(run: Path) -> dict[str, Any] | None:
    """The state to go on from, the same one on every process; None where there is none.

    The first process looks for it, and renames damaged ones to *.unreadable; the others read what it found.
    """
    state, name = None, None
    if distributed.is_first():
        clear_leftovers(run)
        for path in reversed(states(run)):
            state, name = _read_state(path), path.name
            if state is not None:
                break
            path.rename(path.with_suffix(".unreadable"))
    name = distributed.from_first(name if state is not None else None)
    if state is None and name is not None:
        state = _read_state(run / name)
        if state is None:
            raise RequestError(
                f"{run / name} is not seen by every process; put --output on a disk that all machines share"
            )
    return state


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of log.jsonl, without those that a killed process left half written."""
    path = run / "log.jsonl"
    lines = []
    for text in path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("images"), int):
            lines.append(line)
    return lines


class RunLog:
    """log.jsonl and TensorBoard. On resumption the lines after the resumed state are dropped."""

    def __init__(self, run: Path, images_seen: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.path = run / "log.jsonl"
        kept = [json.dumps(line) + "\n" for line in read_log(run) if line["images"] <= images_seen]
        write_file(self.path, "".join(kept), overwrite=True)
        self.board = SummaryWriter(str(run / "tensorboard"), purge_step=images_seen)

    def write(self, images_seen: int, values: Mapping[str, float], kind: str = "") -> None:
        """One line, and the same numbers to TensorBoard (under kind/name, if there is a kind). A full disk is a warning."""
        line: dict[str, Any] = {"images": images_seen} | ({"kind": kind} if kind else {})
        line |= {name: round(float(value), 6) for name, value in values.items()}
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.path, error)
        for name, value in values.items():
            self.board.add_scalar(f"{kind}/{name}" if kind else name, value, images_seen)

    def close(self) -> None:
        """The last numbers reach TensorBoard."""
        self.board.close()


def _read_state(path: Path) -> dict[str, Any] | None:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        logger.warning("%s cannot be read (%s); falling back to an older state", path, type(error).__name__)
        return None
