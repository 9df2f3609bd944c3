"""The commands `dftnet prepare` and `dftnet show`: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dftnet.cli.command import Command
from dftnet.cli.fields import options_of
from dftnet.cli.options import Engine, Shard, print_report
from dftnet.cli.progress import goes_on, progress_bars
from dftnet.data.config import PrepareConfig

PREPARE_EXAMPLES = """
Examples:

  dftnet prepare photos/ -o set128

  dftnet prepare photos/ --labels openface_csvs/ -o set128

  dftnet prepare photos/ --labels aus.csv --au-range 0 5 --size 256 -o set256

  dftnet prepare people/ --people folders -o pairs128

  dftnet prepare clips/ --every 0.5 --faces all -o clips128
"""


@options_of(PrepareConfig, names={"every_seconds": "--every"}, without=("detector_side",))
def prepare(
    photos: Annotated[
        str,
        typer.Argument(
            help="A folder tree of photos and videos, tars of photos, one file, or an address: s3://bucket/photos.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The dataset directory to make.", show_default=False)],
    config: PrepareConfig,
    workers: Annotated[
        int | None, typer.Option(help="Processes. (default: one per core)", show_default=False, min=1)
    ] = None,
    shard: Shard = None,
    engine: Engine = "local",
) -> None:
    """Photos → a training set: detect, align and label faces, write shards. Interrupted, run it again: it goes on."""
    from dftnet.data.prepare import prepare as run
    from dftnet.media.share import Share

    with goes_on(), progress_bars() as tell:
        done = run(photos, output, config, workers=workers, share=Share.parse(shard), engine=engine, tell=tell)
    print_report(done)


def show(
    data: Annotated[Path, typer.Argument(help="A dataset directory.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the pictures. (default: DATA/show)", show_default=False),
    ] = None,
    labels: Annotated[str, typer.Option(help="labels, or NAME of labels-NAME.npz.")] = "labels",
    split: Annotated[str, typer.Option(help="all, train, validation or test.")] = "all",
    count: Annotated[int, typer.Option(help="Faces on the sheet of random ones.")] = 120,
    seed: Annotated[int, typer.Option(help="Which random ones.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier pictures in that folder.")] = False,
) -> None:
    """Print a card of a training set; draw contact sheets of its faces and histograms of its Action Units."""
    from dftnet.data.card import show as run

    shown = run(data, output, labels, split, count, seed, overwrite)
    typer.echo("\n".join(str(path) for path in (shown.faces, shown.strongest, shown.histograms)))


def landmarks(
    data: Annotated[Path, typer.Argument(help="A dataset directory.", show_default=False)],
    workers: Annotated[int | None, typer.Option(help="Threads. (default: one per core)", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Read them again.")] = False,
) -> None:
    """Read 478 landmarks of every face into a training set: a training that a face mesh teaches needs them."""
    from dftnet.data.landmarks import read_landmarks

    with progress_bars() as tell:
        typer.echo(str(read_landmarks(data, workers=workers, overwrite=overwrite, tell=tell)))


COMMANDS = {"prepare": Command(prepare, PREPARE_EXAMPLES), "show": Command(show), "landmarks": Command(landmarks)}
