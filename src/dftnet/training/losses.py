"""The losses of section 2.3, one function an equation, and what "stable" adds.

Every loss is a mean per element, without weight, batch size or resolution inside; `LossWeights` holds the weights and
`weighted_sum` multiplies once. A loss that concerns only some images of a batch takes `of` [b] in {0, 1} and still divides by
the whole batch, so that two processes with half a batch each average to one process with the whole.

    paper symbol   name
    X_s, X̂_t       image, edit.image
    y_s, y_t       aus, target
    D_A, D_C       critic(x)[0], critic(x)[1]
    λ              LossWeights
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.faces.template import FACE, MOVING, Oval
from dftnet.networks import Critic, Edit, Generator

WARP_PHASE = ("pair_aligned", "guide_aligned", "identity", "total_variation")
"""The losses that need no critic and no texture: those of the first phase of "stable\""""


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """λ of each loss. A weight of 0 switches the loss off; the defaults are the paper's (section 3.1, docs/paper.md)."""

    adversarial: float = 1.0
    """λ_adv of Eq. 6, both players."""
    gradient_penalty: float = 10.0
    """λ_gp of Eq. 6, critic."""
    drift: float = 0.0
    """Keeps D_A of real images near 0, critic: Eq. 6 leaves its level free, and it wanders off."""
    condition: float = 160.0
    """λ_cond of Eq. 7: 4000 at GANimation's batch of 25, on a mean over images and AUs."""
    reconstruction: float = 10.0
    """λ_cyc, the weight of L_rec, Eq. 8."""
    total_variation: float = 0.0001 * 128 * 128
    """λ_tv of Eq. 9: 0.0001 on the sum over 128 × 128 positions is this on their mean; Φ in pixels."""
    attention: float = 1.0
    """λ_att of Eq. 10: pulls the mean of A up."""
    attention_hinge: float = 0.0
    """Pulls the mean of A up to `attention_target` and no further, in place of `attention`."""
    identity: float = 0.0
    """L1 of G(x | y_s) against x: nothing asked, nothing changed."""
    condition_aligned: float = 0.0
    """Eq. 7 on the aligned image X_a alone, so that the warp must carry the geometry itself."""
    adversarial_aligned: float = 0.0
    """The generator's part of Eq. 6 on the aligned image alone: a warp that tears the face is seen."""
    guide: float = 0.0
    """Eq. 7 on the edit with a frozen AU estimator in place of D_C."""
    guide_aligned: float = 0.0
    """The same on the aligned image alone, paired or not, from the first step on."""
    pair: float = 0.0
    """Frames of one person: the edit of frame a with frame b's AUs against frame b."""
    pair_aligned: float = 0.0
    """The same for the aligned image alone."""
    pair_texture: float = 0.0
    """The same for the texture alone: without it B may be any exaggeration that a light touch of it mends X_a with."""
    pair_features: float = 0.0
    """The same in the critic's features (feature matching)."""
    paint: float = 0.0
    """L1 of the edit against the aligned image: only paint that pays is painted. Without it rare AUs, which no pair teaches,
    are painted as the ink lines that please an estimator."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value >= 0:
                raise ValueError(f"the weight {name} is {value}; give a number of 0 or more")

    def critic(self, penalty: bool) -> dict[str, float]:
        """The critic's weights; without the penalty's on the steps that skip it."""
        names = ["adversarial", "condition", "drift"] + (["gradient_penalty"] if penalty else [])
        return self._positive(names)

    def generator(self) -> dict[str, float]:
        """The generator's weights: all but the critic's penalty and drift."""
        return self._positive([n for n in asdict(self) if n not in ("gradient_penalty", "drift")])

    def paint_phase(self) -> dict[str, float]:
        """The generator's weights while both paths train but no critic does."""
        critics = ("adversarial", "condition", "adversarial_aligned", "condition_aligned", "pair_features")
        return {name: value for name, value in self.generator().items() if name not in critics}

    def warp_phase(self) -> dict[str, float]:
        """The generator's weights while only the warp trains and no critic exists."""
        return self._positive(list(WARP_PHASE))

    def _positive(self, names: list[str]) -> dict[str, float]:
        values = asdict(self)
        return {n: values[n] for n in names if values[n] > 0}


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Σ λ·term, a scalar; raises where the two sets of names differ, so that no loss is forgotten or weighted by mistake."""
    if terms.keys() != weights.keys():
        raise ValueError(f"losses {sorted(terms)} do not match the weights {sorted(weights)}")
    return torch.stack([weights[name] * terms[name] for name in terms]).sum()


def per_image(values: Tensor, of: Tensor | None = None) -> Tensor:
    """Mean over everything of [b, …]; with `of` [b], images with 0 count as zeros."""
    means = values.flatten(1).mean(1)
    return means.mean() if of is None else (means * of).mean()


# Eq. 6


def critic_adversarial(realness_fake: Tensor, realness_real: Tensor) -> Tensor:
    """Eq. 6, first line, which the critic minimises: E[D_A(X̂) - D_A(X)]; patch maps [b, 1, m, m]."""
    return realness_fake.mean() - realness_real.mean()


def generator_adversarial(realness_fake: Tensor) -> Tensor:
    """Eq. 6 as the generator sees it: -E[D_A(X̂)]; [b, 1, m, m]."""
    return -realness_fake.mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Eq. 6, second line: E[(‖∇ D_A(X̃)‖₂ - 1)²], X̃ = share·real + (1 - share)·fake.

    real, fake [b, 3, h, w]; share [b] in [0, 1], drawn by the caller. The norm is over all pixels of an image, D_A averaged over
    its patches. Differentiable: the critic's step includes it.
    """
    mixed = share[:, None, None, None] * real.detach() + (1 - share[:, None, None, None]) * fake.detach()
    mixed.requires_grad_(True)
    realness = critic(mixed)[0].flatten(1).mean(1).sum()
    (gradient,) = torch.autograd.grad(realness, mixed, create_graph=True)
    norm = gradient.float().flatten(1).norm(dim=1)
    return ((norm - 1) ** 2).mean()


def drift(realness_real: Tensor) -> Tensor:
    """E[D_A(X)²] (Karras et al. 2018, appendix A.1); [b, 1, m, m]."""
    return realness_real.square().mean()


# Eq. 7 to 10


def condition(estimated: Tensor, wanted: Tensor) -> Tensor:
    """Eq. 7, one of its halves: E‖D_C(X) - y‖², mean over [b, K]. The critic uses it on real images with y_s, the generator on
    edits with y_t."""
    return F.mse_loss(estimated, wanted)


def reconstruction(cycled: Tensor, image: Tensor) -> Tensor:
    """Eq. 8: E‖X_s - G(G(X_s|y_t)|y_s)‖₁, mean over [b, 3, h, w]."""
    return F.l1_loss(cycled, image)


def total_variation(flow: Tensor) -> Tensor:
    """Eq. 9: squared forward differences of Φ [b, 2, h, w], summed over the two directions and the two components, mean over
    positions. Φ in pixels makes it independent of the resolution."""
    dy = (flow[:, :, 1:, :] - flow[:, :, :-1, :]).square().sum(1).mean()
    dx = (flow[:, :, :, 1:] - flow[:, :, :, :-1]).square().sum(1).mean()
    return dx + dy


def attention(mask: Tensor) -> Tensor:
    """Eq. 10: -E‖A‖₁, mean over [b, 1, h, w]; minimising it raises A."""
    return -mask.mean()


def attention_hinge(mask: Tensor, target: float) -> Tensor:
    """E[max(0, target - mean of A)] over images: no pull once an image's A has the wanted mean."""
    return F.relu(target - mask.flatten(1).mean(1)).mean()


# What "stable" adds


def face_window(size: int, device: torch.device | None = None) -> Tensor:
    """Weights [1, 1, size, size] of the pair losses on an aligned face: 0.1 at the border, where hair and background move with
    the head, 1 on the face, 2.5 about the eyes and the mouth, which are small and move most."""
    c = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / size

    def ellipse(place: Oval) -> Tensor:
        x, y, rx, ry = place
        return torch.sigmoid((1 - ((c[None, :] - x) / rx) ** 2 - ((c[:, None] - y) / ry) ** 2) * 6)

    right_eye, left_eye, mouth = (ellipse(place) for place in MOVING)
    parts = right_eye + left_eye + mouth
    return (0.1 + 0.9 * ellipse(FACE) + 1.5 * parts.clamp(max=1))[None, None]


def pair_distance(edited: Tensor, true: Tensor, of: Tensor) -> Tensor:
    """Mean over three scales of windowed L1, of the images and of their high-pass; [b, 3, h, w] twice, of [b]."""
    window = face_window(edited.shape[-1], edited.device)
    total = edited.new_zeros(())
    for scale in range(3):
        if scale:
            edited, true, window = (F.avg_pool2d(t, 2) for t in (edited, true, window))
        sharp = _high_pass(edited) - _high_pass(true)
        total = total + per_image(window * ((edited - true).abs() + sharp.abs()), of)
    return total / 3


def _high_pass(image: Tensor) -> Tensor:
    return image - F.avg_pool2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), 5, 1)


def pair_features(critic: Critic, edited: Tensor, true: Tensor, of: Tensor) -> Tensor:
    """L1 of the critic's first four feature maps, each divided by the true features' mean magnitude (feature matching)."""
    with torch.no_grad():
        wanted = critic.features(true)[:4]
    got = critic.features(edited)[:4]
    terms = [
        per_image((g.float() - w.float()).abs() / (w.float().abs().mean() + 1e-3), of)
        for g, w in zip(got, wanted, strict=True)
    ]
    return torch.stack(terms).mean()


# Section 2.3 as a whole


@dataclass
class Batch:
    """One batch; images [b, 3, h, w] in [-1, 1], AUs [b, K] in [0, 1]."""

    image: Tensor
    """X_s"""
    aus: Tensor
    """y_s"""
    target: Tensor
    """y_t"""
    true: Tensor
    """Frame b of a pair where `paired`, else the image again"""
    paired: Tensor
    """[b] in {0, 1}"""


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


def generator_terms(
    generator: Generator,
    critic: Critic | None,
    batch: Batch,
    weights: Mapping[str, float],
    *,
    guide: nn.Module | None = None,
    attention_target: float = 1.0,
) -> tuple[dict[str, Tensor], Edit]:
    """L_G of section 2.3, unweighted, for exactly the names in `weights`; and the edit. Without a critic the weights must not
    name its losses. Regularisers of Φ and A are means over
    both passes where there is a second one."""
    edit = generator(batch.image, generator.condition(batch.aus, batch.target))
    terms = critics_terms(critic, edit, batch, weights) if critic is not None else {}
    passes = [edit]
    if "reconstruction" in weights:
        back = generator(edit.image, generator.condition(batch.target, batch.aus))
        terms["reconstruction"] = reconstruction(back.image, batch.image)
        passes.append(back)
    if "identity" in weights:
        same = generator(batch.image, generator.condition(batch.aus, batch.aus))
        terms["identity"] = reconstruction(same.image, batch.image)
    if guide is not None:
        terms |= guide_terms(guide, edit, batch, weights)
    if "pair" in weights:
        terms["pair"] = pair_distance(edit.image, batch.true, batch.paired)
    if "pair_aligned" in weights:
        terms["pair_aligned"] = pair_distance(edit.parts["aligned"], batch.true, batch.paired)
    if "pair_texture" in weights:
        terms["pair_texture"] = pair_distance(edit.parts["texture"], batch.true, batch.paired)
    if "paint" in weights:
        terms["paint"] = F.l1_loss(edit.image, edit.parts["aligned"].detach())
    terms.update(regularisers(passes, weights, attention_target))
    return {name: terms[name] for name in weights}, edit


def regularisers(passes: list[Edit], weights: Mapping[str, float], attention_target: float) -> dict[str, Tensor]:
    """Eqs. 9 and 10 (and the hinge) on each pass's Φ and A, averaged over the passes."""
    terms = {}
    if "attention" in weights:
        terms["attention"] = torch.stack([attention(e.parts["attention"]) for e in passes]).mean()
    if "attention_hinge" in weights:
        hinges = [attention_hinge(e.parts["attention"], attention_target) for e in passes]
        terms["attention_hinge"] = torch.stack(hinges).mean()
    if "total_variation" in weights:
        zero = passes[0].image.new_zeros(())
        flows = [e.parts["flow"] for e in passes if "flow" in e.parts]
        terms["total_variation"] = torch.stack([total_variation(f) for f in flows]).mean() if flows else zero
    return terms


def critics_terms(critic: Critic, edit: Edit, batch: Batch, weights: Mapping[str, float]) -> dict[str, Tensor]:
    """What the critic tells the generator: its halves of Eqs. 6 and 7, the same on X_a where asked, and its features."""
    realness, aus = critic(edit.image)
    terms = {"adversarial": generator_adversarial(realness), "condition": condition(aus, batch.target)}
    if "condition_aligned" in weights or "adversarial_aligned" in weights:
        realness_aligned, aus_aligned = critic(edit.parts["aligned"])
        terms["condition_aligned"] = condition(aus_aligned, batch.target)
        terms["adversarial_aligned"] = generator_adversarial(realness_aligned)
    if "pair_features" in weights:
        terms["pair_features"] = pair_features(critic, edit.image, batch.true, batch.paired)
    return terms


def guide_terms(guide: nn.Module, edit: Edit, batch: Batch, weights: Mapping[str, float]) -> dict[str, Tensor]:
    """Eq. 7 by a frozen estimator: images [b, 3, h, w] in [-1, 1] → AUs [b, K]; it must not be the judge of the result."""
    images = {"guide": edit.image, "guide_aligned": edit.parts["aligned"]}
    return {name: condition(guide(images[name]).float(), batch.target) for name in images if name in weights}


def warp_terms(
    generator: Generator, batch: Batch, weights: Mapping[str, float], guide: nn.Module | None = None
) -> tuple[dict[str, Tensor], Edit]:
    """L_G of the first phase of "stable", without a critic: pairs of one person, and the guide, on the aligned image alone."""
    edit = generator(batch.image, generator.condition(batch.aus, batch.target), warp_only=True)
    terms: dict[str, Tensor] = {}
    if "pair_aligned" in weights:
        terms["pair_aligned"] = pair_distance(edit.image, batch.true, batch.paired)
    if guide is not None:
        terms |= guide_terms(guide, edit, batch, weights)
    if "identity" in weights:
        same = generator(batch.image, generator.condition(batch.aus, batch.aus), warp_only=True)
        terms["identity"] = reconstruction(same.image, batch.image)
    if "total_variation" in weights:
        terms["total_variation"] = total_variation(edit.parts["flow"])
    return {name: terms[name] for name in weights}, edit
