"""One Action Unit through a range of values: a strip of faces, an animation, or a picture for each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from dftnet.aus import check_values
from dftnet.drawing import sheet
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.editing.options import Report, SaveOptions
from dftnet.editing.outputs import free_name
from dftnet.editing.plan import EditPlan
from dftnet.editing.request import Request
from dftnet.editing.wording import clip_mark, describe_plan, photo_mark
from dftnet.errors import MediaError
from dftnet.media.files import atomic_files, beside, check_file, check_folder, readers_of
from dftnet.media.formats import CLIP_SUFFIXES, PHOTO_SUFFIXES
from dftnet.media.image import first_alone, read_image
from dftnet.media.photo import Photo, encode_photo, read_photo, write_photo
from dftnet.media.pixels import eight_bits
from dftnet.media.provenance import mark_edited
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


def is_animated(output: str | Path) -> bool:
    """Whether a sweep to this name is an animation."""
    suffix = Path(output).suffix.lower()
    return suffix in CLIP_SUFFIXES and suffix not in PHOTO_SUFFIXES


def check_sweep_output(photo: str | Path, output: str | Path | None, overwrite: bool) -> Path:
    """Where a sweep goes, PHOTO-sweep.png beside the photo by default; an error before any work where it cannot."""
    photo = Path(photo)
    if output is None:
        return free_name(beside(photo, "-sweep.png"), overwrite)
    output = Path(output)
    known = dict.fromkeys((*PHOTO_SUFFIXES, *CLIP_SUFFIXES))
    if output.suffix and output.suffix.lower() not in known:
        raise MediaError(f"cannot write a sweep as {output.name!r}: end it in {', '.join(known)}, or name a folder")
    if output.suffix:
        return check_file(output, overwrite)
    if check_folder(output).exists() and not overwrite:
        raise FileExistsError(f"{output} exists: choose another name or allow overwriting (--overwrite)")
    return output


def sweep_photo(
    editor: Editor,
    photo: str | Path,
    plan: EditPlan,
    output: str | Path | None = None,
    *,
    save: SaveOptions = SaveOptions(),
) -> Report:
    """Render one face of a photo at each level of the plan's sweep, on top of its request, and write `output`.

    A name ending in .png, .jpg or .webp: a strip of the face with captions; .gif, .mp4 and other videos: an animation
    there and back; without a suffix: a folder with a picture of the whole photo for each level.
    """
    assert plan.sweep is not None
    output = check_sweep_output(photo, output, save.overwrite)
    moving = None
    if is_animated(output):
        moving = Photo(pixels=read_image(photo), readers=readers_of(photo), notes=(first_alone(Path(photo)),))
    picture = moving or read_photo(photo)
    face = editor.read(picture.pixels, plan.face)
    done = Report(path=output, lines=[f"face {face.index}, {plan.sweep}"], written=[str(output)])
    done.warn(face.note, *picture.notes)
    base, name = plan.common.request, plan.sweep.name
    requests = [replace(base, set={**base.set, **check_values({name: level})}) for level in plan.sweep.levels]
    done.warn(*[editor.goal(face, asked)[1] for asked in requests])
    words = describe_plan(plan)
    if is_animated(output):
        _animate(editor, face, requests, output, save, clip_mark(words), picture.readers)
        return done
    if output.suffix:
        strip = _strip(editor, face, requests, [f"{name} {level:.3g}" for level in plan.sweep.levels])
        picture = Photo(pixels=strip, profile=picture.profile, readers=picture.readers)
    if save.mark:
        picture = mark_edited(picture, *photo_mark(words))
    if output.suffix:
        write_photo(output, picture, save.overwrite, save.quality)
        return done
    with atomic_files(output, save.overwrite, picture.readers) as put:
        done.written = [
            str(put(file, encode_photo(replace(picture, pixels=editor.render(face, asked)), ".png")))
            for file, asked in _named(name, plan.sweep.levels, requests).items()
        ]
    return done


def _named(name: str, levels: Sequence[float], requests: Sequence[Request]) -> dict[str, Request]:
    """A file for each level, with three digits, or four where three do not tell them apart; levels that are the same make one."""
    digits = 3 if len({f"{level:.3f}" for level in levels}) == len(levels) else 4
    return {
        f"{name.replace(' ', '-')}-{level:.{digits}f}.png": asked for level, asked in zip(levels, requests, strict=True)
    }


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
    save: SaveOptions,
    comment: str,
    readers: int | None,
) -> None:
    """The whole picture, at most MOVIE_SIDE long, through all requests and back, each for HOLD seconds."""
    frames = [_small(editor.render(face, asked)) for asked in requests]
    with clip_writer(
        output, overwrite=save.overwrite, quality=save.quality, rate=1 / HOLD,
        comment=comment if save.mark else None, readers=readers,
    ) as writer:  # fmt: skip
        for number, frame in enumerate([*frames, *frames[-2:0:-1]]):
            writer.write(ClipFrame(number, number * HOLD, frame, HOLD))


def _window(face: EditableFace) -> np.ndarray:
    """strip_from_image, float64 [2, 3]: the upright face with some of its surroundings."""
    size = len(face.crop)
    zoom = 0.7 * STRIP_SIDE / size
    shift = np.array([[0.15 * STRIP_SIDE], [0.13 * STRIP_SIDE]])
    return zoom * face.crop_from_image + np.hstack([np.zeros((2, 2)), shift])


def _close_up(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    """uint8 RGB [STRIP_SIDE, STRIP_SIDE, 3]: the face in its window."""
    scale = float(np.hypot(*window[0, :2]))
    eight = eight_bits(image)
    soft = cv2.GaussianBlur(eight, (0, 0), 0.4 / scale) if scale < 0.8 else eight
    side = (STRIP_SIDE, STRIP_SIDE)
    return cv2.warpAffine(soft, window, side, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _small(image: np.ndarray) -> np.ndarray:
    """uint8 RGB at most MOVIE_SIDE long, its sides even."""
    eight = eight_bits(image)
    scale = min(1.0, MOVIE_SIDE / max(eight.shape[:2]))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in eight.shape[1::-1])
    return (
        eight
        if (height, width) == eight.shape[:2]
        else cv2.resize(eight, (width, height), interpolation=cv2.INTER_AREA)
    )
