"""The command line: one verb a function, each a thin call of the plain function of the same name in its module.

Only the verb that is asked for is built: the parameters of all of them, and what they import, take a tenth of a second.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Annotated, Any

import typer

import dftnet
from dftnet.cli.command import Command
from dftnet.cli.progress import InterruptedWork
from dftnet.errors import DftnetError
from dftnet.media.files import in_words

VERBS = {
    "edit": "edit", "stimuli": "edit", "demo": "edit",
    "aus": "aus", "faces": "aus", "app": "serve", "train-aus": "aus", "relabel": "aus",
    "prepare": "data", "show": "data", "landmarks": "data",
    "train": "train", "export": "train",
    "evaluate": "evaluate", "calibrate": "evaluate", "figure": "evaluate",
}  # fmt: skip
"""Verb → the module of `dftnet.cli` whose COMMANDS have it"""


def command_line(verb: str = "") -> typer.Typer:
    """`dftnet` with one verb, or with all of them where there is none of that name."""
    app = typer.Typer(
        name="dftnet",
        help="Edit the expression of a face photo by Action Units: warp, paint and blend (DFT-Net).",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        callback=_root,
    )
    for name in [verb] if verb in VERBS else VERBS:
        commands: Mapping[str, Command] = importlib.import_module(f"dftnet.cli.{VERBS[name]}").COMMANDS
        command = commands[name]
        app.command(name, cls=command.cls, epilog=command.epilog)(command.function)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dftnet {dftnet.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and stop.")
    ] = False,
) -> None:
    pass


_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # Click's, or that of Typer's own copy of it


def main() -> None:
    """Entry point: a user's error is one line on stderr and exit code 2; Ctrl-C is 130."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about damaged metadata; what matters is told in our own words
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # names of files need not be UTF-8
    try:
        code = command_line(*sys.argv[1:2])(standalone_mode=False)
    except _UsageError as error:
        sys.exit(_usage(error))
    except (DftnetError, OSError) as error:  # anything else is our own mistake, and shows itself
        print(f"error: {' '.join(_in_words(error).split())}", file=sys.stderr)
        sys.exit(2)
    except InterruptedWork as error:
        print(f"interrupted: {error}", file=sys.stderr)
        sys.exit(130)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # Ctrl-C, which Typer takes for itself
        print("interrupted", file=sys.stderr)
    if isinstance(code, int) and code:
        sys.exit(code)


def _in_words(error: Exception) -> str:
    """An error in words: one of the system without its number, with the remedy."""
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str | bytes):
        return in_words(error, os.fsdecode(error.filename), "open")
    return str(error)


def _usage(error: Any) -> int:
    """Tells of a command typed wrongly in one line; without any argument the help is shown."""
    context = error.ctx
    if type(error).__name__ == "NoArgsIsHelpError":
        print(context.get_help() if context is not None else "")
        return 2
    message = " ".join(error.format_message().split()).rstrip(".")
    verb = next((word for word in sys.argv[1:2] if not word.startswith("-")), "")
    path = context.command_path if context is not None else f"dftnet {verb}".rstrip()
    if isinstance(option := getattr(error, "option_name", None), str) and message.endswith("requires an argument"):
        message = f"{option} needs a value" + (f",{_values[option]}" if option in _values else "")
    print(f"error: {message}{'' if message.endswith('?') else ';'} see {path} --help", file=sys.stderr)
    return 2


_values = {
    "--au": " such as --au AU12=0.8", "--add": " such as --add AU12=+0.3", "--emotion": " such as --emotion happiness",
    "--strength": " such as --strength 0.7", "--sweep": " such as --sweep AU45 0:1:8", "--face": " such as --face 1",
}  # fmt: skip
"""What to write behind an option that stands without its value."""
