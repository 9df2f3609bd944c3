"""Options made of a configuration's fields: their names, defaults, types and help come from the one declaration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner

from dftnet.cli.fields import field_docs, options_of


@dataclass(frozen=True, kw_only=True)
class Config:
    """A configuration."""

    size: int = 128
    """Edge of the square,
    in pixels."""
    scale: tuple[float, float] | None = None
    """Low and high."""
    every_seconds: float = 1.0
    """Seconds between two."""
    hidden: str = "kept"
    """Not an option."""


def test_the_docstring_under_a_field_is_its_help():
    docs = field_docs(Config)
    assert docs["size"] == "Edge of the square, in pixels."
    assert list(docs) == ["size", "scale", "every_seconds", "hidden"]


def test_a_command_takes_its_options_from_the_fields():
    app = typer.Typer()
    seen: list = []

    @app.command()
    @options_of(Config, names={"every_seconds": "--every"}, without=("hidden",))
    def verb(
        place: Annotated[Path, typer.Argument()],
        config: Config,
        loud: Annotated[bool, typer.Option("--loud", help="Say it.")] = False,
    ) -> None:
        seen.append((place, config, loud))

    run = CliRunner()
    assert run.invoke(app, ["here"]).exit_code == 0
    assert run.invoke(app, ["here", "--size", "64", "--scale", "0", "5", "--every", "0.5", "--loud"]).exit_code == 0
    assert seen == [
        (Path("here"), Config(), False),
        (Path("here"), Config(size=64, scale=(0.0, 5.0), every_seconds=0.5), True),
    ]
    shown = run.invoke(app, ["--help"]).output
    assert "Edge of the square, in pixels." in shown
    assert "[default: 128]" in shown
    assert "--hidden" not in shown
    assert run.invoke(app, ["here", "--size", "x"]).exit_code == 2
