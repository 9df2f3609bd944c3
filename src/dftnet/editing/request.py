"""What a face shall show: units to set and to change, an emotion, another face; and the units that follow from it.

    target(aus, Request(set={"smile": 0.8}, add={"AU04": -0.2}))        # float32 [K] in [0, 1]

A mapping is short for Request(set=mapping).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dftnet.aus import AU_NAMES, as_dict, check_values
from dftnet.editing.emotions import EMOTIONS, emotion_name, preset
from dftnet.errors import RequestError
from dftnet.units import in_units, level_of

UNCHANGED = 1e-4
"""AUs that differ by no more are the same."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a face shall show. All fields combine, in this order: neutral, emotion, like, set, add."""

    set: Mapping[str, float] = field(default_factory=dict)
    """AU or plain word → value in [0, 1]; every other unit stays as it is."""
    add: Mapping[str, float] = field(default_factory=dict)
    """AU or plain word → change in [-1, 1]; the sum is limited to [0, 1]."""
    neutral: bool = False
    """Move every unit towards 0, by `strength`."""
    emotion: str | None = None
    """A key of EMOTIONS: move every unit towards its preset, by `strength`."""
    like: Mapping[str, float] | None = None
    """The AUs of another face, by name: move every unit towards them, by `strength`."""
    like_name: str = ""
    """Whose they are, for the words that tell of the edit: the name of a photo."""
    strength: float = 1.0
    """0 (as it is) to 1 (all the way), for neutral, emotion and like."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "set", check_values(self.set))
        object.__setattr__(self, "add", check_values(self.add, -1.0))
        if self.emotion is not None:
            object.__setattr__(self, "emotion", emotion_name(self.emotion))
        if self.like is not None:
            object.__setattr__(self, "like", check_values(self.like))
        if not (math.isfinite(self.strength) and 0 <= self.strength <= 1):
            raise RequestError(f"strength {self.strength:g} is outside [0, 1]")

    @property
    def units(self) -> tuple[str, ...]:
        """The units that are asked for by name, or by an emotion."""
        emotion = EMOTIONS[self.emotion] if self.emotion is not None else {}
        return tuple(dict.fromkeys([*self.set, *self.add, *emotion]))

    @property
    def empty(self) -> bool:
        """Nothing is asked for."""
        return not (self.set or self.add or self.neutral or self.emotion is not None or self.like is not None)


def target(
    aus: Sequence[float] | np.ndarray, request: Request | Mapping[str, float], names: Sequence[str] = AU_NAMES
) -> np.ndarray:
    """The AUs to aim at, float32 [K] in [0, 1], for a face with `aus` ([K], in the order of `names`).

    A mapping is short for Request(set=mapping). A two-sided unit asks for both sides where `names` has sides. RequestError where
    the request sets a unit not in `names`, or an emotion that they cannot show.
    """
    asked = request if isinstance(request, Request) else Request(set=request)
    wanted_levels, changes = in_units(asked.set, names), in_units(asked.add, names)
    goal = as_dict(np.asarray(aus, np.float64), names)
    towards: list[Mapping[str, float]] = [{}] if asked.neutral else []
    towards += [preset(asked.emotion, names)] if asked.emotion is not None else []
    towards += [asked.like] if asked.like is not None else []
    for wanted in towards:
        for name in names:
            goal[name] += asked.strength * (level_of(wanted, name) - goal[name])
    goal.update(wanted_levels)
    for name, change in changes.items():
        goal[name] += change
    vector = np.array([goal[name] for name in names], np.float64)
    if not np.isfinite(vector).all():
        raise RequestError("the face's own AUs are not finite numbers; read them again")
    return np.clip(vector, 0.0, 1.0).astype(np.float32)


def same(goal: np.ndarray, own: np.ndarray) -> bool:
    """Whether two vectors of AUs [K] are the same for the eye: nothing is to be edited."""
    return bool((np.abs(goal.astype(np.float64) - own) <= UNCHANGED).all())
