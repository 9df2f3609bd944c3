"""An eye behind a lid that an edit opens, drawn: iris, pupil, the white, the lid's shadow (see faces/drawn.py).

x, y   millimetres to the image's right of the middle of the iris, and below it
lid    millimetres below the border of the upper lid
"""

from __future__ import annotations

import functools

import numpy as np

from dftnet.faces.drawn import CROP_FINE, Picture, Window, axis, sampled, soft, step

WINDOW: Window = (0.09375, 0.25, 0.90625, 0.5)
"""Where both eyes are"""
WIDE, HIGH = 18.0, 10.0
"""Millimetres that the drawing shows to either side, and up and down"""
IRIS, PUPIL = 5.8, 1.9
"""Radii; an iris is as large in all adults"""
BROWN, AMBER, RIM, BLACK = (60, 40, 28), (88, 60, 40), (26, 19, 17), (12, 9, 9)
WHITE, PINK = (198, 189, 183), (172, 138, 132)
"""RGB, 0 to 255, on a face of medium brightness: the iris, lighter about the pupil, its rim, the pupil, the white, its corners"""
SPARK, SPARK_AT = 0.75, (1.5, -1.9)
"""Radius and place of the light that an eye reflects"""
LASHES, LASH_SHADE, SHADOW, SHADOW_SHADE = (0.2, 1.2), 0.45, (0.8, 4.5), 0.3
"""From where to where below a lid lashes darken the eye, and its shadow, and how much"""


@functools.lru_cache(maxsize=4)
def eyeball(fine: float = CROP_FINE) -> Picture:
    """RGB [rows, columns, 3] in [0, 1] over x (-WIDE to WIDE) and y (-HIGH to HIGH), a pixel every `fine` millimetres."""
    x, y = axis(-WIDE, WIDE, fine), axis(-HIGH, HIGH, fine)[:, None]
    radius, angle = np.hypot(x, y), np.arctan2(y, x + 0 * y)
    brown, amber, rim, black, white, pink = (
        np.array(c, float)[:, None, None] for c in (BROWN, AMBER, RIM, BLACK, WHITE, PINK)
    )
    ball = white + step(np.abs(x), 8, 15) * (pink - white)
    ball = ball * (1 - 0.18 * step(np.abs(x), 5, 14))
    streaks = 1 + 0.10 * np.cos(23 * angle) + 0.07 * np.cos(41 * angle + 1)
    iris = (brown + (1 - step(radius, PUPIL, 0.75 * IRIS)) * (amber - brown)) * streaks
    iris = iris * (1 + 0.25 * step(y, -2, 4))  # light falls in from above
    iris = iris + step(radius, IRIS - 1.4, IRIS) * (rim - iris)
    found = ball + (1 - step(radius, IRIS - 0.5, IRIS + 0.4)) * (iris - ball)
    found = found + (1 - step(radius, PUPIL - 0.3, PUPIL + 0.3)) * (black - found)
    spark = np.hypot(x - SPARK_AT[0], y - SPARK_AT[1])
    found = found + 0.9 * (1 - step(spark, SPARK - 0.4, SPARK + 0.4)) * (240 - found)
    return soft(found / 255)


def colours(x: Picture, y: Picture, lid: Picture, fine: float) -> Picture:
    """What is at places [h, w]: [h, w, 3] in [0, 1]."""
    ball = sampled(eyeball(fine), (x + WIDE) / fine, (y + HIGH) / fine)
    return np.asarray(ball * shaded(lid)[..., None], np.float32)


def shaded(lid: Picture) -> Picture:
    """How much light comes to places below a lid, [h, w] in [0, 1]."""
    below = np.asarray(lid, np.float64)
    found = 1 - LASH_SHADE * (1 - step(below, *LASHES)) - SHADOW_SHADE * (1 - step(below, *SHADOW))
    return np.asarray(found, np.float32)
