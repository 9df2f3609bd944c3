"""The command line: one verb a function, each a thin call of the plain function of the same name in its module."""

from __future__ import annotations

import sys

import typer

from dftnet import cli_aus, cli_data, cli_edit, cli_evaluate, cli_train

app = typer.Typer(
    name="dftnet",
    help="Edit the expression of a face photo by Action Units: warp, paint and blend (DFT-Net).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    pass


app.command(cls=cli_edit.SeveralValues, epilog=cli_edit.EXAMPLES)(cli_edit.edit)
app.command()(cli_aus.aus)
app.command("train-aus")(cli_aus.train_aus)
app.command()(cli_aus.relabel)
app.command(epilog=cli_data.PREPARE_EXAMPLES)(cli_data.prepare)
app.command()(cli_data.show)
app.command(epilog=cli_train.TRAIN_EXAMPLES)(cli_train.train)
app.command()(cli_train.export)
app.command(epilog=cli_evaluate.EVALUATE_EXAMPLES)(cli_evaluate.evaluate)
app.command(epilog=cli_evaluate.FIGURE_EXAMPLES)(cli_evaluate.figure)


def main() -> None:
    """Entry point: a user's error is one line on stderr and exit code 2; Ctrl-C is 130."""
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
