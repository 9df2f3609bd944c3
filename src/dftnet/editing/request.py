"""What a face shall show: units to set and to change, an emotion, another face; and the units that follow from it.

    target(aus, Request(set={"smile": 0.8}, add={"AU04": -0.2}))        # float32 [K] in [0, 1]

A mapping is short for Request(set=mapping).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dftnet.aus import AU_DESCRIPTIONS, AU_NAMES, as_dict, check_values, plain_words
from dftnet.errors import RequestError
from dftnet.units import in_units, level_of

UNCHANGED = 1e-4
"""AUs that differ by no more are the same."""

FIGHTS = (("AU05", "AU45"), ("AU12", "AU15"), ("AU07", "AU05"), ("AU23", "AU26"))
"""Units whose muscles pull against each other."""

EMOTIONS: dict[str, dict[str, float]] = {
    # Measured: means of the training set's labels over acted clips (its column `emotion`), of each actor the quarter
    # of the frames in which the emotion's EMFACS units are strongest (the rest is on the way), then over actors;
    # rounded to 0.05, units below 0.1 left out: `benchmarks/emotion_presets.py`. The actors talk, so lips parting and
    # jaw (AU25, AU26) are not theirs but EMFACS'.
    # EMFACS: which units from Ekman, Friesen & Hager, "FACS Investigator's Guide" (2002), table 10-1, and EMFACS-7
    # (Friesen & Ekman 1983, unpublished), limited to AU_NAMES; how strong: 0.2 a level of FACS' A to E, C to D where
    # no level is named.
    "neutral": {},  # FACS: no unit active
    "happiness": {  # measured, 2 actors, 48 frames of 186; EMFACS 6+12 (25 optional)
        "AU04": 0.1, "AU06": 0.5, "AU07": 0.35, "AU09": 0.2, "AU10": 0.5, "AU12": 0.75, "AU25": 0.5,
    },
    "sadness": {"AU01": 0.6, "AU04": 0.5, "AU15": 0.6, "AU17": 0.3},  # EMFACS 1+4+11+15B (17 optional)
    "surprise": {  # measured, 1 actor, 19 frames of 73; EMFACS 1+2+5B+26 (25)
        "AU01": 0.75, "AU02": 0.85, "AU05": 0.55, "AU10": 0.2, "AU25": 0.7, "AU26": 0.7,
    },
    "fear": {  # EMFACS 1+2+4+5+7+20+26
        "AU01": 0.7, "AU02": 0.5, "AU04": 0.5, "AU05": 0.7,
        "AU07": 0.3, "AU20": 0.6, "AU25": 0.5, "AU26": 0.4,
    },
    "anger": {  # measured, 3 actors, 79 frames of 309; EMFACS 4+5+7+10+23: these actors hardly show 5 and 23
        "AU04": 0.35, "AU06": 0.3, "AU07": 0.8, "AU09": 0.45, "AU10": 0.25, "AU12": 0.15,
    },
    "disgust": {  # measured, 3 actors, 63 frames of 248; EMFACS 9+15, 10+17
        "AU04": 0.7, "AU06": 0.4, "AU07": 0.7, "AU09": 0.8, "AU10": 0.7, "AU12": 0.15, "AU15": 0.35, "AU20": 0.25,
    },
    "contempt": {  # measured, 3 actors, 79 frames of 307; EMFACS R12A+R14A, one-sided: these actors raise the brows
        "AU01": 0.7, "AU02": 0.7, "AU05": 0.2, "AU06": 0.15, "AU07": 0.25, "AU09": 0.45, "AU10": 0.35, "AU14": 0.3,
    },
}  # fmt: skip
"""Emotion → AU → intensity at strength 1; units not named are 0."""

ONE_SIDED: dict[str, dict[str, float]] = {
    "contempt": {"AU10R": 0.25, "AU12R": 0.45, "AU14R": 0.8},  # EMFACS R12A+R14A
}
"""Emotions that are shown on one side, for models that know sides; others take them from EMOTIONS."""

EMOTION_WORDS = {
    "happy": "happiness", "joy": "happiness", "sad": "sadness", "surprised": "surprise", "afraid": "fear",
    "scared": "fear", "angry": "anger", "disgusted": "disgust", "contemptuous": "contempt", "relaxed": "neutral",
}  # fmt: skip
"""Other words for the emotions."""


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


def fights(request: Request) -> list[str]:
    """A word about each two units asked for that work against each other."""
    asked = {**request.add, **request.set}
    return [
        f"{one} ({AU_DESCRIPTIONS[one]}) and {other} ({AU_DESCRIPTIONS[other]}) work against each other"
        for one, other in FIGHTS
        if min(asked.get(one, 0.0), asked.get(other, 0.0)) > 0.2
    ]


NEEDS_SIDES = {
    "contempt": "contempt shows on one side of a face (FACS R12A+R14A), and units move both sides: it cannot be asked for until "
    "they have sides; --au AU14=0.6 is the nearest, on both"
}
"""Emotions that units of both sides cannot show → why."""


def refuse_one_sided(emotion: str | None) -> None:
    """RequestError for an emotion of NEEDS_SIDES."""
    if emotion in NEEDS_SIDES:
        raise RequestError(NEEDS_SIDES[emotion], field="emotion")


def is_emotion(name: str) -> bool:
    """Whether it is a key of EMOTIONS or a word of EMOTION_WORDS, in any case."""
    return plain_words(name) in (*EMOTIONS, *EMOTION_WORDS)


def emotion_name(name: str) -> str:
    """A key of EMOTIONS for it or a word of EMOTION_WORDS, in any case; RequestError with the list and the nearest otherwise."""
    plain = plain_words(name)
    known = {**{emotion: emotion for emotion in EMOTIONS}, **EMOTION_WORDS}
    if plain in known:
        return known[plain]
    near = difflib.get_close_matches(plain, known, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise RequestError(f"unknown emotion {name!r}; {hint}known: {', '.join(EMOTIONS)}", field="emotion")


def target(
    aus: Sequence[float] | np.ndarray, request: Request | Mapping[str, float], names: Sequence[str] = AU_NAMES
) -> np.ndarray:
    """The AUs to aim at, float32 [K] in [0, 1], for a face with `aus` ([K], in the order of `names`).

    A mapping is short for Request(set=mapping). A two-sided unit asks for both sides where `names` has sides. RequestError where
    the request sets a unit not in `names`.
    """
    asked = request if isinstance(request, Request) else Request(set=request)
    wanted_levels, changes = in_units(asked.set, names), in_units(asked.add, names)
    goal = as_dict(np.asarray(aus, np.float64), names)
    towards: list[Mapping[str, float]] = [{}] if asked.neutral else []
    towards += [_preset(asked.emotion, names)] if asked.emotion is not None else []
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


def _preset(emotion: str, names: Sequence[str]) -> Mapping[str, float]:
    """An emotion's units, on one side where it is shown so and the model knows sides."""
    one_sided = ONE_SIDED.get(emotion, {})
    return one_sided if one_sided and set(one_sided) <= set(names) else EMOTIONS[emotion]


def same(goal: np.ndarray, own: np.ndarray) -> bool:
    """Whether two vectors of AUs [K] are the same for the eye: nothing is to be edited."""
    return bool((np.abs(goal.astype(np.float64) - own) <= UNCHANGED).all())
