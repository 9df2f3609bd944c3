"""What every generator is: image and condition in, an Edit out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from dftnet.aus import CONDITIONINGS
from dftnet.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """What every generator's architecture tells."""

    warps: ClassVar[bool] = False
    """Whether it moves pixels: its edits have a "flow", and its warp can be trained alone."""
    kind: str
    """Registry name of the architecture."""
    au_count: int = 17
    """K, the number of Action Units."""
    conditioning: str = "target"
    """What the network sees: "target" AUs (the paper) or their "difference" from the source's."""

    def __post_init__(self) -> None:
        if self.conditioning not in CONDITIONINGS:
            raise RequestError(f"conditioning is {self.conditioning!r}; choose one of {', '.join(CONDITIONINGS)}")


class Edit(NamedTuple):
    """What a generator returns; images in [-1, 1]."""

    image: Tensor
    """X̂_t [b, 3, h, w], Eq. 5"""
    parts: dict[str, Tensor]
    """"attention" A [b, 1, h, w] in [0, 1] (1 takes the aligned source), "texture" B and "aligned" X_a [b, 3, h, w]; "flow" Φ
    [b, 2, h, w] in pixels where the generator has one; "cells" [b, 3, h/2, w/2], Φ and A before they are enlarged, where it makes
    them so; "mouth" and "eyes" [b, 7, …], the maps of what is drawn in their windows, and "drawn" [b, 1, h, w] in [0, 1], where,
    where it draws them (faces/drawn.py); "lids" [b, 6, …] and "globes" [b, 8, …], those of lids that come down or rise
    (faces/lid.py) and of the eyes between them (faces/globe.py), which "aligned" shows and "flow" does not; "shade" [b, 1, h, w],
    the ratio that "aligned" is shaded by (faces/shade.py)"""


class Generator(nn.Module, ABC):
    """G of Fig. 1: X̂_t = G(X_s | y_t)."""

    config: GeneratorConfig

    def condition(self, source_aus: Tensor, target_aus: Tensor, nuisance: Tensor | None = None) -> Tensor:
        """The vector [b, K] that `forward` takes: y_t itself, or y_t - y_s where the configuration says "difference".

        nuisance [b, N]: what else differs between the frames of a pair, for generators that are told; then [b, K + N].
        """
        asked = target_aus - source_aus if self.config.conditioning == "difference" else target_aus
        return asked if nuisance is None else torch.cat([asked, nuisance], 1)

    def for_running(self) -> Generator:
        """The same network with less to run, for a graph; no more for training, nor for its own files."""
        return self

    @abstractmethod
    def scale_condition(self, au: int, factor: float) -> None:
        """Multiply the au-th entry of the condition by `factor`, folded into the weights that see it."""

    @abstractmethod
    def scale_attention(self, gain: float, offset: float) -> None:
        """The logit of A → gain · logit + offset, folded into the layer that gives it."""

    def for_editing(self, turns: bool = False) -> Generator:
        """The generator without what only training needs; `turns`: with `units.TURNS` after its units, where it learnt what a turn
        of the head does. RequestError where it did not."""
        if turns:
            raise RequestError("this generator has not learnt what a turn of the head does: leave out --turns-head")
        return self

    def begin_from(self, trained: Generator) -> None:
        """Take over the weights of a generator of the same architecture, which may lack what only training needs.

        Raises RequestError for another architecture.
        """
        if trained.config != self.config:
            raise RequestError(another_architecture(trained.config, self.config))
        self.load_state_dict(trained.state_dict())

    @abstractmethod
    def forward(self, image: Tensor, condition: Tensor, warp_only: bool = False) -> Edit:
        """image [b, 3, h, w] in [-1, 1], condition [b, K] → Edit; `warp_only` asks for the aligned image alone (A = 1)."""


def another_architecture(theirs: GeneratorConfig, ours: GeneratorConfig) -> str:
    """In words: which fields of their configuration differ from ours."""
    found, wanted = asdict(theirs), asdict(ours)
    other = [f"{k}={found.get(k)}" for k in found | wanted if found.get(k) != wanted.get(k)]
    return f"it has another architecture ({', '.join(other)})"


def compose(attention: Tensor, texture: Tensor, aligned: Tensor) -> Tensor:
    """Eq. 5: X̂_t = (1 - A)·B + A·X_a, [b, 1, h, w], [b, 3, h, w], [b, 3, h, w] → [b, 3, h, w]."""
    return (1 - attention) * texture + attention * aligned
