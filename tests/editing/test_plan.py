"""What is asked of which face: typed, as JSON, and what contradicts itself."""

from __future__ import annotations

import pytest

from dftnet.editing.plan import EditPlan, Sweep, as_plan
from dftnet.editing.request import Request
from dftnet.editing.timeline import Timeline
from dftnet.errors import RequestError
from dftnet.units import AU_NAMES, UNITS


def test_requests_for_single_faces() -> None:
    asked = EditPlan.parse(
        au=["AU04=0.1", "0:smile=0.8", "1:AU12=0@0s,1@1s"], add=["1:AU01=+0.2"], emotion=["1:anger"], strength=0.5
    )
    assert asked.common.request.set == {"AU04": 0.1}
    assert set(asked.each) == {0, 1}
    assert asked.each[0].request.set == pytest.approx({"AU04": 0.1, "AU06": 0.48, "AU12": 0.8})
    assert asked.each[1].request.emotion == "anger"
    assert asked.each[1].request.add == {"AU01": 0.2}
    assert asked.timed
    with pytest.raises(ValueError, match="one emotion"):
        EditPlan.parse(emotion=["anger", "fear"])
    with pytest.raises(ValueError, match="did you mean"):
        EditPlan.parse(au=["1:AU13=1"])


@pytest.mark.parametrize("face", [3, "3", "left", "320,200"])
def test_a_chosen_face_and_a_request_for_another(face: int | str) -> None:
    """`--face 3 --au 1:AU12=1`: it edited face 1 without a word about 3."""
    with pytest.raises(RequestError, match="is chosen, and what is asked is for face 1") as told:
        EditPlan.parse(au=["1:AU12=1"], face=face)
    assert told.value.field == "face"


@pytest.mark.parametrize("face", [1, "1", "all", "largest"])
def test_a_chosen_face_that_agrees(face: int | str) -> None:
    assert EditPlan.parse(au=["AU04=1", "1:AU12=1"], face=face).of(1).request.set == {"AU04": 1, "AU12": 1}


@pytest.mark.parametrize("face", ["biggest", "-1", "1.5", "1,", "1,2,3", "nan,nan", ""])
def test_no_way_to_name_a_face(face: str) -> None:
    with pytest.raises(RequestError, match="face"):
        EditPlan(face=face)


def test_json() -> None:
    plan = EditPlan.from_json(
        {
            "au": {"smile": 0.5, "AU45": [[0, 0], [1.5, 1]]},
            "add": {"AU04": -0.2},
            "strength": 0.5,
            "face": "all",
            "faces": {"1": {"emotion": "anger", "au": {"AU12": 0}}},
        }
    )
    assert plan.common.request == Request(set={"smile": 0.5}, add={"AU04": -0.2}, strength=0.5)
    assert plan.common.keys == {"AU45": [(0, 0), (1.5, 1)]}
    assert plan.of(1).request == Request(
        set={"AU06": 0.3, "AU12": 0}, add={"AU04": -0.2}, emotion="anger", strength=0.5
    )
    assert plan.face == "all"
    assert EditPlan.from_json({"sweep": "AU45=0:1:3"}).sweep == Sweep(name="AU45", levels=[0, 0.5, 1])
    for bad, field in (
        ({"aus": {}}, "aus"),
        ({"au": 3}, "au"),
        ({"au": {"AU12": [1, 2]}}, "au"),
        ({"strength": "much"}, "strength"),
        ({"faces": {"x": {}}}, "faces"),
        ({"faces": {"1": {"neutral": True}}}, "neutral"),
    ):
        with pytest.raises(RequestError) as told:
            EditPlan.from_json(bad)
        assert told.value.field == field


def test_what_a_plan_is_short_for() -> None:
    assert as_plan({"AU12": 1}) == as_plan(Request(set={"AU12": 1})) == as_plan(Timeline(Request(set={"AU12": 1})))
    assert as_plan(EditPlan()).empty
    assert not EditPlan.parse(neutral=True).empty
    assert not EditPlan(like="a.jpg").empty
    assert EditPlan(drive="a.mp4").timed


def test_what_does_not_go_together() -> None:
    with pytest.raises(RequestError, match="not both"):
        EditPlan(like="a.jpg", drive="b.mp4")
    with pytest.raises(RequestError, match="one face of a photo"):
        EditPlan(drive="a.mp4", sweep=Sweep.parse("AU12=0:1:3"))
    with pytest.raises(RequestError, match="shows one face"):
        EditPlan(face="all", sweep=Sweep.parse("AU12=0:1:3"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"emotion": ["contempt"]}, "one side of a face"),
        ({"emotion": ["1:contempt"]}, "one side of a face"),
        ({"au": ["wink left"]}, "does not know AU06L"),
        ({"au": ["look left=0@0s,1@1s"]}, "does not know AU61"),
        ({"add": ["1:AU12R=0.3"]}, "does not know AU12R"),
    ],
)
def test_what_a_model_cannot_be_asked_for(asked: dict[str, list[str]], told: str) -> None:
    EditPlan.parse(**asked).check_units(UNITS)
    with pytest.raises(RequestError, match=told):
        EditPlan.parse(**asked).check_units(AU_NAMES)
