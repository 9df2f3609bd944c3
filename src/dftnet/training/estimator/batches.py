"""What one training step of the AU estimator sees: rows drawn so that rare AUs come often, jittered crops, their labels.

A batch is a function of (seed, images seen) alone: a run resumes bit for bit. No PyTorch here.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.errors import DatasetError
from dftnet.training.estimator.augment import JitterConfig, jitter
from dftnet.units import mirror_order

SIDES = (("Left", "Right"), ("_l", "_r"))
"""Endings of names that a mirror exchanges."""
ODD = ("yaw", "roll")
"""Names whose sign a mirror changes."""


class Batch(NamedTuple):
    """b samples of one step."""

    crops: np.ndarray
    """uint8 [b, S, S, 3]"""
    aus: np.ndarray
    """float32 [b, K] in [0, 1]"""
    side: np.ndarray
    """float32 [b, M], standardised side labels of the crop as jittered"""


class SideLabels:
    """Further numeric labels of a set (pose, blendshapes, the judges' raw values), standardised: tasks that only train.

    Each is a less noisy or more local view of the same face than a fused AU, so predicting them too makes better features.
    Columns that hardly vary or lack values are left out.
    """

    def __init__(self, extras: dict[str, np.ndarray], train_rows: np.ndarray, limit: float = 3.0) -> None:
        chosen = {
            name: np.asarray(column, np.float32)
            for name, column in sorted(extras.items())
            if np.isfinite(column).all() and column[train_rows].std() > 0.01
        }
        self.names: tuple[str, ...] = tuple(chosen)
        table = np.stack(list(chosen.values()), 1) if chosen else np.zeros((len(train_rows), 0), np.float32)
        self._own = np.arange(len(self.names))
        self._mirrored = np.array([self.names.index(self._partner(n)) for n in self.names], np.int64)
        self._sign = np.array([-1.0 if n in ODD else 1.0 for n in self.names], np.float32)
        self._mean = table[train_rows].mean(0) if chosen else np.zeros(0, np.float32)
        self._deviation = table[train_rows].std(0) if chosen else np.ones(0, np.float32)
        self._table, self._limit = table, limit

    def _partner(self, name: str) -> str:
        for ending, other in (*SIDES, *[(b, a) for a, b in SIDES]):
            partner = name.removesuffix(ending) + other
            if name.endswith(ending) and partner in self.names:
                return partner
        return name

    def __call__(self, rows: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """rows int [b], mirrored bool [b] → float32 [b, M]."""
        if not self.names:
            return np.zeros((len(rows), 0), np.float32)
        values = self._table[rows]
        values = np.where(mirrored[:, None], values[:, self._mirrored] * self._sign, values)
        return np.clip((values - self._mean) / self._deviation, -self._limit, self._limit).astype(np.float32)


def balanced_chances(aus: np.ndarray, floor: float = 0.5, ceiling: float = 8.0) -> np.ndarray:
    """Chance [n] of each row, from its AUs [n, K]: the floor plus its squared intensities, each AU's relative to its mean.

    So each AU has the same share of the draws above the floor, however rare it is; no row exceeds floor + ceiling.
    """
    power = aus.astype(np.float64) ** 2
    weight = floor + np.minimum((power / np.maximum(power.mean(0), 1e-6)).mean(1), ceiling)
    return weight / weight.sum()


class EstimatorBatches:
    """Batches of a data set's training split."""

    def __init__(self, data: FaceData, labels: str, batch: int, seed: int, config: JitterConfig) -> None:
        self.rows = data.rows("train")
        if not len(self.rows):
            raise DatasetError(f"{data.path} has no row in the split 'train'; prepare it with one")
        self.images = data.images()
        self.au_names, self.aus = data.label_set(labels)
        self._mirror = mirror_order(self.au_names)
        self.side = SideLabels(data.extras, self.rows)
        self.batch, self.seed, self.config = batch, seed, config
        self._cumulative = np.cumsum(balanced_chances(self.aus[self.rows]))

    def __call__(self, images_seen: int, pool: ThreadPoolExecutor, workers: int) -> Batch:
        """The batch that follows `images_seen`, made by `workers` threads of the pool."""
        rng = np.random.default_rng([self.seed, images_seen])
        drawn = np.searchsorted(self._cumulative, rng.random(self.batch))
        rows = self.rows[np.minimum(drawn, len(self.rows) - 1)]
        seeds = rng.integers(0, 2**62, self.batch)
        crops = np.empty((self.batch, *self.images.shape[1:]), np.uint8)
        mirrored = np.zeros(self.batch, bool)

        def fill(part: range) -> None:
            for i in part:
                crop = np.asarray(self.images[rows[i]])
                crops[i], mirrored[i] = jitter(crop, np.random.default_rng(seeds[i]), self.config)

        list(pool.map(fill, [range(w, self.batch, workers) for w in range(workers)]))
        aus = self.aus[rows]
        aus = np.where(mirrored[:, None], aus[:, self._mirror], aus)
        return Batch(crops, aus, self.side(rows, mirrored))
