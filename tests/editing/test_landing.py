"""One rule says whether a request landed, whichever units a model has."""

from __future__ import annotations

from types import SimpleNamespace

from dftnet.editing.editor import Editor
from dftnet.editing.landing import all_landed, landed, units_asked
from dftnet.editing.request import Request
from dftnet.units import AU_NAMES, UNITS, known_to, told_by


def test_within_a_level_of_facs() -> None:
    assert landed(0.25, 0.45)
    assert landed(0.6, 0.4)
    assert not landed(0.25, 0.46)


def test_both_sides_are_asked_or_one() -> None:
    assert units_asked(Request(set={"AU12": 1}), UNITS) == ("AU12L", "AU12R")
    assert units_asked(Request(set={"AU12L": 1}), UNITS) == ("AU12L",)
    assert units_asked(Request(set={"AU12": 1}, add={"AU26": 0.2}), AU_NAMES) == ("AU12", "AU26")
    assert set(units_asked(Request(emotion="contempt"), UNITS)) == {"AU12R", "AU14R"}
    assert units_asked(Request(emotion="sadness"), ("AU15", "AU45")) == ("AU15",)


def test_what_nobody_reads_is_not_known_to_land() -> None:
    asked = {"AU12L": 0.8, "AU12R": 0.8, "AU61": 1.0}
    assert all_landed({"AU12L": 0.7, "AU12R": 0.7}, asked, ("AU12L", "AU12R")) is True
    assert all_landed({"AU12L": 0.7, "AU12R": 0.1}, asked, ("AU12L", "AU12R")) is False
    assert all_landed({"AU12L": 0.7}, asked, ("AU61",)) is None
    assert all_landed({}, asked, ("AU12L",)) is None
    assert known_to(AU_NAMES, ("AU12L", "AU12", "AU61")) == ("AU12L", "AU12")


def test_a_side_alone_is_not_told_by_the_unit_of_both() -> None:
    assert told_by(AU_NAMES, ("AU12L", "AU12R", "AU45L", "AU26", "AU61")) == ("AU12L", "AU12R", "AU26")
    assert told_by(UNITS, ("AU45L", "AU12", "AU61")) == ("AU45L", "AU12", "AU61")


def test_a_glance_is_not_judged_by_the_reader():
    """It goes as far as it is asked, and is read as a small share of how far a person could look: "did not land" was wrong."""
    editor = Editor.__new__(Editor)
    editor.estimator = SimpleNamespace(names=UNITS)
    assert editor.reads(("AU12", "AU61", "AU64")) == ("AU12",)
