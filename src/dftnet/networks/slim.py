"""The slim texture decoder T of the light generator: what it paints is little, beside what is drawn and moved, and costs little.

It encodes X_a itself in place of warping E's features, and paints at half the size, squares of 2 × 2 pixels at once (Shi et al.
2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network").
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.networks.layers import OfPixels, double, he_conv

AGAIN = 16
"""Channels of X_a's features at half the size"""


class Painted(NamedTuple):
    """What T says of an edit."""

    texture: Tensor
    """B [b, 3, h, w] in [-1, 1]"""
    half: Tensor
    """[b, c, h/2, w/2], its features, for those that find the places of parts"""


def as_features(cells: Tensor, like: Tensor) -> Tensor:
    """Φ and A [b, 3, m, m] as four more channels of features, Φ in shares of m and the last one empty."""
    return F.pad(cells / cells.shape[-1], (0, 0, 0, 0, 0, 1)).to(like.dtype)


class SlimTexture(nn.Module):
    """Eq. 4, B = T(c)."""

    def __init__(self, code: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        t8, t4, t2 = channels
        self.again: nn.Conv2d = OfPixels(3, AGAIN)
        self.again4 = he_conv(AGAIN, t4, 4, 2)
        self.texture8, self.texture4 = he_conv(code, t8), he_conv(t8 + t4, t4)
        self.texture2a, self.texture2 = he_conv(self.features(t4), t2), he_conv(t2, t2)
        self.colours = nn.Conv2d(t2, 12, 3, 1, 1)

    @staticmethod
    def features(t4: int) -> int:
        """Channels of `Painted.half`."""
        return t4 + AGAIN + 4

    def forward(self, code: Tensor, cells: Tensor, aligned: Tensor) -> Painted:
        """c [b, C, h/8, w/8], Φ and A at half the size [b, 3, h/2, w/2], X_a [b, 3, h, w]."""
        again = F.relu(self.again(aligned))
        x = double(F.relu(self.texture8(code)))
        x = double(F.relu(self.texture4(torch.cat([x, F.relu(self.again4(again))], 1))))
        half = torch.cat([x, again, as_features(cells.detach(), x)], 1)
        x = F.relu(self.texture2a(half))
        texture = torch.tanh(F.pixel_shuffle(self.colours(F.relu(self.texture2(x))).float(), 2))
        return Painted(texture, half)
