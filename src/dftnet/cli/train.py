"""The verbs `dftnet train` and `dftnet export`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dftnet.cli.command import Command
from dftnet.errors import RequestError
from dftnet.media.files import check_folder

TRAIN_EXAMPLES = """Examples:

dftnet train DATA -o RUN --preset stable

dftnet train DATA -o RUN --preset finetune

dftnet train DATA -o RUN --preset stable --images 100000 --set batch=24 --set labels=estimated

torchrun --nproc_per_node 8 -m dftnet train DATA -o RUN --preset paper
"""


def check_installed() -> None:
    """Raise RequestError before a training begins where a package is missing that it needs, if only at its end."""
    missing = [name for name in ("torch", "safetensors", "tensorboard", "onnx") if find_spec(name) is None]
    if missing:
        raise RequestError(f'training needs {" and ".join(missing)}; install with: pip install "dftnet[train]"')


def train(
    data: Annotated[
        str,
        typer.Argument(
            help="A dataset directory (dftnet prepare), or the address of one: s3://bucket/set128.",
            show_default=False,
        ),
    ],
    run: Annotated[
        Path,
        typer.Option("--output", "-o", help="The folder of this run; begun before, it goes on.", show_default=False),
    ],
    preset: Annotated[
        str,
        typer.Option(
            help='"stable" (the paper\'s generator, six million images), "finetune" (your photos), "light" (the shipped '
            'generator\'s), "paper" (to the letter), "ganimation" (the baseline), "tiny" (seconds, to try).'
        ),
    ] = "stable",
    config: Annotated[
        Path | None, typer.Option(help="A configuration in JSON, such as RUN/config.json, in place of a preset.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Image size in pixels, in place of the preset's.", min=16)] = None,
    images: Annotated[
        int | None,
        typer.Option(help="Images to train on in all; every phase and interval shrinks or grows with it.", min=1),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="A model directory or a shipped name (dftnet-128) to start from, in place of random weights."
        ),
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="name=value of any field, e.g. batch=32, weights.pair=20, generator.skips=false."),
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 is one a core.", min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Train a generator and its critic; the model directory is OUTPUT/model.

    The same command again resumes where it was interrupted.

    Watch it with `tensorboard --logdir OUTPUT` and the sheets in OUTPUT/samples.
    """
    check_installed()
    check_folder(run)
    import torch

    from dftnet.training import config as configuration
    from dftnet.training.loop import train as run_training
    from dftnet.training.presets import preset as named_preset

    if threads:
        torch.set_num_threads(threads)
    chosen = configuration.load(config) if config else named_preset(preset, size)
    if images:
        chosen = configuration.stretch(chosen, images)
    chosen = configuration.override(chosen, [*(assign or []), *([f"init={init}"] if init else [])])
    print(run_training(data, run, chosen, quiet=quiet))


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a training run.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The model directory to write. (default: RUN/model)", show_default=False),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The run's dataset directory, for the number of faces and the alignment.")
    ] = None,
    attention: Annotated[
        str,
        typer.Option(
            help="Gain and offset of the attention's logit, e.g. 2,-1: decide between warp and paint, and paint more.",
            metavar="GAIN,OFFSET",
        ),
    ] = "1,0",
    gain: Annotated[
        list[str] | None,
        typer.Option(
            help="Multiply what the network is told of an AU, e.g. AU45=1.5, where it lands short.",
            metavar="AU=FACTOR",
            show_default=False,
        ),
    ] = None,
    mix: Annotated[
        list[str] | None,
        typer.Option(
            help="Average the weights with those of another run, which has this share.",
            metavar="RUN=SHARE",
            show_default=False,
        ),
    ] = None,
    opens_eyes: Annotated[
        bool,
        typer.Option("--opens-eyes", help="Say that this model opens closed eyes; without it they are left closed."),
    ] = False,
    turns_head: Annotated[
        bool,
        typer.Option(
            "--turns-head",
            help="Offer small turns of the head, AU51 to AU54: what the run learnt of them from pairs of frames.",
        ),
    ] = False,
) -> None:
    """Write the model directory of a run as it stands at its newest training state, finished or not."""
    check_installed()
    if output is not None:
        check_folder(output)
    from dftnet.training.finish import Finish, export_run, parse_numbers

    try:
        scale, offset = (float(part) for part in attention.split(","))
    except ValueError as error:
        raise RequestError(f"--attention is {attention!r}; write two numbers like 2,-1") from error
    finish = Finish(
        mixed=parse_numbers(mix or [], "--mix"),
        attention=(scale, offset),
        condition=parse_numbers(gain or [], "--gain"),
        opens_eyes=opens_eyes,
        turns_head=turns_head,
    )
    print(export_run(run, output, data, finish))


COMMANDS = {"train": Command(train, TRAIN_EXAMPLES), "export": Command(export)}
