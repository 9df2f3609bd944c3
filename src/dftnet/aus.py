"""The Action Unit vocabulary: which units exist, what each does, which words mean them, and vectors of them.

Intensities are real numbers in [0, 1] (OpenFace's 0 to 5 divided by 5); a vector of them always travels with
its names.

    au_name("12") == au_name("au12") == "AU12"
    check_values({"smile": 0.8}) == {"AU06": 0.48, "AU12": 0.8}
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dftnet.errors import RequestError
from dftnet.units import ALL_UNITS, Levels, in_units
from dftnet.units import AU_NAMES as AU_NAMES

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
    "AU18": "lip pucker",
    "AU22": "lip funneler",
    "AU28": "lip suck",
    "AU34": "cheek puff",
    "AU30L": "jaw to the left",
    "AU30R": "jaw to the right",
    "AU61": "eyes turn left",
    "AU62": "eyes turn right",
    "AU63": "eyes up",
    "AU64": "eyes down",
    "AU51": "head turn left",
    "AU52": "head turn right",
    "AU53": "head up",
    "AU54": "head down",
}
"""Unit → what it does. Left and right are the person's; a unit with sides does it on one. A model knows those of its `au_names`."""

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
    "laugh": {"AU06": 0.8, "AU12": 1.0, "AU25": 1.0, "AU26": 0.6},
    "wink left": {"AU06L": 0.4, "AU45L": 1.0},
    "wink right": {"AU06R": 0.4, "AU45R": 1.0},
    "smirk left": {"AU12L": 0.8, "AU14L": 0.5},
    "smirk right": {"AU12R": 0.8, "AU14R": 0.5},
    "raise left brow": {"AU01L": 0.5, "AU02L": 1.0},
    "raise right brow": {"AU01R": 0.5, "AU02R": 1.0},
    "look left": {"AU61": 1.0, "AU62": 0.0},
    "look right": {"AU61": 0.0, "AU62": 1.0},
    "look up": {"AU63": 1.0, "AU64": 0.0},
    "look down": {"AU63": 0.0, "AU64": 1.0},
    "turn head left": {"AU51": 1.0, "AU52": 0.0},
    "turn head right": {"AU51": 0.0, "AU52": 1.0},
    "raise head": {"AU53": 1.0, "AU54": 0.0},
    "lower head": {"AU53": 0.0, "AU54": 1.0},
    "kiss": {"AU18": 1.0},
    "pucker": {"AU18": 1.0},
    "funnel lips": {"AU22": 1.0},
    "suck lips": {"AU28": 1.0},
    "puff cheeks": {"AU34": 1.0},
    "jaw left": {"AU30L": 1.0, "AU30R": 0.0},
    "jaw right": {"AU30L": 0.0, "AU30R": 1.0},
}
"""Plain words → AU → share of the value asked for: `smile=0.5` asks AU12=0.5, AU06=0.3; left and right are the person's.
"grin" is what comes with AU12 in the 3,104 training faces that smile with parted lips (AU12 ≥ 0.7, AU25 ≥ 0.5): the means of their
labels over AU12's. "laugh" is FACS' 6+12+25+26. A word for one side needs a model that knows sides."""

OPPOSITES: dict[str, tuple[str, ...]] = {
    "open eyes": ("AU45",),
    "close mouth": ("AU25", "AU26"),
    "relax brows": ("AU04",),
}
"""Plain words → AUs that they lower: `open eyes=1` asks AU45=0, `open eyes=0.3` asks AU45=0.7."""

OTHER_UNITS: dict[int, tuple[str, tuple[str, ...]]] = {
    8: ("lips toward each other", ("AU17", "AU23")), 11: ("nasolabial furrow deepener", ("AU10",)),
    13: ("sharp lip puller", ("AU12",)), 16: ("lower lip depressor", ("AU25",)),
    19: ("tongue show", ()), 21: ("neck tightener", ("AU20",)),
    24: ("lip pressor", ("AU23",)), 27: ("mouth stretch", ("AU26",)),
    29: ("jaw thrust", ()), 30: ("jaw sideways", ("AU30L", "AU30R")), 31: ("jaw clencher", ("AU23",)), 32: ("lip bite", ("AU23",)),
    33: ("cheek blow", ()), 35: ("cheek suck", ()), 36: ("tongue bulge", ()),
    37: ("lip wipe", ()), 38: ("nostril dilator", ("AU09",)), 39: ("nostril compressor", ("AU09",)),
    41: ("lid droop", ("AU45",)), 42: ("slit", ("AU07", "AU45")), 43: ("eyes closed", ("AU45",)), 44: ("squint", ("AU07",)),
    46: ("wink", ("AU45L", "AU45R")), **dict.fromkeys(range(55, 61), ("movement of the head", ())),
    **dict.fromkeys(range(65, 70), ("movement of the eyes", ())),
}  # fmt: skip
"""FACS units that are not ours → (name, the nearest of ours in effect)."""

LEVELS = {"a": 0.2, "b": 0.4, "c": 0.6, "d": 0.8, "e": 1.0}
"""FACS' letters of intensity: AU12C is AU12=0.6."""
SUGGESTIONS = 3
"""Names that a message suggests, at most."""


def au_name(name: str | int) -> str:
    """The canonical name of one Action Unit: "AU12", "au12", "12" and 12 give "AU12".

    Raises RequestError for anything else, suggesting the nearest.
    """
    words = _expand(str(name))
    if len(words) != 1 or plain_words(str(name)) in (*WORDS, *OPPOSITES):
        raise RequestError(f"{name!r} is not the name of one Action Unit; write it like AU12", field="au")
    return next(iter(words))


def check_values(values: Mapping[str, float], low: float = 0.0, high: float = 1.0) -> dict[str, float]:
    """{name or plain word: number} → {"AU12": number}, in AU order; later names overwrite earlier ones.

    Raises RequestError for an unknown name, a value that is no finite number, or one outside [low, high].
    """
    found: dict[str, float] = {}
    for name, value in values.items():
        number = parse_number(value, name, low, high)
        if (words := plain_words(str(name))) in OPPOSITES:
            found.update(dict.fromkeys(OPPOSITES[words], 1 - number if low == 0 else -number))
        else:
            found.update({au: share * number for au, share in _expand(str(name)).items()})
    return {au: found[au] for au in ALL_UNITS if au in found}


def parse_number(value: float | str, name: str, low: float = 0.0, high: float = 1.0) -> float:
    """A value for `name` as people write it: 0.8, "0.8", "0,8", "80%"; RequestError, with the right spelling, for another."""
    text = str(value).strip()
    percent = text.endswith("%")
    try:
        number = float(text.removesuffix("%").strip().replace(",", ".")) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise RequestError(
            f"{name}: {value!r} is not a number; write it like {name}=0.8 or {name}=80%", field="au"
        ) from None
    number = number / 100 if percent else number
    if math.isfinite(number) and low <= number <= high:
        return number
    hint = ""
    if 1 < number <= 5:
        hint = f"; on OpenFace's scale of 5 that is {name}={number / 5:g}"
    elif 5 < number <= 100:
        hint = f"; did you mean {name}={number:g}%?"
    raise RequestError(f"{name}={number:g} is outside [{low:g}, {high:g}] (0 absent, 1 strongest){hint}", field="au")


def parse_values(items: Iterable[str], low: float = 0.0, high: float = 1.0) -> dict[str, float]:
    """Texts such as "AU12=0.8", "12=80%", "AU12:0,8", "AU12 0.8", "AU12C", "close eyes=1" or "smile" (= 1) →
    {"AU12": 0.8, …}, checked."""
    found: dict[str, float] = {}
    for item in items:
        name, value = split_value(item)
        level = _LETTERED.fullmatch(name) if value is None else None
        if level is not None:
            name, value = level[1], str(LEVELS[level[2].lower()])
        if not name or value == "":
            raise RequestError(f"{item!r} is not NAME=VALUE; write it like AU12=0.8 or smile=0.5", field="au")
        if value is None and plain_words(name) not in (*WORDS, *OPPOSITES):
            au = au_name(name)
            raise RequestError(f"{item!r} has no value; write it like {au}={high:g}", field="au")
        found.update(check_values({name: high if value is None else value}, low, high))  # type: ignore[dict-item]
    return found


_VALUE = re.compile(r"(.*[A-Za-z_0-9])\s*(?:[=:]\s*|\s+)([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)\s*%?)", re.DOTALL)
_LETTERED = re.compile(r"\s*((?:au\s*)?\d{1,2}[lr]?)\s*([a-e])\s*", re.IGNORECASE)


def split_value(item: str) -> tuple[str, str | None]:
    """ "AU12=0.8", "AU12: 80%", "AU12 0,8" → (name, value); without a value (name, None)."""
    name, sign, value = item.partition("=")
    if sign:
        return name.strip(), value.strip()
    if match := _VALUE.fullmatch(item.strip()):
        return match[1].strip(), match[2]
    return item.strip(), None


def condition(own: np.ndarray, goal: np.ndarray, conditioning: str) -> np.ndarray:
    """What a generator takes, [n, K], of a face's own AUs and those to aim at: the latter, or their "difference"."""
    return goal - own if conditioning == "difference" else goal


def as_vector(values: Mapping[str, float], names: Sequence[str] = AU_NAMES) -> np.ndarray:
    """{"AU12": 0.8, …} → float32 [K] in the order of `names`, 0 where not given."""
    known = in_units(check_values(values), names)
    return np.array([known.get(name, 0.0) for name in names], np.float32)


def as_dict(vector: Sequence[float] | np.ndarray, names: Sequence[str] = AU_NAMES) -> Levels:
    """float [K] in the order of `names` → {"AU01": 0.1, …}, which answers for "AU01" also where `names` has its sides."""
    if len(vector) != len(names):
        raise RequestError(f"{len(vector)} values for {len(names)} Action Units")
    return Levels((name, float(value)) for name, value in zip(names, vector, strict=True))


def is_name(text: str) -> bool:
    """Whether it reads like the name of a unit (also of one that is not ours, also with a letter of intensity), or is a word."""
    return bool(plain_words(text) in (*WORDS, *OPPOSITES) or re.fullmatch(r"\s*(?:au)?\s*\d.*", text, re.IGNORECASE))


def plain_words(name: str) -> str:
    """A name as it is compared: lower case, single spaces, no articles, brows for eyebrows."""
    words = " ".join(re.split(r"[\s_-]+", name.strip().lower()))
    return words.replace("eyebrow", "brow").replace("the ", "")


def _expand(name: str) -> dict[str, float]:
    """Name or plain word → {AU: share of the value}."""
    number = re.fullmatch(r"(?:au)?\s*0*(\d{1,2})([lr]?)(?:_r)?", plain_words(name).replace(" r", "_r"))
    if number and (au := f"AU{int(number[1]):02d}{number[2].upper()}") in ALL_UNITS:
        return {au: 1.0}
    if (words := plain_words(name)) in WORDS:
        return WORDS[words]
    if (described := {text: au for au, text in AU_DESCRIPTIONS.items()}).get(words):
        return {described[words]: 1.0}
    if number and int(number[1]) in OTHER_UNITS:
        what, near = OTHER_UNITS[int(number[1])]
        said = " or ".join(f"{au} ({describe_unit(au).description})" for au in near)
        hint = f"the nearest in effect: did you mean {said}?" if near else "none of them comes near it"
        raise RequestError(f"AU{int(number[1]):02d} ({what}) is not among the units of this tool; {hint}", field="au")
    lower = {text.lower(): text for text in (*AU_NAMES, *WORDS, *OPPOSITES, *described)}
    raise RequestError(
        f"unknown Action Unit {name!r}; {nearest(f'au{int(number[1]):02d}' if number else words, lower)}"
        "see dftnet edit --help for all",
        field="au",
    )


def nearest(word: str, known: Mapping[str, str]) -> str:
    """ "did you mean smile, sneer? ", at most SUGGESTIONS of the values whose keys are like a word; empty where none is."""
    near = difflib.get_close_matches(word, known, SUGGESTIONS, 0.6) or difflib.get_close_matches(word, known, 1, 0.5)
    return f"did you mean {', '.join(dict.fromkeys(known[one] for one in near))}? " if near else ""


REGIONS: dict[str, tuple[str, ...]] = {
    "brows": ("AU01", "AU02", "AU04"),
    "eyes": ("AU05", "AU07", "AU45", "AU61", "AU62", "AU63", "AU64"),
    "nose and cheeks": ("AU06", "AU09", "AU34"),
    "mouth": ("AU10", "AU12", "AU14", "AU15", "AU18", "AU20", "AU22", "AU23", "AU25", "AU28"),
    "jaw": ("AU17", "AU26", "AU30"),
    "head": ("AU51", "AU52", "AU53", "AU54"),
}
"""Part of the face → its units, as a page groups them."""

PLAIN_NAMES: dict[str, str] = {
    "AU01": "Raise inner brows", "AU02": "Raise outer brows", "AU04": "Lower brows", "AU05": "Widen eyes",
    "AU06": "Raise cheeks", "AU07": "Tighten lids", "AU09": "Wrinkle nose", "AU10": "Raise upper lip",
    "AU12": "Smile", "AU14": "Dimples", "AU15": "Lip corners down", "AU17": "Raise chin", "AU18": "Pucker lips",
    "AU20": "Stretch lips", "AU22": "Funnel lips", "AU23": "Press lips", "AU25": "Part lips", "AU26": "Drop jaw",
    "AU28": "Suck lips in", "AU30": "Jaw aside", "AU34": "Puff cheeks", "AU45": "Close eyes", "AU61": "Look left",
    "AU62": "Look right", "AU63": "Look up", "AU64": "Look down", "AU51": "Turn head left", "AU52": "Turn head right",
    "AU53": "Raise head", "AU54": "Lower head",
}  # fmt: skip
"""Unit → what a slider is called."""


class UnitWords(NamedTuple):
    """One Action Unit in words."""

    name: str
    """ "AU12"; "AU12L" where a model has sides."""
    plain: str
    """ "Smile"."""
    description: str
    """FACS' own name."""
    region: str
    """A key of REGIONS."""
    side: str
    """The person's "left" or "right", or empty."""


def describe_unit(name: str) -> UnitWords:
    """What a unit of a model's `au_names` is called, and where it is."""
    base, side = (name[:-1], name[-1]) if name[-1:] in ("L", "R") else (name, "")
    region = next((region for region, names in REGIONS.items() if base in names), "mouth")
    plain = PLAIN_NAMES.get(base, base)
    sides = {"L": "left", "R": "right"}
    return UnitWords(name, plain, AU_DESCRIPTIONS.get(base, plain.lower()), region, sides.get(side, ""))
