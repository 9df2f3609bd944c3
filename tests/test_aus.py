"""Names, values and requests: what a person may write, and what each becomes."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.aus import AU_NAMES, au_name, check_values, parse_values
from dftnet.units import UNITS, in_units, levels_as, mirror_order

OWN = np.linspace(0.1, 0.5, len(AU_NAMES)).astype(np.float32)


@pytest.mark.parametrize("name", ["AU12", "au12", "12", 12, " Au12 ", "AU12_r", "lip corner puller"])
def test_one_unit_has_many_spellings(name: str | int) -> None:
    assert au_name(name) == "AU12"


def test_leading_zero_is_optional() -> None:
    assert au_name("1") == au_name("AU1") == au_name("AU01") == "AU01"


@pytest.mark.parametrize(
    ("name", "nearest"), [("AU13", "AU"), ("smle", "smile"), ("close eye", "close eyes"), ("AU4S", "AU4")]
)
def test_unknown_name_suggests(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean {nearest}") as error:
        au_name(name)
    assert len(str(error.value).partition("did you mean")[2].split(",")) <= 3


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ("AU43", r"AU43 \(eyes closed\) is not among the units of this tool; .* AU45 \(blink\)"),
        ("24", r"lip pressor.*AU23"),
        ("AU55=1", "movement of the head.*none of them comes near"),
    ],
)
def test_units_of_facs_that_are_not_ours(unit: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_values([unit])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("AU12=80%", 0.8), ("AU12=0,8", 0.8), ("AU12 0.8", 0.8), ("AU12:0.8", 0.8), ("12: 80 %", 0.8), ("au12 ,8", 0.8),
        ("AU12D", 0.8), ("12a", 0.2), ("AU12E", 1.0),
    ],
)  # fmt: skip
def test_values_as_people_write_them(text: str, value: float) -> None:
    assert parse_values([text]) == {"AU12": pytest.approx(value)}


@pytest.mark.parametrize(
    ("text", "right"),
    [("AU12=80", "AU12=80%"), ("AU12 80", "AU12=80%"), ("AU12=4", "AU12=0.8"), ("AU12=x", "AU12=0.8")],
)
def test_a_value_out_of_range_is_answered_with_the_right_spelling(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=right):
        parse_values([text])


def test_words_that_lower_a_unit() -> None:
    assert check_values({"open eyes": 1}) == {"AU45": 0.0}
    assert check_values({"open eyes": 0.25}) == {"AU45": 0.75}
    assert check_values({"open eyes": 0.25}, -1.0) == {"AU45": -0.25}
    assert parse_values(["close mouth"]) == {"AU25": 0.0, "AU26": 0.0}


def test_words_mean_units() -> None:
    assert check_values({"raise brows": 0.5}) == {"AU01": 0.5, "AU02": 0.5}
    assert check_values({"close-eyes": 1}) == {"AU45": 1.0}
    assert check_values({"raise eyebrows": 1}) == check_values({"Raise_Brows": 1})
    assert check_values({"smile": 0.5})["AU12"] == 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.01, "much", None])
def test_bad_values_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="AU12"):
        check_values({"AU12": value})  # type: ignore[dict-item]


def test_texts_are_parsed() -> None:
    assert parse_values(["AU12=0.8", "4=0", "smile"]) == {"AU04": 0.0, "AU12": 1.0, "AU06": 0.6}
    assert parse_values(["AU12=+0.3", "AU04=-.2"], low=-1) == {"AU12": 0.3, "AU04": -0.2}
    for bad in ("AU12", "AU12=", "=0.3", "", "AU12=x", "AU12=nan"):
        with pytest.raises(ValueError):
            parse_values([bad])


def test_later_value_wins() -> None:
    assert parse_values(["smile=1", "AU06=0"]) == {"AU12": 1.0, "AU06": 0.0}


@pytest.mark.parametrize(
    ("written", "unit"), [("AU12L", "AU12L"), ("au12r", "AU12R"), ("45l", "AU45L"), ("AU12_r", "AU12"), ("61", "AU61")]
)
def test_a_side_is_no_intensity_column(written: str, unit: str) -> None:
    assert au_name(written) == unit


def test_words_for_sides_and_gaze() -> None:
    assert check_values({"wink left": 1.0})["AU45L"] == 1.0
    assert check_values({"look left": 0.5}) == {"AU61": 0.5, "AU62": 0.0}
    assert check_values({"open eyes": 1.0}) == {"AU45": 0.0}


def test_a_mirrored_face_swaps_sides_and_gaze() -> None:
    order = mirror_order(UNITS)
    assert UNITS[order[UNITS.index("AU12L")]] == "AU12R"
    assert UNITS[order[UNITS.index("AU61")]] == "AU62"
    assert UNITS[order[UNITS.index("AU63")]] == "AU63"
    assert np.array_equal(order[order], np.arange(len(UNITS)))
    assert np.array_equal(mirror_order(AU_NAMES), np.arange(len(AU_NAMES)))


def test_a_two_sided_unit_asks_for_both_sides_unless_one_is_named() -> None:
    assert in_units({"AU12": 0.5}, UNITS) == {"AU12L": 0.5, "AU12R": 0.5}
    assert in_units({"AU12": 0.5, "AU12L": 0.9}, UNITS) == {"AU12L": 0.9, "AU12R": 0.5}
    assert in_units({"AU12": 0.5}, AU_NAMES) == {"AU12": 0.5}
    with pytest.raises(ValueError, match="does not know AU12L"):
        in_units({"AU12L": 0.5}, AU_NAMES)


def test_levels_go_between_vocabularies() -> None:
    sided = np.zeros((2, len(UNITS)), np.float32)
    sided[:, UNITS.index("AU45L")] = [1.0, 0.4]
    sided[:, UNITS.index("AU26")] = 0.3
    both = levels_as(sided, UNITS, AU_NAMES)
    assert both.dtype == np.float32
    assert both.shape == (2, len(AU_NAMES))
    assert np.allclose(both[:, AU_NAMES.index("AU45")], [0.5, 0.2])
    assert np.allclose(both[:, AU_NAMES.index("AU26")], 0.3)
    back = levels_as(both, AU_NAMES, UNITS)
    assert np.allclose(back[0, UNITS.index("AU45R")], 0.5)
    assert not back[:, UNITS.index("AU61")].any()
