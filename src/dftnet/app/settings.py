"""How a server of the page and the API is set up."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

ENVIRONMENT = "DFTNET_APP"
"""The variable that hands the settings to worker processes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits, and what is served."""

    model: str | None = None
    """A model directory or a shipped name; None for the shipped default."""
    threads: int | None = None
    """CPU threads of one edit; None for one a core."""
    hosts: tuple[str, ...] = ()
    """Names other than localhost by which the server may be called; addresses in numbers always may."""
    max_bytes: int = 64_000_000
    """Of a request's body."""
    max_pixels: int = 50_000_000
    """Of a photo, seen before it is decoded."""
    waiting: int = 8
    """Requests of a worker that may wait for the one at work; further ones are answered 503."""
    kept_photos: int = 8
    """Read photos that a worker remembers."""
    kept_pixels: int = 120_000_000
    """Pixels of these together; the latest is kept in any case."""
    preview: int = 1280
    """Longer side, pixels, of what the page shows."""

    def to_environment(self) -> None:
        """Leaves the settings to processes started from here."""
        os.environ[ENVIRONMENT] = json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> Settings:
        """What `to_environment` left; the defaults where nothing was."""
        found = json.loads(os.environ.get(ENVIRONMENT) or "{}")
        return cls(**{**found, "hosts": tuple(found.get("hosts", ()))})
