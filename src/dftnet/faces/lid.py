"""An upper lid that an edit brings down over an eye, or raises, moved by a flow of its own.

Φ is smooth, and a lid that comes down over an eye is not: above its border is skin that was above the eye, below it what was there
before. A smooth flow squeezes the eye into what lies between, and a network that paints the lid instead learns its mean, with a
ghost of the iris. So a head of the generator (networks/drawn.py) tells where the lid is and whence its skin comes, smoothly on
both sides of its border, and the border itself is drawn at the photo's resolution: the lid is the person's own skin and lashes.
A lid that rises takes its lashes along as they are, which Φ would draw out.

A lid's maps have three channels that are learnt, on a window of the crop:

    x, y     whence its skin comes: as Φ, but millimetres (faces/drawn.py)
    inside   logit of where it is

and three that are made of the picture, red, green and blue: how much brighter it is than the skin it comes from. That may lie in
the shadow of a low brow, which a lid that is shut does not: it is brought near to the skin below the eye, where that is brighter.
"""

from __future__ import annotations

from dftnet.faces import eye

WINDOW = eye.WINDOW
CHANNELS, INSIDE, LIGHT = 3, 2, slice(3, 6)
BELOW = 5.0
"""Millimetres below its border from which on it is skin below the eye"""
OUT_OF_SHADOW, BRIGHTEST = 1.0, 2.4
"""The power of the ratio of skin below the eye to a part of a lid that it is made brighter by, and the most of that ratio"""
HAIR = (1.8, 3.0)
"""Times that a part of a lid is darker than skin below the eye where it begins to be a brow, and where it is nothing else"""
DOWN = 2.0
"""Millimetres that a lid has come down from which on that is done in full; one that rises is as it was"""
