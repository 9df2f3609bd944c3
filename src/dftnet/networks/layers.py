"""Convolution blocks, and the geometry of the warp: identity grid, bilinear sampling, folding.

Convention of the geometry, everywhere in the project
    axis order   images and flows are [b, c, h, w]; a flow's channel 0 is x (columns), channel 1 is y (rows)
    unit         flows are in pixels of the image that they warp
    direction    backward: aligned(p) = source(p + flow(p)); flow 0 is the identity
    coordinates  pixel centres at integers 0 .. w-1, which is `align_corners=True` of `grid_sample`
    outside      border padding: a sample outside the image takes the nearest border pixel
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.errors import RequestError

Module = TypeVar("Module", bound=nn.Module)

NORMS = ("instance", "group", "none")
UPSAMPLINGS = ("transposed", "resize")


def norm(kind: str, channels: int) -> nn.Module:
    """Affine normalisation over [b, channels, h, w]; kind is one of NORMS ("group" has groups of 16 channels at most)."""
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if kind == "group":
        groups = max(1, channels // 16)
        while channels % groups:
            groups -= 1
        return nn.GroupNorm(groups, channels)
    if kind == "none":
        return nn.Identity()
    raise RequestError(f"norm is {kind!r}; choose one of {', '.join(NORMS)}")


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, norm_kind: str = "instance") -> nn.Sequential:
    """Conv-Norm-ReLU, zero padding, [b, inputs, h, w] → [b, outputs, h/stride, w/stride]."""
    padding = (kernel - 1) // 2
    bias = norm_kind == "none"
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias), norm(norm_kind, outputs), nn.ReLU()
    )


@torch.no_grad()
def scale_output(layer: nn.Conv2d | nn.Linear, row: int, gain: float, offset: float) -> None:
    """output[row] → gain · output[row] + offset, folded into the layer's weights; an offset needs a bias."""
    layer.weight[row] *= gain
    if layer.bias is not None:
        layer.bias[row] = layer.bias[row] * gain + offset
    elif offset:
        raise RequestError("this network's head has no bias; give an offset of 0")


def up(inputs: int, outputs: int, kind: str, norm_kind: str = "instance") -> nn.Sequential:
    """Twice the size, then Norm-ReLU: [b, inputs, h, w] → [b, outputs, 2h, 2w].

    "transposed" is the 4×4 transposed convolution of GANimation, "resize" is bilinear ×2 and a 3×3 convolution, which leaves
    no checkerboard.
    """
    if kind == "transposed":
        first: list[nn.Module] = [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm_kind == "none")]
    elif kind == "resize":
        first = [
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=norm_kind == "none"),
        ]
    else:
        raise RequestError(f"upsample is {kind!r}; choose one of {', '.join(UPSAMPLINGS)}")
    return nn.Sequential(*first, norm(norm_kind, outputs), nn.ReLU())


def he_conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """[b, inputs, h, w] → [b, outputs, h/stride, w/stride], zero padding, He initialisation."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel - 1) // 2, dilation)
    _he(layer)
    return layer


def _he(layer: nn.Conv2d) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)


class OfPixels(nn.Conv2d):
    """3 × 3 of squares of 2 × 2 pixels: [b, c, h, w] → [b, outputs, h/2, w/2], He initialisation."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(4 * channels, outputs, 3, 1, 1)
        _he(self)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pixel_unshuffle(x, 2))

    @torch.no_grad()
    def of_all(self) -> nn.Conv2d:
        """The same as 6 × 6 pixels, every second one: no squares to sort."""
        same = nn.Conv2d(self.in_channels // 4, self.out_channels, 6, 2, 2)
        assert self.bias is not None
        assert same.bias is not None
        same.weight.copy_(F.pixel_shuffle(self.weight, 2))
        same.bias.copy_(self.bias)
        return same


def double(x: Tensor) -> Tensor:
    """[b, c, h, w] → [b, c, 2h, 2w], bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class OfConstants(nn.Module):
    """3 × 3 of planes that are constant, [b, K] → [b, c, h, w], as a sum over the nine places of its kernel that lie in the map."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.taps = nn.Parameter(kernel.flatten(2).permute(1, 0, 2).flatten(1).contiguous())
        """[K, c · 9]"""

    @classmethod
    def parted(cls, layer: nn.Conv2d, channels: int) -> tuple[nn.Conv2d, OfConstants]:
        """A 3 × 3 convolution of so many channels and of planes as one of the channels, and this of the planes; to answer alone."""
        rest = nn.Conv2d(channels, layer.out_channels, 3, 1, 1)
        assert layer.bias is not None
        assert rest.bias is not None
        with torch.no_grad():
            rest.weight.copy_(layer.weight[:, :channels])
            rest.bias.copy_(layer.bias)
            return rest, cls(layer.weight[:, channels:])

    def forward(self, values: Tensor, image: Tensor) -> Tensor:
        """Values [b, K] → what they add to a map as large as `image`."""
        h, w = _sides(image)
        at = torch.ones(1, 1, h, w, device=values.device)
        inside = F.unfold(at, 3, padding=1)[0]  # [9, h · w]
        return ((values @ self.taps).reshape(-1, 9) @ inside).reshape(-1, self.taps.shape[1] // 9, h, w)


class Residual(nn.Module):
    """x + Conv3-Norm-ReLU-Conv3-Norm(x), [b, c, h, w] → the same shape."""

    def __init__(self, channels: int, norm_kind: str = "instance") -> None:
        super().__init__()
        bias = norm_kind == "none"
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=bias),
            norm(norm_kind, channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=bias),
            norm(norm_kind, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


def initialise(module: nn.Module) -> None:
    """GANimation's initialisation: convolutions N(0, 0.02), norm scales 1, biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def channels_last(module: Module) -> Module:
    """The module with its 4-d weights channels last, which convolutions prefer on GPUs and in bfloat16; in place."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def planes(aus: Tensor, image: Tensor) -> Tensor:
    """AU vectors [b, K] as constant planes [b, K, h, w] of the image's size (section 2.1: y_t ∈ [0, 1]^(H×W×N))."""
    return aus[:, :, None, None].expand(-1, -1, *_sides(image))


def _sides(image: Tensor) -> tuple[int, int]:
    """h and w of an image [b, c, h, w] as numbers: in a graph that is traced they would be worked out each time it runs."""
    return int(image.shape[2]), int(image.shape[3])


def identity_grid(image: Tensor) -> Tensor:
    """Pixel coordinates [1, 2, h, w] (x, y) of an image [b, c, h, w], float32."""
    h, w = _sides(image)
    y = torch.arange(h, dtype=torch.float32, device=image.device)
    x = torch.arange(w, dtype=torch.float32, device=image.device)
    return torch.stack([x[None, :].expand(h, w), y[:, None].expand(h, w)])[None]


def warp(image: Tensor, flow: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
    """Backward warp, Eq. 3: X_a = f(Φ, X_s), X_a(p) = X_s(p + Φ(p)).

    image [b, c, h, w] any range, flow [b, 2, h, w] in pixels → [b, c, h, w] float32; a smaller flow gives that part of the picture
    which begins at the pixel x, y. Differentiable in both. Sampling runs in float32 under mixed precision too: bfloat16 coordinates
    would be off by half a pixel at 128.
    """
    h, w = _sides(image)
    with torch.autocast(image.device.type, enabled=False):
        x, y = (identity_grid(flow) + flow.float()).unbind(1)
        grid = torch.stack([(x + corner[0]) * (2 / max(w - 1, 1)) - 1, (y + corner[1]) * (2 / max(h - 1, 1)) - 1], 3)
        warped = F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
        beside = image.is_contiguous(memory_format=torch.channels_last)  # as the convolutions after it want it
        return warped.contiguous(memory_format=torch.channels_last) if beside else warped


def jacobian_determinant(flow: Tensor) -> Tensor:
    """Determinant [b, h-1, w-1] of the Jacobian of p → p + Φ(p), by forward differences; negative where the warp folds."""
    dx = flow[:, :, :-1, 1:] - flow[:, :, :-1, :-1]
    dy = flow[:, :, 1:, :-1] - flow[:, :, :-1, :-1]
    return (1 + dx[:, 0]) * (1 + dy[:, 1]) - dx[:, 1] * dy[:, 0]


def resize_flow(flow: Tensor, scale: int) -> Tensor:
    """Bilinear upsampling [b, 2, h, w] → [b, 2, scale·h, scale·w]; the values stay: they are pixels of the large image already."""
    if scale == 1:
        return flow
    return F.interpolate(flow, scale_factor=scale, mode="bilinear", align_corners=False)
