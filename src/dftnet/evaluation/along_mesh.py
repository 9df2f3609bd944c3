"""How far landmarks go in the direction in which a face mesh moves them: for units that no blendshape sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dftnet.faces.mesh import FaceMesh
from dftnet.units import READABLE, UNITS, in_units

HARDLY_SEEN = ("AU05", "AU06", "AU07", "AU09", "AU14", "AU23")
"""Units that MediaPipe's blendshapes hardly have."""


@dataclass(frozen=True)
class MeshDirections:
    """A direction in the landmarks for each unit, and what a standard deviation is along it."""

    directions: Mapping[str, np.ndarray]
    """Unit → float64 [936], of length 1: x, y of the 468 landmarks."""
    spread: Mapping[str, float]
    """Unit → standard deviation of real faces' landmarks along it, pixels."""

    def along(self, unit: str, points: np.ndarray) -> np.ndarray:
        """Landmarks [n, 478, 2] → float64 [n]: where they lie in the unit's direction, in standard deviations of real faces."""
        return _flat(points) @ self.directions[unit] / max(self.spread[unit], 1e-9)


def mesh_directions(mesh: FaceMesh, neutral: np.ndarray, real: np.ndarray) -> MeshDirections:
    """Directions: the mean motion that the mesh makes of neutral faces' landmarks [n, 478, 2] at 1, on both sides where the unit
    has them. Spread: over real faces' [m, 478, 2]. Both in pixels of aligned crops; `mesh` of the 40 units."""
    points = neutral.astype(np.float32)
    still = np.zeros((len(points), len(UNITS)), np.float32)
    directions, spread = {}, {}
    for unit in READABLE:
        target = still.copy()
        target[:, [UNITS.index(name) for name in in_units({unit: 1.0}, UNITS)]] = 1
        motion = _flat(mesh.targets(points, still, target) - points).mean(0)
        directions[unit] = motion / max(float(np.linalg.norm(motion)), 1e-9)
        spread[unit] = float((_flat(real) @ directions[unit]).std())
    return MeshDirections(directions, spread)


def _flat(points: np.ndarray) -> np.ndarray:
    """[n, 478, 2] → float64 [n, 936], without the irises."""
    return np.asarray(points[:, :468], np.float64).reshape(len(points), -1)
