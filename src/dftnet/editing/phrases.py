"""Requests as people say them: "a slight smile, eyes closed" → {"smile": 0.3, "close eyes": 1.0}. Rules, no model.

A phrase is parts between commas or "and"; a part is one word of the vocabulary, perhaps in another form ("smiling", "eyes
shut", "raised eyebrows"), with a degree ("slight", "half", "broad", "no").
"""

from __future__ import annotations

import re

from dftnet.aus import OPPOSITES, WORDS, nearest, plain_words
from dftnet.editing.emotions import EMOTION_WORDS, EMOTIONS
from dftnet.errors import RequestError

DEGREES: dict[str, float] = {
    "no": 0.0, "not": 0.0, "without": 0.0, "barely": 0.15, "hint of": 0.2, "touch of": 0.2, "faint": 0.25, "faintly": 0.25,
    "slight": 0.3, "slightly": 0.3, "subtle": 0.3, "little": 0.3, "bit": 0.3, "bit of": 0.3, "small": 0.3, "gentle": 0.3,
    "gently": 0.3, "soft": 0.3, "softly": 0.3, "light": 0.3, "lightly": 0.3, "half": 0.5, "moderate": 0.5, "moderately": 0.5,
    "medium": 0.5, "rather": 0.6, "quite": 0.7, "big": 1.0, "broad": 1.0, "broadly": 1.0, "wide": 1.0, "widely": 1.0,
    "strong": 1.0, "strongly": 1.0, "full": 1.0, "fully": 1.0, "very": 1.0, "completely": 1.0,
}  # fmt: skip
"""Word of degree → share of the whole."""
FORMS: dict[str, str] = {
    "smiling": "smile", "smiles": "smile", "grinning": "grin", "grins": "grin", "frowning": "frown", "frowns": "frown",
    "laughing": "laugh", "laughs": "laugh", "laughter": "laugh", "blinking": "blink", "blinks": "blink",
    "squinting": "squint", "squinted": "squint", "sneering": "sneer", "sulking": "sulk", "pout": "sulk", "pouting": "sulk",
    "dimple": "dimples", "gaping": "open mouth",
}  # fmt: skip
"""Other forms of words of the vocabulary."""
_CLOSE, _OPEN = r"clos(?:e|ed|ing)|shut", r"open(?:ed|ing)?"
_UP, _DOWN = r"rais(?:e|ed|ing)|lift(?:ed|ing)?|up", r"lower(?:ed|ing)?|drop(?:ped|ping)?|down"
_WRINKLE = r"wrinkl(?:e|ed|ing)|scrunch(?:ed|ing)?"
MEANINGS: tuple[tuple[str, str, str], ...] = (
    (r"(?:eyes?|lids?|eyelids?)", _CLOSE, "close eyes"),
    (r"(?:eyes?|lids?|eyelids?)", rf"wide(?: {_OPEN})?|widen(?:ed|ing)?", "widen eyes"),
    (r"(?:eyes?|lids?|eyelids?)", _OPEN, "open eyes"),
    (r"mouth", _CLOSE, "close mouth"),
    (r"mouth", rf"(?:wide )?(?:{_OPEN})", "open mouth"),
    (r"jaw", rf"{_DOWN}|{_OPEN}", "drop jaw"),
    (r"lips?", r"part(?:ed|ing)?|apart", "part lips"),
    (r"lips?", r"press(?:ed|ing)?|tight(?:en|ened)?", "press lips"),
    (r"lips?", r"stretch(?:ed|ing)?", "stretch lips"),
    (r"upper lip", _UP, "raise upper lip"),
    (r"lip corners|corners of mouth", rf"{_DOWN}|pull(?:ed)? down", "pull down lip corners"),
    (r"inner brows?", _UP, "raise inner brows"),
    (r"outer brows?", _UP, "raise outer brows"),
    (r"brows?", _UP, "raise brows"),
    (r"brows?", _DOWN, "lower brows"),
    (r"brows?", r"knit(?:ted)?|furrow(?:ed)?", "knit brows"),
    (r"brows?", r"relax(?:ed)?", "relax brows"),
    (r"nose", _WRINKLE, "wrinkle nose"),
    (r"cheeks?", _UP, "raise cheeks"),
    (r"chin", _UP, "raise chin"),
)
"""(part of the face, what it does, word of the vocabulary): both orders are understood."""
FILLING = re.compile(
    r"\b(?:an?|the|his|her|their|your|my|its|with|please|look|looks|looking|make|give|show|is|are|more)\b"
)
BOTH_SIDES = re.compile(r"\bwink|\b(?:left|right|one)\b|\blopsided|\bsmirk")


def parse_phrase(text: str) -> dict[str, float]:
    """Words of the vocabulary and their values in [0, 1]; RequestError, with what would be understood, for another text."""
    found: dict[str, float] = {}
    for part in re.split(r"[,;+&]|\band\b|\bbut\b", text.lower()):
        if part.strip():
            found.update([_parse_part(part, text)])
    if not found:
        raise RequestError(f"{text!r} asks for nothing; write it like AU12=0.8 or smile=0.5", field="au")
    return found


def _parse_part(part: str, whole: str) -> tuple[str, float]:
    if BOTH_SIDES.search(part):
        raise RequestError(
            f"{part.strip()!r} is one side of a face; units move both, left and right cannot be asked apart", field="au"
        )
    words = " ".join(FILLING.sub(" ", plain_words(part)).split())
    if (word := _word(words)) is not None:
        return word, 1.0
    shares: list[float] = []
    for degree in sorted(DEGREES, key=len, reverse=True):
        rest = re.sub(rf"(?:^|\s){degree}(?:\s|$)", " ", words).strip()
        if rest != words:
            words, shares = rest, [*shares, DEGREES[degree]]
            if (word := _word(words)) is not None:
                return word, min(shares)
    last = words.rpartition(" ")[2]
    if last in EMOTIONS or last in EMOTION_WORDS:
        emotion = EMOTION_WORDS.get(last, last)
        raise RequestError(
            f"{part.strip()!r} is an emotion: say --emotion {emotion}, with --strength for how much", field="au"
        )
    known = {word: word for word in (*WORDS, *OPPOSITES)}
    told = f" in {whole!r}" if part.strip() != whole.strip().lower() else ""
    raise RequestError(
        f'{part.strip()!r}{told} is not understood; {nearest(words, known)}write it like smile=0.3 or "close eyes"',
        field="au",
    )


def _word(words: str) -> str | None:
    """The word of the vocabulary that these words mean."""
    words = FORMS.get(words, words)
    if words in WORDS or words in OPPOSITES:
        return words
    for part, action, word in MEANINGS:
        if re.fullmatch(rf"(?:{part}) (?:{action})(?: together)?|(?:{action}) (?:{part})(?: together)?", words):
            return word
    return None
