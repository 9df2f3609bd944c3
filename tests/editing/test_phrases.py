"""What people say, and the words of the vocabulary that it means."""

from __future__ import annotations

import pytest

from dftnet.aus import WORDS, check_values
from dftnet.editing.phrases import FORMS, MEANINGS, parse_phrase
from dftnet.editing.plan import EditPlan
from dftnet.editing.timeline import parse_values_over_time
from dftnet.errors import RequestError
from dftnet.units import AU_NAMES, TURNS, UNITS


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a slight smile, eyes closed", {"smile": 0.3, "close eyes": 1}),
        ("laughing", {"laugh": 1}),
        ("open eyes", {"open eyes": 1}),
        ("eyes wide open", {"widen eyes": 1}),
        ("mouth wide open", {"open mouth": 1}),
        ("half closed eyes", {"close eyes": 0.5}),
        ("his mouth slightly open", {"open mouth": 0.3}),
        ("no smile", {"smile": 0}),
        ("a very slight frown", {"frown": 0.3}),
        ("a little bit of a smile", {"smile": 0.3}),
        ("with raised eyebrows and a big grin", {"raise brows": 1, "grin": 1}),
        ("lips pressed together", {"press lips": 1}),
        ("Furrowed brows; jaw dropped", {"knit brows": 1, "drop jaw": 1}),
        ("wink with the left eye", {"wink left": 1}),
        ("she winks with her right eye", {"wink right": 1}),
        ("a slight smirk on the right", {"smirk right": 0.3}),
        ("lopsided smile on the left side", {"smirk left": 1}),
        ("raise the left eyebrow", {"raise left brow": 1}),
        ("right brow slightly raised", {"raise right brow": 0.3}),
        ("left eye closed", {"AU45L": 1}),
        ("left eye half closed, right eye open", {"AU45L": 0.5, "AU45R": 0}),
        ("a smile on the right", {"AU06R": 0.6, "AU12R": 1}),
        ("looking to the left", {"look left": 1}),
        ("eyes slightly to the right", {"look right": 0.3}),
        ("eyes looking up", {"look up": 1}),
        ("head turned to the left", {"turn head left": 1}),
        ("turn the head slightly right", {"turn head right": 0.3}),
        ("head lowered, a smile", {"lower head": 1, "smile": 1}),
        ("gaze down", {"look down": 1}),
        ("jaw pushed to the right", {"jaw right": 1}),
        ("kissing", {"kiss": 1}),
        ("puckered lips", {"pucker": 1}),
        ("puffed cheeks", {"puff cheeks": 1}),
        ("cheeks puffed out", {"puff cheeks": 1}),
        ("lips sucked in", {"suck lips": 1}),
    ],
)
def test_phrases(text: str, meant: dict[str, float]) -> None:
    assert parse_phrase(text) == meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a wink", r'say on which, as in "wink left" or "raise right brow" \(the person\'s own'),
        ("smile, one eye closed", "'one eye closed' in .* is on one side of a face: say on which"),
        ("mouth open on the left", "'open mouth' has no left and right: AU25, AU26"),
        ("very angry", "say --emotion anger"),
        ("smile, smlie", "'smlie' in 'smile, smlie' is not understood; did you mean smile"),
        ("dance", "is not understood; write it like"),
        (" , ", "asks for nothing"),
    ],
)
def test_what_is_not_understood(text: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        parse_phrase(text)


def test_every_form_means_a_word() -> None:
    for words in (*FORMS, *FORMS.values(), *(word for _, _, word in MEANINGS)):
        assert parse_phrase(words)


def test_phrases_beside_values() -> None:
    values, keys = parse_values_over_time(["a slight smile, eyes closed", "AU04=0.2", "AU12=0@0s,50%@1s"])
    assert values == pytest.approx({"AU06": 0.18, "AU12": 0.3, "AU45": 1, "AU04": 0.2})
    assert keys == {"AU12": [(0, 0), (1, 0.5)]}


SIDED_WORDS = {word for word, units in WORDS.items() if not set(units) <= set(AU_NAMES)}


@pytest.mark.parametrize("word", WORDS)
def test_every_word_means_what_a_model_has(word: str) -> None:
    """All are asked of a model of 40 units that turns heads too; one of 17 names the unit that it lacks."""
    EditPlan.parse(au=[word]).check_units((*UNITS, *TURNS))
    if word in SIDED_WORDS:
        with pytest.raises(RequestError, match="this model does not know AU"):
            EditPlan.parse(au=[word]).check_units(AU_NAMES)
    else:
        EditPlan.parse(au=[word]).check_units(AU_NAMES)


def test_words_for_one_side_are_mirrors() -> None:
    for word in ("wink {}", "smirk {}", "raise {} brow"):
        left, right = (check_values({word.format(side): 1.0}) for side in ("left", "right"))
        assert {name.replace("L", "R"): value for name, value in left.items()} == right
    assert check_values({"look left": 1.0}) == {"AU61": 1.0, "AU62": 0.0}
    assert {"kiss", "puff cheeks", "wink left", "smirk right", "look left"} <= SIDED_WORDS
