"""The frozen teachers: what a network, a face mesh or any other fixed knowledge of faces says of an edit.

A new teacher is one class here, its line in TEACHERS, its weights in `LossWeights` and a field of its name in `TrainConfig`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.errors import ModelError
from dftnet.inference.directory import find_model
from dftnet.networks import Edit
from dftnet.networks.layers import channels_last
from dftnet.training.batches import Batch
from dftnet.training.config import TrainConfig
from dftnet.training.export import load_estimator
from dftnet.training.loss_weights import given_by
from dftnet.training.losses import condition
from dftnet.training.mesh_teacher import MeshTeacher
from dftnet.training.teacher import FrozenTeacher
from dftnet.units import known_to, levels_as


class Guide(FrozenTeacher):
    """Eq. 7 by a frozen AU estimator in place of D_C; it must not be the judge of the result."""

    NAME = "guide"

    def __init__(self, estimator: nn.Module) -> None:
        """estimator: images [b, 3, h, w] in [-1, 1] → AUs [b, K]"""
        self.estimator = estimator

    @classmethod
    def build(cls, config: TrainConfig, names: tuple[str, ...], device: torch.device) -> Guide:
        directory = find_model(None if config.guide == "shipped" else config.guide, "estimator")
        estimator = load_estimator(directory)
        reads = estimator.config.au_names
        if known_to(reads, names) != tuple(names):
            raise ModelError(
                f"the guide {directory} reads the AUs {', '.join(estimator.config.au_names)}, the training set has "
                f"{', '.join(names)}; train without it: --set guide= --set weights.guide=0 --set weights.guide_aligned=0 "
                "--set phases.warp.weights={}"
            )
        frozen = channels_last(estimator.to(device).requires_grad_(False))
        return cls(nn.Sequential(Resized(estimator.config.size), frozen, AsUnits(reads, names).to(device)))

    def terms(self, edit: Edit, batch: Batch, wanted: Collection[str]) -> dict[str, Tensor]:
        images = {"guide": edit.image, "guide_aligned": edit.parts["aligned"]}
        return {
            name: condition(self.estimator(images[name]).float(), batch.target) for name in images if name in wanted
        }


class AsUnits(nn.Module):
    """Levels [b, K] of the units that a reader knows → [b, len(wanted)]: `levels_as`, with a gradient."""

    shares: Tensor

    def __init__(self, names: Sequence[str], wanted: Sequence[str]) -> None:
        super().__init__()
        shares = levels_as(np.eye(len(names), dtype=np.float32), names, wanted)
        self.register_buffer("shares", torch.from_numpy(shares), persistent=False)

    def forward(self, levels: Tensor) -> Tensor:
        return levels.float() @ self.shares


class Resized(nn.Module):
    """Images [b, 3, h, w] → [b, 3, size, size], for an estimator of another size than the generator's; of one size, the same."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] == (self.size, self.size):
            return x
        return F.interpolate(x, size=(self.size, self.size), mode="bicubic", align_corners=False, antialias=True)


TEACHERS: dict[str, type[FrozenTeacher]] = {"guide": Guide, "mesh": MeshTeacher}
"""name → class; `loss_weights.TEACHERS` has the same names"""


def build_teachers(config: TrainConfig, names: tuple[str, ...], device: torch.device) -> list[FrozenTeacher]:
    """The teachers that have a say in any phase."""
    wanted = {loss for phase in config.phases if phase.images for loss in config.generator_weights(phase)}
    return [
        teacher.build(config, names, device)
        for name, teacher in TEACHERS.items()
        if wanted.intersection(given_by(name))
    ]
