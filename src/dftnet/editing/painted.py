"""What an edit paints: brought to the photo's local colour and contrast, enlarged without losing its edges, with what is drawn
by formula in it as sharp as the photo is, and with the photo's own fine detail where both show the same thing."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dftnet.editing.lay import Lay
from dftnet.editing.planes import blur, bordered, enlarged, largest, mean, sample, span, thrice, warped, wide_blur
from dftnet.faces import eye, mouth
from dftnet.faces.drawn import INSIDE, NOWHERE, draw_into, window
from dftnet.faces.light import in_light_of

SAME_LIGHT, SAME_HUE = 0.12, 0.05
"""Differences (of 1) of luminance and of colour beside it at which texture and warped photo stop counting as the
same thing: a fold's shade on skin is still skin, teeth on lips are not lips."""
BESIDE = 32
"""Crop pixels around what is painted in which its light and its enlargement are worked out: with 24 some values round otherwise."""

Pair = tuple[np.ndarray, np.ndarray]


class Painted(NamedTuple):
    """Of one crop, float32 on its padded grid: the part of it that is painted, and what is around."""

    corner: tuple[int, int]
    """x, y on the padded grid, where the part begins."""
    texture: np.ndarray
    """[h · finer, w · finer, 3] in [0, 1]."""
    detail: np.ndarray
    """[h, w] in [0, 1], share of the photo's fine detail that paint gets."""
    coarse: np.ndarray
    """[.. · finer, .. · finer, 3] in [0, 1], of the whole grid, the crop treated in the same way: the photo without its fine
    detail."""
    finer: int

    @classmethod
    def of(
        cls,
        crop: np.ndarray,
        maps: tuple[np.ndarray, np.ndarray, np.ndarray],
        shade: np.ndarray | None,
        drawn: Mapping[str, np.ndarray],
        lay: Lay,
        shown: np.ndarray,
    ) -> Painted:
        """Of a crop uint8 [S, S, 3], its flow [S, S, 2], paint [S, S] and texture [3, S, S] in [-1, 1]; shade [S, S], a ratio
        less 1; shown, bool [S, S]: where any of it is."""
        flow, paint, texture = maps
        rows, columns = near = span(shown.max(1), BESIDE), span(shown.max(0), BESIDE)
        aligned = warped(crop.astype(np.float32) / 255, flow[near], (columns.start, rows.start))
        if shade is not None:
            aligned *= thrice(1 + shade[near])
        paint = paint[near]
        colours = np.ascontiguousarray(texture[:, rows, columns].transpose(1, 2, 0), np.float32) / 2 + 0.5
        colours = _agree(colours, aligned, paint, lay.size)
        detail = blur(1 - paint * (1 - _sameness(aligned, colours, lay.size)), lay.shrink)
        texture = enlarged(blur(colours, lay.shrink), lay.finer)
        corner = columns.start + lay.pad, rows.start + lay.pad
        for name, part in (("mouth", mouth), ("eyes", eye)):
            left, top, right, bottom = window(lay.size, part.WINDOW)
            if name in drawn and ((drawn[name][INSIDE] > NOWHERE) & shown[top:bottom, left:right]).any():
                own = in_light_of(crop, mouth.straightened(drawn[name]) if part is mouth else drawn[name])
                draw_into(texture, own, (left - columns.start, top - rows.start), lay.finer, part.colours)
        coarse = _coarse(crop.tobytes(), lay.size, lay.pad, lay.shrink, lay.finer)
        return cls(corner, texture, detail, coarse, lay.finer)

    def onto(
        self, part: np.ndarray, paint: np.ndarray, grid: Pair, flow: Pair, ratio: np.ndarray | None, white: float
    ) -> None:
        """Into pixels [h, w, 3] of the warped photo, whose white is `white`, in place. paint [h, w]: how much of each is painted;
        grid: x and y of the pixels on the padded grid; flow: how far each has come; ratio [h, w]: what they were multiplied by."""
        (at_x, at_y), (flow_x, flow_y) = grid, flow
        k, centre = np.float32(self.finer), np.float32((self.finer - 1) / 2)
        left, top = self.corner
        own_x, own_y = at_x - left, at_y - top
        texture = sample(self.texture, k * own_x + centre, k * own_y + centre)
        coarse = sample(self.coarse, k * (at_x + flow_x) + centre, k * (at_y + flow_y) + centre)
        if ratio is not None:
            coarse *= thrice(ratio)
        share = np.clip(sample(self.detail, own_x, own_y), 0, 1)
        painted = white * texture + thrice(share) * (part - white * coarse)
        part += thrice(paint) * (painted - part)


@functools.lru_cache(maxsize=4)
def _coarse(crop: bytes, size: int, pad: int, shrink: float, finer: int) -> np.ndarray:
    """`Painted.coarse` of a crop's bytes. The same for every request, so it is kept for the next one."""
    source = np.frombuffer(crop, np.uint8).reshape(size, size, 3).astype(np.float32) / 255
    found = enlarged(blur(bordered(source, pad), shrink), finer)
    found.setflags(write=False)
    return found


def _sameness(aligned: np.ndarray, texture: np.ndarray, size: int) -> np.ndarray:
    """[h, w] in [0, 1]: how far two pictures [h, w, 3] in [0, 1] of a crop of `size` show the same material."""
    difference = blur(aligned - texture, 0.01 * size)
    light = difference @ np.array([0.299, 0.587, 0.114], np.float32)
    hue = largest(difference - light[..., None])
    return np.exp(-((light / SAME_LIGHT) ** 2) - (hue / SAME_HUE) ** 2)


def _agree(texture: np.ndarray, aligned: np.ndarray, paint: np.ndarray, size: int) -> np.ndarray:
    """The texture with the local mean and contrast of the aligned crop of `size`, both [h, w, 3] in [0, 1].

    Measured where the two show the same thing and the texture counts (paint [h, w] > 0; elsewhere it was never
    trained), carried from there to the surroundings.
    """
    difference = aligned - texture
    alike = np.exp(-((largest(blur(difference, 0.01 * size)) / 0.1) ** 2))
    weight = (np.minimum(paint, 0.5) * alike)[..., None]
    reach = 0.06 * size
    evidence = wide_blur(weight, reach)[..., None]
    offset = wide_blur(weight * difference, reach) / (evidence + 0.02)
    fine, wanted = texture - blur(texture, 0.02 * size), aligned - blur(aligned, 0.02 * size)
    parts = (wide_blur(weight[..., 0] * mean(part**2), reach)[..., None] for part in (fine, wanted))
    power, wanted_power = (np.maximum(part, 0) for part in parts)
    gain = np.sqrt((wanted_power + 1e-5) / (power + 1e-5))
    return texture + offset + (np.clip(gain, 0.8, 1.25) - 1) * fine
