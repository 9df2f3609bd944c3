"""What the units' folds do to the brightness of the mean face, by least squares over pairs of one person (faces/shade.py).

    T_i   [m, m]   log of brightness of frame b less that of frame a brought onto it by its landmarks, between the two scales
    Δ_i   [17 + 2]  the change of each unit, the mean of its sides, and of yaw and pitch
    S     [17 + 2, m, m] = argmin Σ_i ‖T_i - Σ_k Δ_ik·S_k‖² + RIDGE·‖S‖²

Faces are as good as symmetric: S is made equal to its mirror image, and each half is its side's.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dftnet.aus import AU_NAMES
from dftnet.faces import shade
from dftnet.faces.mask import smooth_step
from dftnet.faces.mesh import EYE_RINGS, LIPS, Array, moved_points, similarity_between
from dftnet.networks import Generator, LightDFTNet
from dftnet.training.mesh_batches import MeshBatchSource
from dftnet.training.mesh_drawing import draw, polygon
from dftnet.units import side_free

Rows = NDArray[np.int64]
PAIRS, RIDGE = 3000, 15.0
GAIN = 1.5
"""How much stronger folds are than the least squares of pairs that do not quite lie upon each other; by eye, on portraits"""
DARKEST = 0.05
"""Light that is added to that of a picture, of 1, before its logarithm"""
MIDDLE = 0.06
"""Half the width of what both sides share, of the crop"""
INNER = 0.05
"""Share of the map that skin begins within the border of the mesh: beyond it are hair and what the crop does not show"""
LIPS_RING = np.concatenate([[61], LIPS[0][0], [291], LIPS[0][1][::-1]])
"""The outer edge of the lips"""


@torch.no_grad()
def measure_shade(generator: Generator, source: MeshBatchSource, seed: int) -> None:
    """Set the maps of a generator that shades from the pairs of a training."""
    if not isinstance(generator, LightDFTNet) or generator.shade is None or not len(source.pairs):
        return
    rng = np.random.default_rng([seed, 1])
    units = [unit for unit in AU_NAMES if any(side_free(name) == unit for name in source.names)]
    whole = [[i for i, name in enumerate(source.names) if side_free(name) == unit] for unit in units]
    found: list[Array] = []
    changes: list[Array] = []
    skins: list[Array] = []
    while sum(len(change) for change in changes) < PAIRS:
        a, b = source.frames(rng, True)
        picture, skin = _differences(source, a, b)
        found.append(picture)
        skins.append(skin)
        change = source.aus[b] - source.aus[a]
        turn = source.turn[b] - source.turn[a]
        changes.append(np.hstack([np.stack([change[:, sides].mean(1) for sides in whole], 1), turn]))
    x, y = np.concatenate(changes), np.concatenate(found).reshape(-1, shade.CELLS**2)
    maps = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y).reshape(-1, shade.CELLS, shade.CELLS)
    often = np.concatenate(skins).mean(0)
    often = cv2.GaussianBlur(np.where(often > 0.5, often, 0).astype(np.float32), (0, 0), 1.5) * often
    left = smooth_step(0.5 + ((np.arange(shade.CELLS) + 0.5) / shade.CELLS - 0.5) / (2 * MIDDLE))  # the person's
    generator.shade.maps.zero_()
    for name in source.names:
        if side_free(name) in shade.UNITS:
            one = GAIN * often * maps[units.index(side_free(name))]
            one = np.minimum((one + one[:, ::-1]) / 2, 0)  # a fold darkens
            sided = {"L": left, "R": 1 - left}.get(name[-1], np.ones_like(left))
            generator.shade.maps[source.names.index(name)] = torch.from_numpy((one * sided).astype(np.float32))


def _differences(source: MeshBatchSource, a: Rows, b: Rows) -> tuple[Array, Array]:
    """T of pairs, and where skin is, both [n, m, m]."""
    size = source.size
    s, t = source.landmarks[a], source.landmarks[b]
    onto = similarity_between(t[:, source.mesh.still], s[:, source.mesh.still])
    t = moved_points(onto, t).astype(np.float32)
    drawing = draw(s, t, source.mesh.triangles, size, size)
    x, y = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2)
    brought = [
        cv2.remap(crop, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for crop, (dx, dy) in zip(source.images[a], drawing.flow, strict=True)
    ]
    true = [cv2.warpAffine(crop, m, (size, size)) for crop, m in zip(source.images[b], onto, strict=True)]
    difference = (folds(np.stack(true)) - folds(np.stack(brought))).clamp(-shade.MOST, shade.MOST)
    scale = shade.CELLS / size
    skin = np.stack([_skin(((points + 0.5) * scale - 0.5).astype(np.float32)) for points in t])
    return difference[:, 0].numpy(), skin


def _skin(points: Array) -> Array:
    """[m, m] in [0, 1]: well within the oval of a mesh at points [478, 2] of the map, and neither eyes nor lips."""
    cells = shade.CELLS
    hull = np.asarray(cv2.convexHull(points[:468])[:, 0], np.float32)
    inner = 2 * round(INNER * cells) + 1
    face = cv2.erode(polygon(hull, cells), np.ones((inner, inner), np.uint8), borderValue=0)
    eyes = np.max([polygon(points[ring], cells) for ring in EYE_RINGS], 0)
    away = 1 - cv2.dilate(np.maximum(eyes, polygon(points[LIPS_RING], cells)), np.ones((3, 3), np.uint8))
    return np.asarray(face * away, np.float32)


def folds(images: np.ndarray) -> Tensor:
    """uint8 [n, S, S, 3] → the logarithm of their light between the two scales, [n, 1, m, m]."""
    light = torch.from_numpy(images.astype(np.float32).mean(3) / 255)[:, None]
    light = (F.interpolate(light, size=(shade.CELLS, shade.CELLS), mode="area") + DARKEST).log()
    fine, coarse = (F.avg_pool2d(light, k, 1, k // 2, count_include_pad=False) for k in (shade.FINE, shade.COARSE))
    return fine - coarse
