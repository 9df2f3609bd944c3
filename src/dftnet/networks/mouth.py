"""What is behind lips that an edit opens, drawn: rows of teeth, a tongue, a throat; a network says where, it need not learn how.

A photo of shut lips does not tell of the teeth behind them. A network that has to paint them from the mouths of other people
learns their mean, a grey band, whatever its losses. So the inside of a mouth is two drawings in millimetres of an adult's face,
of nobody, by formula, and the generator learns its coordinates, which are smooth: the teeth stay as sharp as they are drawn, keep
their size as the mouth opens, and stay in their place on the skull and the jaw.

    x                  millimetres to the image's right of the middle of the mouth
    down               millimetres below the gum line of the upper teeth, which end at `UPPER`
    up                 millimetres above the border of the lower lip
    red, green, blue   how bright it is, 1 as drawn
    inside             logit of where it is

The eyes of an aligned face are 0.4 of the crop apart, `EYES` millimetres; so a millimetre is 0.4·w/EYES pixels of a crop of w.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

MAPS = ("x", "down", "up", "red", "green", "blue", "inside")
"""Channels of the maps, in order"""
EYES = 63.0
"""Millimetres between an adult's eyes"""
WINDOW = (0.1875, 0.46875, 0.8125, 1.0)
"""Left, top, right and bottom of where a mouth may be, shares of the crop"""
WIDE, UPPER, DEEP = 32.0, 9.0, 26.0
"""Millimetres that the drawings show to either side, of an upper tooth, and up from the lower lip"""
FINE = 0.5
"""Millimetres of a drawing's pixel"""
UPPER_TEETH = (8.4, 6.6, 6.8, 5.4, 4.2)
"""How wide the upper teeth are from the middle on, as seen from the front, millimetres"""
UPPER_ENDS = (0.0, 0.7, 0.2, 1.2, 2.0)
"""How much shorter than the first each of them is"""
LOWER_TEETH = (5.2, 5.6, 6.2, 5.4, 4.2)
LOWER_SHOWN = 2.6
"""Millimetres of lower teeth above the lower lip"""
IVORY, TONGUE, THROAT = (216, 202, 186), (158, 94, 92), (46, 22, 22)
"""RGB, 0 to 255, on a face of medium brightness"""

Array = NDArray[np.float64]


def _step(x: Array, start: float, end: float) -> Array:
    """0 at `start`, 1 at `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _row(x: Array, widths: tuple[float, ...], ends: tuple[float, ...]) -> tuple[Array, Array]:
    """Of a row of teeth at x [w] millimetres from the middle: how bright, darker in the gaps, at the rounded sides and to the back;
    and how much shorter than the first the tooth there is, its corners rounded."""
    side = np.abs(x)
    borders = np.concatenate([[0.0], np.cumsum(widths)])
    which = np.clip(np.searchsorted(borders, side, "right") - 1, 0, len(widths) - 1)
    middle, half = (borders[which] + borders[which + 1]) / 2, np.array(widths)[which] / 2
    off = np.clip(np.abs(side - middle) / half, 0, 1)
    bright = (1 - 0.10 * off**2 - 0.30 * off**10) * (1 - 0.55 * _step(side, 9, 27))
    return bright, np.array(ends)[which] + 1.1 * off**6


def upper_teeth() -> NDArray[np.float32]:
    """RGBA [4, rows, columns] over x and `down`: colours in [-1, 1], opacity in [0, 1]."""
    x = np.arange(-WIDE, WIDE + FINE / 2, FINE)
    down = np.arange(0, 12 + FINE / 2, FINE)[:, None]
    bright, shorter = _row(x, UPPER_TEETH, UPPER_ENDS)
    end = UPPER - shorter
    here = 1 - _step(down - end, -0.5, 0.5)
    shade = bright * (0.86 + 0.14 * _step(down, 0, 4)) * (1 - 0.12 * _step(down - end, -1.6, 0.2))
    colour = np.array(IVORY, float)[:, None, None] * shade
    return np.concatenate([colour / 127.5 - 1, here[None]]).astype(np.float32)


def tongue_and_throat() -> NDArray[np.float32]:
    """RGB [3, rows, columns] in [-1, 1] over x and `up`: lower teeth, the tongue behind them, and the throat."""
    x = np.arange(-WIDE, WIDE + FINE / 2, FINE)
    up = np.arange(0, DEEP + FINE / 2, FINE)[:, None]
    bright, shorter = _row(x, LOWER_TEETH, (0.0, 0.1, -0.2, 0.2, 0.6))
    side = np.abs(x)
    teeth = (1 - _step(up - (LOWER_SHOWN - 0.6 * shorter), -0.4, 0.4)) * (1 - 0.8 * _step(side, 9, 19))
    tongue = (1 - _step(side, 12, 21)) * (1 - _step(up + 0.012 * side**2, 6, 15))
    hollow = 1 - 0.14 * np.exp(-((side / 1.6) ** 2)) * _step(up, 3, 6)
    shadow = 0.62 + 0.38 * _step(up, LOWER_SHOWN, LOWER_SHOWN + 2.5)
    throat, flesh, ivory = (np.array(c, float)[:, None, None] for c in (THROAT, TONGUE, IVORY))
    colour = throat + tongue * (flesh * hollow * shadow - throat)
    colour = colour + teeth * (ivory * 0.82 * bright * (0.85 + 0.15 * _step(up, 0, 2)) - colour)
    return np.asarray(colour / 127.5 - 1, np.float32)


def millimetre(size: int) -> float:
    """Pixels of a crop of `size`."""
    return 0.4 * size / EYES


def window(size: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of where a mouth may be in a crop of `size`, all even."""
    left, top, right, bottom = (2 * round(share * size / 2) for share in WINDOW)
    return left, top, right, bottom


def _whole(x: Tensor, size: int) -> Tensor:
    """Maps of the window on the whole of a crop of `size`, 0 beside it."""
    left, top, right, bottom = window(size)
    return F.pad(x, (left, size - right, top, size - bottom))


def _soft(drawing: NDArray[np.float32]) -> Tensor:
    """[1, c, rows, columns], a millimetre soft: a crop has no finer pixels."""
    x = torch.from_numpy(drawing)[None]
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), "replicate"), kernel, groups=x.shape[1])


class MouthInside(nn.Module):
    """Where the inside of a mouth is, and what it looks like."""

    upper: Tensor
    lower: Tensor

    def __init__(self, inputs: int, channels: int = 32) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # what is drawn after it stays as it is without it
            self.first = nn.Conv2d(inputs, channels, 3, 1, 1)
            self.second = nn.Conv2d(channels, channels, 3, 1, 1)
            self.maps = nn.Conv2d(channels, 8, 3, 1, 1)
        nn.init.zeros_(self.maps.weight)
        with torch.no_grad():
            assert self.maps.bias is not None
            self.maps.bias.copy_(torch.tensor([0.0, 0.6, 0.3, 1.0, 1.0, 1.0, -4.0, 0.0]))
        self.register_buffer("upper", _soft(upper_teeth()))
        self.register_buffer("lower", _soft(tongue_and_throat()))

    def forward(self, features: Tensor) -> Tensor:
        """Features [b, c, h/2, w/2] → maps [b, 7, h, w] of the window: MAPS, lengths in millimetres."""
        left, top, right, bottom = (side // 2 for side in window(2 * int(features.shape[-1])))
        x = F.relu(self.first(features[:, :, top:bottom, left:right]))
        x = F.relu(self.second(x))
        maps = F.interpolate(self.maps(x).float()[:, : len(MAPS)], scale_factor=2, mode="bilinear", align_corners=False)
        return torch.cat([maps[:, :3] * 10, maps[:, 3:]], 1)

    def drawn(self, maps: Tensor) -> Tensor:
        """Maps of the window → its colours [b, 3, h, w] in [-1, 1]."""
        x, down, up = (maps[:, k] for k in range(3))
        with torch.autocast(maps.device.type, enabled=False):
            teeth = _sampled(self.upper, x / WIDE, down / 6 - 1)
            colour = _sampled(self.lower, x / WIDE, up / (DEEP / 2) - 1)
            colour = torch.lerp(colour, teeth[:, :3], teeth[:, 3:])
            return ((colour + 1) * maps[:, 3:6].clamp(0, 1.4) - 1).clamp(-1, 1)


def _sampled(drawing: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """A drawing [1, c, rows, columns] at x, y [b, h, w] in [-1, 1]: [b, c, h, w]."""
    grid = torch.stack([x, y], 3)
    return F.grid_sample(
        drawing.expand(grid.shape[0], -1, -1, -1), grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def filled(
    edit: tuple[Tensor, Tensor], inside: MouthInside, maps: Tensor, asked: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """A and B of an edit with the inside of the mouth in them, and where it is, [b, 1, h, w] in [0, 1]."""
    attention, texture = edit
    size = int(texture.shape[-1])
    where = _whole(asked * torch.sigmoid(maps[:, 6:]), size)
    texture = torch.lerp(texture, _whole(inside.drawn(maps), size), where)
    return attention * (1 - where), texture, where
