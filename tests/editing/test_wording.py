"""What an edit says of itself."""

from __future__ import annotations

import numpy as np

from dftnet.editing.face import EditableFace
from dftnet.editing.options import FaceEdit
from dftnet.editing.wording import fell_short

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
    said = fell_short(edited([0.8, 0.6, 0.5]), np.array([0.7, 0.12, 0.5]), NAMES)
    assert said == "face 0: did not land: AU14 0.00 → 0.60 asked, 0.12 read"


def test_small_wishes_and_landed_units_are_not():
    assert fell_short(edited([0.2, 0.1, 0.5]), np.array([0.0, 0.0, 0.5]), NAMES) == ""
    assert fell_short(edited([0.9, 0.0, 0.0]), np.array([0.5, 0.0, 0.1]), NAMES) == ""


def test_what_went_the_other_way_did_not_land():
    said = fell_short(edited([0.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.7]), NAMES)
    assert "AU45 0.50 → 0.00 asked, 0.70 read" in said
