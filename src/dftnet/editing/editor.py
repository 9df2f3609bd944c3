"""The editor: read the faces of a photo once, render them as often as asked.

    editor = Editor.from_pretrained()
    image = editor.edit(image, {"AU12": 0.8})                 # the largest face, in one call

    face = editor.read(image)                                 # detect, align, read its AUs: once
    image = editor.render(face, {"AU12": level})              # what a slider calls: often
    image = editor.render(face, Request(emotion="surprise", strength=0.7))

Images are uint8 (or uint16) HWC RGB, upright, and come back with the same size and type. Every pixel outside the
face's mask is that of the input, and a request that the face already meets returns the input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dftnet.aus import Request, as_dict, as_vector, target
from dftnet.editing.compositing import Patch, composite, composite_patch, cut, patch_box
from dftnet.faces.align import align
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.fitness import doubts, fitness
from dftnet.faces.track import overlap
from dftnet.inference.directory import has_default
from dftnet.inference.sessions import EstimatorSession, GeneratorSession, Maps

UNCHANGED = 1e-4
"""AUs that differ by no more are the same."""

AUReader = Callable[[np.ndarray], np.ndarray]
"""Crops uint8 [n, S, S, 3] → AUs float [n, K] in [0, 1]."""


@dataclass(frozen=True, kw_only=True, eq=False)
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
    """Where `aus` comes from: "estimator", "source", "given", or "nowhere": then they are all 0, which is right
    for a neutral face only."""
    trouble: str = ""
    """Why the face cannot be edited, in words; empty if it can."""
    note: str = ""
    """A doubt worth telling; empty if there is none."""

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


class Editor:
    """A generator, and what reads a face's own AUs; see the module's first lines for its use. One serves many threads.

    `read_aus` is what reads AUs from crops (S of the generator, K and order of its `au_names`); without it and
    without an `estimator` a face's AUs are taken as 0 unless given.
    """

    def __init__(
        self,
        generator: GeneratorSession,
        estimator: EstimatorSession | None = None,
        read_aus: AUReader | None = None,
        detector: FaceDetector | None = None,
    ) -> None:
        self.generator, self.estimator, self.read_aus = generator, estimator, read_aus
        self.detector = detector or FaceDetector()

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        *,
        estimator: str | Path | None = None,
        read_aus: AUReader | None = None,
        threads: int | None = None,
    ) -> Editor:
        """The editor with the shipped weights, or with a model directory (or a shipped model's name).

        `estimator` is a model directory of an AU estimator, by default the shipped one where there is one;
        `threads` limits the CPU threads. Raises ValueError for a directory that is missing, foreign or damaged.
        """
        generator = GeneratorSession(path, threads=threads)
        reader = None
        if estimator is not None or has_default("estimator"):
            reader = EstimatorSession(estimator, threads=threads)
        return cls(generator, reader, read_aus)

    @property
    def au_names(self) -> tuple[str, ...]:
        """The Action Units that the generator knows."""
        return self.generator.au_names

    @property
    def reads_aus(self) -> bool:
        """Whether a face's own AUs can be read from its pixels."""
        return self.estimator is not None or self.read_aus is not None

    def faces(self, image: np.ndarray, aus: Mapping[str, float] | None = None) -> list[EditableFace]:
        """Every face of the photo, the largest first, also those with `trouble`; [] where there is none.

        `aus` gives the faces' own AUs where they are known (names not given are 0).
        """
        if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.uint16) or image.ndim != 3:
            shape = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
            raise ValueError(f"the image is {shape}; give a uint8 RGB array [height, width, 3]")
        if image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(f"the image is {list(image.shape)}; give RGB pixels [height, width, 3]")
        eight = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
        known = as_dict(as_vector(aus, self.au_names), self.au_names) if aus is not None else None
        found = enumerate(self.detector(eight))
        return [self._editable(image, eight, face, index, known) for index, face in found]

    def read(
        self, image: np.ndarray, index: int | str = "largest", aus: Mapping[str, float] | None = None
    ) -> EditableFace:
        """One face of the photo: "largest" (of those that can be edited), by index (0 is the largest), by "X,Y", a point
        in it, or by "X,Y,WIDTH,HEIGHT", a box around it, in pixels.

        Raises ValueError where there is no face, no such face, or it cannot be edited.
        """
        face = pick(self.faces(image, aus), index, image)
        if face.trouble:
            raise ValueError(face.trouble)
        return face

    def target(self, face: EditableFace, request: Request | Mapping[str, float]) -> dict[str, float]:
        """The AUs that a request asks of this face, by name."""
        own = np.array([face.aus[name] for name in self.au_names], np.float32)
        return as_dict(target(own, request, self.au_names), self.au_names)

    def maps(self, face: EditableFace, request: Request | Mapping[str, float]) -> Maps:
        """What the generator says of the face: flow [2, S, S], attention [1, S, S], texture, aligned, image [3, S, S]."""
        return Maps(*(value[0] for value in self.generator(*self._batch(face, request))))

    def _batch(
        self, face: EditableFace, request: Request | Mapping[str, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A batch of one: crops, own AUs, AUs to aim at."""
        own = np.array([face.aus[name] for name in self.au_names], np.float32)
        return face.crop[None], own[None], target(own, request, self.au_names)[None]

    def render(
        self, face: EditableFace, request: Request | Mapping[str, float], onto: np.ndarray | None = None
    ) -> np.ndarray:
        """The photo with this face edited, a new array of the same size and type.

        `onto` is the picture to edit instead of the face's own photo: the same photo with other faces edited.
        A request that changes no AU returns the picture unchanged. Raises ValueError for a face with `trouble`.
        """
        photo = face.image if onto is None else onto
        if self._unchanged(face, request):
            return photo.copy()
        return composite(photo, face.crop_from_image, face.crop, *self._parts(face, request))

    def render_patch(
        self, face: EditableFace, request: Request | Mapping[str, float], onto: np.ndarray | None = None
    ) -> Patch:
        """Only the part of the photo that edits of this face may change, equal bit for bit to that part of `render`.

        The part does not depend on the request. What a page calls while a slider moves.
        """
        photo = face.image if onto is None else onto
        if self._unchanged(face, request):
            return cut(photo, patch_box(len(face.crop), face.crop_from_image, photo.shape))
        return composite_patch(photo, face.crop_from_image, face.crop, *self._parts(face, request))

    def _unchanged(self, face: EditableFace, request: Request | Mapping[str, float]) -> bool:
        """Whether the face is already as asked; ValueError for a face with `trouble`."""
        if face.trouble:
            raise ValueError(face.trouble)
        goal = self.target(face, request)
        return all(abs(goal[name] - face.aus[name]) <= UNCHANGED for name in goal)

    def _parts(
        self, face: EditableFace, request: Request | Mapping[str, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flow, attention and texture of one face, without a batch axis."""
        flow, attention, texture = self.generator.parts(*self._batch(face, request))
        return flow[0], attention[0], texture[0]

    def edit(
        self,
        image: np.ndarray,
        request: Request | Mapping[str, float],
        face: int | str = "largest",
        aus: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """The photo with one face edited ("largest" or its index), or "all" that can be; see `read`, `render`."""
        if face != "all":
            return self.render(self.read(image, face, aus), request)
        faces = [found for found in self.faces(image, aus) if not found.trouble]
        if not faces:
            self.read(image)  # says why
        result = image
        for found in faces:
            result = self.render(found, request, onto=result)
        return result

    def _editable(
        self, image: np.ndarray, eight: np.ndarray, face: Face, index: int, known: dict[str, float] | None
    ) -> EditableFace:
        try:
            crop, matrix = align(eight, face.landmarks, self.generator.size)
            trouble, note = fitness(face, crop, index)
        except ValueError as error:
            crop, matrix = np.zeros((self.generator.size,) * 2 + (3,), np.uint8), np.eye(2, 3)
            trouble, note = doubts(face, index).trouble or f"face {index}: {error}", ""
        editable = EditableFace(
            image=image, index=index, box=face.box, landmarks=face.landmarks, score=face.score,
            crop=crop, crop_from_image=matrix, aus={}, aus_from="", trouble=trouble, note=note,
        )  # fmt: skip
        values, origin = (known, "given") if known is not None else self._own_aus(eight, editable)
        return replace(editable, aus=values, aus_from=origin)

    def _own_aus(self, eight: np.ndarray, face: EditableFace) -> tuple[dict[str, float], str]:
        if self.read_aus is not None and not face.trouble:
            values = np.clip(np.asarray(self.read_aus(face.crop[None]), np.float32)[0], 0, 1)
            return as_dict(values, self.au_names), "source"
        if self.estimator is not None and not face.trouble:
            crop = face.crop
            if self.estimator.size != len(crop):
                crop, _ = align(eight, face.landmarks, self.estimator.size)
            read = as_dict(self.estimator(crop[None])[0], self.estimator.au_names)
            return {name: read.get(name, 0.0) for name in self.au_names}, "estimator"
        return dict.fromkeys(self.au_names, 0.0), "nowhere"


def pick(faces: list[EditableFace], index: int | str, image: np.ndarray) -> EditableFace:
    """One of all the `faces` of `image`, also one with trouble; `index` as in `Editor.read`. ValueError if none fits."""
    if not faces:
        raise ValueError(
            f"no face found in this {image.shape[1]}x{image.shape[0]} image; "
            "a face needs to look towards the camera and measure 20 pixels or more"
        )
    if index == "largest":
        return next((face for face in faces if not face.trouble), faces[0])
    if "," not in str(index):
        return faces[_position(index, len(faces))]
    place = face_at(str(index), [one.box for one in faces])
    if place is None:
        where = "; ".join(f"{face.index} at {_centre(face)}" for face in faces)
        raise ValueError(f"there is no face at {index}; faces found: {where}")
    return faces[place]


def face_at(place: str, boxes: list[np.ndarray]) -> int | None:
    """Which of the boxes x, y, width, height is meant by "X,Y", a point in it (the nearest by its middle), or by
    "X,Y,WIDTH,HEIGHT" (the one that overlaps most); None if none is."""
    try:
        numbers = np.array([float(part) for part in place.split(",")])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) not in (2, 4) or not np.isfinite(numbers).all():
        raise ValueError(
            f"face {place!r}; a point in a face is X,Y in pixels, such as 320,200, a box around it X,Y,WIDTH,HEIGHT"
        )
    if len(numbers) == 4:
        shares = {i: overlap(box, numbers) for i, box in enumerate(boxes)}
        best = max(shares, key=shares.__getitem__, default=None)
        return best if best is not None and shares[best] > 0 else None
    inside = {}
    for i, (left, top, width, height) in enumerate(boxes):
        x, y = numbers
        if left <= x <= left + width and top <= y <= top + height:
            inside[i] = float(np.hypot(x - left - width / 2, y - top - height / 2))
    return min(inside, key=inside.__getitem__, default=None)


def _centre(face: EditableFace) -> str:
    return f"{face.box[0] + face.box[2] / 2:.0f},{face.box[1] + face.box[3] / 2:.0f}"


def _position(index: int | str, count: int) -> int:
    try:
        position = int(index)
    except ValueError:
        raise ValueError(
            f"face {index!r}; choose largest, all, a number from 0 (the largest), or a place X,Y"
        ) from None
    if not 0 <= position < count:
        faces = "1 face (number 0)" if count == 1 else f"{count} faces (0 to {count - 1}, the largest first)"
        raise ValueError(f"there is no face {position}: the image has {faces}")
    return position
