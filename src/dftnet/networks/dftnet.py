"""The DFT-Net generator, section 2.1 of the paper.

paper symbol   name             shape                  equation
X_s            image            [b, 3, h, w]
y_t            condition        [b, K]                 planes [b, K, h, w] at the input
c = E(X_s,y_t) code             [b, C, h/2^n, w/2^n]   Eq. 1
Φ              flow             [b, 2, h, w] pixels    Eq. 2
A              attention        [b, 1, h, w]           Eq. 2, 1 takes the aligned image
X_a            aligned          [b, 3, h, w]           Eq. 3
B              texture          [b, 3, h, w]           Eq. 4
X̂_t            image of Edit    [b, 3, h, w]           Eq. 5
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.errors import RequestError
from dftnet.networks.generator import Edit, Generator, GeneratorConfig, compose
from dftnet.networks.layers import (
    NORMS,
    UPSAMPLINGS,
    Residual,
    conv,
    initialise,
    planes,
    resize_flow,
    scale_output,
    up,
    warp,
)

STEMS = ("conv7", "unshuffle")
TEXTURE_HEADS = ("conv", "detail")
PATHS = ("both", "warp", "texture")


@dataclass(frozen=True, kw_only=True)
class DFTNetConfig(GeneratorConfig):
    """The architecture of DFT-Net's generator. The defaults are the paper's form; every departure is a field."""

    warps: ClassVar[bool] = True
    kind: str = "dftnet"
    """Registry name of the architecture."""
    channels: tuple[int, ...] = (32, 64, 128, 256, 256)
    """Channels of the encoder at each size, halved between entries: five entries code 128 pixels to 8 × 8."""
    residual_blocks: int = 2
    """Residual blocks on the code."""
    stem: str = "conv7"
    """First layer: "conv7" at full size (the paper's kind), or "unshuffle": 2 × 2 pixels to channels, so that all features
    and the flow live at half the size, a quarter of the work."""
    norm: str = "instance"
    """Normalisation: "instance" (GANimation's), "group", or "none"."""
    upsample: str = "transposed"
    """Decoders grow by "transposed" convolutions (GANimation's) or by "resize" and convolution (no checkerboard)."""
    skips: bool = True
    """Skip connections from the encoder to the texture decoder (section 2.1)."""
    texture_head: str = "conv"
    """Last layers of T: "conv" on its last features (after a pixel shuffle where those live at half the size), or "detail":
    enlarged smoothly and joined by X_a, the skip connection of full size that a stem at half the size leaves out."""
    align_skips: bool = False
    """Warp the skipped features by Φ first, so that the texture decoder paints on the aligned face."""
    condition_at_code: bool = False
    """Give the condition once more beside the code: normalisation removes most of a constant plane at the input."""
    zero_flow: bool = False
    """Initialise the flow head to zero: training starts at the identity warp."""
    attention_bias: float = 0.0
    """Initial bias of the attention head before the sigmoid: 2 starts at A = 0.88."""
    max_flow: float = 0.0
    """Bound on |Φ| per axis as a share of the image size, by tanh; 0 leaves Φ unbounded."""
    paths: str = "both"
    """"both", or an ablation: "warp" only (A = 1) or "texture" only (Φ = 0, X_a = X_s, A = 0)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, allowed in (
            ("stem", STEMS),
            ("norm", NORMS),
            ("upsample", UPSAMPLINGS),
            ("texture_head", TEXTURE_HEADS),
            ("paths", PATHS),
        ):
            if getattr(self, field) not in allowed:
                raise RequestError(f"{field} is {getattr(self, field)!r}; choose one of {', '.join(allowed)}")
        object.__setattr__(self, "channels", tuple(self.channels))
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise RequestError(f"channels is {self.channels}; give at least two positive numbers")

    @property
    def stride(self) -> int:
        """Size of the image over the size of the code."""
        return 2 ** (len(self.channels) - 1) * (2 if self.stem == "unshuffle" else 1)


class Decoder(nn.Module):
    """From the code back to the first features: [b, C, h/2^n, w/2^n] → [b, channels[0], h, w], with or without skips."""

    def __init__(self, config: DFTNetConfig, skips: bool) -> None:
        super().__init__()
        self.skips = skips
        c = config.channels
        inputs = c[-1]
        stages = []
        for level in reversed(range(len(c) - 1)):
            stages.append(up(inputs, c[level], config.upsample, config.norm))
            inputs = 2 * c[level] if skips else c[level]
        self.stages = nn.ModuleList(stages)
        self.outputs = inputs

    def forward(self, code: Tensor, skipped: list[Tensor]) -> Tensor:
        """skipped: the encoder's features, largest first; unused without skips."""
        x = code
        for stage, skip in zip(self.stages, reversed(skipped), strict=True):
            x = stage(x)
            if self.skips:
                x = torch.cat([x, skip.to(x.dtype)], 1)
        return x


class DetailHead(nn.Module):
    """Features [b, C, h/scale, w/scale] and X_a [b, 3, h, w] → [b, 3, h, w], B before its tanh."""

    def __init__(self, inputs: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.reduce = nn.Conv2d(inputs, 32, 3, 1, 1)
        self.join = nn.Conv2d(32 + 3, 24, 3, 1, 1)
        self.colour = nn.Conv2d(24, 3, 3, 1, 1)

    def forward(self, features: Tensor, aligned: Tensor) -> Tensor:
        x = F.relu(self.reduce(features))
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.colour(F.relu(self.join(torch.cat([x, aligned.to(x.dtype)], 1))))


class DFTNet(Generator):
    """Encoder E, flow decoder F, texture decoder T. Any square size that is a multiple of the code's stride."""

    def __init__(self, config: DFTNetConfig) -> None:
        super().__init__()
        self.config: DFTNetConfig = config
        c, k = config.channels, config.au_count
        self.scale = 2 if config.stem == "unshuffle" else 1
        if config.stem == "unshuffle":
            self.stem = conv(4 * 3 + k, c[0], 3, norm_kind=config.norm)
        else:
            self.stem = conv(3 + k, c[0], 7, norm_kind=config.norm)
        self.down = nn.ModuleList(nn.Sequential(*conv(a, b, 4, 2, config.norm)) for a, b in itertools.pairwise(c))
        code_inputs = c[-1] + (k if config.condition_at_code else 0)
        self.join = conv(code_inputs, c[-1], 3, norm_kind=config.norm) if config.condition_at_code else None
        self.code = nn.Sequential(*[Residual(c[-1], config.norm) for _ in range(config.residual_blocks)])
        self.flow_decoder = Decoder(config, skips=False)
        self.texture_decoder = Decoder(config, skips=config.skips)
        kernel = 7 if config.stem == "conv7" else 3
        self.flow_head = nn.Conv2d(self.flow_decoder.outputs, 2, kernel, 1, kernel // 2)
        self.attention_head = nn.Conv2d(self.flow_decoder.outputs, 1, kernel, 1, kernel // 2)
        self.texture_head = (
            DetailHead(self.texture_decoder.outputs, self.scale)
            if config.texture_head == "detail"
            else self._texture_head(self.texture_decoder.outputs, kernel)
        )
        initialise(self)
        if config.zero_flow:
            nn.init.zeros_(self.flow_head.weight)
        nn.init.constant_(self.attention_head.bias, config.attention_bias)  # type: ignore[arg-type]

    def _texture_head(self, inputs: int, kernel: int) -> nn.Module:
        if self.scale == 1:
            return nn.Conv2d(inputs, 3, kernel, 1, kernel // 2)
        return nn.Sequential(nn.Conv2d(inputs, 64, 3, 1, 1), nn.ReLU(), nn.PixelShuffle(2), nn.Conv2d(16, 3, 5, 1, 2))

    @torch.no_grad()
    def scale_condition(self, au: int, factor: float) -> None:
        self.stem[0].weight[:, 3 * self.scale**2 + au] *= factor  # type: ignore[index, operator]
        if self.join is not None:
            self.join[0].weight[:, self.config.channels[-1] + au] *= factor  # type: ignore[index, operator]

    def scale_attention(self, gain: float, offset: float) -> None:
        scale_output(self.attention_head, 0, gain, offset)

    def encode(self, image: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Eq. 1, c = E(X_s, y_t): the code, and the features skipped to T, largest first."""
        if image.shape[2] % self.config.stride or image.shape[3] % self.config.stride:
            raise RequestError(
                f"image is {image.shape[3]} × {image.shape[2]}; this generator takes sizes that are multiples of "
                f"{self.config.stride}"
            )
        x = F.pixel_unshuffle(image, self.scale) if self.scale > 1 else image
        x = self.stem(torch.cat([x, planes(condition, x)], 1))
        features = [x]
        for stage in self.down:
            x = stage(x)
            features.append(x)
        if self.join is not None:
            x = self.join(torch.cat([x, planes(condition, x).to(x.dtype)], 1))
        return self.code(x), features[:-1]

    def flow_and_attention(self, code: Tensor, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Eq. 2, Φ, A = F(c): [b, 2, h, w] in pixels and [b, 1, h, w] in [0, 1]."""
        x = self.flow_decoder(code, features)
        flow = resize_flow(self.flow_head(x).float(), self.scale)
        attention = torch.sigmoid(resize_flow(self.attention_head(x).float(), self.scale))
        if self.config.max_flow:
            bound = self.config.max_flow * flow.shape[-1]
            flow = bound * torch.tanh(flow / bound)
        return flow, attention

    def texture(self, code: Tensor, features: list[Tensor], flow: Tensor, aligned: Tensor) -> Tensor:
        """Eq. 4, B = T(c): [b, 3, h, w] in [-1, 1]."""
        if self.config.align_skips:
            features = [self._warp_features(f, flow) for f in features]
        x = self.texture_decoder(code, features)
        painted = self.texture_head(x, aligned) if self.config.texture_head == "detail" else self.texture_head(x)
        return torch.tanh(painted.float())

    @staticmethod
    def _warp_features(features: Tensor, flow: Tensor) -> Tensor:
        ratio = flow.shape[-1] // features.shape[-1]
        small = F.avg_pool2d(flow, ratio) / ratio if ratio > 1 else flow
        return warp(features, small)

    def forward(self, image: Tensor, condition: Tensor, warp_only: bool = False) -> Edit:
        """image [b, 3, h, w] in [-1, 1], condition [b, K] → Edit. `warp_only` skips T: the edit is the aligned image, A = 1."""
        code, features = self.encode(image, condition)
        flow, attention = self.flow_and_attention(code, features)  # Eq. 2
        if self.config.paths == "texture":
            flow, attention = torch.zeros_like(flow), torch.zeros_like(attention)
        aligned = warp(image, flow)  # Eq. 3
        if warp_only or self.config.paths == "warp":
            attention = torch.ones_like(attention)
            return Edit(aligned, {"flow": flow, "attention": attention, "texture": aligned, "aligned": aligned})
        texture = self.texture(code, features, flow, aligned)  # Eq. 4
        edited = compose(attention, texture, aligned)  # Eq. 5
        return Edit(edited, {"flow": flow, "attention": attention, "texture": texture, "aligned": aligned})
