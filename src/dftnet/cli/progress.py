"""How long it takes, told while it goes on: a bar on a terminal, a line every half minute in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str, int, int], None]
"""Told (what, how many are done, of how many or 0)."""

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""
SURE = 2.0
"""Seconds after which a rate is told."""


class Pace:
    """How fast one thing goes, measured from its first step in this run: what an earlier run did counts nothing."""

    def __init__(self, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.before = self._first = self.done = done
        self._since: float | None = None

    def step(self, done: int) -> None:
        """`done` are done by now."""
        if done > self.done and self._since is None:
            self._since, self._first = self._clock(), done
        self.done = done

    @property
    def rate(self) -> float | None:
        """Steps a second; None where it is too early to tell."""
        elapsed = 0.0 if self._since is None else self._clock() - self._since
        return (self.done - self._first) / elapsed if elapsed >= SURE and self.done > self._first else None

    def told(self, total: int) -> str:
        """ "12 a second, 3 min left"; "" where it is too early to tell."""
        if (rate := self.rate) is None:
            return ""
        speed = f"{rate:.1f} a second" if rate >= 0.5 else f"{1 / rate:.0f} s each"
        return f"{speed}, {duration((total - self.done) / rate)} left" if total > self.done else speed


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def progress_bars() -> Iterator[Tell]:
    """What to tell progress to: on a terminal a bar for each thing, else a line for it on stderr every half minute."""
    if sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield lines(lambda text: print(text, file=sys.stderr, flush=True))


def lines(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Tell:
    """A teller that says a line when something that was begun before goes on, and then every half minute."""
    paces: dict[str, Pace] = {}
    last = clock()

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        if what not in paces:
            paces[what] = Pace(done, clock)
            if 0 < done < total:
                say(f"{what}: going on after {done} of {total}")
        paces[what].step(done)
        if clock() - last >= EVERY:
            last = clock()
            pace = paces[what].told(total)
            say(f"{what}: {done}" + (f" of {total}" if total else "") + (f", {pace}" if pace else ""))

    return tell


@contextmanager
def _bars() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    tasks: dict[str, tuple[int, Pace]] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total or None, completed=done, pace=""), Pace(done)
            task, pace = tasks[what]
            pace.step(done)
            of = max(total, done) if total else None
            progress.update(task, completed=done, total=of, pace=pace.told(total))  # type: ignore[arg-type]

        yield tell


class InterruptedWork(Exception):
    """Ctrl-C in work that can be taken up again; the message says how."""


@contextmanager
def goes_on() -> Iterator[None]:
    """Around work that the same command takes up again: Ctrl-C says so."""
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedWork("run the same command again to go on") from None
