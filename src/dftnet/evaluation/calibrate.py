"""Measure what each unit delivers of what it is asked for, and write the curves into a generator's config.json.

For every unit, validation faces that hardly show it are asked for more and faces that show it for less, everything else left as it
is; the reader reads the unit before and after. Means over faces, made monotone. The two sides of a unit are asked together, and
their mean is the curve of both: of a face that moves on one side alone the reader tells some of it of the other. MediaPipe, where
it is installed, looks at the same edits: the reader guided the training, so a unit that rises for it alone is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dftnet.au_sources.mediapipe import Blendshapes
from dftnet.data.dataset import FaceData
from dftnet.errors import DatasetError, ModelError
from dftnet.evaluation.judges import AuJudge
from dftnet.evaluation.single_units import names_of, own_shape
from dftnet.inference.calibration import KNOTS, Calibration
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.files import write_file
from dftnet.media.pixels import to_uint8
from dftnet.units import EYE_TURNS, READABLE, whole_unit

FACES = 32
"""Faces a unit and direction, at most"""
FEWEST = 6
"""Faces below which a direction is not measured"""
IDLE, SHOWN = 0.2, 0.6
"""Levels below which a unit can rise by every knot, and above which it can fall"""

RISES, STAYS = 0.1, 0.03
"""What the reader has to read more at 1, and what the second judge has to see, for the two to agree that a unit rises"""

Progress = Callable[[str, int, int], None]
Judge = Callable[[np.ndarray], np.ndarray]
"""An aligned crop, uint8 [S, S, 3] → MediaPipe's blendshapes, float [52]"""


class Calibrated(NamedTuple):
    """What was measured."""

    curves: Calibration
    """By the reader: what is written."""
    second: dict[str, list[float]]
    """Unit → change of MediaPipe's own blendshapes of it at the same knots; those that it has, where it looked."""
    not_judged: str
    """Why MediaPipe did not look; empty where it did."""

    @property
    def doubted(self) -> list[str]:
        """The units that rise for the reader and not for MediaPipe."""
        ends = {name: (self.curves.delivered[name][-1], curve[-1]) for name, curve in self.second.items()}
        return [name for name, (read, seen) in ends.items() if read > RISES and seen < STAYS]


class _Sessions(NamedTuple):
    generator: GeneratorSession
    read: Callable[[np.ndarray], np.ndarray]
    """Crops → the generator's own units, float32 [n, K]"""
    second: Judge | None


def calibrate(
    model: str | Path,
    data: str | Path,
    *,
    reader: str | Path | None = None,
    faces: int = FACES,
    seed: int = 0,
    progress: Progress = lambda what, done, total: None,
) -> Calibrated:
    """Measure and write; returns the curves, of all units but turns of the head, which nobody reads. Raises ModelError where the
    reader does not read another unit of the model."""
    generator, estimator = GeneratorSession(model), EstimatorSession(reader)
    generator.calibration = Calibration()
    reader_of = AuJudge(estimator)
    absent = [name for name in generator.au_names if name in READABLE and not reader_of.reads(name)]
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

    def read(crops: np.ndarray) -> np.ndarray:
        return reader_of(crops, generator.au_names)

    own = read(np.asarray(images[rows]))
    judge, not_judged = _second_judge()
    sessions = _Sessions(generator, read, judge)
    curves: dict[str, list[float]] = {}
    second: dict[str, list[float]] = {}
    units = asked_together(generator.au_names)
    for done, (unit, columns) in enumerate(units.items()):
        progress("calibrating", done, len(units))
        curve, seen = np.zeros(len(KNOTS)), np.zeros(len(KNOTS))
        for sign, fit in ((1, own[:, columns] < IDLE), (-1, own[:, columns] > SHOWN)):
            chosen = np.flatnonzero(fit.all(1))[:faces]
            if len(chosen) >= FEWEST:
                crops = np.asarray(images[rows[chosen]])
                _measure((curve, seen), sessions, crops, own[chosen], (unit, columns, sign))
        names = [generator.au_names[k] for k in columns]
        curves |= {name: [round(float(value), 4) for value in _rising(curve)] for name in names}
        if judge is not None and names_of(unit):
            second |= {name: [round(float(value), 4) for value in seen] for name in names}
    progress("calibrating", len(units), len(units))
    calibration = Calibration({name: curves[name] for name in generator.au_names if name in curves})
    _write(generator.directory, calibration)
    return Calibrated(calibration, second, not_judged)


def asked_together(names: Sequence[str]) -> dict[str, list[int]]:
    """Unit → its columns among `names`: both sides of one that FACS knows on sides, where both are there; of those READABLE. Gaze
    is asked as it is: the way of the irises is what it says."""
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        if name not in READABLE or name in EYE_TURNS:
            continue
        base = whole_unit(name)
        both = {base + "L", base + "R"} <= set(names)
        found.setdefault(base if both else name, []).append(k)
    return found


def _second_judge() -> tuple[Judge | None, str]:
    """MediaPipe, or why it is not here."""
    try:
        return Blendshapes(), ""
    except ModelError as error:
        return None, str(error)


def _measure(
    curves: tuple[np.ndarray, np.ndarray],
    sessions: _Sessions,
    crops: np.ndarray,
    own: np.ndarray,
    unit: tuple[str, list[int], int],
) -> None:
    """Fill one side of both judges' curves [len(KNOTS)] in place; unit = (its name, its columns, direction)."""
    generator, read, judge = sessions
    name, columns, sign = unit
    judged = judge is not None and bool(names_of(name))

    def seen(pictures: np.ndarray) -> float:
        assert judge is not None
        return float(own_shape(np.stack([judge(picture) for picture in pictures]), name).mean())

    before = seen(crops) if judged else 0.0
    for i, knot in enumerate(KNOTS):
        if knot * sign > 0:
            goal = own.copy()
            goal[:, columns] = np.clip(own[:, columns] + knot, 0, 1)
            edits = to_uint8(generator(crops, own, goal).image)
            share = np.abs(goal - own)[:, columns].mean() / abs(knot)
            share = max(float(share), 1e-3)
            curves[0][i] = (read(edits) - own)[:, columns].mean() / share
            if judged:
                curves[1][i] = (seen(edits) - before) / share


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
