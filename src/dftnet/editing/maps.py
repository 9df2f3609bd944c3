"""The maps of an edit as pictures: what moved where, what was painted, and a sheet of all of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dftnet.drawing import flow_colours, grey, sheet
from dftnet.inference.sessions import Maps
from dftnet.media import image as media
from dftnet.media.files import atomic_file

NAMES = ("source", "aligned", "attention", "texture", "flow", "arrows", "result", "sheet")
SHOWN = 320
"""Side of a picture on the sheet, pixels."""


def write_maps(
    folder: str | Path, crop: np.ndarray, maps: Maps, overwrite: bool = False, prefix: str = ""
) -> list[Path]:
    """Write the maps of one crop (uint8 [S, S, 3]; maps without a batch axis) as pictures; returns their paths.

    source, aligned, attention, texture and result are S x S pixels; flow has a colour wheel beside it, arrows are
    drawn on the source, sheet shows all with captions. maps.npz holds the numbers. Flow is drawn as the motion of
    the skin, -Φ. Raises FileExistsError if one of them exists and `overwrite` is false.
    """
    folder = Path(folder)
    taken = [folder / f"{prefix}{name}.png" for name in NAMES if (folder / f"{prefix}{name}.png").exists()]
    if taken and not overwrite:
        raise FileExistsError(f"{taken[0]} exists: choose another folder or allow overwriting (--overwrite)")
    maximum = flow_scale(maps.flow)
    aligned, texture, result = media.to_uint8(np.stack([maps.aligned, maps.texture, maps.image]))
    pictures = {
        "source": crop,
        "aligned": aligned,
        "attention": grey(maps.attention),
        "texture": texture,
        "flow": flow_picture(maps.flow, maximum),
        "arrows": arrows(crop, maps.flow),
        "result": result,
    }
    shown = {name: _enlarged(picture) for name, picture in pictures.items() if name not in ("flow", "arrows")}
    shown |= {"flow": _enlarged(flow_colours(-maps.flow, maximum)), "arrows": _enlarged(pictures["arrows"])}
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
    pictures["sheet"] = np.vstack(rows)
    written = [media.write_image(folder / f"{prefix}{name}.png", pictures[name], overwrite=overwrite) for name in NAMES]
    with atomic_file(folder / f"{prefix}maps.npz", overwrite=True) as path:
        np.savez_compressed(path, crop=crop, **maps._asdict())
    return written


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
