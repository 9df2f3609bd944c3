"""What an edit says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dftnet.editing.face import EditableFace
from dftnet.editing.options import FaceEdit
from dftnet.editing.plan import EditPlan, Sweep
from dftnet.editing.timeline import Drive
from dftnet.editing.wording import describe, describe_plan, fell_short

NAMES = ("AU12", "AU14", "AU45")


def edited(goal: list[float]) -> FaceEdit:
    """A face that shows AU45 = 0.5, and what it was asked for."""
    face = EditableFace(
        image=np.zeros((8, 8, 3), np.uint8), index=0, box=np.zeros(4), landmarks=np.zeros((5, 2)), score=1.0,
        crop=np.zeros((8, 8, 3), np.uint8), crop_from_image=np.eye(2, 3), aus={"AU12": 0.0, "AU14": 0.0, "AU45": 0.5},
        aus_from="estimator",
    )  # fmt: skip
    return FaceEdit(face=face, goal=np.array(goal, np.float32))


def test_a_unit_that_did_not_land_is_named():
    said = fell_short(edited([0.8, 0.6, 0.5]), np.array([0.6, 0.12, 0.5]), NAMES, list)
    assert said == "face 0: did not land: AU14 0.00 → 0.60 asked, 0.12 read"


def test_small_wishes_and_landed_units_are_not():
    assert fell_short(edited([0.2, 0.1, 0.5]), np.array([0.0, 0.0, 0.5]), NAMES, list) == ""
    assert fell_short(edited([0.9, 0.0, 0.0]), np.array([0.7, 0.0, 0.1]), NAMES, list) == ""


def test_a_unit_that_nobody_reads_is_not_said_to_be_missing():
    def told(asked):
        assert list(asked) == ["AU14"]
        return ()

    assert fell_short(edited([0.0, 0.6, 0.5]), np.array([0.0, 0.0, 0.5]), NAMES, told) == ""


def test_two_sides_that_are_asked_alike_are_told_as_one():
    names = ("AU12L", "AU12R", "AU45L", "AU45R")
    face = replace(edited([0, 0, 0]).face, aus={"AU12L": 0.1, "AU12R": 0.3, "AU45L": 0.0, "AU45R": 0.0})
    edit = FaceEdit(face=face, goal=np.array([0.9, 0.9, 1.0, 0.4], np.float32))
    told = "AU45L 0.00 → 1.00, AU12 0.20 → 0.90, AU45R 0.00 → 0.40"
    assert describe(edit, names, 1) == f"face 0 of 1 ({face.where}): {told}"
    short = fell_short(edit, np.array([0.2, 0.4, 0.1, 0.4], np.float32), names, list)
    assert short == "face 0: did not land: AU45L 0.00 → 1.00 asked, 0.10 read; AU12 0.20 → 0.90 asked, 0.30 read"


def test_what_went_the_other_way_did_not_land():
    said = fell_short(edited([0.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.7]), NAMES, list)
    assert "AU45 0.50 → 0.00 asked, 0.70 read" in said


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (EditPlan.parse(au=["AU12=0.8"]), "AU12=0.8"),
        (EditPlan.parse(au=["AU12=0.8"], face="all"), "all faces: AU12=0.8"),
        (EditPlan.parse(au=["AU12=0.8"], face=2), "face 2: AU12=0.8"),
        (EditPlan.parse(neutral=True, strength=0.5, face="left"), "left face: neutral at 0.5"),
        (EditPlan.parse(au=["AU12=1"], face="320,200"), "face at 320,200: AU12=1"),
        (EditPlan.parse(au=["AU12=1"], face="3,2,10,20"), "face in 3,2,10,20: AU12=1"),
        (EditPlan.parse(au=["AU12=1", "1:AU04=1"], face="all"), "all faces: AU12=1; face 1: AU04=1 AU12=1"),
        (EditPlan(sweep=Sweep.parse("AU45=0:1:2"), face=1), "face 1: AU45 at 0, 1"),
        (
            EditPlan(like="deep/other.jpg", face="all").towards({"AU04": 0.02, "AU12": 0.8}),
            "all faces: like other.jpg (AU12 0.80)",
        ),
        (EditPlan.parse(strength=0.5).towards({"AU12": 0.01}), "like another face (neutral) at 0.5"),
        (EditPlan().following(Drive(times=np.zeros(1), aus=np.zeros((1, 17)), name="a.mp4")), "driven by a.mp4"),
    ],
)
def test_the_face_and_the_other_photo_are_named(plan: EditPlan, words: str) -> None:
    assert describe_plan(plan) == words
