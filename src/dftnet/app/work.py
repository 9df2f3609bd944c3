"""What a worker does, as plain functions from requests to answers: no HTTP here."""

from __future__ import annotations

import base64
import functools
import io
from typing import Any

import numpy as np

import dftnet
from dftnet import Editor, Request
from dftnet.app import schema
from dftnet.app.photos import ReadPhoto

TYPES = {
    ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".tif": "image/tiff", ".bmp": "image/bmp",
    ".avif": "image/avif", ".heic": "image/heic",
}  # fmt: skip
"""Ending → media type."""
GRID = 8
"""JPEG's blocks: a patch whose borders lie on them decodes, where nothing changed, to the very pixels of the preview."""
EVERYWHERE = ("source", "arrows", "flow", "attention", "texture", "aligned", "result")


def data_uri(data: bytes, suffix: str) -> str:
    """Encoded bytes as a data URI."""
    return f"data:{TYPES[suffix]};base64,{base64.b64encode(data).decode()}"


def describe_model(editor: Editor, max_bytes: int, max_pixels: int) -> schema.ModelAnswer:
    """The answer of /v1/model."""
    return schema.ModelAnswer(
        model=editor.generator.directory.name,
        version=dftnet.__version__,
        size=editor.generator.size,
        units=[schema.Unit(**dftnet.describe_unit(name)._asdict()) for name in editor.au_names],
        regions=list(dftnet.REGIONS),
        emotions={name: _levels(preset) for name, preset in editor.emotions.items()},
        landed=dftnet.LANDED,
        reads_units=editor.reads_aus,
        max_bytes=max_bytes,
        max_pixels=max_pixels,
    )


def describe_faces(photo: ReadPhoto) -> schema.AusAnswer:
    """The answer of /v1/aus; NoFaceError where there is no face."""
    _require_a_face(photo)
    width, height = photo.opened.size
    return schema.AusAnswer(
        photo=photo.id,
        width=width,
        height=height,
        faces=[_face(photo.opened.editor, face) for face in photo.opened.faces],
    )


def describe_read(photo: ReadPhoto) -> schema.ReadAnswer:
    """The answer of /v1/read: the same with a preview."""
    base = describe_faces(photo)
    width, height = photo.preview.size
    image = data_uri(*photo.preview.encoded_part(_part(photo.preview.photo.pixels, (0, 0, width, height))))
    boxes = [_numbers(face.box) for face in photo.preview.faces]
    preview = schema.Preview(width=width, height=height, image=image, boxes=boxes)
    return schema.ReadAnswer(**base.model_dump(), name=photo.name, suffix=photo.opened.suffix, preview=preview)


def _require_a_face(photo: ReadPhoto) -> None:
    if not photo.opened.faces:
        photo.opened.face()


def _face(editor: Editor, face: dftnet.EditableFace) -> schema.FaceAnswer:
    return schema.FaceAnswer(
        index=face.index,
        box=_numbers(face.box),
        landmarks=[_numbers(point) for point in face.landmarks],
        score=round(float(face.score), 4),
        units=_levels(face.aus),
        units_from=face.aus_from,
        trouble=face.trouble,
        note=face.note,
        held=editor.held(face),
    )


class Edited:
    """An edited photo, encoded."""

    def __init__(self, photo: ReadPhoto, asked: schema.EditRequest) -> None:
        self.photo, self.asked = photo, asked
        self.requests, self.warnings = photo.opened.requests(asked.plan())
        self.pixels = photo.opened.edited(self.requests)
        self.suffix = f".{asked.format}" if asked.format else photo.opened.suffix
        self.data = photo.opened.encoded(
            self.pixels, self.requests, suffix=self.suffix, quality=asked.quality, mark=asked.mark
        )
        self.warnings += photo.opened.left_out(self.requests, suffix=self.suffix, mark=asked.mark)
        marked = asked.mark and any(not one.empty for one in self.requests.values())
        self.mark = dftnet.MARK if marked and self.suffix != ".bmp" else ""

    def faces(self) -> list[dict[str, Any]]:
        """Number and box of each face that was edited."""
        return [{"index": i, "box": _numbers(self.photo.opened.faces[i].box)} for i in sorted(self.requests)]

    def answer(self) -> schema.EditAnswer:
        """The answer of /v1/edit as JSON, with the units read again in the edited picture."""
        editor, opened = self.photo.opened.editor, self.photo.opened
        width, height = opened.size
        again = editor.faces(self.pixels)
        faces, short = [], []
        for index, request in sorted(self.requests.items()):
            face = opened.faces[index]
            after = units_at(again, face)
            short.append("" if after is None else opened.short(index, request, after))
            faces.append(
                schema.EditedFace(
                    index=index, box=_numbers(face.box), before=_levels(face.aus), asked=_levels(editor.target(face, request)),
                    after=None if after is None else _levels(after),
                )
            )  # fmt: skip
        return schema.EditAnswer(
            photo=self.photo.id, width=width, height=height, format=self.suffix[1:], mark=self.mark,
            image=data_uri(self.data, self.suffix), faces=faces,
            warnings=[*self.warnings, *filter(None, short)],
        )  # fmt: skip


def units_at(faces: list[dftnet.EditableFace], before: dftnet.EditableFace) -> dict[str, float] | None:
    """The units of the face among `faces` that lies where `before` does; None where none is read there."""
    x, y, width, height = before.box
    middle, reach = np.array([x + width / 2, y + height / 2]), 0.5 * float(min(width, height))
    away = {i: float(np.hypot(*(face.box[:2] + face.box[2:] / 2 - middle))) for i, face in enumerate(faces)}
    best = min(away, key=away.__getitem__, default=None)
    if best is None or away[best] > reach or faces[best].trouble or faces[best].aus_from == "nowhere":
        return None
    return faces[best].aus


class PatchMade:
    """The part of the preview that a face's edits may change, encoded.

    box     x0, y0, x1, y1 of `part` in the pixels of what was rendered: the preview, or its draft
    place   the same in the preview's pixels
    exact   x0, y0, x1, y1 in the preview's pixels: where the patch counts, the same for a draft and for an exact one
    """

    def __init__(self, photo: ReadPhoto, asked: schema.PatchRequest) -> None:
        requests = {int(number): one.asked() for number, one in asked.faces.items()}
        draft = asked.draft and not asked.measure
        index, preview = asked.face, photo.draft if draft else photo.preview
        self.warnings = preview.doubts({index: requests[index]} if index in requests else {})
        mine = requests.pop(index, Request())
        box = preview.patch_box(index)
        later = {i: one for i, one in requests.items() if i > index}
        over = later if any(_meet(box, preview.patch_box(i)) for i in later) else {}
        below = {i: one for i, one in requests.items() if i not in over}
        base = photo.base(below, draft)
        patch = preview.patch(index, mine, onto=base)
        whole = None
        if over or asked.measure:
            whole = base.copy()
            patch.put(whole)
            for i in sorted(over):
                preview.patch(i, over[i], onto=whole).put(whole)
                box = _joined(box, preview.patch_box(i))
        self.box = _on_grid(box, preview.size)
        self.part = _part(base if whole is None else whole, self.box)
        if whole is None:
            patch._replace(x=patch.x - self.part.x, y=patch.y - self.part.y).put(self.part.pixels)
        self.data, self.suffix = preview.encoded_part(self.part)
        grow = np.divide(photo.preview.size, preview.size)
        self.place = _numbers(np.array(self.box, np.float64) * [*grow, *grow])
        boxes = [photo.preview.patch_box(i) for i in (index, *over)]
        self.exact = _on_grid(functools.reduce(_joined, boxes), photo.preview.size) if draft else self.box
        self.measured: dict[str, float] | None = None
        if asked.measure and whole is not None:
            self.measured = units_at(preview.editor.faces(whole), preview.face(index))


def describe_maps(photo: ReadPhoto, asked: schema.MapsRequest) -> schema.MapsAnswer:
    """The answer of /v1/maps."""
    face, maps, pictures = photo.opened.maps(asked.face, asked.asked())
    return schema.MapsAnswer(
        photo=photo.id,
        face=face.index,
        size=len(face.crop),
        motion=round(float(np.hypot(*maps.flow).max()), 3),
        pictures={name: data_uri(dftnet.encode_image(pictures[name], ".png"), ".png") for name in EVERYWHERE},
    )


def maps_file(photo: ReadPhoto, asked: schema.MapsRequest) -> bytes:
    """The numbers of /v1/maps: an .npz with crop, flow, attention, texture, aligned, image, mouth, eyes and lids."""
    face, maps, _ = photo.opened.maps(asked.face, asked.asked())
    file = io.BytesIO()
    np.savez_compressed(file, crop=face.crop, **maps._asdict())
    return file.getvalue()


def _levels(units: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in units.items()}


def _numbers(values: np.ndarray) -> list[float]:
    return [round(float(value), 2) for value in values]


def _part(pixels: np.ndarray, box: tuple[int, int, int, int]) -> dftnet.Patch:
    x0, y0, x1, y1 = box
    return dftnet.Patch(x0, y0, pixels[y0:y1, x0:x1].copy())


def _on_grid(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box grown to JPEG's blocks, within the picture."""
    x0, y0, x1, y1 = box
    right, bottom = (min(limit, -(-value // GRID) * GRID) for value, limit in zip((x1, y1), size, strict=True))
    return x0 // GRID * GRID, y0 // GRID * GRID, right, bottom


def _meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _joined(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
