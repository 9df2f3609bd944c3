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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dftnet.au_sources.source import AUSource, read_sides
from dftnet.aus import as_dict, as_vector
from dftnet.editing.compositing import Patch, composite, composite_patch, cut, patch_box, photo_masks
from dftnet.editing.emotions import presets
from dftnet.editing.eyes import closed_eyes_kept, closed_lids
from dftnet.editing.face import EditableFace, pick
from dftnet.editing.fights import fights
from dftnet.editing.options import FaceEdit
from dftnet.editing.parallel import in_order
from dftnet.editing.request import Request, same, target
from dftnet.editing.wording import UNKNOWN, fell_short
from dftnet.errors import MediaError, UnfitFaceError
from dftnet.faces.align import align, warp_to_crop
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.fitness import doubts, fitness, looks_ahead
from dftnet.inference.directory import has_default
from dftnet.inference.sessions import EstimatorSession, GeneratorSession, Maps
from dftnet.media.pixels import eight_bits, from_pillow
from dftnet.units import EYE_TURNS, known_to, levels_as, side_free, told_by

Picture = np.ndarray | Image.Image
"""uint8 or uint16 RGB [H, W, 3], or a PIL image."""


class Editor:
    """A generator, and what reads a face's own AUs; see the module's first lines for its use. One serves many threads.

    `estimator` reads a face's own AUs: an EstimatorSession or any other AUSource (au_sources/source.py). Without it they
    are taken as 0 unless given.
    """

    def __init__(
        self,
        generator: GeneratorSession,
        estimator: AUSource | None = None,
        detector: FaceDetector | None = None,
    ) -> None:
        self.generator, self.estimator = generator, estimator
        self.detector = detector or FaceDetector()

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        *,
        estimator: AUSource | str | Path | None = None,
        threads: int | None = None,
    ) -> Editor:
        """The editor with the shipped weights, or with a model directory (or a shipped model's name).

        `estimator` is an AUSource or the model directory of an AU estimator, by default the shipped one where there is
        one; `threads` limits the CPU threads. Raises ModelError for a directory that is missing, foreign or damaged.
        """
        generator = GeneratorSession(path, threads=threads)
        if isinstance(estimator, str | Path) or (estimator is None and has_default("estimator")):
            estimator = EstimatorSession(estimator, threads=threads)
        return cls(generator, estimator)

    @property
    def au_names(self) -> tuple[str, ...]:
        """The Action Units that the generator knows."""
        return self.generator.au_names

    @property
    def emotions(self) -> dict[str, dict[str, float]]:
        """The emotions that its units can show: name → unit → value at strength 1."""
        names, nothing = self.au_names, np.zeros(len(self.au_names), np.float32)
        return {name: as_dict(target(nothing, Request(emotion=name), names), names) for name in presets(names)}

    @property
    def opens_eyes(self) -> bool:
        """Whether the generator paints what closed lids hide; otherwise eyes that read closed stay closed."""
        return self.generator.model.opens_eyes

    @property
    def reads_aus(self) -> bool:
        """Whether a face's own AUs can be read from its pixels."""
        return self.estimator is not None

    @property
    def read_units(self) -> tuple[str, ...]:
        """Those of its units that are read from pixels; the level of others is not known, and taken as 0."""
        return known_to(self.estimator.names, self.au_names) if self.estimator is not None else ()

    def reads(self, units: Sequence[str]) -> tuple[str, ...]:
        """Those of `units`, asked for together, whose levels can be read again: not a side alone by a reader without sides, nor
        gaze, which says how far the irises go, and is read as how far a person could look."""
        told = told_by(self.estimator.names, units) if self.estimator is not None else ()
        return tuple(name for name in told if name not in EYE_TURNS)

    def faces(self, image: Picture, aus: Mapping[str, float] | None = None) -> list[EditableFace]:
        """Every face of the photo, the largest first, also those with `trouble`; [] where there is none.

        `aus` gives the faces' own AUs where they are known (names not given are 0).
        """
        return self.with_aus(self.find(image, every=True), aus)

    def read(
        self, image: Picture, which: int | str = "largest", aus: Mapping[str, float] | None = None
    ) -> EditableFace:
        """One face of the photo: "largest" (of those that can be edited), "left", "middle" or "right", by number (0 is the
        largest), by "X,Y", a point in it, or by "X,Y,WIDTH,HEIGHT", a box around it, in pixels.

        Raises NoFaceError where there is no face or no such face, UnfitFaceError where it cannot be edited.
        """
        pixels = as_pixels(image)
        face = pick(self.find(pixels, every=which != "largest"), which, pixels.shape)
        if face.trouble:
            raise UnfitFaceError(face.trouble)
        return self.with_aus([face], aus)[0]

    def target(self, face: EditableFace, request: Request | Mapping[str, float]) -> dict[str, float]:
        """The AUs that a request asks of this face, by name; see `goal`."""
        return as_dict(self.goal(face, request)[0], self.au_names)

    def goal(self, face: EditableFace, request: Request | Mapping[str, float]) -> tuple[np.ndarray, str]:
        """The AUs to aim at, float32 [K] in the order of `au_names`, and a doubt worth telling, empty if there is none.

        Eyes that read closed stay closed where the model cannot open them; UnfitFaceError where the request opens them.
        """
        asked = request if isinstance(request, Request) else Request(set=request)
        goal = target(face.vector(self.au_names), asked, self.au_names)
        return (goal, "") if self.opens_eyes else closed_eyes_kept(face, asked, goal, self.au_names)

    def doubts(self, face: EditableFace, request: Request) -> list[str]:
        """What is worth knowing of a request of this face, a line each: units that fight, closed eyes that stay closed.
        UnfitFaceError where closed eyes are asked to open and the model cannot do it."""
        return [text for text in (*fights(request), self.goal(face, request)[1]) if text]

    def notes(self, face: EditableFace, request: Request) -> list[str]:
        """What is worth knowing of a face that is to be edited, a line each: small, turned aside, its own AUs unknown."""
        unknown = face.aus_from == "nowhere" and not request.empty
        return [text for text in (face.note, UNKNOWN if unknown else "") if text]

    def short(self, face: EditableFace, request: Request, read: np.ndarray) -> str:
        """The units of a face that did not land, where `read` [K] is what it is read to show in the edit (`read_again`), in words;
        empty where all did."""
        one = FaceEdit(face=face, goal=self.goal(face, request)[0])
        return fell_short(one, read, self.au_names, self.reads)

    def held(self, face: EditableFace) -> list[str]:
        """The units of a face that stay where they are on the way to any expression: lids that read closed, where the model
        cannot open them."""
        unknown = face.trouble or face.aus_from == "nowhere"
        return [] if unknown or self.opens_eyes else closed_lids(face.vector(self.au_names), self.au_names)

    def maps(self, face: EditableFace, request: Request | Mapping[str, float]) -> Maps:
        """What the generator says of the face: flow [2, S, S], attention [1, S, S], texture, aligned, image [3, S, S]."""
        return self.maps_of(face, self.goal(face, request)[0])

    def maps_of(self, face: EditableFace, goal: np.ndarray) -> Maps:
        """`maps` with the AUs to aim at, float32 [K] in the order of `au_names`."""
        own = face.vector(self.au_names)
        return self.generator(face.crop[None], own[None], goal[None]).of(0)

    def render(
        self, face: EditableFace, request: Request | Mapping[str, float], onto: np.ndarray | None = None
    ) -> np.ndarray:
        """The photo with this face edited, a new array of the same size and type.

        `onto` is the picture to edit instead of the face's own photo: the same photo with other faces edited.
        A request that changes no AU returns the picture unchanged. Raises UnfitFaceError for a face with `trouble`, and for
        closed eyes that are asked to open where the model cannot do it.
        """
        return self.render_aus(face, self.goal(face, request)[0], onto)

    def render_aus(self, face: EditableFace, goal: np.ndarray, onto: np.ndarray | None = None) -> np.ndarray:
        """`render` with the AUs to aim at, float32 [K] in the order of `au_names`."""
        photo = face.image if onto is None else onto
        maps = self._maps(face, goal)
        return photo.copy() if maps is None else composite(photo, face.crop_from_image, face.crop, *maps.composed())

    def render_patch(
        self, face: EditableFace, request: Request | Mapping[str, float], onto: np.ndarray | None = None
    ) -> Patch:
        """Only the part of the photo that edits of this face may change, equal bit for bit to that part of `render`.

        The part does not depend on the request. What a page calls while a slider moves.
        """
        return self.patch_aus(face, self.goal(face, request)[0], onto)

    def patch_aus(self, face: EditableFace, goal: np.ndarray, onto: np.ndarray | None = None) -> Patch:
        """`render_patch` with the AUs to aim at, float32 [K] in the order of `au_names`."""
        photo = face.image if onto is None else onto
        maps = self._maps(face, goal)
        if maps is None:
            return cut(photo, patch_box(len(face.crop), face.crop_from_image, photo.shape))
        return composite_patch(photo, face.crop_from_image, face.crop, *maps.composed())

    def _maps(self, face: EditableFace, goal: np.ndarray) -> Maps | None:
        """What a photo is composed of, of one face; None where it is already as asked; UnfitFaceError for a face with `trouble`."""
        if face.trouble:
            raise UnfitFaceError(face.trouble)
        own = face.vector(self.au_names)
        if same(goal, own):
            return None
        return self.generator.parts(face.crop[None], own[None], goal[None]).of(0)

    def render_maps(self, face: EditableFace, maps: Maps, onto: np.ndarray | None = None) -> np.ndarray:
        """The photo edited with `maps` of this face (see `maps`), a new array."""
        if face.trouble:
            raise UnfitFaceError(face.trouble)
        photo = face.image if onto is None else onto
        return composite(photo, face.crop_from_image, face.crop, *maps.composed())

    def masks(self, face: EditableFace, request: Request | Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Where the photo changes, two float32 [H, W] in [0, 1]: the face (0 where no edit of it changes anything), and how
        much of each pixel is painted rather than moved; for compositing elsewhere."""
        maps = self.maps(face, request)
        return photo_masks(face.image.shape, face.crop_from_image, face.crop, maps.flow, maps.attention, maps.texture)

    def edit(
        self,
        image: Picture,
        request: Request | Mapping[str, float],
        face: int | str = "largest",
        aus: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """The photo with one face edited (see `read`), or "all" that can be."""
        if face != "all":
            return self.render(self.read(image, face, aus), request)
        faces = [found for found in self.faces(image, aus) if not found.trouble]
        if not faces:
            self.read(image)  # says why
        result = faces[0].image.copy()
        for found in faces:
            self.render_patch(found, request, onto=result).put(result)
        return result

    def edit_many(
        self,
        images: Iterable[Picture],
        request: Request | Mapping[str, float],
        face: int | str = "largest",
        workers: int | None = None,
    ) -> Iterator[np.ndarray]:
        """`edit` of many photos, in order, several at once on `workers` threads (by default one a core)."""
        for _, edited in in_order(lambda image: self.edit(image, request, face), images, workers):
            yield edited

    def find(self, image: Picture, every: bool = False) -> list[EditableFace]:
        """The faces, the largest first, also those with `trouble`, their AUs not read yet (see `with_aus`); the small ones beside
        a portrait only where `every` face is wanted."""
        pixels = as_pixels(image)
        eight = eight_bits(pixels)
        return [
            self.editable(pixels, face, index, eight) for index, face in enumerate(self.detector(eight, every=every))
        ]

    def editable(self, image: np.ndarray, face: Face, index: int, eight: np.ndarray | None = None) -> EditableFace:
        """A face that was found in the photo, cut out and looked at for doubts; its AUs not read yet.

        `eight`: the photo, uint8, where `image` is uint16.
        """
        try:
            crop, matrix = align(image if eight is None else eight, face.landmarks, self.generator.size)
            trouble, note = fitness(face, crop, index)
        except UnfitFaceError as error:
            crop, matrix = np.zeros((self.generator.size,) * 2 + (3,), np.uint8), np.eye(2, 3)
            trouble, note = doubts(face, index).trouble or f"face {index}: {error}", ""
        return EditableFace(
            image=image, index=index, box=face.box, landmarks=face.landmarks, score=face.score,
            crop=crop, crop_from_image=matrix, aus={}, aus_from="", trouble=trouble, note=note,
        )  # fmt: skip

    def with_aus(self, faces: Sequence[EditableFace], aus: Mapping[str, float] | None = None) -> list[EditableFace]:
        """The faces with their own AUs: given, or read in one batch where that can be done and they have no trouble."""
        if aus is not None:
            known = as_dict(as_vector(aus, self.au_names), self.au_names)
            return [replace(face, aus=dict(known), aus_from="given") for face in faces]
        readable = [i for i, face in enumerate(faces) if not face.trouble and self.reads_aus]
        found = self.read_own_aus([faces[i] for i in readable]) if readable else np.zeros((0, len(self.au_names)))
        values, origin = dict(zip(readable, found, strict=True)), self.estimator.kind if self.estimator else ""
        nothing = np.zeros(len(self.au_names), np.float32)
        return [
            replace(
                face, aus=as_dict(values.get(i, nothing), self.au_names), aus_from=origin if i in values else "nowhere"
            )
            for i, face in enumerate(faces)
        ]

    def read_own_aus(self, faces: Sequence[EditableFace]) -> np.ndarray:
        """The own AUs of faces, float32 [n, K] in the order of `au_names`, read from their crops in one batch, across
        vocabularies as `levels_as` says; 0 where nothing reads them."""
        if self.estimator is None:
            return np.zeros((len(faces), len(self.au_names)), np.float32)
        crops = np.stack([self._crop(face, self.estimator.size) for face in faces])
        sided = any(side_free(name) != name for name in self.au_names)
        ahead = [sided and looks_ahead(face.landmarks) for face in faces]
        read = np.clip(read_sides(self.estimator, crops, ahead), 0, 1)
        return levels_as(read, self.estimator.names, self.au_names)

    def read_again(self, face: EditableFace, edited: np.ndarray) -> np.ndarray:
        """The AUs of a face in the edited photo, float32 [K] in the order of `au_names`, in the place where it was found."""
        pixels = eight_bits(edited)
        crop = warp_to_crop(pixels, face.crop_from_image, len(face.crop))
        return self.read_own_aus([replace(face, image=edited, crop=crop)])[0]

    def _crop(self, face: EditableFace, size: int) -> np.ndarray:
        """The face's crop at another size, from the photo."""
        if size == len(face.crop):
            return face.crop
        eight = eight_bits(face.image)
        return align(eight, face.landmarks, size)[0]


def as_pixels(image: Picture) -> np.ndarray:
    """The picture as an array; MediaError for anything else."""
    if isinstance(image, Image.Image):
        return from_pillow(ImageOps.exif_transpose(image))
    if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.uint16) or image.ndim != 3:
        shape = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise MediaError(f"the image is {shape}; give a uint8 RGB array [height, width, 3]")
    if image.shape[2] != 3 or 0 in image.shape:
        raise MediaError(f"the image is {list(image.shape)}; give RGB pixels [height, width, 3]")
    return image
