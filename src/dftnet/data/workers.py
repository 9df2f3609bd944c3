"""Units of work in processes of their own, each with a pipe to its parent: told item by item, and gone when it is.

Nothing is shared or global: a process makes its worker itself, takes one task after the other from the pipe, and ends where
the pipe does, however the parent ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")
Work = Callable[[Task, Callable[[int], None]], None]
"""Does a task; tells how many items more of it are done."""


def in_processes(make: Callable[[], Work[Task]], tasks: Iterable[Task], workers: int) -> Iterator[int]:
    """Does all tasks (None is none) in `workers` processes and yields the numbers of items that they tell.

    `make` builds each process's worker, and is pickled for that. What a task raises is raised here, and all processes end.
    Raises OSError where a process dies.
    """
    context = multiprocessing.get_context("spawn")
    left = iter(tasks)
    running: dict[Any, Any] = {}  # pipe → its process
    processes = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(make, theirs), daemon=True)
            process.start()
            theirs.close()
            running[ours] = process
            processes.append(process)
        while running:
            ready: list[Any] = wait(list(running))
            for pipe in ready:
                told = pipe.recv()
                if isinstance(told, BaseException):
                    raise told
                if told is not None:
                    yield told
                elif (following := next(left, None)) is not None:
                    pipe.send(following)
                else:
                    running.pop(pipe)
                    pipe.close()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise OSError(
            "a worker process died (out of memory?): run the same command again to go on, with fewer workers"
        ) from None
    finally:
        for process in running.values():
            process.terminate()
        for process in processes:
            process.join()


def _serve(make: Callable[[], Work[Task]], pipe: Connection) -> None:
    """The life of a process. Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module=r"PIL\.")

    def tell(what: object) -> None:  # a number of items, None for what is ready for a task, or an exception
        try:
            pipe.send(what)
        except OSError:  # the parent is gone: what is half written vanishes with its temporary name at the next run
            os._exit(1)

    try:
        work = make()
        while True:
            tell(None)
            work(pipe.recv(), tell)
    except (EOFError, ConnectionResetError):  # no more work
        return
    except BaseException as error:
        tell(error)
