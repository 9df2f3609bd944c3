"""One Action Unit through a range of values: a strip of faces, an animation, or a picture for each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from dftnet.aus import Request, check_values
from dftnet.drawing import sheet
from dftnet.editing.editor import EditableFace, Editor
from dftnet.editing.photo import describe_request, mark_text, version_text
from dftnet.media.formats import CLIP_SUFFIXES, PHOTO_SUFFIXES
from dftnet.media.photo import Photo, mark_edited, write_photo
from dftnet.media.video import ClipFrame
from dftnet.media.video_writer import clip_writer

STRIP_SIDE = 256
"""Side of a face on the strip, pixels."""
MOVIE_SIDE = 720
"""Longer side of an animation, pixels at most."""
ROW = 8
"""Faces in a row of the strip."""
HOLD = 0.12
"""Seconds that an animation stays at each value."""


def parse_sweep(text: str) -> tuple[str, list[float]]:
    """ "AU45=0:1:8" → ("AU45", 8 values from 0 to 1); the name may be a plain word; ValueError otherwise."""
    name, sign, span = text.partition("=")
    parts = span.split(":")
    wrong = f"--sweep {text.replace('=', ' ')}: write it like AU45 0:1:8, for 8 values from 0 to 1"
    if not sign or len(parts) != 3:
        raise ValueError(wrong)
    try:
        first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise ValueError(wrong) from None
    check_values({name: first})
    check_values({name: last})
    if not 2 <= count <= 1000:
        raise ValueError(f"a sweep has 2 to 1000 values, not {count}; {wrong}")
    return name, [round(float(value), 4) for value in np.linspace(first, last, count)]


def is_animated(output: str | Path) -> bool:
    """Whether a sweep to this name is an animation."""
    suffix = Path(output).suffix.lower()
    return suffix in CLIP_SUFFIXES and suffix not in PHOTO_SUFFIXES


def sweep(
    editor: Editor,
    picture: Photo,
    face: EditableFace,
    name: str,
    levels: Sequence[float],
    output: str | Path,
    *,
    request: Request | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Path:
    """Render `face` at each level of the AU or word `name`, on top of `request`, and write `output`.

    A name ending in .png, .jpg or .webp: a strip of the face with captions; .gif, .mp4 and other videos: an animation
    there and back; without a suffix: a folder with a picture of the whole photo for each level. Marked as edited if `mark`.
    """
    output = Path(output)
    base = request or Request()
    requests = [replace(base, set={**base.set, **check_values({name: level})}) for level in levels]
    suffix = output.suffix.lower()
    known = dict.fromkeys((*PHOTO_SUFFIXES, *CLIP_SUFFIXES))
    if suffix and suffix not in known:
        raise ValueError(f"cannot write a sweep as {output.name!r}: end it in {', '.join(known)}, or name a folder")
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists: choose another name with -o, or allow --overwrite")
    words = f"{describe_request(base)} {name} at {', '.join(f'{level:.3g}' for level in levels)}".strip()
    if is_animated(output):
        return _animate(editor, face, requests, output, overwrite, mark_text(words) if mark else None)
    if suffix:
        strip = _strip(editor, face, requests, [f"{name} {level:.3g}" for level in levels])
        picture = Photo(pixels=strip, profile=picture.profile)
    if mark:
        mark_edited(picture, f"dftnet {version_text()}", f"expression edited: {words}")
    if suffix:
        return write_photo(output, picture, overwrite)
    for level, asked in zip(levels, requests, strict=True):
        frame = replace(picture, pixels=editor.render(face, asked))
        write_photo(output / f"{name.replace(' ', '-')}-{level:.3f}.png", frame, overwrite)
    return output


def _strip(editor: Editor, face: EditableFace, requests: Sequence[Request], captions: Sequence[str]) -> np.ndarray:
    """uint8 RGB: the upright face at each request, ROW to a row."""
    window = _window(face)
    frames = [_close_up(editor.render(face, asked), window) for asked in requests]
    rows = [frames[start : start + ROW] for start in range(0, len(frames), ROW)]
    rows[-1] = rows[-1] + [np.full_like(frames[0], 255)] * (len(rows[0]) - len(rows[-1]))
    return np.vstack([sheet([row], captions[ROW * i : ROW * (i + 1)]) for i, row in enumerate(rows)])


def _animate(
    editor: Editor,
    face: EditableFace,
    requests: Sequence[Request],
    output: Path,
    overwrite: bool,
    comment: str | None,
) -> Path:
    """The whole picture, at most MOVIE_SIDE long, through all requests and back, each for HOLD seconds."""
    frames = [_small(editor.render(face, asked)) for asked in requests]
    with clip_writer(output, overwrite=overwrite, rate=1 / HOLD, comment=comment) as writer:
        for number, frame in enumerate([*frames, *frames[-2:0:-1]]):
            writer.write(ClipFrame(number, number * HOLD, frame, HOLD))
    return output


def _window(face: EditableFace) -> np.ndarray:
    """strip_from_image, float64 [2, 3]: the upright face with some of its surroundings."""
    size = len(face.crop)
    zoom = 0.7 * STRIP_SIDE / size
    shift = np.array([[0.15 * STRIP_SIDE], [0.13 * STRIP_SIDE]])
    return zoom * face.crop_from_image + np.hstack([np.zeros((2, 2)), shift])


def _close_up(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    """uint8 RGB [STRIP_SIDE, STRIP_SIDE, 3]: the face in its window."""
    scale = float(np.hypot(*window[0, :2]))
    eight = _eight(image)
    soft = cv2.GaussianBlur(eight, (0, 0), 0.4 / scale) if scale < 0.8 else eight
    side = (STRIP_SIDE, STRIP_SIDE)
    return cv2.warpAffine(soft, window, side, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _small(image: np.ndarray) -> np.ndarray:
    """uint8 RGB at most MOVIE_SIDE long, its sides even."""
    eight = _eight(image)
    scale = min(1.0, MOVIE_SIDE / max(eight.shape[:2]))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in eight.shape[1::-1])
    return (
        eight
        if (height, width) == eight.shape[:2]
        else cv2.resize(eight, (width, height), interpolation=cv2.INTER_AREA)
    )


def _eight(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
