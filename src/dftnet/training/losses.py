"""The losses of section 2.3, one function an equation, and what "stable" adds. Which of them a phase takes: training/terms.py.

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

import torch
import torch.nn.functional as F
from torch import Tensor

from dftnet.faces.template import FACE, MOVING, Oval
from dftnet.networks import Critic


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Σ λ·term, a scalar; raises where the two sets of names differ, so that no loss is forgotten or weighted by mistake."""
    if terms.keys() != weights.keys():
        raise AssertionError(f"losses {sorted(terms)} do not match the weights {sorted(weights)}")
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
        sharp = high_pass(edited) - high_pass(true)
        total = total + per_image(window * ((edited - true).abs() + sharp.abs()), of)
    return total / 3


def high_pass(image: Tensor) -> Tensor:
    """The image less its mean over 5 × 5 pixels, by sums of moved copies: ten times as fast on a CPU as pooling."""
    h, w = image.shape[2:]
    padded = F.pad(image, (2, 2, 2, 2), mode="replicate")
    columns = torch.stack([padded[..., i : i + w] for i in range(5)]).sum(0)
    return image - torch.stack([columns[:, :, i : i + h] for i in range(5)]).sum(0) / 25


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
