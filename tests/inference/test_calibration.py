"""Requests corrected by what a unit delivers."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.errors import ModelError
from dftnet.inference.calibration import KNOTS, Calibration

HALF = [0.5 * knot for knot in KNOTS]
MOST = [0.8 * knot for knot in KNOTS]
FLAT = [-0.05, -0.05, -0.02, 0.0, 0.0, 0.0, 0.01, 0.02, 0.05]


def test_a_unit_that_delivers_four_fifths_is_asked_for_more():
    calibration = Calibration({"AU12": MOST})
    asked = calibration.given(np.array([[0.4, 0.3], [-0.2, 0.0]]), ("AU12", "AU45"))
    assert np.allclose(asked, [[0.5, 0.3], [-0.25, 0.0]], atol=1e-4)


def test_a_unit_of_which_the_reader_sees_little_is_made_even():
    bent = [-0.4, -0.3, -0.2, -0.1, 0.0, 0.02, 0.05, 0.3, 0.4]
    calibration = Calibration({"AU10": bent})
    asked = calibration.given(np.array([[0.75], [1.0], [-0.5]]), ("AU10",))
    assert np.allclose(asked, [[0.75], [1.0], [-0.5]], atol=1e-4)
    assert calibration.given(np.array([[0.125]]), ("AU10",))[0, 0] == pytest.approx(0.5, abs=1e-4)


def test_it_is_asked_as_far_as_it_reaches():
    calibration = Calibration({"AU12": MOST})
    assert calibration.given(np.array([[0.9]]), ("AU12",))[0, 0] == 1
    assert calibration.reach("AU12") == (-0.8, 0.8)
    assert calibration.reach("AU45") == (-1.0, 1.0)


def test_a_dead_unit_is_asked_as_it_is_and_nothing_stays_nothing():
    calibration = Calibration({"AU14": FLAT})
    assert np.allclose(calibration.given(np.array([[0.4], [0.0], [-0.4]]), ("AU14",)), [[0.4], [0.0], [-0.4]])


def test_delivered_is_what_was_wanted():
    curve = [-0.9, -0.6, -0.35, -0.1, 0.0, 0.05, 0.2, 0.5, 0.8]
    calibration = Calibration({"AU26": curve})
    wanted = np.linspace(-0.85, 0.75, 17)[:, None]
    given = calibration.given(wanted, ("AU26",))
    assert np.allclose(np.interp(given[:, 0], KNOTS, curve), wanted[:, 0], atol=1e-3)


@pytest.mark.parametrize("curve", [[0.0] * 3, [*HALF[:4], 0.2, *HALF[5:]], list(reversed(HALF))])
def test_what_is_no_rising_curve_is_refused(curve):
    with pytest.raises(ModelError, match="AU12"):
        Calibration({"AU12": curve})


def test_a_config_without_one_corrects_nothing():
    change = np.array([[0.3, -0.2]])
    assert np.allclose(Calibration.from_config({}).given(change, ("AU12", "AU45")), change)
