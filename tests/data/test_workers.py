"""Work in processes: every task is done, in as many processes as asked for; what they raise is raised; none is left over."""

from __future__ import annotations

import functools
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from dftnet.data.workers import in_processes
from dftnet.errors import DatasetError


class Noter:
    """Notes each task, and who did it, in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, task: int, tell) -> None:
        if task == 13:
            raise DatasetError("13 is damaged", field="task")
        if task == 14:
            os._exit(9)
        tell(1)
        while task == 0 and not list(self.folder.glob("*")):  # the other process's turn
            time.sleep(0.02)
        (self.folder / f"{task}-{os.getpid()}").touch()
        tell(2)


def refuse() -> Noter:
    raise DatasetError("no worker can be made")


def test_every_task_is_done_once(tmp_path: Path):
    assert sum(in_processes(functools.partial(Noter, tmp_path), range(9), 2)) == 27
    done = [p.name.split("-") for p in tmp_path.iterdir()]
    assert sorted(int(task) for task, _ in done) == list(range(9))
    assert len({process for _, process in done}) == 2
    assert str(os.getpid()) not in {process for _, process in done}
    assert not multiprocessing.active_children()


def test_what_a_worker_raises_is_raised_here(tmp_path: Path):
    with pytest.raises(DatasetError, match="13 is damaged") as caught:
        list(in_processes(functools.partial(Noter, tmp_path), [12, 13, *range(15, 40)], 2))
    assert caught.value.field == "task"
    with pytest.raises(DatasetError, match="no worker can be made"):
        list(in_processes(refuse, range(3), 2))
    assert not multiprocessing.active_children()


def test_a_worker_that_dies_is_told(tmp_path: Path):
    with pytest.raises(OSError, match="a worker process died"):
        list(in_processes(functools.partial(Noter, tmp_path), [14], 1))
    assert not multiprocessing.active_children()
