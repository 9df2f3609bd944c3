"""Requests become the Action Units to aim at."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.aus import AU_DESCRIPTIONS, AU_NAMES, WORDS, as_dict, as_vector
from dftnet.editing.emotions import EMOTION_WORDS, EMOTIONS, preset, presets
from dftnet.editing.request import Request, target
from dftnet.units import ALL_UNITS, UNITS

OWN = np.linspace(0.1, 0.5, len(AU_NAMES)).astype(np.float32)


def test_every_table_uses_known_units() -> None:
    assert set(AU_NAMES) <= set(AU_DESCRIPTIONS) <= set(ALL_UNITS)
    for table in (*WORDS.values(), *EMOTIONS.values()):
        assert set(table) <= set(ALL_UNITS)
        assert all(0 <= value <= 1 for value in table.values())
    emotions = {"neutral", "happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt"}
    assert set(EMOTIONS) == emotions


def test_target_sets_only_what_is_asked() -> None:
    goal = target(OWN, {"AU12": 0.8, "AU04": 0})
    changed = {"AU12", "AU04"}
    assert goal.dtype == np.float32
    for name, before, after in zip(AU_NAMES, OWN, goal, strict=True):
        assert (before == after) == (name not in changed)
    assert as_dict(goal)["AU12"] == np.float32(0.8)


def test_nothing_asked_is_nothing_changed() -> None:
    assert np.array_equal(target(OWN, Request()), OWN)
    assert np.array_equal(target(OWN, Request(emotion="anger", strength=0)), OWN)
    assert np.array_equal(target(OWN, as_dict(OWN)), OWN)
    assert Request().empty
    assert not Request(neutral=True).empty


def test_target_adds_and_clips() -> None:
    goal = as_dict(target(OWN, Request(add={"AU12": 0.9, "AU45": -1, "AU01": 0.1})))
    assert goal["AU12"] == 1
    assert goal["AU45"] == 0
    assert goal["AU01"] == pytest.approx(0.2)


def test_towards_neutral_emotion_and_another_face() -> None:
    assert not target(OWN, Request(neutral=True)).any()
    assert np.allclose(target(OWN, Request(neutral=True, strength=0.25)), OWN * 0.75)
    happy = as_vector(EMOTIONS["happiness"])
    assert np.allclose(target(OWN, Request(emotion="Happiness", strength=0.7)), 0.3 * OWN + 0.7 * happy)
    other = as_dict(OWN[::-1])
    assert np.allclose(target(OWN, Request(like=other, strength=0.75)), 0.25 * OWN + 0.75 * OWN[::-1])


def test_fields_combine_in_order() -> None:
    goal = as_dict(target(OWN, Request(neutral=True, set={"AU12": 0.5}, add={"AU12": 0.2})))
    assert goal["AU12"] == pytest.approx(0.7)
    assert goal["AU01"] == 0


def test_bad_requests() -> None:
    with pytest.raises(ValueError, match="happiness"):
        Request(emotion="hapiness")
    with pytest.raises(ValueError, match="did you mean happy"):
        Request(emotion="hapy")
    assert Request(emotion="Angry").emotion == "anger"
    assert set(EMOTION_WORDS.values()) == set(EMOTIONS)
    with pytest.raises(ValueError, match="strength"):
        Request(neutral=True, strength=1.5)
    with pytest.raises(ValueError, match="strength"):
        Request(neutral=True, strength=float("nan"))
    with pytest.raises(ValueError, match="does not know AU45"):
        target(OWN[:3], {"AU45": 1}, AU_NAMES[:3])
    with pytest.raises(ValueError, match="values for"):
        target(OWN[:3], {"AU45": 1})
    with pytest.raises(ValueError, match="not finite"):
        target(OWN * np.nan, {"AU45": 1})


def test_a_model_with_sides_takes_both_or_one() -> None:
    own = np.full(len(UNITS), 0.1, np.float32)
    goal = as_dict(target(own, {"AU12": 0.8, "AU45L": 1}, UNITS), UNITS)
    assert goal["AU12L"] == goal["AU12R"] == np.float32(0.8)
    assert (goal["AU45L"], goal["AU45R"]) == (1.0, np.float32(0.1))
    with pytest.raises(ValueError, match="does not know AU45L"):
        target(OWN, {"AU45L": 1})


def test_a_model_with_sides_goes_towards_faces_without() -> None:
    own = np.zeros(len(UNITS), np.float32)
    goal = as_dict(target(own, Request(like={"AU12": 0.6, "AU45L": 1.0}), UNITS), UNITS)
    assert goal["AU12R"] == np.float32(0.6)
    assert (goal["AU45L"], goal["AU45R"]) == (1.0, 0.0)
    both = as_dict(target(np.zeros(len(AU_NAMES)), Request(like={"AU45L": 1.0, "AU45R": 0.0})))
    assert both["AU45"] == 0.5


def test_contempt_is_shown_on_one_side_where_there_are_sides() -> None:
    goal = as_dict(target(np.zeros(len(UNITS)), Request(emotion="contempt"), UNITS), UNITS)
    assert {name for name, value in goal.items() if value} == {"AU12R", "AU14R"}
    assert goal["AU14R"] == np.float32(0.8)
    assert preset("contempt", UNITS) == EMOTIONS["contempt"]
    assert set(presets(UNITS)) == set(EMOTIONS)


def test_contempt_is_refused_where_units_have_no_sides() -> None:
    nearest = r"one side of a face .*--model dftnet-128.*--au AU12=0\.45 AU14=0\.8 is the nearest"
    with pytest.raises(ValueError, match=nearest) as told:
        target(np.zeros(len(AU_NAMES)), Request(emotion="contempt"))
    assert told.value.field == "emotion"
    assert set(presets(AU_NAMES)) == set(EMOTIONS) - {"contempt"}
