"""One Action Unit through a range of values: a strip of faces, an animation, or a picture for each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from dftnet.aus import Request, check_values
from dftnet.editor import EditableFace, Editor
from dftnet.media import atomic_path, write_image
from dftnet.photo import Photo, mark_edited, write_photo
from dftnet.sheets import sheet

STRIP_SIDE = 256
"""Side of a face on the strip, pixels."""
MOVIE_SIDE = 720
"""Longer side of an animation, pixels at most."""
RATE = 25
HOLD = 3
"""Frames (of 1/25 s) that an animation stays at each value."""
SUFFIXES = (".png", ".jpg", ".webp", ".gif", ".mp4")


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

    A name ending in .png, .jpg or .webp: a strip of the face with captions; .gif or .mp4: an animation there and
    back; without a suffix: a folder with a picture of the whole photo for each level, marked as edited if `mark`.
    """
    output = Path(output)
    base = request or Request()
    requests = [replace(base, set={**base.set, **check_values({name: level})}) for level in levels]
    suffix = output.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise ValueError(f"cannot write a sweep as {output.name!r}: end it in {', '.join(SUFFIXES)}, or name a folder")
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists: choose another name with -o, or allow --overwrite")
    if not suffix:
        if mark:
            mark_edited(picture, "dftnet", f"expression edited: {name} at several strengths")
        for level, asked in zip(levels, requests, strict=True):
            frame = replace(picture, pixels=editor.render(face, asked))
            write_photo(output / f"{name.replace(' ', '-')}-{level:.3f}.png", frame, overwrite)
        return output
    window = _window(face) if suffix in (".png", ".jpg", ".webp") else None
    frames = [_shown(editor.render(face, asked), window) for asked in requests]
    if window is not None:
        rows = [frames[start : start + 8] for start in range(0, len(frames), 8)]
        blank = np.full_like(frames[0], 255)
        rows[-1] = rows[-1] + [blank] * (len(rows[0]) - len(rows[-1]))
        texts = [f"{name} {level:.3g}" for level in levels]
        strips = [sheet([row], texts[8 * i : 8 * i + 8]) for i, row in enumerate(rows)]
        return write_image(output, np.vstack(strips), overwrite)
    there_and_back = [*frames, *frames[-2:0:-1]]
    with atomic_path(output, overwrite) as temporary:
        (_write_gif if suffix == ".gif" else _write_mp4)(temporary, there_and_back)
    return output


def _window(face: EditableFace) -> np.ndarray:
    """strip_from_image, float64 [2, 3]: the upright face with some of its surroundings."""
    size = len(face.crop)
    zoom = 0.7 * STRIP_SIDE / size
    shift = np.array([[0.15 * STRIP_SIDE], [0.13 * STRIP_SIDE]])
    return zoom * face.crop_from_image + np.hstack([np.zeros((2, 2)), shift])


def _shown(image: np.ndarray, window: np.ndarray | None) -> np.ndarray:
    """uint8 RGB: the face in its window, or the whole picture at most MOVIE_SIDE long."""
    eight = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
    if window is not None:
        scale = float(np.hypot(*window[0, :2]))
        soft = cv2.GaussianBlur(eight, (0, 0), 0.4 / scale) if scale < 0.8 else eight
        side = (STRIP_SIDE, STRIP_SIDE)
        return cv2.warpAffine(soft, window, side, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    scale = min(1.0, MOVIE_SIDE / max(eight.shape[:2]))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in eight.shape[1::-1])
    if (height, width) == eight.shape[:2]:
        return eight
    return cv2.resize(eight, (width, height), interpolation=cv2.INTER_AREA)


def _write_gif(path: Path, frames: Sequence[np.ndarray]) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    duration = 1000 * HOLD // RATE
    pictures[0].save(path, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0)


def _write_mp4(path: Path, frames: Sequence[np.ndarray]) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream: Any = container.add_stream(codec, rate=Fraction(RATE))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "16", "preset": "medium"}
        for frame in frames:
            for _ in range(HOLD):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
