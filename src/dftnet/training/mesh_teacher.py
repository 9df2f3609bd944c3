"""The face mesh as a teacher: losses of Φ, A and the paint against what the mesh draws (training/mesh_batches.py).

symbol   name                        shape
Φ, A     edit's cells                [b, 3, m, m], or its maps averaged over the cells
Φ*, A*   batch.flow, batch.warped    [b, 2, m, m] pixels, [b, 1, m, m]
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dftnet.errors import RequestError
from dftnet.faces import globe, lid
from dftnet.faces.drawn import INSIDE, PAINTED
from dftnet.networks import Edit, Generator, LightDFTNet
from dftnet.training.batches import Batch
from dftnet.training.config import TrainConfig
from dftnet.training.losses import face_window, high_pass, pair_distance
from dftnet.training.mesh_batches import DrawnBatch, MeshBatchSource
from dftnet.training.mesh_drawing import draw
from dftnet.training.teacher import FrozenTeacher

OUTSIDE = 0.05
"""Weight of Φ* = 0 outside the mesh"""
CLOSELY = 4.0
"""How much more Φ counts inside the eyes, which are small: lids and irises move by pixels there, the skin about them hardly"""
SCARCE = 4.0
"""How much more A counts where paint belongs, which is little of a face; and where a part is, its place"""
LIDS = 3.0
"""How much more it counts whence the skin of lids comes than coordinates of what is drawn"""
SURE = 1e-3
"""What A is held away from 0 and 1 by in the cross entropy, which would have no end there (a clamp would have no gradient)"""
SMALL = 1 / 200
"""Share of a crop, of which a smaller opening counts less than by its area"""
FACES = 48
"""Faces that a unit's mean motion is the median of"""


class MeshTeacher(FrozenTeacher):
    """What is drawn of a batch, against what the generator does."""

    NAME = "mesh"

    @classmethod
    def build(cls, config: TrainConfig, names: tuple[str, ...], device: torch.device) -> MeshTeacher:
        return cls()

    def terms(self, edit: Edit, batch: Batch, wanted: Collection[str]) -> dict[str, Tensor]:
        assert isinstance(batch, DrawnBatch), "a mesh teaches batches that it drew"
        given = {
            "mesh_flow": mesh_flow,
            "mesh_attention": mesh_attention,
            "pair_warped": pair_warped,
            "needless_paint": needless_paint,
            "copied_texture": copied_texture,
            "painted": painted,
            "inside": inside,
        }
        return {name: given[name](edit, batch) for name in given if name in wanted}


def cells_of(edit: Edit, cells: int) -> Tensor:
    """Φ and A of an edit on maps of `cells`, float32 [b, 3, cells, cells]."""
    maps = edit.parts.get("cells")
    if maps is None:
        maps = torch.cat([edit.parts["flow"], edit.parts["attention"]], 1)
    return F.avg_pool2d(maps.float(), maps.shape[-1] // cells) if maps.shape[-1] > cells else maps.float()


def mesh_flow(edit: Edit, batch: DrawnBatch) -> Tensor:
    """E[w·|Φ - Φ*|₁], pixels: w the square of the face window inside the mesh, more inside the eyes, OUTSIDE with Φ* = 0
    beyond it."""
    cells = batch.flow.shape[-1]
    flow = cells_of(edit, cells)[:, :2]
    closely = 1 + (CLOSELY - 1) * batch.eyes
    weight = batch.mask * closely * face_window(cells, flow.device) ** 2 + (1 - batch.mask) * OUTSIDE
    return (weight * (flow - batch.flow * (batch.mask > 0)).abs()).sum(1).mean()


def mesh_attention(edit: Edit, batch: DrawnBatch) -> Tensor:
    """Cross entropy of A against A*: weight 1, more where A* asks for paint, 0 where the mesh does not know. L1 would take the
    median, which is 1 wherever the place of an opening is in doubt."""
    a = SURE + (1 - 2 * SURE) * cells_of(edit, batch.warped.shape[-1])[:, 2:]
    weight = batch.certain * (1 + SCARCE * (1 - batch.warped))
    return -(weight * (batch.warped * a.log() + (1 - batch.warped) * (1 - a).log())).mean()


def pair_warped(edit: Edit, batch: DrawnBatch) -> Tensor:
    """`pair_distance` of X_a against frame b where there is something to warp from."""
    aligned = torch.lerp(batch.true, edit.parts["aligned"], _as_large(batch.warped, edit.image))
    return pair_distance(aligned, batch.true, batch.paired)


def needless_paint(edit: Edit, batch: DrawnBatch) -> Tensor:
    """E[w·|X̂ - X_a|], w 0 inside an opening that has grown, on its border and where a lid came down, 1 elsewhere."""
    free = -F.max_pool2d(-torch.minimum(batch.warped, batch.certain), 3, 1, 1)
    return (_as_large(free, edit.image) * (edit.image - edit.parts["aligned"].detach()).abs()).mean()


def copied_texture(edit: Edit, batch: DrawnBatch) -> Tensor:
    """E[w·|B - X_a|], w 1 where there is something to warp from: elsewhere B is free."""
    warped = _as_large(torch.minimum(batch.warped, batch.certain), edit.image)
    return (warped * (edit.parts["texture"] - edit.parts["aligned"].detach()).abs()).mean()


def painted(edit: Edit, batch: DrawnBatch) -> Tensor:
    """Mean over pairs of |B - true| and of the same of the high-pass, where there is nothing to warp from: by its area, or by SMALL
    where it is smaller."""
    hole = (1 - _as_large(batch.warped, edit.image)) * batch.paired[:, None, None, None]
    texture, true = edit.parts["texture"], batch.true
    difference = (texture - true).abs() + (high_pass(texture) - high_pass(true)).abs()
    area = texture.shape[1] * hole.sum((1, 2, 3)).clamp(min=SMALL * hole[0].numel())
    return ((hole * difference).sum((1, 2, 3)) / area).mean()


def inside(edit: Edit, batch: DrawnBatch) -> Tensor:
    """The maps of the mouth, the eyes, the lids and the globes against what the landmarks say: cross entropy of where they are, and
    there L1 of the coordinates (centimetres) and of the light."""
    found = edit.image.new_zeros(())
    size = edit.image.shape[-1]
    for name, goal in zip(PAINTED, (batch.mouth, batch.opened), strict=True):
        if name in edit.parts:
            maps, where = edit.parts[name].float(), goal[:, INSIDE:]
            scale = maps.new_tensor([0.1] * 3 + [1 / 3] * 3)[:, None, None]
            found = found + _placed(maps[:, INSIDE:], where)
            found = found + _apart(scale * (maps[:, :INSIDE] - goal[:, :INSIDE]), where, size)
    if "lids" in edit.parts:
        maps, goal = edit.parts["lids"].float(), batch.lids
        found = found + _placed(maps[:, lid.INSIDE, None], goal[:, lid.INSIDE, None])
        found = found + LIDS * _apart(0.1 * (maps[:, :2] - goal[:, :2]), goal[:, -1:], size)
    if "globes" in edit.parts:
        maps, goal = edit.parts["globes"].float(), batch.globes
        where = goal[:, globe.INSIDE :]
        found = found + _placed(maps[:, globe.INSIDE :], where)
        scale = maps.new_tensor([1.0, 1.0, *(globe.INSIDE - 2) * [0.1]])[:, None, None]
        found = found + _apart(scale * (maps[:, : globe.INSIDE] - goal[:, : globe.INSIDE]), where, size)
    return found


def _placed(logits: Tensor, where: Tensor) -> Tensor:
    """Cross entropy of where a part is."""
    return F.binary_cross_entropy_with_logits(logits, where, 1 + SCARCE * where)


def _apart(difference: Tensor, where: Tensor, size: int) -> Tensor:
    """Σ|difference| [b, c, h, w] where a part is, by its area, or by SMALL of a crop of `size` where it is smaller; mean over b."""
    area = where.sum((1, 2, 3)).clamp(min=SMALL * size**2)
    return ((where * difference.abs()).sum((1, 2, 3)) / area).mean()


def _as_large(maps: Tensor, image: Tensor) -> Tensor:
    return F.interpolate(maps, size=image.shape[2:], mode="bilinear", align_corners=False)


@torch.no_grad()
def prime_motion(generator: Generator, source: MeshBatchSource, seed: int) -> None:
    """Set each unit's mean motion to the median over faces of what the mesh draws of it, for generators that have one.

    A unit's mirror image moves as its mirrored unit, exactly: both are averaged.
    """
    if not isinstance(generator, LightDFTNet) or generator.motion is None:
        return
    maps = generator.motion.maps
    cells = maps.shape[-1]
    found = torch.zeros(len(source.names), *maps.shape[1:])
    for k in range(len(source.names)):
        rng = np.random.default_rng([seed, k])
        idle = source.rows[source.aus[source.rows, k] < 0.25]
        if not len(idle):
            raise RequestError(
                f"every face shows {source.names[k]}, so its motion cannot be primed; look at the labels"
            )
        rows = rng.choice(idle, FACES)
        own = source.aus[rows]
        asked = own.copy()
        asked[:, k] = 1
        landmarks = source.landmarks[rows]
        goal = source.mesh.targets(landmarks, own, asked)
        drawing = draw(landmarks, goal, source.mesh.triangles, source.size, cells)
        motion = drawing.flow * drawing.mask / (1 - own[:, k])[:, None, None, None]
        found[k] = torch.from_numpy(np.median(motion, 0)) * (128 / source.size)
    mirrored = found[torch.from_numpy(source.swap)].flip(3) * torch.tensor([-1.0, 1.0])[:, None, None]
    maps[: len(found)] = ((found + mirrored) / 2).to(maps.device)
