"""Sheets of small pictures with captions, and the colours of a flow."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEADER = 18
"""Height of the line of captions, pixels"""


def flow_colours(flow: np.ndarray, maximum: float) -> np.ndarray:
    """Flow [2, h, w] (x, y) as RGB uint8 [h, w, 3]: hue is direction, strength is saturation, `maximum` pixels is full colour."""
    strength = np.clip(np.hypot(flow[0], flow[1]) / max(maximum, 1e-6), 0, 1)
    hue = (np.degrees(np.arctan2(flow[1], flow[0])) % 360) / 2
    hsv = np.stack([hue, 255 * strength, np.full_like(strength, 255)], -1).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def grey(mask: np.ndarray) -> np.ndarray:
    """A map [1, h, w] or [h, w] in [0, 1] as RGB uint8 [h, w, 3]."""
    values = np.clip(np.rint(np.squeeze(mask) * 255), 0, 255).astype(np.uint8)
    return np.repeat(values[..., None], 3, 2)


def sheet(rows: Sequence[Sequence[np.ndarray]], captions: Sequence[str] = (), labels: Sequence[str] = ()) -> np.ndarray:
    """Rows of RGB uint8 pictures of one size → one picture; captions above the columns, labels on the first picture of a row."""
    body = np.vstack([np.hstack(list(row)) for row in rows])
    top = HEADER if captions else 0
    canvas = Image.new("RGB", (body.shape[1], body.shape[0] + top), "white")
    canvas.paste(Image.fromarray(body), (0, top))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(11)
    height, width = rows[0][0].shape[:2]
    for column, text in enumerate(captions):
        draw.text((column * width + 3, 2), text, fill="black", font=font)
    for row, text in enumerate(labels):
        if not text:
            continue
        x, y = 2, top + row * height + height - 15
        box = draw.textbbox((x, y), text, font=font)
        draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), fill="black")
        draw.text((x, y), text, fill="white", font=font)
    return np.asarray(canvas)
