"""A face mesh of no face: 468 vertices in a lattice, with lids, lips and eye corners where such things are, and simple shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dftnet.faces.mesh import EYE_CORNERS, LOWER_LIDS, LOWER_LIP, UPPER_LIDS, UPPER_LIP

SIDES = ("L", "R")
SIDED_SHAPES = (
    "browInnerUp", "browOuterUp", "browDown", "eyeWide", "cheekSquint", "eyeSquint", "noseSneer", "mouthUpperUp",
    "mouthSmile", "mouthDimple", "mouthFrown", "mouthStretch", "mouthPress", "mouthLowerDown", "cheekPuff",
)  # fmt: skip
SHAPES = (
    "mouthShrugLower", "jawOpen", "mouthPucker", "mouthFunnel", "mouthRollLower", "mouthRollUpper", "jawLeft", "jawRight",
)  # fmt: skip


def vertices() -> np.ndarray:
    """float32 [468, 3], cm: x to the person's left, y up, z to the camera."""
    rng = np.random.default_rng(0)
    v = np.stack([rng.uniform(-7, 7, 468), rng.uniform(-9, 8, 468), rng.uniform(0, 5, 468)], 1)
    for side, sign in ((0, -1), (1, 1)):
        across = np.linspace(4.2, 2.0, 7)
        v[UPPER_LIDS[side]] = np.stack([sign * across, np.full(7, 3.0), np.full(7, 3.5)], 1)
        v[LOWER_LIDS[side]] = np.stack([sign * across, np.full(7, 2.3), np.full(7, 3.5)], 1)
        outer, inner = EYE_CORNERS[side] if side == 0 else EYE_CORNERS[side][::-1]
        v[outer], v[inner] = (sign * 4.5, 2.65, 3.2), (sign * 1.8, 2.65, 3.2)
    lips = np.linspace(-2, 2, 9)
    v[UPPER_LIP] = np.stack([lips, np.full(9, -4.0), np.full(9, 5.0)], 1)
    v[LOWER_LIP] = np.stack([lips, np.full(9, -4.1), np.full(9, 5.0)], 1)
    return v.astype(np.float32)


def _eye(side: int, i: int) -> list[tuple[int, ...]]:
    """Two triangles between the i-th and the next landmarks of the lids, clockwise in the picture."""
    upper, lower = UPPER_LIDS[side], LOWER_LIDS[side]
    corners: list[tuple[int, ...]] = [(upper[i], upper[i + 1], lower[i]), (upper[i + 1], lower[i + 1], lower[i])]
    return corners if side == 0 else [corner[::-1] for corner in corners]


def write_toy_mesh(path: Path) -> Path:
    """facs-mesh.npz with every shape that the units name: half a centimetre of every second vertex, the jaw moving the lip."""
    v = vertices()
    rng = np.random.default_rng(1)
    names = [f"{shape}_{side}" for shape in SIDED_SHAPES for side in SIDES] + list(SHAPES)
    shapes = np.zeros((len(names), 468, 3), np.float32)
    moving = np.arange(468) % 2 == 0
    moving[EYE_CORNERS.ravel()] = False
    shapes[:, moving] = rng.normal(0, 0.3, (len(names), int(moving.sum()), 3)).astype(np.float32)
    jaw = names.index("jawOpen")
    shapes[jaw] = 0
    shapes[jaw, LOWER_LIP] = (0, -2, 0)
    triangles = np.array([t for side in range(2) for i in range(6) for t in _eye(side, i)], np.int16)
    mirror = np.arange(468, dtype=np.int16)
    np.savez(path, vertices=v, triangles=triangles, names=np.array(names), shapes=shapes, mirror=mirror)
    return path
