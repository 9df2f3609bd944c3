"""The nodes: tensors of ComfyUI ⇄ calls of dftnet.

ComfyUI's IMAGE is float32 [B, H, W, 3] in [0, 1], its MASK float32 [B, H, W]. Pixels that an edit leaves alone keep their float
values. Node ids, input ids, ranges and the order of outputs are what saved workflows name: they never change.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from comfy_api.latest import ComfyExtension, io

import dftnet

CATEGORY = "dftnet"
UNITS = {
    "AU01": "inner brow raiser",
    "AU02": "outer brow raiser",
    "AU04": "brow lowerer",
    "AU05": "upper lid raiser",
    "AU06": "cheek raiser",
    "AU07": "lid tightener",
    "AU09": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU12": "lip corner puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU17": "chin raiser",
    "AU20": "lip stretcher",
    "AU23": "lip tightener",
    "AU25": "lips part",
    "AU26": "jaw drop",
    "AU45": "blink",
}
BETWEEN = re.compile(r"([\d%]m?s?)[ \t]+(?=[A-Za-z]|\d+:)")
"""Where, behind a value, the next unit begins on the same line."""
CHANGE = re.compile(r"[=:\s][+-][\d.,]+%?\s*$|[=,:][+-][\d.]+%?@")
"""A value with a sign is a change."""
FACES_KEPT = 64
"""Pictures whose faces stay read."""

_faces: OrderedDict[bytes, list[dftnet.EditableFace]] = OrderedDict()
_lock = threading.Lock()


@functools.lru_cache(maxsize=1)
def editor() -> dftnet.Editor:
    """The one editor of this process; it serves many threads."""
    return dftnet.Editor.from_pretrained()


def chosen(picture: np.ndarray, face: str) -> list[dftnet.EditableFace]:
    """The face of a picture uint8 [H, W, 3] or, of "all", those that can be edited; read once, as long as it is among the
    last pictures. Where there is none, dftnet's own error in its own words."""
    face = face.strip().lower()
    key = hashlib.sha256(repr((picture.shape, face)).encode() + picture.tobytes()).digest()
    with _lock:
        if key in _faces:
            _faces.move_to_end(key)
            return _faces[key]
    found = [one for one in editor().faces(picture) if not one.trouble] if face == "all" else []
    found = found or [editor().read(picture, "largest" if face == "all" else face)]
    with _lock:
        _faces[key] = found
        while len(_faces) > FACES_KEPT:
            _faces.popitem(last=False)
    return found


def pictures_of(image: torch.Tensor) -> list[np.ndarray]:
    """IMAGE → a list of uint8 [H, W, 3]; a fourth channel is left out."""
    values = image.detach().cpu().numpy()[..., :3]
    return list(np.clip(np.rint(values * 255.0), 0, 255).astype(np.uint8))


def image_of(source: torch.Tensor, before: list[np.ndarray], after: list[np.ndarray]) -> torch.Tensor:
    """The edited pictures as IMAGE; where nothing changed, the float values of `source` [B, H, W, C] themselves."""
    values = source.detach().cpu().numpy().copy()
    for plane, old, new in zip(values, before, after, strict=True):
        changed = (old != new).any(-1)
        plane[..., :3][changed] = new[changed].astype(np.float32) / 255.0
    return torch.from_numpy(values)


def edited(image: torch.Tensor, face: str, request: dftnet.Request) -> io.NodeOutput:
    """Each picture of the batch edited by itself: image, face mask, paint mask, notes."""
    before = pictures_of(image)
    after, faces, paints, notes = [], [], [], []
    for number, picture in enumerate(before):
        result, where, paint = picture, np.zeros(picture.shape[:2], np.float32), np.zeros(picture.shape[:2], np.float32)
        for one in chosen(picture, face):
            result = editor().render(one, request, onto=result)
            masks = editor().masks(one, request)
            where, paint = np.maximum(where, masks[0]), np.maximum(paint, masks[1])
        told = dict.fromkeys(note for one in chosen(picture, face) for note in notes_of(one, request, result))
        notes += [f"picture {number}: {note}" if len(before) > 1 else note for note in told]
        after.append(result)
        faces.append(torch.from_numpy(where))
        paints.append(torch.from_numpy(paint))
    for note in notes:
        logging.getLogger("dftnet").warning("%s", note)
    return io.NodeOutput(image_of(image, before, after), torch.stack(faces), torch.stack(paints), "\n".join(notes))


def notes_of(face: dftnet.EditableFace, request: dftnet.Request, edited: np.ndarray) -> list[str]:
    """What the command line would warn of: units that fight or did not land, a face that is small, turned aside, half hidden."""
    found = [*editor().doubts(face, request), *editor().notes(face, request)]
    short = editor().short(face, request, editor().read_again(face, edited)) if editor().reads_aus else ""
    return [*found, short] if short else found


def face_input(name: str = "face", words: str = "face") -> Any:
    return io.String.Input(
        name,
        default="largest",
        tooltip=f"Which {words}: largest, all, left, middle, right, a number from 0 (the largest), or a point X,Y.",
    )


def strength_input() -> Any:
    return io.Float.Input(
        "strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip="How far towards the emotion or the photo."
    )


def emotion_input() -> Any:
    """Those that the model can show: contempt needs units with sides."""
    options = ["none", *editor().emotions]
    return io.Combo.Input("emotion", options=options, default="none", tooltip="A preset under the units.")


def masks_out() -> list[Any]:
    return [
        io.Image.Output("edited", display_name="image"),
        io.Mask.Output("face_mask", display_name="face mask", tooltip="Outside of it nothing changes."),
        io.Mask.Output("paint_mask", display_name="paint mask", tooltip="Painted rather than moved."),
        io.String.Output(
            "notes", display_name="notes", tooltip="Doubts, and what did not land; empty if there is nothing."
        ),
    ]


def more_input(over_time: str = "") -> Any:
    """What has no slider: sides, gaze, shapes of the mouth, and what people say."""
    return io.String.Input(
        "more",
        default="",
        multiline=True,
        optional=True,
        tooltip="Any unit or words that the model knows, as for dftnet edit --au: AU12L=0.6, wink left=1, look up=0.5, "
        f'"a slight smile". With a sign a change: AU04=-0.3. A line, or a semicolon, between two.{over_time}',
    )


def written(more: str) -> dftnet.Timeline:
    """What the text of `more_input` asks for; dftnet's own error in its own words where it is not understood."""
    items = [item.strip() for item in re.split(r"[\n;]", BETWEEN.sub(r"\1\n", re.sub("[\"'“”]", "", more)))]
    change = {item: CHANGE.search(item) is not None for item in items if item}
    plan = dftnet.EditPlan.parse(
        au=[item for item, signed in change.items() if not signed],
        add=[item for item, signed in change.items() if signed],
    )
    if plan.each:
        raise dftnet.RequestError(
            "this node edits the face that it names: leave out the number before the colon", field="au"
        )
    return plan.common


def asked(emotion: str, strength: float, changes: Mapping[str, float]) -> dftnet.Request:
    """The request of a node's values."""
    add = {name: value for name, value in changes.items() if value}
    if emotion == "neutral":
        return dftnet.Request(neutral=True, strength=strength, add=add)
    return dftnet.Request(emotion=None if emotion == "none" else emotion, strength=strength, add=add)


class EditExpression(io.ComfyNode):
    """Change Action Units of a face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        units = [
            io.Float.Input(name, display_name=f"{name} {words}", default=0.0, min=-1.0, max=1.0, step=0.01,
                           tooltip="A change of this unit; 0 leaves it as it is.")
            for name, words in UNITS.items()
        ]  # fmt: skip
        return io.Schema(
            node_id="DftnetEditExpression",
            display_name="Edit expression",
            category=CATEGORY,
            description="Changes Action Units of a face; everything outside the face stays as it is, pixel for pixel.",
            inputs=[io.Image.Input("image"), face_input(), emotion_input(), strength_input(), *units, more_input()],
            outputs=masks_out(),
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, face: str, emotion: str, strength: float, more: str = "", **units: float
    ) -> io.NodeOutput:
        timeline, request = written(more), asked(emotion, strength, units)
        if not timeline.constant:
            raise dftnet.RequestError("values over time are for the node Expression over frames", field="au")
        added = {**request.add, **timeline.request.add}
        return edited(image, face, replace(request, set=timeline.request.set, add=added))


class ReadActionUnits(io.ComfyNode):
    """Read the Action Units of a face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DftnetReadActionUnits",
            display_name="Read action units",
            category=CATEGORY,
            description="Reads the Action Units of a face, 0 (absent) to 1 (strongest).",
            inputs=[io.Image.Input("image"), face_input()],
            outputs=[
                io.String.Output("table", display_name="table", tooltip="A line a unit."),
                io.String.Output("json", display_name="JSON", tooltip="A list a picture, an object a face."),
                io.Mask.Output("box", display_name="face box"),
            ],
        )

    @classmethod
    def execute(cls, image: torch.Tensor, face: str) -> io.NodeOutput:
        lines, readings, boxes = [], [], []
        for picture in pictures_of(image):
            found, box = chosen(picture, face), np.zeros(picture.shape[:2], np.float32)
            readings.append(
                [{"face": one.index, "aus": {k: round(v, 4) for k, v in one.reading.items()}} for one in found]
            )
            for one in found:
                lines += [f"face {one.index}: {one.where}"]
                lines += [
                    f"{name} {dftnet.describe_unit(name).description}: {value:.2f}"
                    for name, value in one.reading.items()
                ]
                x, y, width, height = (round(float(value)) for value in one.box)
                box[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = 1
            boxes.append(torch.from_numpy(box))
        return io.NodeOutput("\n".join(lines), json.dumps(readings), torch.stack(boxes))


class ExpressionFromPhoto(io.ComfyNode):
    """Give a face the expression of another photo."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DftnetExpressionFromPhoto",
            display_name="Expression from photo",
            category=CATEGORY,
            description="Gives a face the expression that the face of another photo shows.",
            inputs=[
                io.Image.Input("image"),
                io.Image.Input("like", tooltip="The photo whose expression is copied; of a batch, its first."),
                face_input(),
                face_input("like_face", "face of the other photo"),
                strength_input(),
            ],
            outputs=masks_out(),
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, like: torch.Tensor, face: str, like_face: str, strength: float
    ) -> io.NodeOutput:
        model = chosen(pictures_of(like[:1])[0], like_face)[0]
        return edited(image, face, dftnet.Request(like=model.aus, strength=strength))


class ExpressionOverFrames(io.ComfyNode):
    """Change Action Units over the frames of a clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        units = [
            io.Float.Input(name, display_name=f"{name} {words}", default=0.0, min=-1.0, max=1.0, step=0.01,
                           optional=True, tooltip="A change, one for all frames or a list with one a frame.")
            for name, words in UNITS.items()
        ]  # fmt: skip
        return io.Schema(
            node_id="DftnetExpressionOverFrames",
            display_name="Expression over frames",
            category=CATEGORY,
            description="Follows a face through a batch of frames and changes its Action Units over time.",
            is_input_list=True,
            inputs=[
                io.Image.Input("images"),
                face_input(),
                io.Float.Input("rate", default=25.0, min=1.0, max=240.0, step=0.01, tooltip="Frames a second."),
                emotion_input(),
                strength_input(),
                *units,
                more_input(" Over time: AU45=0@0s,1@0.5s."),
            ],
            outputs=[io.Image.Output("edited", display_name="images")],
        )

    @classmethod
    def execute(
        cls,
        images: list[torch.Tensor],
        face: list[str],
        rate: list[float],
        emotion: list[str],
        strength: list[float],
        more: Sequence[str] = ("",),
        **units: Any,
    ) -> io.NodeOutput:
        clip = torch.cat(list(images))
        before = pictures_of(clip)
        changes = {name: floats(values) for name, values in units.items()}
        keys = {
            name: [(number / rate[0], value) for number, value in enumerate(values[: len(before)])]
            for name, values in changes.items()
            if any(values)
        }
        said = written(more[0] if more else "")
        request = replace(asked(emotion[0], strength[0], said.request.add), set=said.request.set)
        timeline = replace(said, request=request, add_keys={**keys, **said.add_keys})
        plan = dftnet.EditPlan(common=timeline, face=face[0])
        after = before if plan.empty else list(dftnet.edit_frames(before, plan, editor=editor(), rate=rate[0]))
        return io.NodeOutput(image_of(clip, before, after))


def floats(values: Any) -> list[float]:
    """Numbers in whatever lists they come: one for all, a list of them, or a list that holds the list."""
    if isinstance(values, torch.Tensor):
        values = values.reshape(-1).tolist()
    if isinstance(values, int | float):
        return [float(values)]
    return [number for value in values or [] for number in floats(value)]


class DftnetExtension(ComfyExtension):
    """What ComfyUI asks for the nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [EditExpression, ReadActionUnits, ExpressionFromPhoto, ExpressionOverFrames]


async def comfy_entrypoint() -> ComfyExtension:
    """What ComfyUI calls when it loads this folder."""
    return DftnetExtension()
