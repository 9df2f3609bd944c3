"""What every way of editing shares: how files are written, how progress is told, and what is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dftnet.cluster import check_engine
from dftnet.editing.face import EditableFace
from dftnet.errors import RequestError
from dftnet.media.share import WHOLE, Share

Progress = Callable[[str, int, int], None]
"""Told (what is done, how many are done, of how many or 0 where that is unknown)."""


THERE = "there already"
"""Why a file is skipped that an earlier run has written."""


def first_of(names: Sequence[str]) -> str:
    """One name for many: "a.mp4 and 2 more"."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def silent(what: str, done: int, total: int) -> None:
    """A Progress that tells nobody."""


@dataclass(frozen=True, kw_only=True)
class SaveOptions:
    """How files are written."""

    overwrite: bool = False
    """Replace files that exist."""
    quality: int = 95
    """Of JPEG, WebP and videos, 1 to 100."""
    mark: bool = True
    """Tell in the metadata that the picture was edited."""
    compare: bool = False
    """Write before and after side by side too, as NAME-compare; photos only."""
    dry: bool = False
    """Write nothing, only tell what would be done; photos only."""
    share: Share = WHOLE
    """Of many photos only this share, as one of several machines that share the work."""
    engine: str = "local"
    """What edits many photos: this machine, or "ray", a cluster (`dftnet.cluster`)."""

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise RequestError(f"quality is {self.quality}; give 1 to 100", field="quality")
        check_engine(self.engine)


@dataclass(frozen=True, kw_only=True)
class FaceEdit:
    """One face of a photo, and what was made of it."""

    face: EditableFace
    """As it was read, without pixels."""
    goal: np.ndarray
    """The AUs aimed at, float32 [K] in the order of the face's `aus`."""
    file: str = ""
    """The photo, where there are many."""

    def as_json(self) -> dict[str, Any]:
        """Plain values: file, face, box, and the own and wanted AUs where they differ."""
        own = self.face.aus
        wanted = dict(zip(own, map(float, self.goal), strict=True))
        moved = {name: [round(own[name], 4), round(value, 4)] for name, value in wanted.items() if value != own[name]}
        box = [round(float(value), 1) for value in self.face.box]
        return {"file": self.file, "face": self.face.index, "box": box, "aus_from": self.face.aus_from, "aus": moved}


@dataclass(kw_only=True)
class Report:
    """What was done."""

    path: Path
    """The file or folder written."""
    many: bool = False
    """Many files were asked for: those named in `written`, `skipped` and `failed`."""
    lines: list[str] = field(default_factory=list)
    """What was edited, a line each."""
    warnings: list[str] = field(default_factory=list)
    """What is worth knowing."""
    written: list[str] = field(default_factory=list)
    """The files written; relative to the folder, if a folder was asked for."""
    skipped: dict[str, str] = field(default_factory=dict)
    """What was left alone → why: there already, not a photo …"""
    failed: dict[str, str] = field(default_factory=dict)
    """What could not be edited → why."""
    faces: list[FaceEdit] = field(default_factory=list)
    """The faces edited; not of clips."""
    dry: bool = False
    """Nothing was written."""
    frames: int = 0
    """Of a clip, all; 0 for photos."""
    edited: int = 0
    """Frames of a clip with a face edited; the others came through unchanged."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a service or `--json`."""
        plain = {name: getattr(self, name) for name in ("written", "warnings", "lines", "skipped", "failed", "dry")}
        faces = [one.as_json() for one in self.faces]
        return {"path": str(self.path), **plain, "faces": faces, "frames": self.frames, "edited": self.edited}

    def warn(self, *warnings: str) -> None:
        """Adds warnings, each once."""
        self.warnings += [text for text in dict.fromkeys(warnings) if text and text not in self.warnings]
