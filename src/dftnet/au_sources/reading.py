"""Read the Action Units of faces in photos, folders and videos, and write them as a table, JSON, or OpenFace's CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dftnet.aus import AU_DESCRIPTIONS, as_dict
from dftnet.errors import MediaError
from dftnet.faces.align import align
from dftnet.faces.detect import FaceDetector
from dftnet.inference.sessions import EstimatorSession
from dftnet.media.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dftnet.media.image import read_image
from dftnet.media.share import WHOLE, Share
from dftnet.media.video import is_video, read_video

OPENFACE_SCALE = 5.0
"""OpenFace's intensities are 0 to 5."""
_BAR = 20


class Reading(NamedTuple):
    """One face, or the news that a picture has none (`face` -1)."""

    file: str
    frame: int
    """Number of the video frame from 0; 0 for a photo."""
    time: float
    """Seconds into the video; 0 for a photo."""
    face: int
    """0 for the largest face of the picture, then 1, …; -1 where there is none."""
    score: float
    """The detector's confidence in [0, 1]."""
    box: tuple[float, float, float, float]
    """x, y, width, height in pixels of the picture."""
    aus: dict[str, float]
    """AU → intensity in [0, 1]; all 0 where there is no face."""


class AUReader:
    """Detector, alignment and estimator in a row.

    reader = AUReader()
    reader(image)       # [(Face, {"AU01": 0.02, …}), …] of uint8 [h, w, 3], the largest face first
    """

    def __init__(self, model: str | Path | None = None, threads: int | None = None) -> None:
        self.estimator = EstimatorSession(model, threads=threads)
        self.detector = FaceDetector()

    def __call__(self, image: np.ndarray, largest_only: bool = False) -> list[tuple[Any, dict[str, float]]]:
        """Faces of uint8 [h, w, 3] with their AUs; an empty list where there is none."""
        faces = self.detector(image)[: 1 if largest_only else None]
        if not faces:
            return []
        crops = np.stack([align(image, face.landmarks, self.estimator.size)[0] for face in faces])
        found = self.estimator(crops)
        return [(face, as_dict(row, self.estimator.au_names)) for face, row in zip(faces, found, strict=True)]


def list_media(paths: Iterable[str | Path], share: Share = WHOLE) -> list[Path]:
    """The photos and videos named, those inside folders included (sorted), or one share of them.

    Raises MediaError where there is none.
    """
    suffixes = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    found: dict[Path, str] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"no such file or folder: {path}")
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
            found |= {p: p.relative_to(path).as_posix() for p in inside}
        else:
            found[path] = path.name
    if not found:
        raise MediaError("nothing to read there: name photos, videos, or folders that hold some")
    return [path for path, name in found.items() if share.has(name)]


def read_aus(
    paths: Iterable[str | Path],
    model: str | Path | None = None,
    every_frames: int = 1,
    largest_only: bool = False,
    threads: int | None = None,
    skipped: list[str] | None = None,
    share: Share = WHOLE,
) -> Iterator[Reading]:
    """Readings of photos (every face), and of videos (the largest face of each `every_frames`-th frame).

    A picture without a face gives one Reading with face -1. Files of a folder that cannot be read are left out and
    named in `skipped` (a list to append to); a file named itself raises its error. `share` reads one share of the files.
    """
    given = [Path(path) for path in paths]
    reader = AUReader(model, threads)
    named = {path for path in given if not path.is_dir()}
    for path in list_media(given, share):
        try:
            yield from _read_file(path, reader, every_frames, largest_only)
        except (ValueError, OSError) as error:
            if path in named or skipped is None:
                raise
            skipped.append(str(error))


def _read_file(path: Path, reader: AUReader, every_frames: int, largest_only: bool) -> Iterator[Reading]:
    if is_video(path):
        for frame in read_video(path, every_frames):
            yield from _readings(path, frame.number, frame.time, reader(frame.image, True), reader)
    else:
        image = read_image(path)
        yield from _readings(path, 0, 0.0, reader(image, largest_only), reader)


def _readings(
    path: Path, frame: int, time: float, faces: Sequence[tuple[Any, dict[str, float]]], reader: AUReader
) -> Iterator[Reading]:
    if not faces:
        nothing = dict.fromkeys(reader.estimator.au_names, 0.0)
        yield Reading(str(path), frame, time, -1, 0.0, (0.0, 0.0, 0.0, 0.0), nothing)
    for index, (face, values) in enumerate(faces):
        x, y, width, height = (round(float(v), 1) for v in face.box)
        yield Reading(str(path), frame, time, index, float(face.score), (x, y, width, height), values)


def describe(values: dict[str, float], at_least: float = 0.0) -> list[str]:
    """Lines such as "AU12 lip corner puller    0.83 ████████████████▋", one an AU of `at_least` that intensity."""
    eighths = " ▏▎▍▌▋▊▉█"
    lines = []
    for name, value in values.items():
        if value < at_least:
            continue
        full, rest = divmod(round(value * _BAR * 8), 8)
        bar = "█" * full + (eighths[rest] if rest else "")
        lines.append(f"{name} {AU_DESCRIPTIONS.get(name, ''):<21} {value:4.2f} {bar}".rstrip())
    return lines


def brief(values: dict[str, float], count: int = 4, at_least: float = 0.2) -> str:
    """The strongest AUs in one line: "AU12 lip corner puller 0.83, AU06 cheek raiser 0.71", or "neutral"."""
    strong = sorted(values.items(), key=lambda item: -item[1])[:count]
    told = [f"{n} {AU_DESCRIPTIONS.get(n, '')} {v:.2f}" for n, v in strong if v >= at_least]
    return ", ".join(told) or "neutral"


def csv_table(readings: Iterable[Reading]) -> str:
    """OpenFace's columns: frame, face_id, timestamp, confidence, success, AU01_r … in 0 to 5; and `file` in front.

    A picture without a face has success 0. Frames count from 1, as OpenFace's do.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    header = False
    for reading in readings:
        if not header:
            aus = [f"{name}_r" for name in reading.aus]
            writer.writerow(["file", "frame", "face_id", "timestamp", "confidence", "success", *aus])
            header = True
        intensities = [f"{OPENFACE_SCALE * value:.3f}" for value in reading.aus.values()]
        face, success = max(reading.face, 0), int(reading.face >= 0)
        row = [reading.file, reading.frame + 1, face, f"{reading.time:.3f}", f"{reading.score:.3f}", success]
        writer.writerow([*row, *intensities])
    return buffer.getvalue()


def json_text(readings: Iterable[Reading]) -> str:
    """A JSON list of objects with the fields of Reading; `aus` in [0, 1]; face null where there is none."""
    rows = []
    for reading in readings:
        row = reading._asdict() | {"aus": {name: round(value, 4) for name, value in reading.aus.items()}}
        row |= {"score": round(reading.score, 4), "time": round(reading.time, 4)}
        rows.append(row if reading.face >= 0 else row | {"face": None, "box": None, "aus": {}})
    return json.dumps(rows, indent=1)


def print_readings(readings: Iterable[Reading], full: int = 4) -> None:
    """Tables with bars for the first `full` faces, one line each for the rest."""
    from rich.console import Console

    console = Console(highlight=False)
    shown = 0
    for reading in readings:
        where = reading.file if not reading.time else f"{reading.file} {reading.time:.2f} s"
        if reading.face < 0:
            console.print(f"{where}: no face", style="yellow", markup=False, soft_wrap=True)
            continue
        title = where if not reading.face else f"{where}, face {reading.face + 1}"
        shown += 1
        if shown <= full:
            console.print(title, style="bold", markup=False, soft_wrap=True)
            for line in describe(reading.aus):
                console.print(line, markup=False, soft_wrap=True)
        else:
            console.print(f"{title}: {brief(reading.aus)}", markup=False, soft_wrap=True)
