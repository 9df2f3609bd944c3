"""The critic D, section 2.2: a patch map D_A and an AU regressor D_C on one convolutional trunk.

paper symbol   name        shape
M = D_A(X)     realness    [b, 1, h/2^n, w/2^n]
ŷ = D_C(X)     aus         [b, K], linear
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dftnet.errors import RequestError
from dftnet.networks.layers import initialise


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """The architecture of the critic; the defaults are the paper's (H/2⁶ × W/2⁶) with GANimation's widths."""

    au_count: int = 17
    """K, the number of Action Units."""
    size: int = 128
    """Image size; the AU head is as large as the last feature map."""
    width: int = 64
    """Channels after the first layer; doubled by each further layer."""
    layers: int = 6
    """Stride-2 layers n: the map has size / 2^n entries a side."""
    max_channels: int = 2048
    """Widest layer."""
    patch_layer: int = 0
    """The layer that the patch map reads: 0 is the last (the paper's map, which sees the whole face); 4 judges patches of 46
    pixels."""

    def __post_init__(self) -> None:
        if self.size % 2**self.layers:
            raise RequestError(f"size is {self.size}; the critic needs a multiple of {2**self.layers}, or fewer layers")
        if not 0 <= self.patch_layer <= self.layers:
            raise RequestError(f"patch_layer is {self.patch_layer}; choose 0 (the last) or 1 to {self.layers}")


class Critic(nn.Module):
    """[Conv4 s2 p1, LeakyReLU 0.01] × n without normalisation (WGAN-GP), then a Conv3 map and a regressor over the whole map."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        trunk: list[nn.Module] = []
        inputs = 3
        for layer in range(config.layers):
            outputs = min(config.width * 2**layer, config.max_channels)
            trunk += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.01)]
            inputs = outputs
        self.trunk = nn.Sequential(*trunk)
        self.patch_layer = config.patch_layer or config.layers
        patch_channels = min(config.width * 2 ** (self.patch_layer - 1), config.max_channels)
        self.realness_head = nn.Conv2d(patch_channels, 1, 3, 1, 1, bias=False)
        self.au_head = nn.Conv2d(inputs, config.au_count, config.size // 2**config.layers, bias=False)
        initialise(self)

    def features(self, image: Tensor) -> list[Tensor]:
        """The activations after each layer, largest first."""
        out = []
        x = image
        for block in self.trunk:
            x = block(x)
            if isinstance(block, nn.LeakyReLU):
                out.append(x)
        return out

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image [b, 3, size, size] in [-1, 1] → realness [b, 1, size/2^n, size/2^n], aus [b, K], float32."""
        features = self.features(image)
        with torch.autocast(
            image.device.type, enabled=False
        ):  # nothing bounds D_A: bfloat16 would round its differences away
            realness = self.realness_head(features[self.patch_layer - 1].float())
            return realness, torch.flatten(self.au_head(features[-1].float()), 1)
