"""One face of a photo, read and ready to be rendered; and how a face is named: by number, side, point or box.

choose("largest", boxes, fit) == 0        # of those that can be edited
choose(1, boxes) == 1                     # faces are numbered from 0, the largest first
choose("left", boxes)                     # also "right", "middle": in the picture
choose("320,200", boxes)                  # a point in it
choose("250,120,140,180", boxes)          # a box around it: x, y, width, height
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dftnet.errors import NoFaceError, RequestError
from dftnet.faces.fitness import smallest_face
from dftnet.faces.track import overlap
from dftnet.units import told

SIDES = ("left", "middle", "right")
CHOICES = f"largest, all, {', '.join(SIDES)}, a number from 0 (the largest), or a place X,Y"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EditableFace:
    """One face of a photo, all that `render` needs."""

    image: np.ndarray
    """The photo, uint8 or uint16 [H, W, 3] (not copied)."""
    index: int
    """0 is the largest face of the photo."""
    box: np.ndarray
    """float32 [4]: x, y, width, height in photo pixels."""
    landmarks: np.ndarray
    """float32 [5, 2]: right eye, left eye, nose, right and left mouth corner (the person's right)."""
    score: float
    """The detector's, in [0, 1]."""
    crop: np.ndarray
    """uint8 [S, S, 3]."""
    crop_from_image: np.ndarray
    """float64 [2, 3]: p_crop = crop_from_image @ [x, y, 1]."""
    aus: dict[str, float]
    """The face's own Action Units by name, in [0, 1]; see `aus_from`."""
    aus_from: str
    """Where `aus` comes from: the kind of the AUSource ("estimator", "mediapipe" …), "given", "clip" (read in the frames
    around, smoothed), or "nowhere": then they are all 0, which is right for a neutral face only."""
    trouble: str = ""
    """Why the face cannot be edited, in words; empty if it can."""
    note: str = ""
    """A doubt worth telling; empty if there is none."""

    def __repr__(self) -> str:
        strong = sorted(self.aus.items(), key=lambda item: -item[1])[:3]
        shown = ", ".join(f"{name} {value:.2f}" for name, value in strong if value >= 0.1) or "neutral"
        known = shown if self.aus_from not in ("nowhere", "") else "AUs unknown"
        return (
            f"EditableFace({self.index}: {self.where}; {self.trouble or known}{'; ' + self.note if self.note else ''})"
        )

    def resized(self, image: np.ndarray) -> EditableFace:
        """The same face in a smaller or larger copy of its photo, for a preview; crop and AUs are the photo's."""
        grow = np.array(image.shape[1::-1], np.float64) / self.image.shape[1::-1]
        matrix = self.crop_from_image.copy()
        matrix[:, :2] /= grow
        matrix[:, 2] += self.crop_from_image[:, :2] @ (0.5 / grow - 0.5)  # pixel centres are at whole numbers
        box = np.concatenate([(self.box[:2] + 0.5) * grow - 0.5, self.box[2:] * grow])
        landmarks = (self.landmarks + 0.5) * grow - 0.5
        return replace(
            self,
            image=image,
            box=box.astype(np.float32),
            landmarks=landmarks.astype(np.float32),
            crop_from_image=matrix,
        )

    def without_pixels(self) -> EditableFace:
        """The same face without its photo and crop: what a report keeps of thousands of photos."""
        nothing = np.zeros((0, 0, 3), np.uint8)
        return replace(self, image=nothing, crop=nothing)

    @property
    def where(self) -> str:
        """Its box in words: "98x120 pixels at 173,53"."""
        x, y, width, height = (round(float(value)) for value in self.box)
        return f"{width}x{height} pixels at {x},{y}"

    @property
    def reading(self) -> dict[str, float]:
        """Its own Action Units as `dftnet aus` tells them: OpenFace's two-sided ones, then each side and what else is read."""
        return told(self.aus)

    def vector(self, names: Sequence[str]) -> np.ndarray:
        """Its own AUs, float32 [K] in the order of `names`."""
        return np.array([self.aus[name] for name in names], np.float32)


def check_choice(which: int | str) -> int | str:
    """A way to name a face: "largest", "all", a side, a number from 0, or a place; RequestError with the ways for another."""
    text = str(which).strip().lower()
    if text in ("largest", "all", *SIDES):
        return text
    if "," in text:
        _place(text)
        return text
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise RequestError(f"face {which!r}; choose {CHOICES}", field="face")
    return number


def choose(which: int | str, boxes: Sequence[np.ndarray], fit: Sequence[bool] = ()) -> int | None:
    """The position of the face meant among `boxes` [4] (x, y, width, height; the largest first); None where it is not there.

    `fit`: which of them can be edited, for "largest" (the largest of them; the largest of all where none can).
    """
    which = check_choice(which)
    if not boxes:
        return None
    if which == "largest":
        return next((i for i, good in enumerate(fit) if good), 0)
    if isinstance(which, int):
        return which if which < len(boxes) else None
    if which in SIDES:
        order = sorted(range(len(boxes)), key=lambda i: float(boxes[i][0] + boxes[i][2] / 2))
        if which == "middle":
            return order[len(order) // 2] if len(order) % 2 else None
        return order[0 if which == "left" else -1]
    numbers = _place(which)
    if len(numbers) == 4:
        shares = {i: overlap(box, numbers) for i, box in enumerate(boxes)}
        best = max(shares, key=shares.__getitem__)
        return best if shares[best] > 0 else None
    inside = {}
    for i, (left, top, width, height) in enumerate(boxes):
        x, y = numbers
        if left <= x <= left + width and top <= y <= top + height:
            inside[i] = float(np.hypot(x - left - width / 2, y - top - height / 2))
    return min(inside, key=inside.__getitem__, default=None)


def pick(faces: Sequence[EditableFace], which: int | str, shape: Sequence[int]) -> EditableFace:
    """One of all the `faces` of a picture of `shape` (height, width), also one with trouble; NoFaceError where none is meant."""
    place = choose(which, [face.box for face in faces], [not face.trouble for face in faces])
    if not faces:
        raise NoFaceError(
            f"no face found in this {shape[1]}x{shape[0]} image; "
            f"a face needs to look towards the camera and measure {smallest_face(*shape[:2])} pixels or more"
        )
    if place is not None:
        return faces[place]
    where = "; ".join(f"{face.index} at {_centre(face)}" for face in faces)
    if "," in str(which):
        raise NoFaceError(f"there is no face at {which}; faces found: {where}", field="face")
    if which == "middle":
        raise NoFaceError(f"none of {len(faces)} faces is in the middle; faces found: {where}", field="face")
    raise NoFaceError(f"there is no face {which}: the image has {count_faces(len(faces))}", field="face")


def count_faces(count: int) -> str:
    """How many faces there are, and their numbers, in words."""
    return "1 face (number 0)" if count == 1 else f"{count} faces (0 to {count - 1}, the largest first)"


def _place(text: str) -> np.ndarray:
    """ "X,Y" or "X,Y,WIDTH,HEIGHT" → float64 [2] or [4]."""
    try:
        numbers = np.array([float(part) for part in text.split(",")])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) not in (2, 4) or not np.isfinite(numbers).all():
        raise RequestError(
            f"face {text!r}; a point in a face is X,Y in pixels, such as 320,200, a box around it X,Y,WIDTH,HEIGHT",
            field="face",
        )
    return numbers


def _centre(face: EditableFace) -> str:
    return f"{face.box[0] + face.box[2] / 2:.0f},{face.box[1] + face.box[3] / 2:.0f}"
