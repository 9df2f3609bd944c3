"""The curve of a unit, made rising."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dftnet.au_sources.mediapipe import BLENDSHAPES
from dftnet.evaluation.calibrate import (
    Calibrated,
    _measure,
    _pooled,
    _rising,
    _Sessions,
    asked_together,
)
from dftnet.evaluation.single_units import names_of
from dftnet.inference.calibration import KNOTS, Calibration


def test_what_falls_is_pooled():
    assert np.allclose(_pooled(np.array([1.0, 3.0, 2.0, 4.0])), [1.0, 2.5, 2.5, 4.0])
    assert np.allclose(_pooled(np.array([3.0, 2.0, 1.0])), [2.0, 2.0, 2.0])


def test_a_curve_rises_through_nothing():
    curve = _rising(np.array([-0.8, -0.9, -0.3, 0.1, 0.0, -0.1, 0.3, 0.2, 0.7]))
    assert (np.diff(curve) >= 0).all()
    assert curve[KNOTS.index(0.0)] == 0
    assert np.allclose(curve[[0, 1]], -0.85)
    assert np.allclose(curve[[6, 7]], 0.25)


@pytest.mark.parametrize(
    ("unit", "shapes"),
    [
        ("AU12", ["mouthSmileLeft", "mouthSmileRight"]),
        ("AU12L", ["mouthSmileLeft"]),
        ("AU45R", ["eyeBlinkRight"]),
        ("AU01L", ["browInnerUp"]),
        ("AU30L", ["jawLeft"]),
        ("AU06L", []),
    ],
)
def test_the_second_judge_looks_at_the_own_side(unit, shapes):
    assert list(names_of(unit)) == shapes


def test_sides_are_asked_together_where_both_are_there():
    assert asked_together(("AU12L", "AU12R", "AU25", "AU30L", "AU30R", "AU45L", "AU51", "AU61")) == {
        "AU12": [0, 1], "AU25": [2], "AU30L": [3], "AU30R": [4], "AU45L": [5],
    }  # fmt: skip


def test_both_judges_see_the_same_edits():
    """A generator that paints the wanted level; a reader that sees it, a judge that sees half of it, on the left alone."""

    class Generator:
        au_names = ("AU12L",)

        def __call__(self, crops, own, goal):
            return SimpleNamespace(image=np.broadcast_to(goal[:, :, None, None] * 2 - 1, (len(crops), 3, 8, 8)))

    def judge(crop):
        shapes = np.zeros(52)
        shapes[BLENDSHAPES.index("mouthSmileLeft")] = crop.mean() / 510
        return shapes

    curves = np.zeros((2, len(KNOTS)))
    sessions = _Sessions(Generator(), lambda crops: crops.mean((1, 2, 3))[:, None] / 255, judge)
    _measure((curves[0], curves[1]), sessions, np.zeros((6, 8, 8, 3), np.uint8), np.zeros((6, 1)), ("AU12L", [0], 1))
    rising = np.maximum(KNOTS, 0)
    np.testing.assert_allclose(curves, [rising, rising / 2], atol=0.005)


def test_a_unit_that_rises_for_the_reader_alone_is_told():
    curve = [0.0] * (len(KNOTS) - 1)
    read = Calibration({"AU12": [*curve, 0.8], "AU10": [*curve, 0.5], "AU20": [*curve, 0.05], "AU06": [*curve, 0.5]})
    second = {"AU12": [*curve, 0.6], "AU10": [*curve, 0.01], "AU20": [*curve, 0.0]}
    assert Calibrated(read, second, "").doubted == ["AU10"]
