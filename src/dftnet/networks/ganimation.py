"""GANimation's generator (ECCV 2018), the baseline: no warp, one decoder, two heads.

paper symbol   name        shape
y_o            image       [b, 3, h, w]
y_f            condition   [b, K]
A              attention   [b, 1, h, w]
C              texture     [b, 3, h, w]   (GANimation calls it the colour mask)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dftnet.networks.generator import Edit, Generator, GeneratorConfig, compose
from dftnet.networks.layers import Residual, conv, initialise, planes, scale_output, up


@dataclass(frozen=True, kw_only=True)
class GANimationConfig(GeneratorConfig):
    """The architecture of GANimation's generator; the defaults are the published ones."""

    kind: str = "ganimation"
    """Registry name of the architecture."""
    width: int = 64
    """Channels after the first convolution; doubled twice."""
    residual_blocks: int = 6
    """Residual blocks at a quarter of the size."""


class GANimation(Generator):
    """RGB + AU planes → Conv7 → two stride-2 convolutions → residual blocks → two transposed convolutions → colour, attention."""

    def __init__(self, config: GANimationConfig) -> None:
        super().__init__()
        self.config: GANimationConfig = config
        c = config.width
        self.trunk = nn.Sequential(
            conv(3 + config.au_count, c, 7),
            nn.Sequential(nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False), nn.InstanceNorm2d(2 * c, affine=True), nn.ReLU()),
            nn.Sequential(
                nn.Conv2d(2 * c, 4 * c, 4, 2, 1, bias=False), nn.InstanceNorm2d(4 * c, affine=True), nn.ReLU()
            ),
            *[Residual(4 * c) for _ in range(config.residual_blocks)],
            up(4 * c, 2 * c, "transposed"),
            up(2 * c, c, "transposed"),
        )
        self.texture_head = nn.Conv2d(c, 3, 7, 1, 3, bias=False)
        self.attention_head = nn.Conv2d(c, 1, 7, 1, 3, bias=False)
        initialise(self)

    @torch.no_grad()
    def scale_condition(self, au: int, factor: float) -> None:
        self.trunk[0][0].weight[:, 3 + au] *= factor  # type: ignore[index]

    def scale_attention(self, gain: float, offset: float) -> None:
        scale_output(self.attention_head, 0, gain, offset)

    def forward(self, image: Tensor, condition: Tensor, warp_only: bool = False) -> Edit:
        assert not warp_only, "GANimation has no warp"
        features = self.trunk(torch.cat([image, planes(condition, image)], 1))
        texture = torch.tanh(self.texture_head(features).float())
        attention = torch.sigmoid(self.attention_head(features).float())
        # GANimation Eq. 1 is Eq. 5 of DFT-Net with the source itself as the aligned image
        edited = compose(attention, texture, image)
        return Edit(edited, {"attention": attention, "texture": texture, "aligned": image})
