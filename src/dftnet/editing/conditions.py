"""What an experiment shows of each face: units, combinations of them and emotions, at levels; and how it is presented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dftnet.aus import AU_NAMES, LEVELS, check_values, parse_number
from dftnet.editing.emotions import emotion_name, is_emotion, preset
from dftnet.editing.face import EditableFace
from dftnet.editing.request import Request
from dftnet.errors import RequestError
from dftnet.faces.align import warp_to_crop
from dftnet.faces.template import FACE
from dftnet.media.formats import photo_format
from dftnet.media.pixels import eight_bits
from dftnet.units import in_units

REQUESTED, MEASURED = "requested", "measured"
GROUND = 128
"""Grey around an oval."""
LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Shares of red, green and blue (BT.709, coded values) in luminance."""
MEAN, SPREAD = 128.0, 40.0
"""Mean and standard deviation of the luminance within an oval, of 255, where it is matched: the same for every picture."""
WINDOW = 1.12
"""Side of an oval's picture, in heights of the oval."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is shown of each face: each unit at each level."""

    units: Sequence[str]
    """AUs or plain words ("smile"), combinations ("AU06+AU12"), emotions ("happiness")."""
    levels: Sequence[float]
    """In [0, 1]."""
    neutral: bool = False
    """Relax the rest of the face first, instead of leaving it as it is."""
    match: str = REQUESTED
    """What a level means: what is REQUESTED of the network, or what is MEASURED in the picture, which is searched for."""

    def __post_init__(self) -> None:
        if self.match not in (REQUESTED, MEASURED):
            raise RequestError(f"match is {self.match!r}: say {MEASURED} or {REQUESTED}", field="match")

    def requests(self, names: Sequence[str] = AU_NAMES) -> dict[tuple[str, float], Request]:
        """(unit, level) → what is asked; RequestError where there is none, or a model with the units `names` cannot show it."""
        pairs = [(unit, level) for unit in dict.fromkeys(self.units) for level in dict.fromkeys(self.levels)]
        if not pairs:
            raise RequestError(
                "name at least one Action Unit and one level: --au AU04,AU12 --levels 0,0.5,1", field="au"
            )
        return {(unit, level): self._request(unit, level, names) for unit, level in pairs}

    def _request(self, unit: str, level: float, names: Sequence[str]) -> Request:
        if is_emotion(unit):
            emotion = emotion_name(unit)
            units = preset(emotion, names)
            if self.neutral:  # from a relaxed face towards the emotion, not from the face as it is
                return Request(set={name: level * value for name, value in units.items()}, neutral=True)
            return Request(emotion=emotion, strength=parse_number(level, emotion))
        values: dict[str, float] = {}
        for part in unit.split("+"):
            values.update(check_values({part.strip(): level}))
        in_units(values, names)
        return Request(set=values, neutral=self.neutral)

    @property
    def rest(self) -> str:
        """The rest of the face: "neutral" or its "own"."""
        return "neutral" if self.neutral else "own"


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """What the pictures of an experiment look like, and what they are called."""

    suffix: str = ".png"
    """Ending of their names."""
    oval: bool = False
    """Cut out the upright face in an oval on grey, instead of the whole photo."""
    size: int = 512
    """Side of an oval's picture, pixels."""
    matched: bool = False
    """Give all ovals the same mean and contrast of luminance."""
    blind: int | None = None
    """A seed: names that say nothing, the table apart beside the folder."""

    def __post_init__(self) -> None:
        photo_format(self.suffix)
        if not 32 <= self.size <= 4096:
            raise RequestError(f"size is {self.size}; give 32 to 4096 pixels", field="size")
        if self.matched and not self.oval:
            raise RequestError("luminance is matched within ovals: say --oval too", field="luminance")


def parse_level(text: str) -> float:
    """A level as it is written: 0.5, ".5", "50%", or FACS' letters A to E (0.2 each)."""
    plain = text.strip()
    return LEVELS[plain.lower()] if plain.lower() in LEVELS else parse_number(plain, "level")


def in_oval(pixels: np.ndarray, face: EditableFace, shown: Presentation) -> np.ndarray:
    """uint8 [size, size, 3]: the upright face in an oval on grey, from a photo [H, W, 3] with the face at its place."""
    window = WINDOW * 2 * FACE.half_height
    left, top = FACE.x - window / 2, FACE.y - window / 2
    scale = shown.size / (window * len(face.crop))
    shift = (0.5 / len(face.crop) - np.array([left, top])) / window * shown.size - 0.5
    matrix = np.hstack([scale * face.crop_from_image[:, :2], (scale * face.crop_from_image[:, 2] + shift)[:, None]])
    picture = warp_to_crop(eight_bits(pixels), matrix, shown.size).astype(np.float64)
    at = (np.arange(shown.size) + 0.5) / shown.size * window
    x, y = np.abs(at + left - FACE.x) / FACE.half_width, np.abs(at + top - FACE.y) / FACE.half_height
    inside = x[None, :] ** 2 + y[:, None] ** 2 < 1
    if shown.matched:
        picture = matched(picture, inside)
    soft = cv2.GaussianBlur(inside.astype(np.float64), (0, 0), max(0.5, shown.size / 512))[..., None]
    return np.clip(np.rint(GROUND + soft * (picture - GROUND)), 0, 255).astype(np.uint8)


def matched(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """float [h, w, 3] of 255 with luminance of MEAN and SPREAD where `inside` [h, w] is true."""
    luminance = picture @ LUMA
    mean, spread = float(luminance[inside].mean()), float(luminance[inside].std())
    return MEAN + (picture - mean) * (SPREAD / max(spread, 1e-6))
