"""What several commands share: their options, the progress bar, and how a report is told."""

from __future__ import annotations

import json
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
Shard = Annotated[
    str | None,
    typer.Option(
        help="Do one share of the photos, I of N machines (0/8 … 7/8); all shares together are the whole.",
        metavar="I/N",
        show_default=False,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="local, or ray: on a Ray cluster whose machines share the disk of the output (RAY_ADDRESS names it)."
    ),
]
Threads = Annotated[int | None, typer.Option(help="CPU threads. (default: one per core)", show_default=False)]


def print_report(done: Report, what: str = "photos edited", as_json: bool = False, quiet: bool = False) -> None:
    """Lines on stdout, warnings and failures on stderr; of many files their number, and what was left alone. Exit code 1
    where some failed."""
    if as_json:
        print(json.dumps(done.as_json(), indent=1))
    elif not quiet:
        for warning in done.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        for line in _lines(done, what):
            print(line)
        for line in _left_alone(done):
            print(line, file=sys.stderr)
    for name, reason in sorted(done.failed.items()):
        print(f"failed: {name}: {reason}", file=sys.stderr)
    if done.failed:
        print(f"{len(done.failed)} could not be edited", file=sys.stderr)
        raise typer.Exit(1)


def _lines(done: Report, what: str) -> list[str]:
    from dftnet.editing.options import THERE

    if done.dry:
        return [*done.lines, "nothing is written (--dry-run)"]
    if not done.many:
        return [f"{done.path}: {line}" for line in done.lines]
    there = sum(reason == THERE for reason in done.skipped.values())
    return [f"{done.path}: {len(done.written)} {what}" + (f", {there} were there already" if there else "")]


def _left_alone(done: Report) -> list[str]:
    """One line: "left alone: a.mp4 and 2 more (a clip: edit it by itself); …"."""
    from dftnet.editing.options import THERE, first_of

    names: dict[str, list[str]] = {}
    for name, reason in done.skipped.items():
        if reason != THERE:
            names.setdefault(reason, []).append(name)
    told = [f"{first_of(found)} ({reason})" for reason, found in names.items()]
    return [f"left alone: {'; '.join(told)}"] if told else []
