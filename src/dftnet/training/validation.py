"""What training looks at on held-out faces: AU landing, pairs of one person, the null edit, the health of the flow; and a sheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dftnet.drawing import flow_colours, grey, sheet
from dftnet.inference.sessions import EstimatorSession
from dftnet.media.pixels import to_uint8
from dftnet.networks import Critic, Edit, Generator
from dftnet.networks.layers import jacobian_determinant
from dftnet.training.batches import BatchSource
from dftnet.training.losses import pair_distance
from dftnet.training.mesh_batches import DrawnBatch
from dftnet.training.mesh_teacher import mesh_flow
from dftnet.training.teachers import Resized
from dftnet.training.terms import ask, asked_back
from dftnet.units import levels_as, side_free


class Judge(NamedTuple):
    """Who reads the edits."""

    names: tuple[str, ...]
    """The units that it reads."""
    read: Callable[[Tensor], Tensor]
    """Images [n, 3, h, w] in [-1, 1] → AUs [n, len(names)]"""

    def of(self, levels: Tensor, names: tuple[str, ...]) -> Tensor:
        """Levels [n, K] of `names` in the judge's units."""
        if self.names == names:
            return levels
        return torch.from_numpy(levels_as(levels.cpu().numpy(), names, self.names)).to(levels.device)


REQUESTS: tuple[tuple[str, dict[str, float]], ...] = (
    ("smile", {"AU12": 1.0, "AU06": 0.8, "AU25": 0.5}),
    ("close eyes", {"AU45": 1.0}),
    ("open mouth", {"AU25": 1.0, "AU26": 1.0}),
    ("raise brows", {"AU01": 1.0, "AU02": 1.0, "AU05": 0.5}),
    ("frown", {"AU04": 1.0, "AU07": 0.5}),
    ("own AUs", {}),
)
"""The edits of the sample sheet"""


def flow_health(edit: Edit) -> dict[str, float]:
    """Mean A, mean and largest |Φ| in pixels, share of the warp that folds."""
    parts = edit.parts
    values = {"mean_attention": float(parts["attention"].mean())}
    if "flow" in parts:
        length = parts["flow"].norm(dim=1)
        values["mean_flow"] = float(length.mean())
        values["max_flow"] = float(length.max())
        values["folding"] = float((jacobian_determinant(parts["flow"]) < 0).float().mean())
    return values


def open_judge(names: tuple[str, ...], critic: Critic, device: torch.device) -> Judge:
    """The shipped estimator where these units, or their two-sided ones, are those that it reads; else the critic's own D_C."""
    own = Judge(names, lambda images: critic(images)[1])
    try:
        session = EstimatorSession()
    except (ValueError, OSError):
        return own
    if not {*names, *map(side_free, names)} >= set(session.au_names):
        return own
    resized = Resized(session.size)

    def read(images: Tensor) -> Tensor:
        return torch.from_numpy(session(to_uint8(resized(images.float().cpu()).numpy()))).to(device)

    return Judge(session.au_names, read)


@torch.no_grad()
def validate(
    generator: Generator, source: BatchSource, judge: Judge, batches: int, warp_only: bool
) -> dict[str, float]:
    """Means over `batches` batches of the validation split, the same each time.

    au_error        mean |AU of the edit - y_t| by the judge; au_error_copy the same for the source itself
    landing_slope   AU change got over AU change asked, least squares through 0
    pair_gap        1 - d(edit, frame b) / d(frame a, frame b) on pairs of one person
    null_psnr       dB of G(x | own AUs) against x
    mesh_gap        1 - d(Φ, Φ*) / d(0, Φ*), where a face mesh draws Φ*
    """
    sums: dict[str, float] = {}

    def add(name: str, value: float) -> None:
        sums[name] = sums.get(name, 0.0) + value

    got2 = asked2 = 0.0
    for index in range(batches):
        batch = asked_back(generator, source.batch(-(index + 1) * source.config.batch % 2**31))
        edit = ask(generator, batch, warp_only=warp_only)
        null = generator(batch.image, generator.condition(batch.aus, batch.aus), warp_only=warp_only)
        before, after = judge.read(batch.image), judge.read(edit.image)
        target, own = (judge.of(levels, source.names) for levels in (batch.target, batch.aus))
        add("au_error", float((after - target).abs().mean()))
        add("au_error_copy", float((before - target).abs().mean()))
        asked = target - own
        got2 += float(((after - before) * asked).sum())
        asked2 += float(asked.square().sum())
        add("_pair", float(pair_distance(edit.image, batch.true, batch.paired)))
        add("_pair_copy", float(pair_distance(batch.image, batch.true, batch.paired)))
        add("_null", float(((null.image - batch.image) / 2).square().mean()))
        if isinstance(batch, DrawnBatch):
            add("_mesh", float(mesh_flow(edit, batch)))
            add("_mesh_copy", float(mesh_flow(_still(edit), batch)))
        for name, value in flow_health(edit).items():
            add(name, value)
    means = {name: value / batches for name, value in sums.items()}
    pair, copy, null_error = (means.pop(k) for k in ("_pair", "_pair_copy", "_null"))
    if copy:
        means["pair_gap"] = 1 - pair / copy
    if drawn := means.pop("_mesh_copy", 0.0):
        means["mesh_gap"] = 1 - means.pop("_mesh") / drawn
    means["landing_slope"] = got2 / max(asked2, 1e-9)
    means["null_psnr"] = -10 * float(np.log10(max(null_error, 1e-10)))
    return means


def _still(edit: Edit) -> Edit:
    """The same edit with Φ = 0."""
    parts = {name: part for name, part in edit.parts.items() if name != "cells"}
    return Edit(edit.image, parts | {"flow": torch.zeros_like(edit.parts["flow"])})


@torch.no_grad()
def sample_sheet(generator: Generator, source: BatchSource, faces: int = 3, warp_only: bool = False) -> np.ndarray:
    """Held-out faces × REQUESTS: source, aligned, texture, attention, flow, result; then pairs with their true frame."""
    rows, labels = [], []
    rng = np.random.default_rng(0)
    for row in rng.choice(source.rows, faces):
        image = source.pick(np.array([row]))
        aus = torch.from_numpy(source.aus[[row]]).to(image.device)
        for label, request in REQUESTS:
            target = aus.clone()
            for name, value in request.items():
                for unit in (name, f"{name}L", f"{name}R"):
                    if unit in source.names:
                        target[0, source.names.index(unit)] = value
            rows.append(_row(image, generator(image, generator.condition(aus, target), warp_only=warp_only), image))
            labels.append(label)
    if len(source.pairs):
        a, b = source.pairs.draw(rng, 4)
        for i, j in zip(a, b, strict=True):
            image, true = source.pick(np.array([i])), source.pick(np.array([j]))
            aus, target = (torch.from_numpy(source.aus[[r]]).to(image.device) for r in (i, j))
            rows.append(_row(image, generator(image, generator.condition(aus, target), warp_only=warp_only), true))
            labels.append("as frame b")
    captions = ("source", "aligned", "texture", "attention", "flow (8 px)", "result", "source / frame b")
    return sheet(rows, captions, labels)


def _row(image: Tensor, edit: Edit, last: Tensor) -> list[np.ndarray]:
    parts = edit.parts
    flow = parts["flow"] if "flow" in parts else torch.zeros_like(image[:, :2])
    pictures = [image, parts["aligned"], parts["texture"]]
    shown = [to_uint8(p.float().cpu().numpy())[0] for p in pictures]
    shown.append(grey(parts["attention"][0].float().cpu().numpy()))
    shown.append(flow_colours(flow[0].float().cpu().numpy(), 8 * image.shape[-1] / 128))
    shown += [to_uint8(p.float().cpu().numpy())[0] for p in (edit.image, last)]
    return shown
