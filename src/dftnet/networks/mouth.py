"""What is behind lips that an edit opens: a head that finds its place, and its drawing (faces/mouth.py), as modules."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.faces.mouth import BRIGHTEST, CRISP, DEEP, MAPS, TEETH_DEEP, WIDE, tongue_and_throat, upper_teeth, window


def _whole(x: Tensor, size: int) -> Tensor:
    """Maps of the window on the whole of a crop of `size`, 0 beside it."""
    left, top, right, bottom = window(size)
    return F.pad(x, (left, size - right, top, size - bottom))


class MouthInside(nn.Module):
    """Where the inside of a mouth is, and what it looks like."""

    upper: Tensor
    lower: Tensor
    """The drawings [1, c, rows, columns], colours in [0, 1]; no weights"""

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
        for name, drawing in (("upper", upper_teeth()), ("lower", tongue_and_throat())):
            picture = torch.from_numpy(drawing.copy()).permute(2, 0, 1)[None].contiguous()
            self.register_buffer(name, picture, persistent=False)

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
            teeth = _sampled(self.upper, x / WIDE, down / (TEETH_DEEP / 2) - 1)
            colour = _sampled(self.lower, x / WIDE, up / (DEEP / 2) - 1)
            colour = torch.lerp(colour, teeth[:, :3], teeth[:, 3:])
            return (2 * colour * maps[:, 3:6].clamp(0, BRIGHTEST) - 1).clamp(-1, 1)


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
    where = _whole(asked * torch.sigmoid(CRISP * maps[:, 6:]), size)
    texture = torch.lerp(texture, _whole(inside.drawn(maps), size), where)
    return attention * (1 - where), texture, where
