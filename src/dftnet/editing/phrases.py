"""Requests as people say them: "a slight smile, eyes closed" → {"smile": 0.3, "close eyes": 1.0}. Rules, no model.

A phrase is parts between commas or "and"; a part is one word of the vocabulary, perhaps in another form ("smiling", "eyes
shut", "raised eyebrows"), with a degree ("slight", "half", "broad", "no"), and on one side of the face ("left eye closed",
"a smirk on the right"; the person's own left and right), which only a model that knows sides can show.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator

from dftnet.aus import OPPOSITES, WORDS, nearest, plain_words
from dftnet.editing.emotions import EMOTION_WORDS, EMOTIONS
from dftnet.errors import RequestError
from dftnet.units import SIDED

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
    "dimple": "dimples", "gaping": "open mouth", "kissing": "kiss", "kisses": "kiss", "puckering": "pucker",
}  # fmt: skip
"""Other forms of words of the vocabulary."""
_CLOSE, _OPEN = r"clos(?:e|ed|ing)|shut", r"open(?:ed|ing)?"
_UP, _DOWN = r"rais(?:e|ed|ing)|lift(?:ed|ing)?|up", r"lower(?:ed|ing)?|drop(?:ped|ping)?|down"
_WRINKLE = r"wrinkl(?:e|ed|ing)|scrunch(?:ed|ing)?"
MEANINGS: tuple[tuple[str, str, str], ...] = (
    (r"(?:heads?|face)", _UP, "raise head"),
    (r"(?:heads?|face)", _DOWN, "lower head"),
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
    (r"lips?|mouth", r"pucker(?:ed|ing)?", "pucker"),
    (r"lips?", r"funnel(?:l?ed|l?ing)?", "funnel lips"),
    (r"lips?", r"suck(?:ed|ing)?(?: in)?", "suck lips"),
    (r"cheeks?", r"puff(?:ed|ing)?(?: up| out)?|blown(?: up| out)?", "puff cheeks"),
    (r"eyes?|gaze|look(?:s|ing)?", r"(?:turned |to )?up(?:wards?)?", "look up"),
    (r"eyes?|gaze|look(?:s|ing)?", r"(?:turned |to )?down(?:wards?)?|lowered", "look down"),
)
"""(part of the face, what it does, word of the vocabulary): both orders are understood."""
ON_SIDES: tuple[tuple[str, str], ...] = (
    (r"wink(?:s|ing)?(?: eye)?", "wink {}"),
    (r"smirk(?:s|ing)?|(?:lopsided|crooked) smile", "smirk {}"),
    (r"brows? (?:rais(?:e|ed|ing)|lift(?:ed|ing)?|up)|(?:rais(?:e|ed|ing)|lift(?:ed|ing)?) brows?", "raise {} brow"),
    (r"look(?:s|ing)?|gaze|(?:eyes? )?glanc(?:e|es|ing)|eyes(?: turn(?:ed)?)?|turn(?:ed)? eyes", "look {}"),
    (r"head(?: turn(?:ed|ing|s)?)?|turn(?:ed|ing|s)? head", "turn head {}"),
    (r"jaw(?: moved| pushed| shifted)?|(?:mov|push|shift)(?:e|ed|ing)? jaw", "jaw {}"),
)
"""(what is done on a side, word of the vocabulary for a side)."""
SIDE = re.compile(r"\b(?:(?:on|to|with|at) )?(?:his |her |their |your |my )?(left|right)(?:wards?)?(?: side)?\b")
FILLING = re.compile(
    r"\b(?:an?|the|he|she|they|his|her|their|your|my|its|with|please|look|looks|looking|make|give|show|is|are|more)\b"
)
WHICH_SIDE = re.compile(r"\bwink|\bone\b|\blopsided|\bcrooked|\bsmirk|\bsideways|\baside")


def parse_phrase(text: str) -> dict[str, float]:
    """Words of the vocabulary, or units of one side, and their values in [0, 1]; RequestError, with what would be understood,
    for another text."""
    found: dict[str, float] = {}
    for part in re.split(r"[,;+&]|\band\b|\bbut\b", text.lower()):
        if part.strip():
            found.update(_parse_part(part, text))
    if not found:
        raise RequestError(f"{text!r} asks for nothing; write it like AU12=0.8 or smile=0.5", field="au")
    return found


def is_phrase(text: str) -> bool:
    """Whether `parse_phrase` understands a text."""
    with contextlib.suppress(RequestError):
        return bool(parse_phrase(text))
    return False


def _parse_part(part: str, whole: str) -> dict[str, float]:
    plain = plain_words(part)
    shares = [1.0]
    for words in itertools.chain([plain], _without_degrees(plain, shares)):
        if (meant := _meant(words, min(shares))) is not None:
            return meant
    told = f" in {whole!r}" if part.strip() != whole.strip().lower() else ""
    if WHICH_SIDE.search(plain) and not SIDE.search(plain):
        raise RequestError(
            f'{part.strip()!r}{told} is on one side of a face: say on which, as in "wink left" or "raise right brow" '
            "(the person's own left and right)",
            field="au",
        )
    rest = " ".join(FILLING.sub(" ", words).split())
    last = rest.rpartition(" ")[2]
    if last in EMOTIONS or last in EMOTION_WORDS:
        emotion = EMOTION_WORDS.get(last, last)
        raise RequestError(
            f"{part.strip()!r} is an emotion: say --emotion {emotion}, with --strength for how much", field="au"
        )
    known = {word: word for word in (*WORDS, *OPPOSITES)}
    raise RequestError(
        f'{part.strip()!r}{told} is not understood; {nearest(rest, known)}write it like smile=0.3 or "close eyes"',
        field="au",
    )


def _without_degrees(words: str, shares: list[float]) -> Iterator[str]:
    """The words with one more degree left out each time, the longest first; its share is added to `shares`."""
    for degree in sorted(DEGREES, key=len, reverse=True):
        rest = " ".join(re.sub(rf"(?:^|\s){degree}(?=\s|$)", " ", words).split())
        if rest != words:
            words = rest
            shares.append(DEGREES[degree])
            yield words


def _meant(words: str, share: float) -> dict[str, float] | None:
    """What these words ask for at a share of the whole; None where they are not understood."""
    short = " ".join(FILLING.sub(" ", words).split())
    for text in (words, short):
        if (word := _word(text)) is not None:
            return {word: share}
    sides = SIDE.findall(words)
    if len(sides) != 1:
        return None
    rest = " ".join(SIDE.sub(" ", words).split())
    for text in (rest, " ".join(FILLING.sub(" ", rest).split())):
        for form, word in ON_SIDES:
            if re.fullmatch(form, text):
                return {word.format(sides[0]): share}
        if (both := _word(text)) is not None:
            return _on_side(both, sides[0], share)
    return None


def _on_side(word: str, side: str, share: float) -> dict[str, float]:
    """The units of a word on one side; RequestError where they have none."""
    units = WORDS.get(word) or dict.fromkeys(OPPOSITES[word], 1.0)
    if whole := [name for name in units if name not in SIDED]:
        raise RequestError(
            f"{word!r} has no left and right: {', '.join(whole)} move the whole mouth or face", field="au"
        )
    levels = {name: value * share if word in WORDS else 1 - share for name, value in units.items()}
    return {f"{name}{side[0].upper()}": level for name, level in levels.items()}


def _word(words: str) -> str | None:
    """The word of the vocabulary that these words mean."""
    words = FORMS.get(words, words)
    if words in WORDS or words in OPPOSITES:
        return words
    for part, action, word in MEANINGS:
        if re.fullmatch(rf"(?:{part}) (?:{action})(?: together)?|(?:{action}) (?:{part})(?: together)?", words):
            return word
    return None
