"""The gate before the work: one at a time a worker, a few wait, the rest is asked to come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio import to_thread

Result = TypeVar("Result")


class BusyError(Exception):
    """The worker has as much waiting as it takes."""


class Gate:
    """Runs plain functions in a thread, one after the other in the order they came."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        """How many may wait for the one at work."""
        self.inside = 0
        """How many work or wait."""
        self._turn = asyncio.Lock()

    async def __call__(
        self, work: Callable[[], Result], gone: Callable[[], Awaitable[bool]] | None = None
    ) -> Result | None:
        """The result of `work()`; None, without working, for a caller that is `gone` when its turn comes.

        Raises BusyError at once where too many wait.
        """
        if self.inside > self.waiting:
            raise BusyError
        self.inside += 1
        try:
            async with self._turn:
                if gone is not None and await gone():
                    return None
                return await to_thread.run_sync(work)
        finally:
            self.inside -= 1
