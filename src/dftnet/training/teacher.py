"""What teaches a generator: someone who says of an edit what it loses, frozen or learning beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dftnet.networks import Edit
from dftnet.training.batches import Batch
from dftnet.training.config import TrainConfig
from dftnet.training.loss_weights import LossWeights, given_by


class Teacher(ABC):
    """Gives losses; those that carry its name in `loss_weights`."""

    NAME: ClassVar[str]

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of all losses that it can give."""
        return given_by(self.NAME)

    @abstractmethod
    def terms(self, edit: Edit, batch: Batch, wanted: Collection[str]) -> dict[str, Tensor]:
        """The wanted losses of an edit, unweighted, each a scalar: a mean over the whole batch."""


class FrozenTeacher(Teacher):
    """A teacher that knows before training begins what it knows."""

    @classmethod
    @abstractmethod
    def build(cls, config: TrainConfig, names: tuple[str, ...], device: torch.device) -> FrozenTeacher:
        """From the configuration and the K units that are trained; raises ModelError where they do not go together."""


class LearningTeacher(Teacher):
    """A teacher with a network and an optimiser of its own."""

    network: nn.Module
    adam: torch.optim.Optimizer
    base_rate: float
    """Its learning rate where the schedule is at 1"""

    @abstractmethod
    def own_terms(
        self, batch: Batch, fake: Tensor, weights: LossWeights, *, index: int, share: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """What it minimises itself: losses, unweighted, and their λ.

        fake [b, 3, h, w]: the edit, detached. index: of the step in its phase. share [b] in [0, 1], random.
        """

    def state(self) -> dict[str, Any]:
        """Everything to go on from."""
        return {self.NAME: self.network.state_dict(), f"{self.NAME}_adam": self.adam.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.network.load_state_dict(state[self.NAME])
        self.adam.load_state_dict(state[f"{self.NAME}_adam"])
