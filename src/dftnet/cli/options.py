"""What several commands share: their options, and the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

GeneratorModel = Annotated[
    str | None,
    typer.Option(help="A model directory. (default: the one that is shipped)", show_default=False),
]
EstimatorModel = Annotated[
    str | None,
    typer.Option(help="An estimator's model directory. (default: the one that is shipped)", show_default=False),
]
Threads = Annotated[int | None, typer.Option(help="CPU threads. (default: one per core)", show_default=False)]


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with the time left for each thing told as (what, done, of how many or 0); on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    tasks: dict[str, int] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def tell(what: str, done: int, count: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=count or None)
            progress.update(tasks[what], completed=done, total=max(count, done) if count else None)  # type: ignore[arg-type]

        yield tell
