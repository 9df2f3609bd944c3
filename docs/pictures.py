"""Make the pictures of the README and the gallery with the shipped weights, on faces that may be shown.

    pip install -e ".[dev]" openpeople==0.1.2
    python docs/pictures.py

astronaut    skimage.data.astronaut(), Eileen Collins, NASA, public domain
P001 …       synthetic people of the package openpeople, MIT licence
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from dftnet.drawing import flow_colours, grey, sheet
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.editing.request import Request
from dftnet.media.image import decode_image, write_image

FOLDER = Path(__file__).parent / "pictures"
SIDE = 224
EDITS: tuple[tuple[str, Request], ...] = (
    ("photo", Request()),
    ("grin 0.9", Request(set={"grin": 0.9})),
    ("close eyes", Request(set={"AU45": 1.0})),
    ("open mouth", Request(set={"AU25": 1.0, "AU26": 0.9})),
    ("raise brows", Request(set={"AU01": 1.0, "AU02": 1.0})),
    ("lower brows", Request(set={"AU04": 1.0, "AU07": 0.5})),
    ("neutral", Request(neutral=True)),
)

SIDES: tuple[tuple[str, Request], ...] = (
    ("photo", Request()),
    ("wink left", Request(set={"AU45L": 1.0})),
    ("close eyes", Request(set={"AU45": 1.0})),
    ("left brow", Request(set={"AU01L": 0.8, "AU02L": 1.0})),
    ("smirk right", Request(set={"AU12R": 1.0, "AU14R": 0.6})),
    ("contempt", Request(emotion="contempt")),
    ("sadness", Request(emotion="sadness")),
    ("kiss", Request(set={"AU18": 1.0})),
    ("turn head left", Request(set={"AU51": 1.0})),
)
"""Each side, and what else is beyond the 17 units."""


def person(name: str, picture: str = "studio_portrait") -> np.ndarray:
    """A portrait of openpeople, uint8 RGB."""
    path = resources.files("openpeople") / "data" / "curated" / name / "assets" / f"{picture}.jpg"
    return decode_image(path.read_bytes())


def close_up(image: np.ndarray, face: EditableFace, side: int = SIDE) -> np.ndarray:
    """The face and a little around it, `side` pixels."""
    x, y, w, h = face.box
    half = 0.56 * max(w, h)
    cx, cy = x + w / 2, y + h / 2
    left, top, right, bottom = (round(v) for v in (cx - half, cy - half, cx + half, cy + half))
    pad = max(0, -left, -top, right - image.shape[1], bottom - image.shape[0])
    image = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    return cv2.resize(
        image[top + pad : bottom + pad, left + pad : right + pad], (side, side), interpolation=cv2.INTER_AREA
    )


def edits_sheet(
    editor: Editor, photos: dict[str, np.ndarray], edits: tuple[tuple[str, Request], ...] = EDITS
) -> np.ndarray:
    """A row for each photo, a column for each edit."""
    rows = []
    for photo in photos.values():
        face = editor.read(photo)
        rows.append([close_up(editor.render(face, request), face) for _, request in edits])
    return sheet(rows, [name for name, _ in edits])


def maps_sheet(editor: Editor, photo: np.ndarray, request: Request) -> np.ndarray:
    """Source, motion, aligned, attention, texture, result of one edit."""
    face = editor.read(photo)
    maps = editor.maps(face, request)
    colour = lambda x: np.clip(np.rint((x.transpose(1, 2, 0) + 1) * 127.5), 0, 255).astype(np.uint8)  # noqa: E731
    shown = [face.crop, flow_colours(-maps.flow, 6), colour(maps.aligned), grey(maps.attention), colour(maps.texture)]
    shown = [cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for p in shown]
    shown.append(close_up(editor.render(face, request), face))
    return sheet([shown], ["crop", "flow (motion)", "aligned", "attention", "texture", "photo, edited"])


def main() -> None:
    """Write FOLDER/*.jpg."""
    editor = Editor.from_pretrained()
    astronaut = skimage.data.astronaut()
    people = {name: person(name) for name in ("P001", "P004", "P007")}
    pictures = {
        "edits": edits_sheet(editor, {"astronaut": astronaut, **people}),
        "sides": edits_sheet(
            editor,
            {"astronaut": astronaut, "P001": people["P001"], "P007": people["P007"]},
            SIDES,
        ),
        "maps-smile": maps_sheet(editor, people["P001"], EDITS[1][1]),
        "maps-eyes": maps_sheet(editor, people["P001"], EDITS[2][1]),
        "maps-mouth": maps_sheet(editor, people["P001"], EDITS[3][1]),
    }
    for name, picture in pictures.items():
        print(write_image(FOLDER / f"{name}.jpg", picture, overwrite=True, quality=88))


if __name__ == "__main__":
    main()
