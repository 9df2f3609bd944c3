"""The command `dftnet app`: the page with live sliders, and the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from dftnet.cli.command import Command
from dftnet.cli.options import GeneratorModel, Threads
from dftnet.errors import RequestError

EXAMPLES = """
Examples:

  dftnet app --open

  dftnet app --port 9000 --workers 2

  dftnet app --host 0.0.0.0 --allow-host faces.example.org
"""


def app(
    port: Annotated[int, typer.Option(help="Where to listen.", min=1, max=65535)] = 8000,
    host: Annotated[
        str, typer.Option(help="The address to listen on; only this machine can reach the default.")
    ] = "127.0.0.1",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    workers: Annotated[int, typer.Option(help="Processes; each edits one photo at a time.", min=1, max=64)] = 1,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name by which others call this server; may be repeated.", show_default=False),
    ] = None,
    max_megabytes: Annotated[float, typer.Option(help="The largest request that is taken.", min=0.1)] = 64,
    max_megapixels: Annotated[float, typer.Option(help="The largest photo that is taken.", min=0.1, max=150)] = 50,
    model: GeneratorModel = None,
    threads: Threads = None,
) -> None:
    r"""Serve a page with live sliders, and an HTTP API, on this machine.

    Photos stay in memory, nothing is written, nothing leaves the machine.

    The API is described at /openapi.json and in docs/app.md. Needs `pip install "dftnet\[app]"`.
    """
    try:
        from dftnet.app.serve import serve
        from dftnet.app.settings import Settings
    except ModuleNotFoundError as error:
        if error.name in ("fastapi", "uvicorn", "python_multipart", "multipart"):
            raise RequestError('the page needs a few more packages: `pip install "dftnet[app]"`') from None
        raise
    settings = Settings(
        model=model, threads=threads, hosts=tuple(allow_host or ()), max_bytes=int(max_megabytes * 1e6),
        max_pixels=int(max_megapixels * 1e6),
    )  # fmt: skip
    serve(settings, host=host, port=port, workers=workers, open_page=open_page)


COMMANDS = {"app": Command(app, EXAMPLES)}
