"""A verb of the command line, as `dftnet.cli.app` builds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from typer.core import TyperCommand


class Command(NamedTuple):
    """A function whose parameters say what may be typed, and what its help ends with."""

    function: Callable[..., Any]
    epilog: str | None = None
    cls: type[TyperCommand] | None = None
