"""The emotions: which units show each and how strongly, on which models, and the words that mean them.

preset("happiness", editor.au_names)["AU12"] == 0.75
preset("contempt", AU_NAMES)                            # RequestError: it needs units with sides
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from dftnet.aus import AU_NAMES, plain_words
from dftnet.errors import RequestError
from dftnet.inference.directory import models
from dftnet.units import side_free

EMOTIONS: dict[str, dict[str, float]] = {
    # Measured: means of the training set's labels over acted clips (its column `emotion`), of each actor the quarter
    # of the frames in which the emotion's EMFACS units are strongest (the rest is on the way), then over actors;
    # rounded to 0.05, units below 0.1 left out: `benchmarks/emotion_presets.py`. The actors talk, so lips parting and
    # jaw (AU25, AU26) are not theirs but EMFACS'.
    # EMFACS: which units from Ekman, Friesen & Hager, "FACS Investigator's Guide" (2002), table 10-1, and EMFACS-7
    # (Friesen & Ekman 1983, unpublished), limited to AU_NAMES and their sides; how strong: 0.2 a level of FACS' A to E, C to D
    # where no level is named.
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
    "contempt": {"AU12R": 0.45, "AU14R": 0.8},  # EMFACS R12A+R14A; stronger than A, a trace, or nobody would see it
}  # fmt: skip
"""Emotion → AU → intensity at strength 1; units not named are 0. What it asks of a model says `preset`."""

EMOTION_WORDS = {
    "happy": "happiness", "joy": "happiness", "sad": "sadness", "surprised": "surprise", "afraid": "fear",
    "scared": "fear", "angry": "anger", "disgusted": "disgust", "contemptuous": "contempt", "relaxed": "neutral",
}  # fmt: skip
"""Other words for the emotions."""


def preset(emotion: str, names: Sequence[str] = AU_NAMES) -> Mapping[str, float]:
    """An emotion's units → intensity at strength 1, as a model with the units `names` can be asked for them.

    Units of both sides that the model lacks are for the caller to leave out; RequestError for an emotion that shows on one side
    and a model whose units have no sides.
    """
    units = EMOTIONS[emotion]
    if _on_sides(emotion) <= set(names):
        return units
    both = " ".join(f"{side_free(name)}={value:g}" for name, value in units.items())
    fit = [model.name for model in models("generator") if set(units) <= set(model.au_names)]
    raise RequestError(
        f"{emotion} shows on one side of a face ({', '.join(units)}), and this model's units move both sides: take a model with "
        f"sides{f' (--model {fit[0]})' if fit else ''}; --au {both} is the nearest",
        field="emotion",
    )


def presets(names: Sequence[str] = AU_NAMES) -> dict[str, Mapping[str, float]]:
    """The emotions that a model with the units `names` can be asked for → `preset`."""
    return {emotion: preset(emotion, names) for emotion in EMOTIONS if _on_sides(emotion) <= set(names)}


def _on_sides(emotion: str) -> set[str]:
    """Those of its units that are one side of a face."""
    return {name for name in EMOTIONS[emotion] if name != side_free(name)}


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
