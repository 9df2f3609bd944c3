"""The commands `dftnet prepare` and `dftnet show`: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PREPARE_EXAMPLES = """
Examples:

  dftnet prepare photos/ -o set128

  dftnet prepare photos/ --labels openface_csvs/ -o set128

  dftnet prepare photos/ --labels aus.csv --au-range 0 5 --size 256 -o set256

  dftnet prepare clips/ --every 0.5 --faces all -o clips128
"""


def prepare(
    photos: Annotated[
        Path,
        typer.Argument(help="A folder tree of photos and videos, tars of photos, or one file.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The dataset directory to make.", show_default=False)],
    labels: Annotated[
        Path | None, typer.Option(help="AU labels: a CSV (.csv, .csv.gz) or a folder of them. Without: the estimator.")
    ] = None,
    labels_format: Annotated[
        str, typer.Option(help="auto, generic, openface, pyfeat, libreface or blendshapes.")
    ] = "auto",
    au_range: Annotated[
        tuple[float, float] | None, typer.Option(help="The scale of the labels, e.g. 0 5. Default: the format's own.")
    ] = None,
    au_source: Annotated[str, typer.Option(help="Where AUs come from without --labels.")] = "estimator",
    size: Annotated[int, typer.Option(help="Edge of the square faces in pixels.")] = 128,
    faces: Annotated[str, typer.Option(help="largest or all faces of a photo.")] = "largest",
    landmarks: Annotated[
        str, typer.Option(help="detect, or csv: columns eye_r_x ... mouth_l_y of the labels.")
    ] = "detect",
    encoding: Annotated[str, typer.Option(help="jpeg, webp or lossless.")] = "jpeg",
    quality: Annotated[int, typer.Option(help="Of jpeg and webp, 1 to 100.")] = 95,
    grey: Annotated[str, typer.Option(help="skip or keep colourless photos.")] = "skip",
    min_face: Annotated[int, typer.Option(help="Least width of a face square in photo pixels.")] = 48,
    min_sharpness: Annotated[float, typer.Option(help="Least variance of the Laplacian; 0 takes all.")] = 0.0,
    every: Annotated[float, typer.Option(help="Seconds between the frames taken of a video.")] = 1.0,
    validation: Annotated[float, typer.Option(help="Share of the people, where the labels give no split.")] = 0.05,
    test: Annotated[float, typer.Option(help="Share of the people, where the labels give no split.")] = 0.05,
    workers: Annotated[int | None, typer.Option(help="Processes. Default: one a core.")] = None,
) -> None:
    """Photos → a training set: detect, align and label faces, write shards. Interrupted, run it again: it goes on."""
    from dftnet.data.prepare import prepare as run

    run(
        photos, output, labels, labels_format, au_range, au_source, size, faces, landmarks, encoding, quality, grey,
        min_face, min_sharpness, every, validation, test, workers,
    )  # fmt: skip


def show(
    data: Annotated[Path, typer.Argument(help="A dataset directory.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the pictures. Default: DATA/show.")
    ] = None,
    labels: Annotated[str, typer.Option(help="labels, or NAME of labels-NAME.npz.")] = "labels",
    split: Annotated[str, typer.Option(help="all, train, validation or test.")] = "all",
    count: Annotated[int, typer.Option(help="Faces on the sheet of random ones.")] = 120,
    seed: Annotated[int, typer.Option(help="Which random ones.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier pictures in that folder.")] = False,
) -> None:
    """A card of a training set, with contact sheets of its faces and histograms of its Action Units."""
    from dftnet.data.card import show as run

    shown = run(data, output, labels, split, count, seed, overwrite)
    typer.echo("\n".join(str(path) for path in (shown.faces, shown.strongest, shown.histograms)))
