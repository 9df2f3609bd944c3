"""The critics: teachers that learn beside the generator, telling real images from edits.

A new critic is one class here, its name in `loss_weights.LEARNING`, and its weights in `LossWeights`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from dftnet.networks import Critic, Edit
from dftnet.networks.layers import channels_last
from dftnet.training.batches import Batch
from dftnet.training.config import TrainConfig
from dftnet.training.local_critics import LocalTeacher
from dftnet.training.loss_weights import LossWeights, given_by
from dftnet.training.losses import (
    condition,
    critic_adversarial,
    drift,
    generator_adversarial,
    gradient_penalty,
    pair_features,
)
from dftnet.training.teacher import LearningTeacher
from dftnet.units import mirror_order


class PaperCritic(LearningTeacher):
    """D of section 2.2: Eq. 6 and Eq. 7."""

    NAME = "critic"
    network: Critic

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.penalty_every, self.base_rate = config.penalty_every, config.learning_rate
        self.network = channels_last(Critic(config.critic).to(device))
        self.adam = torch.optim.Adam(self.network.parameters(), config.learning_rate, config.betas)

    def terms(self, edit: Edit, batch: Batch, wanted: Collection[str]) -> dict[str, Tensor]:
        """Its halves of Eqs. 6 and 7, the same on X_a, and its features on pairs."""
        critic = self.network
        realness, aus = critic(edit.image)
        terms = {"adversarial": generator_adversarial(realness), "condition": condition(aus, batch.target)}
        if "condition_aligned" in wanted or "adversarial_aligned" in wanted:
            realness_aligned, aus_aligned = critic(edit.parts["aligned"])
            terms["condition_aligned"] = condition(aus_aligned, batch.target)
            terms["adversarial_aligned"] = generator_adversarial(realness_aligned)
        if "pair_features" in wanted:
            terms["pair_features"] = pair_features(critic, edit.image, batch.true, batch.paired)
        return {name: terms[name] for name in wanted}

    def own_terms(
        self, batch: Batch, fake: Tensor, weights: LossWeights, *, index: int, share: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """L_D of section 2.3; the penalty on every so-manieth step, with so many times its weight."""
        lambdas = weights.critic(index % self.penalty_every == 0)
        if "gradient_penalty" in lambdas:
            lambdas["gradient_penalty"] *= self.penalty_every
        return critic_terms(self.network, batch, fake, lambdas, share), lambdas


def critic_terms(
    critic: Critic, batch: Batch, fake: Tensor, weights: Mapping[str, float], share: Tensor
) -> dict[str, Tensor]:
    """L_D of section 2.3: Eq. 6 and the real half of Eq. 7, unweighted; `fake` is the edit, `share` [b] mixes Eq. 6's X̃."""
    realness_real, aus_real = critic(batch.image)
    realness_fake, _ = critic(fake.detach())
    terms = {
        "adversarial": critic_adversarial(realness_fake, realness_real),
        "condition": condition(aus_real, batch.aus),
        "drift": drift(realness_real),
    }
    if "gradient_penalty" in weights:
        terms["gradient_penalty"] = gradient_penalty(critic, batch.image, fake, share)
    return {name: terms[name] for name in weights}


def build_critics(config: TrainConfig, names: Sequence[str], device: torch.device) -> list[LearningTeacher]:
    """The critics of a training of the K units `names`, untrained: D, and the small ones where they have a weight."""
    critics: list[LearningTeacher] = [PaperCritic(config, device)]
    wanted = {loss for phase in config.phases if phase.images for loss in config.generator_weights(phase)}
    if wanted.intersection(given_by(LocalTeacher.NAME)):
        critics.append(LocalTeacher(torch.from_numpy(mirror_order(names)), device))
    return critics
