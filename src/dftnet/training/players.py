"""The players of a training: G with its average, and the critics, each with an optimiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from dftnet.errors import RequestError
from dftnet.inference.directory import find_model
from dftnet.networks import Critic, Generator, build_generator
from dftnet.networks.layers import channels_last
from dftnet.training.averaging import follow
from dftnet.training.config import TrainConfig
from dftnet.training.critics import PaperCritic, build_critics
from dftnet.training.export import load_generator
from dftnet.training.teacher import LearningTeacher


@dataclass
class Players:
    """What a training state holds."""

    generator: Generator
    average: Generator
    generator_adam: torch.optim.Adam
    critics: list[LearningTeacher]

    @classmethod
    def build(cls, config: TrainConfig, names: Sequence[str], device: torch.device, *, begin: bool = True) -> Players:
        """Untrained, the same on every process: the seed decides. Without `begin`, for a state to be loaded, the model that a run
        began with is not looked for."""
        torch.manual_seed(config.seed)
        generator = build_generator(config.generator)
        if config.init and begin:
            start = load_generator(find_model(config.init, "generator"))
            try:
                generator.begin_from(start)
            except RequestError as error:
                raise RequestError(
                    f"{config.init}: {error}; train with that one (--set generator.NAME=…), or without --init"
                ) from None
        generator = channels_last(generator.to(device))
        critics = build_critics(config, names, device)
        average = deepcopy(generator).requires_grad_(False)
        adam = torch.optim.Adam(generator.parameters(), config.learning_rate, config.betas)
        return cls(generator, average, adam, critics)

    @property
    def critic(self) -> Critic:
        """D of section 2.2."""
        return next(critic.network for critic in self.critics if isinstance(critic, PaperCritic))

    def state(self) -> dict[str, Any]:
        """Everything to go on from."""
        own = {name: getattr(self, name).state_dict() for name in ("generator", "average", "generator_adam")}
        return own | {name: part for critic in self.critics for name, part in critic.state().items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        for name in ("generator", "average", "generator_adam"):
            getattr(self, name).load_state_dict(state[name])
        for critic in self.critics:
            critic.load(state)

    def update_average(self, config: TrainConfig, images_seen: int) -> None:
        """The average's half-life is shorter at the start."""
        half_life = min(config.ema_images, 0.05 * images_seen + config.batch)
        follow(self.average, self.generator, 0.5 ** (config.batch / max(half_life, 1e-9)))
