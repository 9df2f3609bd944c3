"""A lighter DFT-Net: the paper's maps and composition (section 2.1) with the work where the clock says that it is cheap.

paper symbol   name             shape                  equation
X_s            image            [b, 3, h, w]
y_t - y_s      condition        [b, K]                 [b, K + nuisance] while training
c = E(X_s,y_t) code             [b, C, h/8, w/8]       Eq. 1
Φ              flow             [b, 2, h, w] pixels    Eq. 2
A              attention        [b, 1, h, w]           Eq. 2, 1 takes the aligned image
X_a            aligned          [b, 3, h, w]           Eq. 3
B              texture          [b, 3, h, w]           Eq. 4
X̂_t            image of Edit    [b, 3, h, w]           Eq. 5

What differs from `DFTNet`: no normalisation; convolutions come before a resize, not after it; the condition enters at the code,
as planes and as a gain and an offset of each residual block's channels (so a face's features do not depend on what is asked of
it); Φ and A come from one convolution at half the size; of the skipped features only the small ones are warped, the large ones
are taken from X_a, or all of them (networks/slim.py). Nothing asked is nothing done: Φ and 1 - A are multiplied by `asked` (see
there).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.errors import RequestError
from dftnet.faces.drawn import PAINTED
from dftnet.networks.drawn import Globes, Head, HeadsTogether, Lids, MouthInside, OpenEyes, covered, filled, stayed
from dftnet.networks.generator import Edit, Generator, GeneratorConfig, another_architecture, compose
from dftnet.networks.layers import OfConstants, OfPixels, double, he_conv, planes, resize_flow, scale_output, warp
from dftnet.networks.shade import MeanShade
from dftnet.networks.slim import AGAIN, Painted, SlimTexture, as_features
from dftnet.units import TURNS

TURNED = 0.5
"""A request of 1 for a turn of the head, as a nuisance of the training, of 10°, at which ears double at the border of the face"""
ASKED = 0.05
"""A change of units that sums up to this much, or more, is carried out in full"""


@dataclass(frozen=True, kw_only=True)
class LightConfig(GeneratorConfig):
    """The architecture of the light generator."""

    warps: ClassVar[bool] = True
    kind: str = "light"
    """Registry name of the architecture."""
    au_count: int = 40
    """K, the number of units."""
    conditioning: str = "difference"
    """What the network sees: y_t - y_s, the only choice here."""
    nuisance: int = 0
    """Further inputs that explain what is not edited, such as a turn of the head. They are 0 when editing, so an exported model
    does without them."""
    channels: tuple[int, int, int] = (32, 64, 128)
    """Channels at h/2, h/4 and h/8."""
    residual_blocks: int = 3
    """Residual blocks on the code."""
    flow_channels: tuple[int, int, int] = (64, 48, 32)
    """Channels of F at h/8, h/4 and h/2."""
    texture_channels: tuple[int, int, int, int] = (64, 32, 32, 16)
    """Channels of T at h/8, h/4, h/2 and h."""
    turns: bool = False
    """Whether the last of its units are `units.TURNS`, made of what explained the turns of a head while training."""
    mouth: bool = False
    """Whether the inside of a mouth that opens is drawn (faces/mouth.py), and T finds its place."""
    eyes: bool = False
    """Whether eyes that open are (faces/eye.py)."""
    lids: bool = False
    """Whether lids that come down have a flow of their own (faces/lid.py)."""
    globes: bool = False
    """Whether eyes stay as they are between lids that move (faces/globe.py)."""
    slim: bool = False
    """Whether T is the slim one (networks/slim.py), which has no channels at h."""
    shade: bool = False
    """Whether skin is shaded where it folds (faces/shade.py)."""
    drawn_channels: int = 32
    """Channels of what finds the places of mouth, eyes, lids and globes."""
    motion_cells: int = 64
    """Cells a side of each unit's mean motion; 0 leaves it out."""
    max_flow: float = 0.15
    """Bound on |Φ| per axis as a share of the image size, by tanh."""
    attention_bias: float = 3.0
    """Initial bias of A before the sigmoid: 3 starts at A = 0.95."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, count in (("channels", 3), ("flow_channels", 3), ("texture_channels", 4)):
            value = tuple(getattr(self, field))
            if len(value) != count or min(value) < 1:
                raise RequestError(f"{field} is {value}; give {count} positive numbers")
            object.__setattr__(self, field, value)
        if self.conditioning != "difference":
            raise RequestError(f"conditioning is {self.conditioning!r}; the light generator takes 'difference'")

    @property
    def stride(self) -> int:
        """Size of the image over the size of the code."""
        return 8


def _warped(features: Tensor, flow: Tensor) -> Tensor:
    """Features [b, c, h, w] warped by Φ [b, 2, h, w] in their own pixels, in their own type and with channels last."""
    return warp(features, flow).to(features.dtype).contiguous(memory_format=torch.channels_last)


class Modulated(nn.Module):
    """x + Conv3(ReLU((1 + γ(y)) · Conv3(x) + β(y))), γ, β linear in the condition [b, K]; [b, c, h, w] → the same shape."""

    def __init__(self, channels: int, condition: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = he_conv(channels, channels, dilation=dilation)
        self.second = he_conv(channels, channels)
        self.modulation = nn.Linear(condition, 2 * channels)
        nn.init.normal_(self.modulation.weight, 0.0, 0.1)
        nn.init.zeros_(self.modulation.bias)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, offset = self.modulation(condition)[:, :, None, None].chunk(2, 1)
        return x + self.second(F.relu((1 + gain) * self.first(x) + offset))


class MeanMotion(nn.Module):
    """Σ_k Δ_k·M_k, the motion that a unit makes on the mean face: [b, K] → [b, 2, m, m] in pixels of a crop of 128.

    Aligned faces move much alike; what is learnt beside it is how a face differs.
    """

    def __init__(self, units: int, cells: int) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.zeros(units, 2, cells, cells))

    def forward(self, condition: Tensor) -> Tensor:
        return (condition.float() @ self.maps.flatten(1)).unflatten(1, self.maps.shape[1:])


class LightDFTNet(Generator):
    """Encoder E, flow decoder F, texture decoder T. Any square size that is a multiple of 8."""

    def __init__(self, config: LightConfig) -> None:
        super().__init__()
        self.config: LightConfig = config
        k = config.au_count + config.nuisance
        (c2, c4, c8), (f8, f4, f2), (t8, t4, t2, t1) = config.channels, config.flow_channels, config.texture_channels
        self.stem: nn.Conv2d = OfPixels(3, c2)
        self.down4, self.down8 = he_conv(c2, c4, 4, 2), he_conv(c4, c8, 4, 2)
        self.join = he_conv(c8 + k, c8)
        self.blocks = nn.ModuleList(Modulated(c8, k, 1 + i % 2) for i in range(config.residual_blocks))
        self.flow8, self.flow4, self.flow2 = he_conv(c8, f8), he_conv(f8, f4), he_conv(f4, f2)
        self.maps_head = nn.Conv2d(f2, 3, 3, 1, 1)
        self.paints = SlimTexture(c8, (t8, t4, t2)) if config.slim else None
        if self.paints is None:
            self.texture8, self.texture4 = he_conv(2 * c8, t8), he_conv(t8 + c4, t4)
            self.again: nn.Conv2d = OfPixels(3, AGAIN)
            self.texture2a, self.texture2 = he_conv(t4 + AGAIN, t2), he_conv(t2, t1 - 4)
            self.texture1, self.colour = he_conv(t1, t1), nn.Conv2d(t1, 3, 3, 1, 1)
        self.motion = MeanMotion(k, config.motion_cells) if config.motion_cells else None
        self.shade = MeanShade(k) if config.shade else None
        finds = SlimTexture.features(t4), config.drawn_channels
        self.mouth = MouthInside(*finds) if config.mouth else None
        self.eyes = OpenEyes(*finds) if config.eyes else None
        self.lids = Lids(*finds) if config.lids else None
        self.globes = Globes(*finds) if config.globes else None
        self.together: HeadsTogether | None = None
        self.constants: OfConstants | None = None
        nn.init.zeros_(self.maps_head.weight)
        with torch.no_grad():
            self.maps_head.bias.copy_(torch.tensor([0.0, 0.0, config.attention_bias]))  # type: ignore[union-attr]

    @torch.no_grad()
    def scale_condition(self, au: int, factor: float) -> None:
        self.join.weight[:, self.config.channels[-1] + au] *= factor
        for block in self.blocks:
            assert isinstance(block, Modulated)
            block.modulation.weight[:, au] *= factor
        for mean in (self.motion, self.shade):
            if mean is not None:
                mean.maps[au] *= factor

    def scale_attention(self, gain: float, offset: float) -> None:
        scale_output(self.maps_head, 2, gain, offset)

    def for_editing(self, turns: bool = False) -> LightDFTNet:
        """The same network without its inputs for nuisance, or with requests in their place: yaw to the person's left is AU51, to
        the right AU52, pitch up AU53, down AU54, `TURNED` at 1."""
        config = self.config
        if turns and config.nuisance != 2:
            return super().for_editing(turns)  # type: ignore[return-value]
        if not config.nuisance:
            return self
        k = config.au_count
        small = replace(config, nuisance=0, turns=turns, au_count=k + len(TURNS) * turns)

        def picked(columns: Tensor, along: int) -> Tensor:
            units, yaw, pitch = (columns.narrow(along, start, size) for start, size in ((0, k), (k, 1), (k + 1, 1)))
            turned = [TURNED * part for part in (yaw, -yaw, -pitch, pitch)]
            return torch.cat([units, *turned], along) if turns else units

        return self._with_inputs(small, picked)

    def _for_training(self) -> LightDFTNet:
        """A network with `units.TURNS` as it was before `for_editing`."""
        k = self.config.au_count - len(TURNS)

        def picked(columns: Tensor, along: int) -> Tensor:
            units, yaw, pitch = (columns.narrow(along, start, size) for start, size in ((0, k), (k, 1), (k + 3, 1)))
            return torch.cat([units, yaw / TURNED, pitch / TURNED], along)

        return self._with_inputs(replace(self.config, nuisance=2, turns=False, au_count=k), picked)

    @torch.no_grad()
    def _with_inputs(self, config: LightConfig, picked: Callable[[Tensor, int], Tensor]) -> LightDFTNet:
        """The same network with another condition: `picked` of the weights that see it, along a dimension."""
        other, state = LightDFTNet(config), deepcopy(self.state_dict())
        channels = config.channels[-1]
        join = state["join.weight"]
        state["join.weight"] = torch.cat([join[:, :channels], picked(join[:, channels:], 1)], 1)
        for name in [n for n in state if n.endswith("modulation.weight")]:
            state[name] = picked(state[name], 1)
        for name in {"motion.maps", "shade.maps"} & state.keys():
            state[name] = picked(state[name], 0)
        other.load_state_dict(state)
        return other.to(self.join.weight.device)

    @torch.no_grad()
    def begin_from(self, trained: Generator) -> None:
        if isinstance(trained, LightDFTNet) and trained.config.turns and not self.config.turns:
            trained = trained._for_training()
            trained = trained if self.config.nuisance else trained.for_editing()
        if (
            not isinstance(trained, LightDFTNet)
            or replace(trained.config, nuisance=self.config.nuisance) != self.config
        ):
            raise RequestError(another_architecture(trained.config, self.config))
        own = self.state_dict()
        for name, value in trained.state_dict().items():
            if own[name].shape != value.shape:  # inputs for nuisance, which start at nothing
                own[name].zero_()
                own[name][tuple(slice(0, n) for n in value.shape)] = value
            else:
                own[name].copy_(value)

    def asked(self, condition: Tensor) -> Tensor:
        """How much of an edit is carried out, [b, K] → [b, 1, 1, 1]: 0 where nothing is asked for, 1 from ASKED on."""
        return (condition.float().abs().sum(1) / ASKED).clamp(max=1)[:, None, None, None]

    def encode(self, image: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Eq. 1, c = E(X_s, y_t): the code, and the features skipped to T at h/4 and h/8."""
        if image.shape[2] % self.config.stride or image.shape[3] % self.config.stride:
            raise RequestError(
                f"image is {image.shape[3]} × {image.shape[2]}; this generator takes sizes that are multiples of 8"
            )
        x = F.relu(self.stem(image))
        x4 = F.relu(self.down4(x))
        x8 = F.relu(self.down8(x4))
        if self.constants is None:
            code = F.relu(self.join(torch.cat([x8, planes(condition, x8).to(x8.dtype)], 1)))
        else:
            code = F.relu(self.join(x8) + self.constants(condition, x8))
        for block in self.blocks:
            code = block(code, condition)
        return F.relu(code), [x4, x8]

    def cells(self, code: Tensor, condition: Tensor) -> Tensor:
        """Eq. 2, Φ and A = F(c) at half the size: [b, 3, h/2, w/2], Φ in pixels of the image, A in [0, 1]."""
        x = double(F.relu(self.flow8(code)))
        x = double(F.relu(self.flow4(x)))
        maps = self.maps_head(F.relu(self.flow2(x))).float()
        asked = self.asked(condition)
        size = 2 * maps.shape[-1]
        bound, flow = self.config.max_flow * size, maps[:, :2]
        if self.motion is not None:
            mean = self.motion(condition)
            if mean.shape[-1] != maps.shape[-1]:
                mean = F.interpolate(mean, size=maps.shape[2:], mode="bilinear", align_corners=False)
            flow = flow + mean * (size / 128)
        flow = asked * bound * torch.tanh(flow / bound)
        return torch.cat([flow, 1 - asked * torch.sigmoid(-maps[:, 2:])], 1)

    def texture(self, code: Tensor, features: list[Tensor], edit: tuple[Tensor, Tensor, Tensor, Tensor]) -> Painted:
        """Eq. 4, B = T(c); edit is (Φ, A, X_a), and Φ and A at half the size."""
        flow, attention, aligned, cells = edit
        if self.paints is not None:
            return self.paints(code, cells, aligned)
        warped = [_warped(f, F.avg_pool2d(flow, r) / r) for f, r in zip(features, (4, 8), strict=True)]
        x = double(F.relu(self.texture8(torch.cat([code, warped[1]], 1))))
        x = double(F.relu(self.texture4(torch.cat([x, warped[0]], 1))))
        again = F.relu(self.again(aligned))
        half = torch.cat([x, again], 1)
        x = F.relu(self.texture2a(half))
        x = double(F.relu(self.texture2(x)))
        x = F.relu(self.texture1(torch.cat([x, aligned.to(x.dtype), attention.to(x.dtype)], 1)))
        return Painted(torch.tanh(self.colour(x).float()), torch.cat([half, as_features(cells, half)], 1))

    def _found(self, half: Tensor) -> dict[str, Tensor]:
        """The maps of the parts that are drawn or moved by themselves, by the names of `faces.drawn.PARTS`."""
        heads = self._of_eyes()
        maps = [head(half) for head in heads.values()] if self.together is None else self.together(half)
        found = dict(zip(heads, maps, strict=True))
        return found if self.mouth is None else found | {"mouth": self.mouth(half)}

    def _of_eyes(self) -> dict[str, Head]:
        """The heads of the window of the eyes."""
        heads = {"eyes": self.eyes, "lids": self.lids, "globes": self.globes}
        return {name: head for name, head in heads.items() if head is not None}

    @torch.no_grad()
    def for_running(self) -> LightDFTNet:
        other = deepcopy(self)
        for owner, name in ((other, "stem"), (other if other.paints is None else other.paints, "again")):
            layer = getattr(owner, name)
            if isinstance(layer, OfPixels):
                setattr(owner, name, layer.of_all())
        heads = list(self._of_eyes().values())
        other.together = HeadsTogether(heads) if len(heads) > 1 else None
        other.join, other.constants = OfConstants.parted(self.join, self.config.channels[-1])
        return other.to(self.join.weight.device).eval()

    def forward(self, image: Tensor, condition: Tensor, warp_only: bool = False) -> Edit:
        """image [b, 3, h, w] in [-1, 1], condition [b, K + nuisance] or [b, K] → Edit, with "cells", Φ and A at half the size.
        `warp_only` skips T: the edit is the aligned image, A = 1."""
        missing = self.config.au_count + self.config.nuisance - condition.shape[1]
        if missing:
            condition = F.pad(condition, (0, missing))
        code, features = self.encode(image, condition)
        cells = self.cells(code, condition)  # Eq. 2
        maps = resize_flow(cells, 2)
        flow, attention = maps[:, :2], maps[:, 2:]
        aligned = warp(image, flow)  # Eq. 3
        parts = {"flow": flow, "attention": attention, "texture": aligned, "aligned": aligned, "cells": cells}
        if warp_only:
            return Edit(aligned, parts | {"attention": torch.ones_like(attention)})
        texture, half = self.texture(code, features, (flow, attention, aligned, cells))  # Eq. 4
        asked, found = self.asked(condition), self._found(half)
        if self.shade is not None:
            found["shade"] = self.shade(condition, int(image.shape[-1]))
            aligned = ((1 + aligned) * found["shade"] - 1).clamp(max=1)
        if "globes" in found:
            aligned, attention = stayed(image, (aligned, attention), found["globes"].detach(), asked)
        for name, part in zip(PAINTED, (self.mouth, self.eyes), strict=True):
            if part is not None:
                attention, texture, where = filled((attention, texture), part, found[name].detach(), asked)
                parts["drawn"] = parts.get("drawn", 0) + where
        if "lids" in found:
            (aligned, attention), light = covered(image, (aligned, attention), found["lids"].detach(), asked)
            found["lids"] = torch.cat([found["lids"], light], 1)
        parts |= found | {"attention": attention, "aligned": aligned}
        return Edit(compose(attention, texture, aligned), parts | {"texture": texture})  # Eq. 5
