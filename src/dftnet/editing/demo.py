"""Pictures to try things on that may be shown: `dftnet demo`. All are made of one portrait that comes with the package,
Eileen Collins (NASA, public domain), and have the names that docs/gallery.md's commands call for."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from dftnet.editing.options import Progress, Report, SaveOptions, silent
from dftnet.faces.detect import FaceDetector
from dftnet.media.files import check_file, check_folder
from dftnet.media.image import read_image, write_image
from dftnet.media.video import ClipFrame
from dftnet.media.video_writer import clip_writer

PORTRAIT = Path(__file__).parent.parent / "app" / "page" / "sample.jpg"
"""512 x 512 pixels; the page's sample too."""
FRAMES, RATE, WIDTH, HEIGHT = 60, 25, 640, 480
"""Of the clip."""
TRIES = (
    ("people/a.jpg", '--au "close eyes=1"'),
    ("people", "--emotion surprise -o surprised"),
    ("group.jpg", '--au 0:grin=0.9 "1:close eyes=1"'),
    ("clip.mp4", "--au smile=0@0s,1@1s -o smiling.mp4"),
)
"""What to edit, and how."""


def make_demo(folder: str | Path, *, save: SaveOptions = SaveOptions(), tell: Progress = silent) -> Report:
    """Writes PICTURES and clip.mp4, a portrait held by a moving hand, below `folder`; the report's lines are what to try.

    Nothing is written where `folder` cannot be used: FileExistsError or another OSError with the remedy.
    """
    folder = check_folder(folder)
    clip = folder / "clip.mp4"
    for path in (*(folder / name for name in PICTURES), clip):
        check_file(path, save.overwrite)
    portrait = read_image(PORTRAIT)
    for name, make in PICTURES.items():
        write_image(folder / name, make(portrait), save.overwrite, save.quality)
    moving_clip(clip, portrait, save, tell)
    written = [str(folder / name) for name in PICTURES] + [str(clip)]
    lines = [f"dftnet edit {shlex.quote(str(folder / name))} {options}" for name, options in TRIES]
    return Report(path=folder, written=written, lines=lines)


def mirrored(portrait: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] seen in a mirror, as the other pictures are uint8 RGB too."""
    return np.ascontiguousarray(portrait[:, ::-1])


def tilted(portrait: np.ndarray) -> np.ndarray:
    """The head at 40 degrees."""
    turn = cv2.getRotationMatrix2D((222, 170), -40, 1.25)
    turn[:, 2] += 256 - 222, 300 - 170
    return cv2.warpAffine(portrait, turn, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def cut_off(portrait: np.ndarray) -> np.ndarray:
    """The picture's border runs through the face."""
    return _enlarged(portrait[30:230, 200:400], 512)


def selfie(portrait: np.ndarray) -> np.ndarray:
    """The face fills the picture."""
    return _enlarged(portrait[30:210, 135:315], 768)


def group(portrait: np.ndarray) -> np.ndarray:
    """Three faces of different size, side by side."""
    heads = [portrait[lower - 320 : lower, 60:380] for lower in (320, 345, 330)]
    parts = [_enlarged(head, side) for head, side in zip(heads, (400, 560, 480), strict=True)]
    parts[1] = mirrored(parts[1])
    return np.hstack([cv2.copyMakeBorder(part, 560 - len(part), 0, 0, 0, cv2.BORDER_REPLICATE) for part in parts])


PICTURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "people/a.jpg": lambda portrait: portrait,
    "people/b.jpg": mirrored,
    "tilted.jpg": tilted,
    "cut-off.jpg": cut_off,
    "selfie.jpg": selfie,
    "group.jpg": group,
}
"""File → how it is made of PORTRAIT."""


def _enlarged(part: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC)


def moving_clip(path: Path, photo: np.ndarray, save: SaveOptions = SaveOptions(), tell: Progress = silent) -> None:
    """A clip of the photo, uint8 RGB [H, W, 3] with one face, held by a moving hand."""
    x, y, width, height = FaceDetector()(photo)[0].box
    tell("frames", 0, FRAMES)
    with clip_writer(path, rate=RATE, overwrite=save.overwrite, quality=save.quality) as writer:
        for number in range(FRAMES):
            time = number / RATE
            scale = 190 / width * (1 + 0.06 * np.sin(2 * time))
            angle = np.radians(6) * np.sin(1.7 * time)
            linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            middle = np.array([WIDTH / 2 + 60 * np.sin(1.4 * time), HEIGHT / 2 - 5 + 12 * np.sin(2.6 * time)])
            matrix = np.hstack([linear, (middle - linear @ [x + width / 2, y + height / 2])[:, None]])
            image = cv2.warpAffine(
                photo, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
            )
            writer.write(ClipFrame(number, time, image, 1 / RATE))
            tell("frames", number + 1, FRAMES)
