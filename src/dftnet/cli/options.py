"""What several commands share: their options, the progress bar, and how a report is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dftnet.cli.progress import progress_bars as progress_bars

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
