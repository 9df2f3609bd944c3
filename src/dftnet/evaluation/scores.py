"""One number of one contender, and what all numbers stand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.evaluation.bench import Bench, Counts
from dftnet.evaluation.judges import Judges, LandmarkReading
from dftnet.metrics import Interval, interval


class Score(NamedTuple):
    """One number of one contender."""

    section: str
    name: str
    judge: str
    """Who measured; "" where no judge is needed."""
    better: str
    """"higher", "lower" or ""."""
    interval: Interval


@dataclass
class Measured:
    """What all scores stand on: the bench, read once by all judges."""

    bench: Bench
    judges: Judges
    own: np.ndarray
    """float32 [n, K]: the estimator's reading of every face."""
    seen: LandmarkReading | None
    """The landmark judge's reading of every face (of `real` too)."""
    embedded: np.ndarray | None
    """float32 [n, d]."""
    counts: Counts
    details: dict[str, dict] = field(default_factory=dict)
    """Contender → tables by AU, curves."""


def asked(own: np.ndarray, **values: float) -> np.ndarray:
    """AUs [n, K] with some units set."""
    wanted = own.copy()
    for name, value in values.items():
        wanted[:, AU_NAMES.index(name)] = value
    return wanted


def decibels(values: np.ndarray, people: np.ndarray) -> Interval:
    """Mean of dB; infinite where every picture is exact (single exact pictures count as 100 dB)."""
    if len(values) and np.isinf(values).all():
        return Interval(float("inf"), float("inf"), float("inf"), len(values), len(np.unique(people)))
    return interval(np.minimum(values, 100), people)
