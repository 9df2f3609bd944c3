"""The light on what is drawn has the colour of the light on the cheeks."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.faces.drawn import CHANNELS, INSIDE, LIGHT
from dftnet.faces.light import CHEEKS, cheek_light, in_light_of


def crop(colour: np.ndarray, size: int = 128) -> np.ndarray:
    return np.full((size, size, 3), np.round(colour), np.uint8)


def maps(light: float = 0.8) -> np.ndarray:
    found = np.zeros((CHANNELS, 20, 30), np.float32)
    found[LIGHT], found[INSIDE] = light, -9
    found[INSIDE, 5:15, 5:25] = 5
    found[LIGHT, 5:8] *= 0.5  # the shadow of a lip
    return found


def test_a_face_as_drawn_for_leaves_the_light_as_it_is():
    assert cheek_light(crop(CHEEKS)) == pytest.approx(np.ones(3), abs=0.01)
    assert in_light_of(crop(CHEEKS), maps()) == pytest.approx(maps(), abs=0.01)


def test_blue_light_makes_blue_teeth_as_bright_as_they_were_with_their_shadows():
    lit = in_light_of(crop(CHEEKS * (0.7, 1, 1.6)), maps())
    red, green, blue = lit[LIGHT, 10, 10]
    assert red < green < blue
    assert blue / red > 1.6
    assert lit[LIGHT, 10, 10].mean() == pytest.approx(0.8, rel=0.05)
    assert lit[LIGHT, 6, 10] / lit[LIGHT, 10, 10] == pytest.approx(np.full(3, 0.5), rel=1e-3)
    assert (lit[INSIDE] == maps()[INSIDE]).all()


def test_skin_is_darker_and_redder_or_not_and_teeth_hardly():
    for skin in (CHEEKS * 0.4 * (1.1, 1, 0.9), CHEEKS * 1.3 * (0.95, 1, 1.05)):
        colours = in_light_of(crop(skin), maps())[LIGHT, 10, 10]
        assert np.ptp(colours) / colours.mean() < 0.11
