"""Read the Action Units of faces in photos, folders and videos: `dftnet aus`. How they are told: `readings.py`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dftnet.au_sources.source import AUSource, read_crops
from dftnet.aus import as_dict
from dftnet.errors import MediaError
from dftnet.faces.align import align
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.fitness import too_dark
from dftnet.inference.sessions import EstimatorSession
from dftnet.media.files import check_there
from dftnet.media.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dftnet.media.image import first_alone, read_image
from dftnet.media.share import WHOLE, Share
from dftnet.media.video import is_animation, is_video, open_clip, sampling
from dftnet.units import told


class Reading(NamedTuple):
    """One face, or the news that a picture has none (`face` -1)."""

    file: str
    frame: int
    """Number of the video frame from 0; 0 for a photo."""
    time: float
    """Seconds into the video; 0 for a photo."""
    face: int
    """0 for the largest face of the picture, then 1, …, as `edit --face` counts them; -1 where there is none."""
    score: float
    """The detector's confidence in [0, 1]."""
    box: tuple[float, float, float, float]
    """x, y, width, height in pixels of the picture."""
    aus: dict[str, float]
    """AU → intensity in [0, 1]; NaN where there is no face."""


class ReadFace(NamedTuple):
    """A face of a picture."""

    face: Face
    aus: dict[str, float]
    """AU → intensity in [0, 1]."""
    doubt: str
    """Why the values may be off, in words; empty where nothing says so."""


class AUReader:
    """Detector, alignment and an AUSource in a row.

    reader = AUReader()
    reader(image)       # [ReadFace(face, {"AU01": 0.02, …}, ""), …] of uint8 [h, w, 3], the largest face first

    `source` is an AUSource, or the model directory of an estimator (None: the shipped one).
    """

    def __init__(self, source: AUSource | str | Path | None = None, threads: int | None = None) -> None:
        given = source is None or isinstance(source, str | Path)
        self.source: AUSource = EstimatorSession(source, threads=threads) if given else source  # type: ignore[arg-type, assignment]
        self.detector = FaceDetector()

    def __call__(self, image: np.ndarray, largest_only: bool = False) -> list[ReadFace]:
        """Faces of uint8 [h, w, 3] with their AUs; an empty list where there is none."""
        faces, crops = [], []
        for face in self.detector(image, every=not largest_only)[: 1 if largest_only else None]:
            with contextlib.suppress(ValueError):  # landmarks that span no face
                crops.append(align(image, face.landmarks, self.source.size)[0])
                faces.append(face)
        found = read_crops(self.source, crops)
        return [
            ReadFace(face, told(as_dict(row, self.source.names)), too_dark(crop, number))
            for number, (face, crop, row) in enumerate(zip(faces, crops, found, strict=True))
        ]


def list_media(paths: Iterable[str | Path], share: Share = WHOLE) -> list[Path]:
    """The photos and videos named, those inside folders included (sorted), or one share of them.

    Raises MediaError where there is none.
    """
    suffixes = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    found: dict[Path, str] = {}
    for path in map(Path, paths):
        check_there(path, "file or folder")
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
    source: AUSource | str | Path | None = None,
    every_frames: int = 1,
    largest_only: bool = False,
    threads: int | None = None,
    skipped: list[str] | None = None,
    share: Share = WHOLE,
    warnings: list[str] | None = None,
) -> Iterator[Reading]:
    """Readings of photos (every face), and of clips (the largest face of each `every_frames`-th frame).

    A picture without a face gives one Reading with face -1. Files of a folder that cannot be read are left out and
    named in `skipped` (a list to append to); a file named itself raises its error. `share` reads one share of the files.
    `warnings` is a list to append to, too: what was lost in reading a file, and doubts about its faces, each once a file.
    """
    given = [Path(path) for path in paths]
    reader = AUReader(source, threads)
    named = {path for path in given if not path.is_dir()}
    for path in list_media(given, share):
        notes: dict[str, None] = {}
        try:
            yield from _read_file(path, reader, every_frames, largest_only, notes)
        except (ValueError, OSError) as error:
            if path in named or skipped is None:
                raise
            skipped.append(f"{path}: {' '.join(str(error).split()).removeprefix(f'{path}: ').removeprefix(f'{path} ')}")
        if warnings is not None:
            warnings += [f"{path}: {note}" for note in notes if note]


def _read_file(
    path: Path, reader: AUReader, every_frames: int, largest_only: bool, notes: dict[str, None]
) -> Iterator[Reading]:
    """The readings of one file; what is worth knowing of it goes to `notes`."""
    if is_video(path) or is_animation(path):
        clip = open_clip(path)
        for frame in clip.frames(wanted=sampling(every_frames)):
            yield from _readings(path, frame.number, frame.time, reader(frame.image, True), reader, notes)
        notes |= dict.fromkeys(clip.notes)
    else:
        image = read_image(path)
        notes[first_alone(path)] = None
        yield from _readings(path, 0, 0.0, reader(image, largest_only), reader, notes)


def _readings(
    path: Path, frame: int, time: float, faces: Sequence[ReadFace], reader: AUReader, notes: dict[str, None]
) -> Iterator[Reading]:
    if not faces:
        nothing = told(dict.fromkeys(reader.source.names, math.nan))
        yield Reading(str(path), frame, time, -1, 0.0, (0.0, 0.0, 0.0, 0.0), nothing)
    for index, found in enumerate(faces):
        x, y, width, height = (round(float(v), 1) for v in found.face.box)
        notes[found.doubt] = None
        yield Reading(str(path), frame, time, index, float(found.face.score), (x, y, width, height), found.aus)
