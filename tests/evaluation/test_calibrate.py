"""The curve of a unit, made rising."""

from __future__ import annotations

import numpy as np

from dftnet.evaluation.calibrate import _pooled, _rising
from dftnet.inference.calibration import KNOTS


def test_what_falls_is_pooled():
    assert np.allclose(_pooled(np.array([1.0, 3.0, 2.0, 4.0])), [1.0, 2.5, 2.5, 4.0])
    assert np.allclose(_pooled(np.array([3.0, 2.0, 1.0])), [2.0, 2.0, 2.0])


def test_a_curve_rises_through_nothing():
    curve = _rising(np.array([-0.8, -0.9, -0.3, 0.1, 0.0, -0.1, 0.3, 0.2, 0.7]))
    assert (np.diff(curve) >= 0).all()
    assert curve[KNOTS.index(0.0)] == 0
    assert np.allclose(curve[[0, 1]], -0.85)
    assert np.allclose(curve[[6, 7]], 0.25)
