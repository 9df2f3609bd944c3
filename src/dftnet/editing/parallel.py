"""Several things worked on at once, their results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(
    work: Callable[[Given], Made], things: Iterable[Given], workers: int | None = None
) -> Iterator[tuple[Given, Made]]:
    """(thing, work(thing)) in the order of `things`, on `workers` threads (by default one a core).

    No more than a few things are taken ahead of what was given out, so that memory stays bounded.
    """
    limit = workers or os.cpu_count() or 1
    waiting: deque[tuple[Given, Future[Made]]] = deque()
    with ThreadPoolExecutor(limit) as pool:
        try:
            for thing in things:
                waiting.append((thing, pool.submit(work, thing)))
                if len(waiting) > limit + 1:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def ahead(things: Iterable[Given], count: int) -> Iterator[Given]:
    """The same things, made on a thread of their own, up to `count` before they are asked for."""
    end = object()
    made = iter(things)
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[Any]] = deque(pool.submit(next, made, end) for _ in range(count))
        try:
            while (thing := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, made, end))
                yield thing
        finally:
            for future in waiting:
                future.cancel()
