"""The commands `dftnet evaluate` and `dftnet figure`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from dftnet.cli.command import Command
from dftnet.cli.fields import options_of
from dftnet.cli.options import Threads
from dftnet.cli.progress import progress_bars
from dftnet.evaluation.config import EvaluationConfig

EVALUATE_EXAMPLES = """
Examples:

  dftnet evaluate dftnet-128 --data set128 -o results

  dftnet evaluate run-a/model run-b/model --data set128 --quick -o compared
"""
CALIBRATE_EXAMPLES = """
Example:

  dftnet calibrate run/model --data set128
"""
FIGURE_EXAMPLES = """
Examples:

  dftnet figure eyelids a.jpg b.jpg -o eyelids.png --baseline ganimation/model

  dftnet figure details a.jpg -o details.png --emotion happiness --emotion anger

  dftnet figure interpolation source.jpg target.jpg -o towards.png --failure hat.jpg grin.jpg
"""


@options_of(EvaluationConfig, without=("counts",))
def evaluate(
    models: Annotated[
        list[str], typer.Argument(help="Model directories, or names of shipped models.", show_default=False)
    ],
    data: Annotated[Path, typer.Option("--data", help="A dataset directory (dftnet prepare).", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for results.json, results.md and plots.", show_default=False)
    ],
    config: EvaluationConfig,
    threads: Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result in that folder.")] = False,
) -> None:
    """Measure models beside the copy of the input: landing, leakage, eyelids, gap closed, identity, realism, speed ..."""
    from dftnet.evaluation.evaluate import evaluate as run
    from dftnet.evaluation.report import score_table

    command = shlex.join(["dftnet", *sys.argv[1:]])
    with progress_bars() as tell:
        result = run(models, data, output, config, threads=threads, overwrite=overwrite, command=command, tell=tell)
    print("\n".join(score_table(result["scores"])))
    for judge, reason in result["not_judged"].items():
        print(f"{judge}: {reason}", file=sys.stderr)
    print(output / "results.md", file=sys.stderr)


def calibrate(
    model: Annotated[
        Path, typer.Argument(help="A generator's model directory; its config.json is written.", show_default=False)
    ],
    data: Annotated[Path, typer.Option("--data", help="A dataset directory (dftnet prepare).", show_default=False)],
    reader: Annotated[
        Path | None, typer.Option(help="An estimator's model directory. (default: the shipped one)", show_default=False)
    ] = None,
    faces: Annotated[int, typer.Option(help="Validation faces a unit and direction.", min=1)] = 32,
) -> None:
    """Make values mean what they say: measure what each unit delivers, and correct requests by it."""
    from dftnet.evaluation.calibrate import calibrate as run

    with progress_bars() as tell:
        found = run(model, data, reader=reader, faces=faces, progress=tell)
    for name, curve in found.curves.delivered.items():
        print(f"{name:6} {' '.join(f'{value:6.2f}' for value in curve)}")
        if name in found.second:
            print(f"{'':6} {' '.join(f'{value:6.2f}' for value in found.second[name])}  MediaPipe's own blendshape")
    if found.not_judged:
        print(f"MediaPipe did not look: {found.not_judged}", file=sys.stderr)
    for name in found.doubted:
        print(f"{name} rises for the reader, and not for MediaPipe: look at edits before you trust it", file=sys.stderr)


def figure(
    kind: Annotated[str, typer.Argument(help="eyelids, details or interpolation.", show_default=False)],
    photos: Annotated[
        list[Path],
        typer.Argument(help="Photos; for interpolation source, target, source, target ...", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.", show_default=False)],
    model: Annotated[
        str | None, typer.Option(help="A generator's model directory. (default: the shipped one)", show_default=False)
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="A GANimation's model directory, for a column beside.", show_default=False)
    ] = None,
    emotion: Annotated[
        list[str] | None, typer.Option(help="Rows of details; may be repeated. (default: all)", show_default=False)
    ] = None,
    failure: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Source and target of the row of a failure.", show_default=False)
    ] = None,
    side: Annotated[int, typer.Option(help="Height of each picture in pixels.", min=48)] = 192,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the picture if it exists.")] = False,
) -> None:
    """Draw the paper's figures 3 (eyelids), 4 (details) or 5 (interpolation) for any photos."""
    from dftnet.evaluation.figures import make_figure
    from dftnet.media.files import check_file
    from dftnet.media.formats import photo_format
    from dftnet.media.image import write_image

    check_file(output, overwrite)
    photo_format(output)
    picture = make_figure(kind, photos, model, baseline, emotion or [], failure, side)
    print(write_image(output, picture, overwrite=overwrite))


COMMANDS = {
    "evaluate": Command(evaluate, EVALUATE_EXAMPLES), "calibrate": Command(calibrate, CALIBRATE_EXAMPLES),
    "figure": Command(figure, FIGURE_EXAMPLES),
}  # fmt: skip
