"""What a unit delivers of the change that it is asked for, and the request that makes a value mean what it says.

    Δ asked      0    .25   .5    .75   1
    Δ delivered  0    .05   .16   .30   .42     read on validation faces (evaluation/calibrate.py), rising
    Δ given      the Δ asked at which Δ delivered is the one wanted; 1 beyond what a unit reaches. One that reaches less than FAR,
                 as this one, is made even instead: half of what it reaches where .5 is wanted, so that no request is cut off

Kept in a generator's config.json under "calibration"; a generator without it is asked as it always was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dftnet.errors import ModelError

KNOTS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
"""Changes that a unit is asked for when it is measured"""
FAR = 0.6
"""A unit that delivers this of a change of 1 or more is corrected to what is read; of the others the reader sees too little"""
DEAD = 0.1
"""A unit that delivers no more than this of a change of 1 cannot be corrected, and is asked as it is"""


@dataclass(frozen=True)
class Calibration:
    """Curves of units; the default has none and corrects nothing."""

    delivered: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Unit → change read at each of KNOTS; 0 at 0, never falling."""

    def __post_init__(self) -> None:
        for name, curve in self.delivered.items():
            values = np.asarray(curve, np.float64)
            if values.shape != (len(KNOTS),) or (np.diff(values) < 0).any() or abs(values[KNOTS.index(0.0)]) > 1e-6:
                raise ModelError(
                    f"the calibration of {name} is {list(curve)}: it needs {len(KNOTS)} rising numbers about 0"
                )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Calibration:
        """From a model's config.json."""
        return cls(dict(config.get("calibration", {})))

    def given(self, change: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Changes wanted [n, K] of `names` → changes to ask for, float32 [n, K]."""
        asked = np.array(change, np.float32)
        for k, name in enumerate(names):
            if name in self.delivered:
                asked[:, k] = [self._given(name, float(value)) for value in asked[:, k]]
        return asked

    def reach(self, name: str) -> tuple[float, float]:
        """The largest change down and up that a unit delivers; ±1 where it was not measured."""
        curve = self.delivered.get(name)
        return (float(curve[0]), float(curve[-1])) if curve is not None else (-1.0, 1.0)

    def _given(self, name: str, wanted: float) -> float:
        """The change to ask for, on the curve's side of the wanted one."""
        if not wanted:
            return 0.0
        sign = 1 if wanted > 0 else -1
        knots = np.abs([knot for knot in KNOTS if knot * sign >= 0])
        curve = np.abs([value for knot, value in zip(KNOTS, self.delivered[name], strict=True) if knot * sign >= 0])
        order = np.argsort(knots)
        knots, curve = knots[order], curve[order]
        if curve[-1] <= DEAD:
            return wanted
        if curve[-1] < FAR:
            curve = curve / curve[-1]
        rising = curve + 1e-6 * np.arange(len(curve))  # a plateau has one place
        return sign * float(np.interp(abs(wanted), rising, knots))
