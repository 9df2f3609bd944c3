"""The Action Unit estimator: an aligned crop in, the intensities of its AUs out.

    name      shape                      what
    image     [b, 3, S, S] in [-1, 1]    the crop, aligned as the generator's own
    map       [b, C, S/16, S/16]         features of the trunk
    code      [b, hidden]                from the map's mean (what) and from a narrow map kept whole (where)
    logits    [b, K]                     intensities before the sigmoid
    auxiliary [b, M]                     standardised side labels, for training only

A crop is aligned, so a place in the map is a part of the face: the narrow map lets the head read lids, brows and mouth apart,
and the jitter of training makes it bear a few pixels of error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.aus import AU_NAMES
from dftnet.errors import RequestError
from dftnet.networks.layers import scale_output

STRIDE = 16
"""Size of the crop over the size of the trunk's map."""


@dataclass(frozen=True, kw_only=True)
class EstimatorConfig:
    """The architecture of the estimator. The defaults are what ships."""

    size: int = 128
    """Side S of the crop in pixels, a multiple of 16."""
    au_names: tuple[str, ...] = AU_NAMES
    """The outputs, in order."""
    channels: tuple[int, int, int, int] = (16, 32, 96, 192)
    """Channels at S/2, S/4, S/8 and S/16."""
    blocks: tuple[int, int, int] = (1, 2, 2)
    """Residual blocks at S/4, S/8 and S/16."""
    regional: int = 24
    """Channels of the narrow map that the head sees whole."""
    hidden: int = 128
    """Length of the code."""
    dropout: float = 0.2
    """Share of the code dropped in training."""

    def __post_init__(self) -> None:
        for field in ("au_names", "channels", "blocks"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if self.size < 4 * STRIDE or self.size % STRIDE:
            raise RequestError(f"size is {self.size}; give a multiple of {STRIDE}, at least {4 * STRIDE}")
        if len(self.channels) != 4 or len(self.blocks) != 3 or min(self.channels) < 1 or min(self.blocks) < 1:
            raise RequestError(
                f"channels {self.channels} and blocks {self.blocks}: give four and three positive numbers"
            )
        if not 0 <= self.dropout < 1:
            raise RequestError(f"dropout is {self.dropout}; give a share in [0, 1)")


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class NormedResidual(nn.Module):
    """ReLU(skip(x) + Conv3-BN-ReLU-Conv3-BN(x)), [b, inputs, h, w] → [b, outputs, h/stride, w/stride].

    Batch normalisation, unlike the generator's blocks: it folds into the convolutions when exported. Where the shape changes
    the skip is a mean over stride × stride pixels and a 1 × 1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = _conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.skip: nn.Module = nn.Identity()
        nn.init.zeros_(self.norm2.weight)  # the block starts as the identity
        if stride > 1 or inputs != outputs:
            self.skip = nn.Sequential(nn.AvgPool2d(stride), _conv(inputs, outputs, 1), nn.BatchNorm2d(outputs))
            nn.init.constant_(self.norm2.weight, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.skip(x))


class Estimator(nn.Module):
    """Crop → AU intensities; `auxiliary` side labels are predicted too where training asks for them."""

    def __init__(self, config: EstimatorConfig, auxiliary: int = 0) -> None:
        super().__init__()
        self.config = config
        first, *widths = config.channels
        self.stem = nn.Sequential(
            _conv(3, first, 5, 2), nn.BatchNorm2d(first), nn.ReLU(),
            _conv(first, widths[0], 3, 2), nn.BatchNorm2d(widths[0]), nn.ReLU(),
        )  # fmt: skip
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for stage, (width, count) in enumerate(zip(widths, config.blocks, strict=True)):
            for index in range(count):
                blocks.append(NormedResidual(inputs, width, 2 if stage and not index else 1))
                inputs = width
        self.trunk = nn.Sequential(*blocks)
        self.regional = nn.Sequential(_conv(inputs, config.regional, 1), nn.BatchNorm2d(config.regional), nn.ReLU())
        self.hidden = nn.Linear(inputs + config.regional * (config.size // STRIDE) ** 2, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, len(config.au_names))
        self.auxiliary = nn.Linear(config.hidden, auxiliary) if auxiliary else None

    def code(self, image: Tensor) -> Tensor:
        """[b, 3, S, S] → [b, hidden]."""
        size = self.config.size
        if tuple(image.shape[1:]) != (3, size, size):
            raise RequestError(f"image is {tuple(image.shape)}; this estimator takes [n, 3, {size}, {size}] in [-1, 1]")
        features = self.trunk(self.stem(image))
        seen = torch.cat([features.mean((2, 3)), self.regional(features).flatten(1)], 1)
        return self.dropout(F.relu(self.hidden(seen)))

    def logits(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[b, 3, S, S] → AU logits [b, K] and side labels [b, M] (M = 0 without them)."""
        code = self.code(image)
        auxiliary = code.new_zeros(len(code), 0) if self.auxiliary is None else self.auxiliary(code)
        return self.head(code), auxiliary

    def forward(self, image: Tensor) -> Tensor:
        """[b, 3, S, S] in [-1, 1] → intensities [b, K] in [0, 1], float32."""
        return torch.sigmoid(self.head(self.code(image)).float())


def calibrate(estimator: Estimator, curves: Mapping[str, tuple[float, float]]) -> None:
    """Change outputs in place: AU → (gain, offset) makes logit → gain · logit + offset, folded into the head.

    For labels whose scale is known to be off, e.g. closed eyes labelled 0.6. Raises RequestError for an unknown AU.
    """
    for name, (gain, offset) in curves.items():
        if name not in estimator.config.au_names:
            raise RequestError(f"cannot calibrate {name!r}; the estimator reads {', '.join(estimator.config.au_names)}")
        scale_output(estimator.head, estimator.config.au_names.index(name), gain, offset)
