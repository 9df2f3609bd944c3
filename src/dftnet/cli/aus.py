"""The commands `dftnet aus`, `dftnet faces`, `dftnet train-aus` and `dftnet relabel`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dftnet.cli.command import Command
from dftnet.cli.options import EstimatorModel, Shard, Threads
from dftnet.cli.progress import progress_bars
from dftnet.cli.train import check_installed
from dftnet.media.files import check_folder


def aus(
    paths: Annotated[list[Path], typer.Argument(help="Photos, clips, or folders that hold some.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: file, frame, face, box, aus.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write a CSV with OpenFace's columns (AU12_r in 0 to 5) and boxes; - prints it.", show_default=False
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="Of the CSV: openface or pyfeat.")] = "openface",
    scale: Annotated[
        int | None,
        typer.Option(
            help="Intensities in 0 to 1 or 0 to 5. (default: 5 in OpenFace's CSV, else 1)", show_default=False
        ),
    ] = None,
    largest: Annotated[bool, typer.Option("--largest", help="Only the largest face of each photo.")] = False,
    every: Annotated[int, typer.Option(help="Of a video, read one frame in so many.", min=1)] = 1,
    model: EstimatorModel = None,
    threads: Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the CSV if it exists.")] = False,
    shard: Shard = None,
) -> None:
    """Read the Action Units of faces, 0 (absent) to 1 (strongest).

    Every face of a photo, the largest face of each frame of a video or an animated picture. Faces are numbered from 0, the largest.
    """
    from rich.console import Console
    from rich.progress import track

    from dftnet.au_sources.reading import read_aus
    from dftnet.au_sources.readings import csv_table, json_text, print_readings
    from dftnet.media.files import check_file, write_file
    from dftnet.media.share import Share

    if csv is not None and str(csv) != "-":
        check_file(csv, overwrite)
    csv_table([], form, scale)  # refuses options before the work
    failed: list[str] = []
    warnings: list[str] = []
    readings = read_aus(paths, model, every, largest, threads, failed, Share.parse(shard), warnings)
    told = track(readings, "reading", console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    if as_json or csv is not None:
        rows = list(told)
        if as_json:
            print(json_text(rows, scale))
        if csv is not None and str(csv) == "-":
            print(csv_table(rows, form, scale), end="")
        elif csv is not None:
            write_file(csv, csv_table(rows, form, scale), overwrite)
            print(f"{csv}: {len(rows)} rows", file=sys.stderr)
    else:
        print_readings(told)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for reason in failed:
        print(f"failed: {reason}", file=sys.stderr)
    if failed:
        print(f"{len(failed)} could not be read", file=sys.stderr)
        raise typer.Exit(1)


def faces(
    photo: Annotated[Path, typer.Argument(help="A photo.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The picture with numbers. (default: NAME-faces.jpg)", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the picture if it exists.")] = False,
) -> None:
    """Number the faces of a photo, as `edit --face` takes them: a picture, and a list of boxes."""
    from dftnet.faces.numbered import number_faces

    path, lines = number_faces(photo, output, overwrite)
    for line in lines:
        print(line)
    print(path)


def train_aus(
    data: Annotated[Path, typer.Argument(help="A dataset directory (dftnet prepare).", show_default=False)],
    run: Annotated[
        Path,
        typer.Option("--output", "-o", help="The folder of this run; begun before, it goes on.", show_default=False),
    ],
    images: Annotated[int, typer.Option(help="Images to see in all.", min=1)] = 400_000,
    labels: Annotated[str, typer.Option(help='Labels to train on: "labels", or NAME of labels-NAME.npz.')] = "labels",
    batch: Annotated[int, typer.Option(help="Images of a step.", min=2)] = 96,
    init: Annotated[
        Path | None,
        typer.Option(help="A model directory to start from (fine-tuning, other labels), in place of random weights."),
    ] = None,
    calibrate: Annotated[
        list[str] | None,
        typer.Option(
            help="After training, logit → GAIN · logit + OFFSET of an AU, e.g. AU45=1.5,0.85.",
            metavar="AU=GAIN,OFFSET",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="bfloat16 or float32.")] = "bfloat16",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 is one a core.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
) -> None:
    """Train the Action Unit estimator; the model directory is OUTPUT/model.

    The same command again resumes where it was interrupted.
    """
    check_installed()
    check_folder(run)
    from dftnet.training.estimator.train import TrainAUsConfig, parse_calibration
    from dftnet.training.estimator.train import train_aus as train

    config = TrainAUsConfig(
        images=images, labels=labels, batch=batch, precision=precision, threads=threads, seed=seed,
        init=str(init or ""), calibration=parse_calibration(calibrate or []),
    )  # fmt: skip
    print(train(data, run, config))


def relabel(
    data: Annotated[Path, typer.Argument(help="A dataset directory (dftnet prepare).", show_default=False)],
    name: Annotated[str, typer.Option(help="The labels are written as labels-NAME.npz.")] = "estimated",
    model: EstimatorModel = None,
    views: Annotated[int, typer.Option(help="Mirrored and moved views to average.", min=1, max=6)] = 6,
    threads: Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace labels of that name.")] = False,
) -> None:
    """Label a dataset directory anew with the estimator. Train on the labels with --set labels=NAME."""
    from dftnet.data.relabel import relabel as label

    with progress_bars() as tell:
        written = label(data, name, model, views, threads, overwrite, tell)
    print(written)


COMMANDS = {
    "aus": Command(aus), "faces": Command(faces), "train-aus": Command(train_aus), "relabel": Command(relabel),
}  # fmt: skip
