"""What several commands share: their options, the progress bar, and how a report is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dftnet.editing.options import Report

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


def print_report(done: Report, what: str = "photos edited") -> None:
    """Lines on stdout, warnings and failures on stderr; of many files their number. Exit code 1 where some failed."""
    from dftnet.editing.options import THERE

    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if done.many:
        there = sum(reason == THERE for reason in done.skipped.values())
        print(f"{done.path}: {len(done.written)} {what}" + (f", {there} were there already" if there else ""))
    else:
        for line in done.lines:
            print(f"{done.path}: {line}")
    for name, reason in sorted(done.failed.items()):
        print(f"failed: {name}: {reason}", file=sys.stderr)
    if done.failed:
        print(f"{len(done.failed)} could not be edited", file=sys.stderr)
        raise typer.Exit(1)
