"""Parts of a face that are drawn by formula (faces/drawn.py), as modules: a head that finds where they are, and the drawing; and
lids (faces/lid.py) and the eyes between them (faces/globe.py), which a head moves by a flow of their own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.faces import eye, globe, lid, mouth
from dftnet.faces.drawn import BRIGHTEST, CHANNELS, CRISP, FROM, INSIDE, LIGHT, Picture, Window, millimetre, window
from dftnet.networks.layers import warp


class Head(nn.Module):
    """Where a part is, from T's features: its coordinates, in millimetres, and what else is told of it."""

    shares: ClassVar[Window]
    outputs: ClassVar[int]
    """Channels of its maps"""
    lengths: ClassVar[int]
    """How many of them, the first ones, are millimetres"""
    begins: ClassVar[tuple[float, ...]]
    """What the maps are before training, lengths in centimetres"""

    def __init__(self, inputs: int, channels: int = 16) -> None:
        super().__init__()
        padded = -(-self.outputs // 4) * 4
        with torch.random.fork_rng(devices=[]):  # what is drawn after it stays as it is without it
            self.first = nn.Conv2d(inputs, channels, 3, 1, 1)
            self.second = nn.Conv2d(channels, channels, 3, 1, 1)
            self.maps = nn.Conv2d(channels, padded, 3, 1, 1)
        nn.init.zeros_(self.maps.weight)
        with torch.no_grad():
            assert self.maps.bias is not None
            self.maps.bias.copy_(torch.tensor([*self.begins, *(padded - self.outputs) * [0.0]]))

    def forward(self, features: Tensor) -> Tensor:
        """Features [b, c, h/2, w/2] → maps [b, outputs, h, w] of the window, lengths in millimetres."""
        x = F.relu(self.first(_within(features, self.shares)))
        x = F.relu(self.second(x))
        maps = self.maps(x).float()[:, : self.outputs]
        maps = F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.cat([maps[:, : self.lengths] * 10, maps[:, self.lengths :]], 1)


class HeadsTogether(nn.Module):
    """Heads of one window and as many channels each as one, with a third of the layers to run; to answer, not to learn."""

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self.shares, self.outputs = heads[0].shares, [head.outputs for head in heads]
        self.first = _beside([head.first for head in heads])
        self.second = _beside([head.second for head in heads], groups=len(heads))
        self.maps = _beside([head.maps for head in heads], groups=len(heads))
        self.each = self.maps.out_channels // len(heads)
        lengths = torch.ones(len(heads), self.each)
        for row, head in zip(lengths, heads, strict=True):
            row[: head.lengths] = 10
        self.register_buffer("lengths", lengths.reshape(1, -1, 1, 1), persistent=False)
        self.lengths: Tensor

    def forward(self, features: Tensor) -> list[Tensor]:
        """Features [b, c, h/2, w/2] → the maps of each head."""
        x = F.relu(self.first(_within(features, self.shares)))
        maps = self.lengths * self.maps(F.relu(self.second(x))).float()
        maps = F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
        return [maps[:, k * self.each : k * self.each + count] for k, count in enumerate(self.outputs)]


def _within(features: Tensor, shares: Window) -> Tensor:
    """Features [b, c, h/2, w/2] of a window."""
    left, top, right, bottom = (side // 2 for side in window(2 * int(features.shape[-1]), shares))
    return features[:, :, top:bottom, left:right]


def _beside(layers: Sequence[nn.Conv2d], groups: int = 1) -> nn.Conv2d:
    """Layers of 3 × 3 as one, of the same features or each of its own, all with as many outputs as the largest."""
    each = max(layer.out_channels for layer in layers)
    joined = nn.Conv2d(groups * layers[0].in_channels, len(layers) * each, 3, 1, 1, groups=groups)
    assert joined.bias is not None
    with torch.no_grad():
        nn.init.zeros_(joined.weight)
        nn.init.zeros_(joined.bias)
        for k, layer in enumerate(layers):
            rows = slice(k * each, k * each + layer.out_channels)
            assert layer.bias is not None
            joined.weight[rows], joined.bias[rows] = layer.weight, layer.bias
    return joined


class DrawnPart(Head, ABC):
    """What a part looks like, too."""

    outputs = CHANNELS
    lengths = 3

    def drawn(self, maps: Tensor) -> Tensor:
        """Maps of the window → its colours [b, 3, h, w] in [-1, 1]."""
        with torch.autocast(maps.device.type, enabled=False):
            lit = self.colours(*(maps[:, k] for k in range(3))) * maps[:, LIGHT].clamp(0, BRIGHTEST)
            return (2 * lit - 1).clamp(-1, 1)

    @abstractmethod
    def colours(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """What is at coordinates [b, h, w]: [b, 3, h, w] in [0, 1]."""

    def _keep(self, name: str, drawing: Picture) -> None:
        """A drawing [rows, columns, c] as a buffer [1, c, rows, columns]; no weights."""
        picture = torch.from_numpy(drawing.copy()).permute(2, 0, 1)[None].contiguous()
        self.register_buffer(name, picture, persistent=False)


class MouthInside(DrawnPart):
    """Teeth, tongue and throat."""

    shares = mouth.WINDOW
    begins = (0.0, 0.6, 0.3, 1.0, 1.0, 1.0, -4.0)
    upper: Tensor
    lower: Tensor

    def __init__(self, inputs: int, channels: int = 16) -> None:
        super().__init__(inputs, channels)
        self._keep("upper", mouth.upper_teeth())
        self._keep("lower", mouth.tongue_and_throat())

    def colours(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        x, down, up = first, second, third
        from_gums = (down + mouth.GUMS) / ((mouth.GUMS + mouth.TEETH_DEEP) / 2) - 1
        teeth = _sampled(self.upper, x / mouth.WIDE, from_gums)
        behind = _sampled(self.lower, x / mouth.WIDE, up / (mouth.DEEP / 2) - 1)
        return torch.lerp(behind, teeth[:, :3], teeth[:, 3:])


class OpenEyes(DrawnPart):
    """Both eyes, in one window."""

    shares = eye.WINDOW
    begins = (0.0, 0.0, 0.3, 1.0, 1.0, 1.0, -4.0)
    ball: Tensor

    def __init__(self, inputs: int, channels: int = 16) -> None:
        super().__init__(inputs, channels)
        self._keep("ball", eye.eyeball())

    def colours(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        x, y, lid = first, second, third
        dark = eye.LASH_SHADE * (1 - _step(lid, *eye.LASHES)) + eye.SHADOW_SHADE * (1 - _step(lid, *eye.SHADOW))
        return _sampled(self.ball, x / eye.WIDE, y / eye.HIGH) * (1 - dark)[:, None]


class Lids(Head):
    """The upper lids that come down, in one window: whence their skin comes."""

    shares = lid.WINDOW
    outputs, lengths = lid.CHANNELS, 2
    begins = (0.0, 0.0, -4.0)


class Globes(Head):
    """The eyes that are seen between lids that move, in one window: whence they come."""

    shares = globe.WINDOW
    outputs, lengths = globe.CHANNELS, globe.INSIDE
    begins = (0.0, 0.0, 0.0, 0.0, 0.4, 0.5, 0.4, -4.0)


def _around(size: int, shares: Window) -> tuple[int, int, int, int]:
    """Pixels of a crop of `size` to the left, to the right, above and below a window, as `F.pad` takes them."""
    left, top, right, bottom = window(size, shares)
    return left, size - right, top, size - bottom


def _step(x: Tensor, start: float, end: float) -> Tensor:
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _sampled(drawing: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """A drawing [1, c, rows, columns] at x, y [b, h, w] in [-1, 1]: [b, c, h, w]."""
    grid = torch.stack([x, y], 3)
    return F.grid_sample(
        drawing.expand(grid.shape[0], -1, -1, -1), grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def filled(edit: tuple[Tensor, Tensor], part: DrawnPart, maps: Tensor, asked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A and B of an edit with a drawn part in them, and where it is, [b, 1, h, w] in [0, 1]."""
    attention, texture = edit
    size = int(texture.shape[-1])
    around = _around(size, part.shares)
    where = F.pad(asked * torch.sigmoid(CRISP * (maps[:, INSIDE:] - FROM)), around)
    texture = torch.lerp(texture, F.pad(part.drawn(maps), around), where)
    return attention * (1 - where), texture, where


def covered(
    image: Tensor, edit: tuple[Tensor, Tensor], maps: Tensor, asked: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """X_a and A of an edit of images [b, 3, h, w] with lids that come down in it, and the light [b, 3, …] that they are seen in."""
    aligned, attention = edit
    size = int(image.shape[-1])
    left, top, right, bottom = window(size, lid.WINDOW)
    around = _around(size, lid.WINDOW)
    where = asked * torch.sigmoid(CRISP * (maps[:, lid.INSIDE :] - FROM))
    lids = (1 + warp(image, maps[:, :2] * millimetre(size), (left, top))) / 2
    light = _out_of_shadow(lids, (1 + aligned[:, :, top:bottom, left:right].detach()) / 2, where, size)
    light = 1 + (-maps[:, 1:2] / lid.DOWN).clamp(0, 1) * (light - 1)
    lids, where = F.pad(2 * (lids * light).clamp(max=1) - 1, around), F.pad(where, around)
    return (torch.lerp(aligned, lids, where), attention + where * (1 - attention)), light


def stayed(image: Tensor, edit: tuple[Tensor, Tensor], maps: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
    """X_a and A of an edit of images [b, 3, h, w] with the eyes in it that stay between lids that move."""
    aligned, attention = edit
    size = int(image.shape[-1])
    left, top, _, _ = window(size, globe.WINDOW)
    around = _around(size, globe.WINDOW)
    where = F.pad(asked * torch.sigmoid(CRISP * (maps[:, globe.INSIDE :] - FROM)), around)
    flow, (right, down, old, low, lid_above) = maps[:, :2], maps[:, 2 : globe.INSIDE].unbind(1)
    bottom, line = low - globe.ABOVE_LOW, (down - old + globe.LIDS_SHADE[1]).clamp(min=0)
    lowest = torch.where(down < line, bottom - globe.WATER_LINE, bottom)
    height = torch.minimum(torch.maximum(2 * line - down, down), torch.maximum(lowest, line))
    across = ((right**2 + down**2 - height**2).clamp(min=0) + globe.SOFT**2).sqrt() - globe.SOFT
    uncovered = (1 - _step(old, *globe.LIDS_SHADE)) * _step(lid_above - old, *globe.RISES)
    share = torch.maximum(uncovered, _step(down - bottom, 0, globe.BEHIND))
    rows, unit = int(right.shape[1]), millimetre(size)
    beside = [flow, *(flow + torch.stack([way - right, height - down], 1) for way in (-across, across))]
    below = rows * torch.arange(len(beside), device=flow.device).repeat_interleave(rows)[:, None]
    whence = unit * torch.cat(beside, 2) - torch.stack([0 * below, below])  # one below another, all from the first row
    seen, on_left, on_right = warp(image, whence, (left, top)).split(rows, 2)
    covered = torch.lerp(on_left, on_right, _step(right, -globe.BOTH_SIDES, globe.BOTH_SIDES)[:, None])
    light = 1 - globe.SHADOW_SHADE * (1 - _step(lid_above, *globe.SHADOW))
    covered = (1 + covered) * light[:, None] - 1
    found = F.pad(torch.lerp(seen, covered, share[:, None]), around)
    return torch.lerp(aligned, found, where), attention + where * (1 - attention)


def _out_of_shadow(lids: Tensor, skin: Tensor, where: Tensor, size: int) -> Tensor:
    """How much brighter lids are than what they are made of, [b, 3, h, w] of their window, 1 at their borders (faces/lid.py).

    lids, skin [b, 3, h, w] in [0, 1]: they, and the face about them; where [b, 1, h, w]: they are, in a crop of `size`."""
    down, half = round(lid.BELOW * millimetre(size)), int(where.shape[3]) // 2
    below = F.pad(where, (0, 0, down, 0))[:, :, : int(where.shape[2])] * (1 - where)

    def sums(planes: Tensor) -> Tensor:
        """Of each half, one eye's: [b, c, 1, 2]."""
        return torch.stack([part.sum((2, 3)) for part in planes.split(half, 3)], 2)[:, :, None]

    def about(planes: Tensor) -> Tensor:
        return F.avg_pool2d(planes, 9, 1, 4)

    own = (sums(lids * where) + 1e-3) / (sums(where) + 1e-3)
    wanted = (sums(skin * below) + own) / (sums(below) + 1)  # a lid's own where little is seen below it
    local = (about(lids * where) + 1e-3) / (about(where) + 1e-3)
    ratio = (wanted.repeat_interleave(half, 3) / local).clamp(min=1).log() * lid.OUT_OF_SHADOW
    most = ratio.amax(1, keepdim=True)  # of its colours: a bound on each would tint
    bounded = math.log(lid.BRIGHTEST) / most.clamp(min=math.log(lid.BRIGHTEST))
    hair = _step(most, *(math.log(darker) for darker in lid.HAIR))
    ratio = (ratio * bounded * (1 - hair)).exp()
    return 1 + (2 * F.avg_pool2d(where, 5, 1, 2) - 1).clamp(min=0) * (ratio - 1)
