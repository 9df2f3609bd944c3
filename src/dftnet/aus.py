"""The Action Unit vocabulary: which units exist, what each does, and how a request becomes a target vector.

Intensities are real numbers in [0, 1] (OpenFace's 0 to 5 divided by 5); a vector of them always travels with
its names.

    au_name("12") == au_name("au12") == "AU12"
    target(aus, Request(set={"smile": 0.8}, add={"AU04": -0.2}))        # float32 [K] in [0, 1]
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

AU_NAMES: tuple[str, ...] = (
    "AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12",
    "AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26", "AU45",
)  # fmt: skip
"""The 17 Action Units of OpenFace's intensity regressors, in the order of every label array."""

CONDITIONINGS = ("target", "difference")
"""What a generator may take as its condition; see `condition`."""

AU_DESCRIPTIONS: dict[str, str] = {
    "AU01": "inner brow raiser",
    "AU02": "outer brow raiser",
    "AU04": "brow lowerer",
    "AU05": "upper lid raiser",
    "AU06": "cheek raiser",
    "AU07": "lid tightener",
    "AU09": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU12": "lip corner puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU17": "chin raiser",
    "AU20": "lip stretcher",
    "AU23": "lip tightener",
    "AU25": "lips part",
    "AU26": "jaw drop",
    "AU45": "blink",
}

WORDS: dict[str, dict[str, float]] = {
    "smile": {"AU06": 0.6, "AU12": 1.0},
    "grin": {"AU06": 0.65, "AU07": 0.45, "AU10": 0.7, "AU12": 1.0, "AU25": 0.7},
    "frown": {"AU04": 1.0},
    "knit brows": {"AU04": 1.0},
    "lower brows": {"AU04": 1.0},
    "raise brows": {"AU01": 1.0, "AU02": 1.0},
    "raise inner brows": {"AU01": 1.0},
    "raise outer brows": {"AU02": 1.0},
    "close eyes": {"AU45": 1.0},
    "blink": {"AU45": 1.0},
    "widen eyes": {"AU05": 1.0},
    "squint": {"AU06": 0.5, "AU07": 1.0},
    "raise cheeks": {"AU06": 1.0},
    "wrinkle nose": {"AU09": 1.0},
    "raise upper lip": {"AU10": 1.0},
    "sneer": {"AU09": 0.6, "AU10": 1.0},
    "dimples": {"AU14": 1.0},
    "pull down lip corners": {"AU15": 1.0},
    "sulk": {"AU15": 0.8, "AU17": 1.0},
    "raise chin": {"AU17": 1.0},
    "stretch lips": {"AU20": 1.0},
    "press lips": {"AU23": 1.0},
    "part lips": {"AU25": 1.0},
    "open mouth": {"AU25": 1.0, "AU26": 1.0},
    "drop jaw": {"AU25": 0.8, "AU26": 1.0},
}
"""Plain words → AU → share of the value asked for: `smile=0.5` asks AU12=0.5, AU06=0.3. "grin" is what comes with AU12 in the
3,104 training faces that smile with parted lips (AU12 ≥ 0.7, AU25 ≥ 0.5): the means of their labels over AU12's."""

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

EMOTION_WORDS = {
    "happy": "happiness", "joy": "happiness", "sad": "sadness", "surprised": "surprise", "afraid": "fear",
    "scared": "fear", "angry": "anger", "disgusted": "disgust", "contemptuous": "contempt", "relaxed": "neutral",
}  # fmt: skip
"""Other words for the emotions."""


def au_name(name: str | int) -> str:
    """The canonical name of one Action Unit: "AU12", "au12", "12" and 12 give "AU12".

    Raises ValueError for anything else, listing the known names and suggesting the nearest.
    """
    words = _expand(str(name))
    if len(words) != 1 or _plain(str(name)) in WORDS:
        raise ValueError(f"{name!r} is not the name of one Action Unit; known: {', '.join(AU_NAMES)}")
    return next(iter(words))


def check_values(values: Mapping[str, float], low: float = 0.0, high: float = 1.0) -> dict[str, float]:
    """{name or plain word: number} → {"AU12": number}, in AU order; later names overwrite earlier ones.

    Raises ValueError for an unknown name, a value that is no finite number, or one outside [low, high].
    """
    found: dict[str, float] = {}
    for name, value in values.items():
        shares = _expand(str(name))
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"{name}: {value!r} is not a number") from None
        if not math.isfinite(number) or not low <= number <= high:
            raise ValueError(f"{name}={number:g} is outside [{low:g}, {high:g}] (0 absent, 1 strongest)")
        found.update({au: share * number for au, share in shares.items()})
    return {au: found[au] for au in AU_NAMES if au in found}


def parse_values(items: Iterable[str], low: float = 0.0, high: float = 1.0) -> dict[str, float]:
    """Texts such as "AU12=0.8", "12=0.8", "close eyes=1" or "smile" (= 1) → {"AU12": 0.8, …}, checked."""
    found: dict[str, float] = {}
    for item in items:
        name, sign, number = item.partition("=")
        if not name.strip() or (sign and not number.strip()):
            raise ValueError(f"{item!r} is not NAME=VALUE; write it like AU12=0.8 or smile=0.5")
        if not sign and _plain(name) not in WORDS:
            au = au_name(name)
            raise ValueError(f"{item!r} has no value; write it like {au}={high:g}")
        found.update(check_values({name.strip(): number.strip() if sign else high}, low, high))  # type: ignore[dict-item]
    return found


def condition(own: np.ndarray, goal: np.ndarray, conditioning: str) -> np.ndarray:
    """What a generator takes, [n, K], of a face's own AUs and those to aim at: the latter, or their "difference"."""
    return goal - own if conditioning == "difference" else goal


def as_vector(values: Mapping[str, float], names: Sequence[str] = AU_NAMES) -> np.ndarray:
    """{"AU12": 0.8, …} → float32 [K] in the order of `names`, 0 where not given."""
    known = check_values(values)
    _require(known, names)
    return np.array([known.get(name, 0.0) for name in names], np.float32)


def as_dict(vector: Sequence[float] | np.ndarray, names: Sequence[str] = AU_NAMES) -> dict[str, float]:
    """float [K] in the order of `names` → {"AU01": 0.1, …}."""
    if len(vector) != len(names):
        raise ValueError(f"{len(vector)} values for {len(names)} Action Units")
    return {name: float(value) for name, value in zip(names, vector, strict=True)}


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
            raise ValueError(f"strength {self.strength:g} is outside [0, 1]")

    @property
    def empty(self) -> bool:
        """Nothing is asked for."""
        return not (self.set or self.add or self.neutral or self.emotion is not None or self.like is not None)


def emotion_name(name: str) -> str:
    """A key of EMOTIONS for it or a word of EMOTION_WORDS, in any case; ValueError with the list and the nearest otherwise."""
    plain = _plain(name)
    known = {**{emotion: emotion for emotion in EMOTIONS}, **EMOTION_WORDS}
    if plain in known:
        return known[plain]
    near = difflib.get_close_matches(plain, known, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"unknown emotion {name!r}; {hint}known: {', '.join(EMOTIONS)}")


def target(
    aus: Sequence[float] | np.ndarray, request: Request | Mapping[str, float], names: Sequence[str] = AU_NAMES
) -> np.ndarray:
    """The AUs to aim at, float32 [K] in [0, 1], for a face with `aus` ([K], in the order of `names`).

    A mapping is short for Request(set=mapping). ValueError where the request sets a unit not in `names`.
    """
    asked = request if isinstance(request, Request) else Request(set=request)
    _require([*asked.set, *asked.add], names)
    goal = as_dict(np.asarray(aus, np.float64), names)
    towards: list[Mapping[str, float]] = [{}] if asked.neutral else []
    towards += [EMOTIONS[asked.emotion]] if asked.emotion is not None else []
    towards += [asked.like] if asked.like is not None else []
    for wanted in towards:
        for name in names:
            goal[name] += asked.strength * (wanted.get(name, 0.0) - goal[name])
    goal.update(asked.set)
    for name, change in asked.add.items():
        goal[name] += change
    vector = np.array([goal[name] for name in names], np.float64)
    if not np.isfinite(vector).all():
        raise ValueError("the face's own AUs are not finite numbers; read them again")
    return np.clip(vector, 0.0, 1.0).astype(np.float32)


def _require(asked: Iterable[str], names: Sequence[str]) -> None:
    missing = sorted(set(asked) - set(names))
    if missing:
        raise ValueError(f"this model does not know {', '.join(missing)}; it knows {', '.join(names)}")


def _plain(name: str) -> str:
    words = " ".join(re.split(r"[\s_-]+", name.strip().lower()))
    return words.replace("eyebrow", "brow").replace("the ", "")


def _expand(name: str) -> dict[str, float]:
    """Name or plain word → {AU: share of the value}."""
    number = re.fullmatch(r"(?:au)?\s*0*(\d{1,2})(?:_r)?", _plain(name).replace(" r", "_r"))
    if number and (au := f"AU{int(number[1]):02d}") in AU_NAMES:
        return {au: 1.0}
    if (words := _plain(name)) in WORDS:
        return WORDS[words]
    if (described := {text: au for au, text in AU_DESCRIPTIONS.items()}).get(words):
        return {described[words]: 1.0}
    lower = {text.lower(): text for text in (*AU_NAMES, *WORDS, *described)}
    near = difflib.get_close_matches(f"au{int(number[1]):02d}" if number else words, lower, 1, 0.5)
    hint = f"did you mean {lower[near[0]]}? " if near else ""
    known = f"known: {', '.join(AU_NAMES)}, or words: {', '.join(WORDS)}"
    raise ValueError(f"unknown Action Unit {name!r}; {hint}{known}")
