"""The inside of a mouth: what is drawn where, and coordinates as stiff as a jaw."""

from __future__ import annotations

import numpy as np

from dftnet.faces import mouth
from dftnet.faces.drawn import CHANNELS, INSIDE

FINE = 0.125


def maps(noise: float = 0.0, height: int = 16) -> np.ndarray:
    """Maps of an opening in the middle of a window, tilted a little, its rows of teeth bent."""
    y, x = np.mgrid[-30:38, -40:40] / 0.8
    found = np.zeros((CHANNELS, *x.shape), np.float32)
    found[0], found[1], found[2] = x + 0.05 * y, y + 6 - 0.004 * x**2 + 0.02 * x, 12 - y - 0.006 * x**2
    found[INSIDE] = np.where((np.abs(x) < 22) & (np.abs(y) < height / 2), 4, -8)
    found[:3] += np.random.default_rng(0).normal(0, noise, found[:3].shape)
    return found


def test_coordinates_that_waver_become_the_bent_planes_that_they_waver_about():
    true, wavering = maps(), maps(0.8)
    inside = true[INSIDE] > 0
    straight = mouth.straightened(wavering)
    assert np.abs(straight[:3] - true[:3])[:, inside].max() < 0.35
    assert (straight[3:] == wavering[3:]).all(), "where it is, and its light, stay"
    assert np.abs(mouth.straightened(true)[:3] - true[:3])[:, inside].max() < 0.01


def test_what_is_hardly_open_is_left_as_it_is():
    narrow = maps(0.8)
    narrow[INSIDE] = -8
    assert (mouth.straightened(narrow) == narrow).all()


def test_gums_lie_above_teeth_and_the_dark_below():
    place = np.zeros((1, 3), np.float32)
    place[0] = (4, 4, 4)  # the middle of the first tooth
    down = np.array([[-3, 5, 10.5]], np.float32)
    gum, tooth, below = mouth.colours(place, down, np.full_like(down, 20), FINE)[0]
    assert gum[0] > 1.3 * gum[2], "red"
    assert tooth.min() > 0.6
    assert below.max() < 0.3, "the throat"
