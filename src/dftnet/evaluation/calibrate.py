"""Measure what each unit delivers of what it is asked for, and write the curves into a generator's config.json.

For every unit, validation faces that hardly show it are asked for more and faces that show it for less, everything else left as it
is; the reader reads the unit before and after. Means over faces, made monotone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.errors import DatasetError, ModelError
from dftnet.inference.calibration import KNOTS, Calibration
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.files import write_file
from dftnet.media.pixels import to_uint8

FACES = 32
"""Faces a unit and direction, at most"""
FEWEST = 6
"""Faces below which a direction is not measured"""
IDLE, SHOWN = 0.2, 0.6
"""Levels below which a unit can rise by every knot, and above which it can fall"""

Progress = Callable[[str, int, int], None]


def calibrate(
    model: str | Path,
    data: str | Path,
    *,
    reader: str | Path | None = None,
    faces: int = FACES,
    seed: int = 0,
    progress: Progress = lambda what, done, total: None,
) -> Calibration:
    """Measure and write; returns the curves. Raises ModelError where the reader does not read a unit of the model."""
    generator, estimator = GeneratorSession(model), EstimatorSession(reader)
    generator.calibration = Calibration()
    absent = [name for name in generator.au_names if name not in estimator.au_names]
    if absent or generator.model.conditioning != "difference":
        what = (
            f"does not read {', '.join(absent)}" if absent else "cannot correct a model that is told absolute targets"
        )
        raise ModelError(f"{estimator.directory.name} {what}; calibrate a model and a reader of the same units")
    bench = FaceData.open(data, generator.size)
    rows = bench.rows("validation")
    if not len(rows):
        raise DatasetError(f"{bench.path} has no validation faces; prepare it with --validation above 0")
    images = bench.images(False)
    rows = np.random.default_rng(seed).permutation(rows)[: 40 * faces]
    columns = [estimator.au_names.index(name) for name in generator.au_names]
    own = estimator(np.asarray(images[rows]))[:, columns]
    curves = {}
    for k, name in enumerate(generator.au_names):
        progress("calibrating", k, len(generator.au_names))
        curve = np.zeros(len(KNOTS))
        for sign, fit in ((1, own[:, k] < IDLE), (-1, own[:, k] > SHOWN)):
            chosen = np.flatnonzero(fit)[:faces]
            if len(chosen) >= FEWEST:
                crops = np.asarray(images[rows[chosen]])
                _measure(curve, (generator, estimator), crops, own[chosen], (k, columns[k], sign))
        curves[name] = [round(float(value), 4) for value in _rising(curve)]
    progress("calibrating", len(curves), len(curves))
    calibration = Calibration(curves)
    _write(generator.directory, calibration)
    return calibration


def _measure(
    curve: np.ndarray,
    sessions: tuple[GeneratorSession, EstimatorSession],
    crops: np.ndarray,
    own: np.ndarray,
    unit: tuple[int, int, int],
) -> None:
    """Fill one side of a curve [len(KNOTS)] in place; unit = (column of the generator, of the reader, direction)."""
    generator, estimator = sessions
    k, column, sign = unit
    for i, knot in enumerate(KNOTS):
        if knot * sign > 0:
            goal = own.copy()
            goal[:, k] = np.clip(own[:, k] + knot, 0, 1)
            edits = to_uint8(generator(crops, own, goal).image)
            share = np.abs(goal[:, k] - own[:, k]).mean() / abs(knot)
            curve[i] = (estimator(edits)[:, column] - own[:, k]).mean() / max(float(share), 1e-3)


def _rising(curve: np.ndarray) -> np.ndarray:
    """The nearest curve that never falls (pools of adjacent violators) and is 0 at 0."""
    zero = KNOTS.index(0.0)
    up, down = _pooled(curve[zero + 1 :]), -_pooled(-curve[:zero][::-1])[::-1]
    return np.concatenate([np.minimum(down, 0), [0.0], np.maximum(up, 0)])


def _pooled(values: np.ndarray) -> np.ndarray:
    """Least-squares never-falling fit."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools])


def _write(directory: Path, calibration: Calibration) -> None:
    """The curves into config.json, whole or not at all."""
    path = directory / "config.json"
    document = json.loads(path.read_text("utf-8")) | {"calibration": dict(calibration.delivered)}
    write_file(path, json.dumps(document, indent=2) + "\n", overwrite=True)
