"""Small critics that look closely where paint is needed: one at the mouth, one at each eye (the left one mirrored).

    symbol  name      shape                        what
    X       image     [b, 3, h, w]                 an aligned face, real or edited
    y       levels    [b, K]                       what it shows, or what was asked for
    M       realness  [b, 1, rows, columns]        patch scores; hinge losses

A critic is told the levels, as planes beside its features: a mouth asked to open has to be an open mouth. So it is shown edits
that have a true picture alone: of levels that no face has (AU26 without AU25) it would paint what it likes. Spectral
normalisation bounds it, so that no gradient penalty is needed.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dftnet.networks import Edit
from dftnet.networks.layers import channels_last, planes
from dftnet.training.batches import Batch
from dftnet.training.loss_weights import LossWeights
from dftnet.training.teacher import LearningTeacher
from dftnet.training.terms import as_criticised

Window = tuple[float, float, float, float]
MOUTH: Window = (0.25, 0.59, 0.75, 0.97)
RIGHT_EYE: Window = (0.14, 0.25, 0.45, 0.50)
"""Windows as shares of the crop: left, top, right, bottom. The left eye's is the mirror image of the right one's"""
RATE = 4e-4
"""Learning rate of the small critics"""


def window(image: Tensor, box: Window) -> Tensor:
    """The window of images [b, c, h, w], its sides multiples of 8 pixels."""
    size = image.shape[-1]
    left, top = round(box[0] * size), round(box[1] * size)
    width, height = (max(8, round((b - a) * size) // 8 * 8) for a, b in ((box[0], box[2]), (box[1], box[3])))
    return image[:, :, top : top + height, left : left + width]


def eyes(image: Tensor) -> Tensor:
    """Both eyes' windows of images [b, c, h, w] as [2b, c, rows, columns], the left ones mirrored."""
    return torch.cat([window(image, RIGHT_EYE), window(image.flip(3), RIGHT_EYE)])


class LocalCritic(nn.Module):
    """[Conv4 s2 p1, LeakyReLU 0.2] × 3, the levels joined after the second, and a Conv3 map."""

    def __init__(self, levels: int, width: int = 32) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(3, width, 4, 2, 1))
        self.second = spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1))
        self.third = spectral_norm(nn.Conv2d(2 * width + levels, 4 * width, 4, 2, 1))
        self.map = spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1))

    def forward(self, image: Tensor, levels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Windows [b, 3, rows, columns] in [-1, 1], levels [b, K] → realness [b, 1, rows/8, columns/8], float32, and the
        activations after each layer, largest first."""
        first = F.leaky_relu(self.first(image), 0.2)
        second = F.leaky_relu(self.second(first), 0.2)
        joined = torch.cat([second, planes(levels, second).to(second.dtype)], 1)
        third = F.leaky_relu(self.third(joined), 0.2)
        return self.map(third).float(), [first, second, third]


class MouthAndEyes(nn.Module):
    """The critics of mouth and eyes together."""

    swap: Tensor

    def __init__(self, levels: int, swap: Tensor, width: int = 32) -> None:
        """swap int64 [K]: the order that mirrors levels."""
        super().__init__()
        self.mouth, self.eye = LocalCritic(levels, width), LocalCritic(levels, width)
        self.register_buffer("swap", swap, persistent=False)

    def forward(self, image: Tensor, levels: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """What the critic of the mouth and that of the eyes say of images [b, 3, h, w] with levels [b, K]."""
        both = torch.cat([levels, levels[:, self.swap]])
        return [self.mouth(window(image, MOUTH), levels), self.eye(eyes(image), both)]


class LocalTeacher(LearningTeacher):
    """The small critics as a teacher: hinge losses, and feature matching on pairs."""

    NAME = "local"
    network: MouthAndEyes

    def __init__(self, swap: Tensor, device: torch.device) -> None:
        self.base_rate = RATE
        self.network = channels_last(MouthAndEyes(len(swap), swap).to(device))
        self.adam = torch.optim.Adam(self.network.parameters(), RATE, (0.5, 0.99))

    def terms(self, edit: Edit, batch: Batch, wanted: Collection[str]) -> dict[str, Tensor]:
        self.network.eval()
        looks = self.network(as_criticised(edit, batch), batch.target)
        terms = {"local": torch.stack([-_mean_of(realness, batch) for realness, _ in looks]).mean()}
        if "local_features" in wanted:
            terms["local_features"] = self._features(looks, batch)
        return {name: terms[name] for name in wanted}

    def _features(self, looks: list[tuple[Tensor, list[Tensor]]], batch: Batch) -> Tensor:
        """L1 of the features against the true frame's on pairs, each divided by its mean magnitude; a mean over the batch."""
        with torch.no_grad():
            wanted = self.network(batch.true, batch.target)
        found = []
        for (_, got), (_, goal) in zip(looks, wanted, strict=True):
            of = batch.paired.repeat(len(got[0]) // len(batch.paired))[:, None, None, None]
            found += [
                (of * (g.float() - w.float()).abs() / (w.float().abs().mean() + 1e-3)).mean()
                for g, w in zip(got, goal, strict=True)
            ]
        return torch.stack(found).mean()

    def own_terms(
        self, batch: Batch, fake: Tensor, weights: LossWeights, *, index: int, share: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """E[max(0, 1 - M(X, y))] + E[max(0, 1 + M(X̂, y_t))], a mean over the critics of mouth and eyes."""
        self.network.train()
        shown = torch.where(batch.paired[:, None] > 0, batch.target, batch.aus)
        looks = self.network(torch.cat([batch.true, fake]), torch.cat([shown, batch.target]))
        terms = []
        for realness, _ in looks:
            # the eye's rows are right eyes of real and edited faces, then the left ones
            real, edited = (
                torch.cat(p) for p in zip(*(r.chunk(2) for r in realness.split(2 * len(fake))), strict=True)
            )
            terms.append(F.relu(1 - real).mean() + _mean_of(F.relu(1 + edited), batch))
        return {"hinge": torch.stack(terms).mean()}, {"hinge": 1.0}


def _mean_of(values: Tensor, batch: Batch) -> Tensor:
    """Mean of [k · b, …] over the edits of a batch that have a true picture, over all where none has."""
    of = torch.where(batch.paired.sum() > 0, batch.paired, torch.ones_like(batch.paired))
    of = of.repeat(len(values) // len(of))
    return (values.flatten(1).mean(1) * of).sum() / of.sum()
