"""Where the parts of an aligned face lie in its crop: every such number of the project, once.

All are fractions of the crop's side, x to the right, y down: fraction f of a crop of `size` pixels is the pixel
coordinate f * size - 0.5.
"""

from __future__ import annotations

from typing import NamedTuple

MIDDLE = 0.5
"""The line from brow to chin, x."""
EYES_APART = 0.4
"""From eye to eye."""
EYE_LINE = 0.375
"""Of both eyes, y."""
MOUTH_LINE = 0.765
"""Of the mouth's corners, y."""
EYES_TO_MOUTH = MOUTH_LINE - EYE_LINE
EYES = ((MIDDLE - EYES_APART / 2, EYE_LINE), (MIDDLE + EYES_APART / 2, EYE_LINE))
"""The person's right eye, which is left in the crop, and the left one."""
MOUTH = (MIDDLE, MOUTH_LINE)
"""The middle of the mouth's corners."""

TEMPLATE: dict = {"template": "eyes-mouth", "eyes": [list(eye) for eye in EYES], "mouth": list(MOUTH)}
"""The places that alignment takes eyes and mouth to, as model and dataset directories write them down."""


class Oval(NamedTuple):
    """An ellipse with upright axes, or the rectangle around it."""

    x: float
    y: float
    half_width: float
    half_height: float


PARTS = {
    "mouth": Oval(*MOUTH, 0.13, 0.08),
    "right eye": Oval(*EYES[0], 0.10, 0.06),
    "left eye": Oval(*EYES[1], 0.10, 0.06),
}
"""The inner part of mouth and eyes, which shows at once when something covers them."""

LIPS = Oval(MIDDLE, 0.77, 0.13, 0.08)
LINES = Oval(MIDDLE, 0.78, 0.12, 0.12)
CHEEKS = (Oval(0.24, 0.58, 0.06, 0.06), Oval(0.76, 0.58, 0.06, 0.06))
"""Where lips are redder than cheeks, and where the line between the lips runs across: what a hand, a microphone or a mask
in front of the mouth changes."""

FACE = Oval(MIDDLE, 0.57, 0.46, 0.50)
"""The face without hair: what the losses on pairs look at."""
MOVING = (
    Oval(EYES[0][0], 0.37, 0.15, 0.10),
    Oval(EYES[1][0], 0.37, 0.15, 0.10),
    Oval(MIDDLE, 0.79, 0.25, 0.16),
)
"""Eyes with lids and brows' lower edge, and the mouth when it opens: small, and they move most."""

OVAL, OVAL_POWER = Oval(MIDDLE, 0.61, 0.49, 0.60), 2.4
"""What an edit may change: a superellipse of that exponent; the chin lies at the crop's border."""

TRACKED = (MIDDLE, 0.55)
"""The point that stands for the face's place in a clip, about the nose's root."""
LANDMARK_VIEW, LANDMARK_SIDE = (MIDDLE, 0.58), 1.55
"""Middle and side of the square in which MediaPipe's landmarks are first looked for."""
CHEEKS_AT = ((0.197, 0.57), (0.803, 0.57), (0.25, 0.623), (0.75, 0.623))
"""Landmarks 50, 280, 205 and 425 of MediaPipe, on the cheeks: means over the training faces, which differ by 0.02."""
