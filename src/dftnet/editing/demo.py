"""Pictures to try things on that may be shown: people who do not exist, from the package `openpeople` (MIT licence)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from dftnet.editing.options import Progress, Report, SaveOptions, silent
from dftnet.errors import ModelError, RequestError
from dftnet.faces.detect import FaceDetector
from dftnet.media.image import read_image, write_image
from dftnet.media.video import ClipFrame
from dftnet.media.video_writer import clip_writer

PEOPLE = {"anna": "P001", "ben": "P005", "carla": "P004"}
"""Name → the person's number in openpeople."""
SIDE = 768
"""Of the portraits, pixels."""
FRAMES, RATE, WIDTH, HEIGHT = 50, 25, 640, 480
"""Of the clip."""


def make_demo(folder: str | Path, *, save: SaveOptions = SaveOptions(), tell: Progress = silent) -> Report:
    """Writes people/anna.jpg, ben.jpg, carla.jpg, group.jpg of the three, and clip.mp4, a portrait held by a moving hand.

    ModelError where `openpeople` is not installed, FileExistsError where something is in the way.
    """
    folder = Path(folder)
    paths = [folder / "people" / f"{name}.jpg" for name in PEOPLE]
    group, clip = folder / "group.jpg", folder / "clip.mp4"
    if taken := [path for path in (*paths, group, clip) if path.exists() and not save.overwrite]:
        raise FileExistsError(f"{taken[0]} exists: choose another folder or allow --overwrite")
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file: name a folder", field="output")
    portraits = [_portrait(number) for number in PEOPLE.values()]
    for path, image in zip(paths, portraits, strict=True):
        write_image(path, _small(image, SIDE), save.overwrite, save.quality)
    middle = slice(SIDE // 6, SIDE - SIDE // 6)
    write_image(group, np.hstack([_small(image, SIDE)[:, middle] for image in portraits]), save.overwrite, save.quality)
    _moving_clip(clip, portraits[-1], save, tell)
    lines = [
        f"dftnet edit {paths[0]} --au smile=0.8",
        f"dftnet edit {folder / 'people'} --emotion surprise -o surprised",
    ]
    lines += [
        f'dftnet edit {group} --au 0:smile=1 "1:close eyes=1"',
        f"dftnet edit {clip} --au smile=0@0s,1@1s -o smiling.mp4",
    ]
    return Report(path=folder, written=[str(path) for path in (*paths, group, clip)], lines=lines)


def _portrait(number: str) -> np.ndarray:
    """uint8 RGB, 2048 pixels a side."""
    package = importlib.util.find_spec("openpeople")
    if package is None or not package.submodule_search_locations:
        raise ModelError("the demo's people come from another package: `pip install openpeople==0.1.2` first")
    where = Path(next(iter(package.submodule_search_locations)))
    return read_image(where / "data" / "curated" / number / "assets" / "studio_portrait.jpg")


def _small(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def _moving_clip(path: Path, photo: np.ndarray, save: SaveOptions, tell: Progress) -> None:
    x, y, width, height = FaceDetector()(photo)[0].box
    tell("frames", 0, FRAMES)
    with clip_writer(path, rate=RATE, overwrite=save.overwrite, quality=save.quality) as writer:
        for number in range(FRAMES):
            time = number / RATE
            scale = 190 / width * (1 + 0.06 * np.sin(2 * time))
            angle = np.radians(6) * np.sin(1.7 * time)
            linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            middle = np.array([WIDTH / 2 + 60 * np.sin(1.4 * time), HEIGHT / 2 + 12 * np.sin(2.6 * time)])
            matrix = np.hstack([linear, (middle - linear @ [x + width / 2, y + height / 2])[:, None]])
            image = cv2.warpAffine(
                photo, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
            )
            writer.write(ClipFrame(number, time, image, 1 / RATE))
            tell("frames", number + 1, FRAMES)
