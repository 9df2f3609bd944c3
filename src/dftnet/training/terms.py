"""L_G of section 2.3: which losses the generator takes in a phase, each from the one who gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dftnet.networks import Edit, Generator
from dftnet.training.batches import Batch
from dftnet.training.losses import attention, attention_hinge, pair_distance, reconstruction, total_variation
from dftnet.training.mesh_batches import DrawnBatch
from dftnet.training.teacher import Teacher

LIP = 4
"""Pixels above and below a line between lips, where lips are"""
SHADE = 0.6
"""How bright that line is, beside them"""


@torch.no_grad()
def asked_back(generator: Generator, batch: Batch) -> Batch:
    """The batch with the photos that are asked back edited: from what will be asked of them to what they are said to show. Lips
    that shut meet in a dark line, so that nothing tells of the teeth behind them."""
    if not isinstance(batch, DrawnBatch) or not len(batch.back):
        return batch
    rows = batch.back.to(batch.image.device)
    condition = generator.condition(batch.target[rows], batch.aus[rows], None)
    image = batch.image.clone()
    edited = generator(batch.image[rows], condition).image.to(image.dtype).clamp(-1, 1)
    lips = (edited.roll(LIP, 2) + edited.roll(-LIP, 2)) / 2
    image[rows] = torch.lerp(edited, (1 + lips) * SHADE - 1, batch.seam)
    return replace(batch, image=image)


def ask(generator: Generator, batch: Batch, *, warp_only: bool = False) -> Edit:
    """X̂_t of a batch."""
    condition = generator.condition(batch.aus, batch.target, batch.nuisance)
    return generator(batch.image, condition, warp_only=warp_only)


def as_criticised(edit: Edit, batch: Batch) -> Tensor:
    """X̂_t with the true picture where parts are drawn, of pairs: a critic would know it by that alone."""
    if "drawn" not in edit.parts:
        return edit.image
    share = edit.parts["drawn"].to(edit.image.dtype) * batch.paired[:, None, None, None]
    return torch.lerp(edit.image, batch.true.to(edit.image.dtype), share)


def generator_terms(
    generator: Generator,
    batch: Batch,
    weights: Mapping[str, float],
    teachers: Iterable[Teacher] = (),
    *,
    attention_target: float = 1.0,
    warp_only: bool = False,
) -> tuple[dict[str, Tensor], Edit]:
    """The losses in `weights`, unweighted, for exactly those names; and the edit. Every one must be given by the edit itself, by
    pairs, or by one of the teachers. Regularisers of Φ and A are means over both passes where there is a second one."""
    edit = ask(generator, batch, warp_only=warp_only)
    terms: dict[str, Tensor] = {}
    for teacher in teachers:
        wanted = [name for name in weights if name in teacher.losses]
        if wanted:
            terms |= teacher.terms(edit, batch, wanted)
    passes = [edit]
    nuisance = batch.nuisance
    if "reconstruction" in weights:
        back = None if nuisance is None else -nuisance
        passes.append(generator(edit.image, generator.condition(batch.target, batch.aus, back), warp_only=warp_only))
        terms["reconstruction"] = reconstruction(passes[1].image, batch.image)
    if "identity" in weights:
        still = None if nuisance is None else torch.zeros_like(nuisance)
        same = generator(batch.image, generator.condition(batch.aus, batch.aus, still), warp_only=warp_only)
        terms["identity"] = reconstruction(same.image, batch.image)
    terms |= pair_terms(edit, batch, weights)
    if "paint" in weights:
        terms["paint"] = F.l1_loss(edit.image, edit.parts["aligned"].detach())
    terms |= regularisers(passes, weights, attention_target)
    return {name: terms[name] for name in weights}, edit


def pair_terms(edit: Edit, batch: Batch, weights: Mapping[str, float]) -> dict[str, Tensor]:
    """The edit, its aligned image and its texture against frame b."""
    images = {"pair": edit.image, "pair_aligned": edit.parts["aligned"], "pair_texture": edit.parts["texture"]}
    return {name: pair_distance(image, batch.true, batch.paired) for name, image in images.items() if name in weights}


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
