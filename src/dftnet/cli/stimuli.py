"""The command `dftnet stimuli`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dftnet.cli.options import GeneratorModel, Threads, progress_bars


def stimuli(
    faces: Annotated[list[Path], typer.Argument(help="Photos of faces, or folders of them.", show_default=False)],
    au: Annotated[
        str,
        typer.Option(
            help="Action Units, by name or in words, with commas: AU04,AU12,smile.",
            metavar="NAME,…",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the pictures and manifest.csv.", show_default=False)
    ],
    levels: Annotated[str, typer.Option(help="Intensities from 0 to 1, with commas.")] = "0,.25,.5,.75,1",
    neutral: Annotated[bool, typer.Option("--neutral", help="Relax the rest of the face first.")] = False,
    ending: Annotated[str, typer.Option(help="Of the pictures' names: .png, .jpg, .webp, .tif.")] = ".png",
    model: GeneratorModel = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make all pictures anew.")] = False,
    quality: Annotated[int, typer.Option(help="Of JPEG and WebP, 1 to 100.", min=1, max=100)] = 95,
    mark: Annotated[
        bool, typer.Option("--mark/--no-mark", help="Tell in the pictures' metadata that they were edited.")
    ] = True,
    threads: Threads = None,
) -> None:
    """Make pictures for experiments: each face with each Action Unit at each level.

    DIR/manifest.csv tells for every picture what was requested and what was measured in it, and by whom. The same
    command again goes on where it was.
    """
    from dftnet.editing.editor import Editor
    from dftnet.editing.stimuli import make_stimuli, measurer

    try:
        strengths = [float(level) for level in levels.split(",") if level.strip()]
    except ValueError:
        raise ValueError(f"--levels {levels}: write numbers from 0 to 1 with commas, such as 0,.5,1") from None
    units = [unit.strip() for unit in au.split(",") if unit.strip()]
    editor = Editor.from_pretrained(model, threads=threads)
    with progress_bars() as tell:
        done = make_stimuli(
            editor, faces, units, strengths, output, neutral=neutral, suffix=ending.lower(), overwrite=overwrite,
            quality=quality, mark=mark,
            on_picture=lambda count, total: tell("pictures", count, total),
        )  # fmt: skip
    kept = f", {done.kept} were there already" if done.kept else ""
    print(f"{output}: {done.written} pictures made{kept}; {done.manifest.name} says what {measurer(editor)} measured")
    for photo, reason in sorted(done.failed.items()):
        print(f"failed: {photo}: {reason}", file=sys.stderr)
    if done.failed:
        raise typer.Exit(1)
