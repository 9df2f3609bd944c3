"""The maps of an edit as pictures: what moved where, what was painted, and a sheet of all of it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dftnet.drawing import flow_colours, grey, sheet
from dftnet.editing.face import EditableFace
from dftnet.inference.sessions import Maps
from dftnet.media.files import atomic_files
from dftnet.media.image import encode_image
from dftnet.media.pixels import to_uint8

NAMES = ("source", "aligned", "attention", "texture", "flow", "arrows", "result", "sheet")
SHOWN = 320
"""Side of a picture on the sheet, pixels."""


def check_maps(folder: str | Path, prefixes: Iterable[str], overwrite: bool) -> None:
    """FileExistsError before any work where maps with these prefixes would replace files."""
    for prefix in prefixes:
        for path in _paths(Path(folder), prefix):
            if path.exists() and not overwrite:
                raise FileExistsError(f"{path} exists: choose another folder or allow overwriting (--overwrite)")


@contextlib.contextmanager
def maps_written(
    folder: str | Path | None,
    made: Sequence[tuple[str, EditableFace, Maps]],
    overwrite: bool = False,
    readers: int | None = None,
) -> Iterator[list[Path]]:
    """Writes the maps of faces, each with a prefix of its names, beside what is written inside: all of them appear when
    that is done, none if it fails. Yields their paths; no folder, no maps.

    A face's pictures: source, aligned, attention, texture and result, S x S pixels; flow with a colour wheel beside it,
    arrows drawn on the source, sheet with all and captions; and maps.npz with the numbers. Flow is drawn as the
    motion of the skin, -Φ. `readers`: see `atomic_file`.
    """
    if folder is None:
        yield []
        return
    folder = Path(folder)
    check_maps(folder, [prefix for prefix, _, _ in made], overwrite)
    written: list[Path] = []
    with atomic_files(folder, overwrite, readers) as put:
        for prefix, face, maps in made:
            for path, content in zip(_paths(folder, prefix), _encoded(face.crop, maps), strict=True):
                written.append(put(str(path.relative_to(folder)), content))
        yield written


def pictures(crop: np.ndarray, maps: Maps) -> dict[str, np.ndarray]:
    """The maps of one crop (uint8 [S, S, 3]; maps without a batch axis) as pictures, uint8 RGB: NAMES and `sheet`."""
    maximum = flow_scale(maps.flow)
    aligned, texture, result = to_uint8(np.stack([maps.aligned, maps.texture, maps.image]))
    drawn = {
        "source": crop,
        "aligned": aligned,
        "attention": grey(maps.attention),
        "texture": texture,
        "flow": flow_picture(maps.flow, maximum),
        "arrows": arrows(crop, maps.flow),
        "result": result,
    }
    shown = {name: _enlarged(picture) for name, picture in drawn.items() if name not in ("flow", "arrows")}
    shown |= {"flow": _enlarged(flow_colours(-maps.flow, maximum)), "arrows": _enlarged(drawn["arrows"])}
    captions = {
        "source": "source",
        "arrows": "motion of the skin",
        "flow": f"motion, full colour is {maximum:g} px",
        "aligned": "aligned: source, warped",
        "attention": "attention A: white keeps the warp",
        "texture": "texture B",
        "result": "result: (1-A) B + A aligned",
    }
    changed = np.abs(result.astype(int) - crop).max(2).astype(np.float32)
    shown["change"] = _enlarged(grey(np.clip(4 * changed / 255, 0, 1)))
    captions["change"] = "change, 4 times"
    order = [["source", "arrows", "flow", "aligned"], ["attention", "texture", "result", "change"]]
    rows = [sheet([[shown[name] for name in row]], [captions[name] for name in row]) for row in order]
    return {**drawn, "sheet": np.vstack(rows)}


def _paths(folder: Path, prefix: str) -> list[Path]:
    return [folder / f"{prefix}{name}" for name in (*(f"{name}.png" for name in NAMES), "maps.npz")]


def _encoded(crop: np.ndarray, maps: Maps) -> list[bytes]:
    """The contents of `_paths`."""
    drawn = pictures(crop, maps)
    numbers = io.BytesIO()
    np.savez_compressed(numbers, crop=crop, **maps._asdict())
    return [*(encode_image(drawn[name], ".png") for name in NAMES), numbers.getvalue()]


def flow_scale(flow: np.ndarray) -> float:
    """A round number of pixels at or above nearly every displacement of flow [2, S, S]."""
    largest = max(0.1, float(np.quantile(np.hypot(flow[0], flow[1]), 0.995)))
    power = 10.0 ** np.floor(np.log10(largest))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= largest * 0.999))


def flow_picture(flow: np.ndarray, maximum: float) -> np.ndarray:
    """Motion -Φ of flow [2, S, S] in colours, enlarged, with a colour wheel as legend: uint8 RGB."""
    colours = _enlarged(flow_colours(-flow, maximum))
    side = 120
    at = (np.arange(side) - (side - 1) / 2) / (side / 2)
    disc = np.stack(np.meshgrid(at, at)).astype(np.float32)
    wheel = flow_colours(disc * maximum, maximum)
    wheel[np.hypot(disc[0], disc[1]) > 1] = 255
    canvas = np.full((len(colours), colours.shape[1] + side + 40, 3), 255, np.uint8)
    canvas[:, : colours.shape[1]] = colours
    canvas[30 : 30 + side, colours.shape[1] + 20 : colours.shape[1] + 20 + side] = wheel
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    x = colours.shape[1] + 20
    draw.text((x, 8), "the skin moves to", fill="black", font=ImageFont.load_default(13))
    draw.text((x, side + 38), f"rim: {maximum:g} pixels\nof the crop", fill="black", font=ImageFont.load_default(13))
    return np.asarray(picture)


def arrows(crop: np.ndarray, flow: np.ndarray, count: int = 20) -> np.ndarray:
    """Motion -Φ as `count` x `count` arrows on the enlarged crop: from where the skin was to where it goes."""
    canvas = _enlarged(crop)
    canvas = (0.6 * canvas + 0.4 * 255).astype(np.uint8)
    scale = len(canvas) / len(crop)
    places = ((np.arange(count) + 0.5) * len(crop) / count).astype(int)
    for y in places:
        for x in places:
            dx, dy = flow[:, y, x].astype(float)
            if np.hypot(dx, dy) < 0.15:
                continue
            start = (round((x + dx + 0.5) * scale), round((y + dy + 0.5) * scale))
            tip = (round((x + 0.5) * scale), round((y + 0.5) * scale))
            cv2.arrowedLine(canvas, start, tip, (170, 0, 60), 1, cv2.LINE_AA, tipLength=0.35)
    return canvas


def _enlarged(picture: np.ndarray) -> np.ndarray:
    if len(picture) >= SHOWN:
        return picture.copy()
    return cv2.resize(picture, (SHOWN, SHOWN), interpolation=cv2.INTER_CUBIC)
