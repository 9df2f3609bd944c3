"""A server that can be stopped and started, and Debian's Chromium to look at it with."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

CHROMIUM = next((Path(p) for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = "NO BROWSER TEST RAN: they need Debian's chromium (apt-get install chromium) and Playwright (pip install playwright)"


class Running:
    """A server in a thread; stopped and started again it is a new one at the same address, with nothing remembered."""

    def __init__(self, editor: Any, settings: Any) -> None:
        self.editor, self.settings = editor, settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://localhost:{self.port}/"
        self.start()

    def start(self) -> None:
        import uvicorn

        from dftnet.app.api import create_app

        app = create_app(self.settings, self.editor)
        config = uvicorn.Config(
            app, "127.0.0.1", self.port, log_level="warning", timeout_graceful_shutdown=1, lifespan="on"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
