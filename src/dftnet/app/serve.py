"""Runs the server: one process, or several that share the port."""

from __future__ import annotations

import errno
import socket
import threading
import time
import urllib.request
import webbrowser
from typing import Any

import uvicorn

from dftnet import Editor
from dftnet.app.api import create_app
from dftnet.app.settings import Settings


def serve(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 8000, workers: int = 1, open_page: bool = False
) -> None:
    """Serves until it is stopped; ModelError for a model that cannot be loaded, OSError for a port that is taken."""
    editor = Editor.from_pretrained(settings.model, threads=settings.threads)
    _check_free(host, port)
    shown = "localhost" if host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::") else host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
    print(f"dftnet is at {address} (Ctrl-C ends it)", flush=True)
    if open_page:
        threading.Thread(target=_open, args=(address,), daemon=True).start()
    options: dict[str, Any] = {
        "host": host, "port": port, "log_level": "warning", "access_log": False, "server_header": False,
        "timeout_keep_alive": 75, "timeout_graceful_shutdown": 5,
    }  # fmt: skip
    if workers == 1:
        uvicorn.run(create_app(settings, editor), **options)
        return
    del editor
    settings.to_environment()
    uvicorn.run("dftnet.app.api:create_app", factory=True, workers=workers, **options)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(
                f"cannot listen on {host} port {port} ({error.strerror}): choose another with "
                f"{'--port' if error.errno in (errno.EADDRINUSE, errno.EACCES) else '--host'}"
            ) from None


def _open(address: str) -> None:
    """The page in the browser, as soon as the server answers."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"{address}health", timeout=1):
                break
        except OSError:
            time.sleep(0.1)
    webbrowser.open(address)
