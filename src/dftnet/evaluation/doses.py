"""Each unit alone at rising levels on the neutral faces: what the judges read on the edits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES
from dftnet.evaluation.bench import Measured, asked
from dftnet.evaluation.methods import Contender
from dftnet.media.pixels import to_uint8

LEVELS = np.array([0, 0.25, 0.5, 0.75, 1.0])
MORE_UNITS = ("AU18", "AU22", "AU28", "AU34", "AU30L", "AU30R")
"""Asked for beside the 17 where a contender knows them."""
MOVES = {
    "AU45": ("eye_aspect_ratio", -1), "AU05": ("eye_aspect_ratio", 1), "AU12": ("lip_corners", 1),
    "AU15": ("lip_corners", -1), "AU02": ("brow_height", 1), "AU04": ("brow_height", -1),
    "AU25": ("lip_gap", 1), "AU26": ("lip_gap", 1),
}  # fmt: skip
"""AU → what it does to the landmarks, and in which direction."""


class Doses(NamedTuple):
    """What the judges read on the edits of each of K units alone, for n faces at l levels."""

    units: tuple[str, ...]
    """The K units asked for: the 17, then those of MORE_UNITS that the contender knows."""
    read: np.ndarray
    """float64 [K, n, l, K]: the estimator; unit asked, face, level, unit measured (0 where it does not read it)."""
    aus: np.ndarray
    """float64 [K, n, l, J]: the landmark judge's J units; J is 0 without it."""
    shapes: np.ndarray
    """float64 [K, n, l, 52]: its blendshapes; the last is 0 without it."""
    along: np.ndarray
    """float64 [K, n, l]: `MeshDirections.along` in the direction of the unit asked; NaN without a mesh."""
    painted: np.ndarray
    """float64 [n, K]: `metrics.paint` at level 1."""
    moves: dict[str, float]
    """"AU: feature" → how far the landmarks moved, in standard deviations of real faces."""


def read_doses(m: Measured, rival: Contender) -> Doses:
    """Each unit alone at LEVELS, the others as in the source."""
    bench, judges, rows = m.bench, m.judges, m.bench.neutral
    units = (*AU_NAMES, *(name for name in MORE_UNITS if rival.knows(name)))
    n, shape = len(rows), (len(rows), len(LEVELS), -1)
    crops, own = np.repeat(bench.images[rows], len(LEVELS), 0), np.repeat(m.levels(rows, rival.units), len(LEVELS), 0)
    read, aus, shapes, along, painted, moves = [], [], [], [], [], {}
    for name in units:
        edits, maps = rival(crops, own, asked(own, rival.units, **{name: np.tile(LEVELS, n)}))
        painted.append(metrics.paint(edits, to_uint8(maps.aligned)).reshape(n, -1)[:, -1])
        read.append(judges.estimator(edits, units).reshape(shape).astype(np.float64))
        if judges.landmarks is None or m.seen is None:
            aus.append(np.zeros((n, len(LEVELS), 0)))
            shapes.append(aus[-1])
            along.append(np.full((n, len(LEVELS)), np.nan))
            continue
        seen = judges.landmarks(edits)
        aus.append(seen.aus.reshape(shape).astype(np.float64))
        shapes.append(seen.blendshapes.reshape(shape).astype(np.float64))
        place = m.mesh.along(name, seen.points) if m.mesh else np.full(len(edits), np.nan)
        along.append(place.reshape(n, -1))
        if name in MOVES:
            what, sign = MOVES[name]
            spread = float(m.seen.geometry[what].std())
            value = seen.geometry[what].reshape(n, -1)
            moves[f"{name}: {what}"] = float(sign * (value[:, -1] - value[:, 0]).mean() / max(spread, 1e-9))
    return Doses(
        units=units,
        read=np.stack(read),
        aus=np.stack(aus),
        shapes=np.stack(shapes),
        along=np.stack(along),
        painted=np.stack(painted, 1),
        moves=moves,
    )
