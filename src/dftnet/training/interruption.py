"""Ctrl-C, or the system's wish to stop: obeyed after the step under way, so that the state that is saved is a whole one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether one was asked to stop. A second request is obeyed at once, as KeyboardInterrupt."""
    asked = threading.Event()

    def wait(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():  # where Python takes no handlers
        yield asked.is_set
        return
    before = {number: signal.signal(number, wait) for number in SIGNALS}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
