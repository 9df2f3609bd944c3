"""An upper lid that an edit brings down over an eye, moved by a flow of its own.

Φ is smooth, and a lid that comes down over an eye is not: above its border is skin that was above the eye, below it what was there
before. A smooth flow squeezes the eye into what lies between, and a network that paints the lid instead learns its mean, with a
ghost of the iris. So a head of the generator (networks/drawn.py) tells where the lid is and whence its skin comes, smoothly on
both sides of its border, and the border itself is drawn at the photo's resolution: the lid is the person's own skin and lashes.

A lid's maps have three channels, on a window of the crop:

    x, y     whence its skin comes: as Φ, but millimetres (faces/drawn.py)
    inside   logit of where it is
"""

from __future__ import annotations

from dftnet.faces import eye

WINDOW = eye.WINDOW
CHANNELS, INSIDE = 3, 2
