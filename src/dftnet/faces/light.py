"""The light on a face, by its cheeks, for parts of it that are drawn by formula (faces/drawn.py).

A network learns how bright a mouth is and where its shadows lie, and of the colour of the light the mean: in blue light its teeth
are yellow. The colour is measured in the crop itself.
"""

from __future__ import annotations

import numpy as np

from dftnet.faces.drawn import INSIDE, LIGHT, Array, Picture
from dftnet.faces.template import CHEEKS_AT

CHEEKS, SHADE = np.array([160.0, 120.0, 100.0]), 0.5
"""RGB of the cheeks that drawings are as bright as; the power of their ratio that the light on what is drawn follows"""
SKIN, COLOURED = 0.2, 0.6
"""Logarithms of a colour of the cheeks beside the mean of the three: what is less may be the skin's, and counts by SHADE; what is
more is the light's; and the most of it"""
CHANGED = (0.6, 1.7)
"""Least and most that a learnt light is multiplied by"""


def cheek_light(crop: np.ndarray, places: np.ndarray | None = None) -> Array:
    """[3], red, green and blue: the light on a crop uint8 [S, S, 3], 1 that in which drawings are; places [n, 2]: pixels of the
    cheeks, where they are known."""
    size = len(crop)
    places = np.array(CHEEKS_AT) * size - 0.5 if places is None else places
    x, y = np.clip(np.round(places).astype(int), 2, size - 3).T
    around = [crop[v - 2 : v + 3, u - 2 : u + 3].mean((0, 1)) for u, v in zip(x, y, strict=True)]
    return np.asarray((np.median(around, 0) / CHEEKS) ** SHADE)


def in_light_of(crop: np.ndarray, maps: Picture) -> Picture:
    """A part's maps [7, h, w] with the colour of the light on a crop uint8 [S, S, 3], as bright as they are and with their
    shadows."""
    cheeks = np.log(np.maximum(cheek_light(crop), 1e-3)) / SHADE
    tint = np.clip(cheeks - cheeks.mean(), -COLOURED, COLOURED)
    wanted = np.exp(tint - (1 - SHADE) * np.clip(tint, -SKIN, SKIN))
    where = 1 / (1 + np.exp(-np.clip(maps[INSIDE], -20, 20)))
    learnt = (maps[LIGHT] * where).sum((1, 2)) / max(float(where.sum()), 1e-6)
    ratio = np.clip(wanted / wanted.mean() * learnt.mean() / np.maximum(learnt, 1e-3), *CHANGED)
    lit = maps.copy()
    lit[LIGHT] *= ratio[:, None, None].astype(maps.dtype)
    return lit
