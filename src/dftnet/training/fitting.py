"""A training configuration brought to a data set: what cannot be done with these faces is left out, and told."""

from __future__ import annotations

from dataclasses import replace

from dftnet.data.dataset import FaceData
from dftnet.errors import DatasetError
from dftnet.training.batches import has_pairs
from dftnet.training.config import Phase, TrainConfig
from dftnet.training.loss_weights import PAIR_LOSSES


def fitted(config: TrainConfig, data: FaceData) -> tuple[TrainConfig, list[str]]:
    """The configuration that these faces can be trained with, and a line for everything that differs.

    The same faces give the same configuration again, also from what was fitted before.
    """
    if not config.pair_share or has_pairs(data):
        return config, []
    weights = replace(config.weights, **dict.fromkeys(PAIR_LOSSES, 0.0))
    taught = [phase.critic or config.taught(phase) for phase in config.phases]
    spare = sum(phase.images for phase, kept in zip(config.phases, taught, strict=True) if not kept)
    phases = [_without_pairs(phase) for phase, kept in zip(config.phases, taught, strict=True) if kept]
    left_out = [phase.name for phase, kept in zip(config.phases, taught, strict=True) if not kept and phase.images]
    if not phases:
        raise DatasetError(
            f"{data.path} has no person with two photos, and this training learns from pairs alone; prepare with a subject column, "
            "or train with a guide"
        )
    if spare:
        phases[-1] = replace(phases[-1], images=phases[-1].images + spare)
    words = (
        "no person has two photos here, so training goes on without pairs (prepare with a subject column to have them)"
    )
    if left_out:
        words += f", and without the phase{'s'[: len(left_out) > 1]} {' and '.join(left_out)}"
    return replace(config, weights=weights, pair_share=0.0, phases=tuple(phases)), [words]


def _without_pairs(phase: Phase) -> Phase:
    return replace(phase, weights={name: value for name, value in phase.weights.items() if name not in PAIR_LOSSES})
