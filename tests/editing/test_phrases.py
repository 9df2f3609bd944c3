"""What people say, and the words of the vocabulary that it means."""

from __future__ import annotations

import pytest

from dftnet.editing.phrases import FORMS, MEANINGS, parse_phrase
from dftnet.editing.timeline import parse_values_over_time
from dftnet.errors import RequestError


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
    ],
)
def test_phrases(text: str, meant: dict[str, float]) -> None:
    assert parse_phrase(text) == meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a wink", "left and right cannot be asked apart"),
        ("raise the left brow", "cannot be asked apart"),
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
