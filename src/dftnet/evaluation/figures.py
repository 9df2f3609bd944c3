"""The paper's figures 3, 4 and 5 for any photos, as sheets.

    eyelids        source | aligned | final | baseline, the eyes enlarged, AU45 = 1
    details        source | aligned | texture | attention | final | baseline, a row an emotion
    interpolation  source | 0.5 | 0.75 | 1.0 | target, AUs on the way to those of the target photo

"Aligned" is the photo's own pixels moved by the flow (A = 1) and "final" the whole of Eq. 5, both at the photo's
resolution; texture and attention are the network's crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from dftnet.drawing import grey, sheet
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.editing.request import Request
from dftnet.errors import RequestError
from dftnet.faces.align import crop_from_image, warp_to_crop
from dftnet.faces.template import EYE_LINE
from dftnet.media.image import read_image
from dftnet.media.pixels import to_uint8

STEPS = (0.5, 0.75, 1.0)
KINDS = ("eyelids", "details", "interpolation")
EYES_HIGH = 0.30
"""Height of the strip of the eyes, as a share of the face crop."""


def make_figure(
    kind: str,
    photos: Sequence[str | Path],
    model: str | Path | None = None,
    baseline: str | Path | None = None,
    emotions: Sequence[str] = (),
    failure: tuple[str | Path, str | Path] | None = None,
    side: int = 192,
) -> np.ndarray:
    """One of KINDS for these photos, uint8 RGB; `side` is the height of each picture."""
    if kind not in KINDS:
        raise RequestError(f"unknown figure {kind!r}: known are {', '.join(KINDS)}")
    if kind == "interpolation" and len(photos) % 2:
        raise RequestError("interpolation takes photos in twos: source, target, source, target ...")
    editor = Editor.from_pretrained(model)
    other = Editor(Editor.from_pretrained(baseline).generator, editor.estimator) if baseline else None
    pictures = [read_image(path) for path in photos]
    if kind == "eyelids":
        return eyelids(editor, pictures, other, side)
    if kind == "details":
        return details(editor, pictures, other, emotions, side)
    pairs = list(zip(pictures[::2], pictures[1::2], strict=True))
    labels = [""] * len(pairs)
    if failure is not None:
        pairs.append((read_image(failure[0]), read_image(failure[1])))
        labels.append("failure case")
    return interpolation(editor, pairs, side, labels)


def aligned_photo(editor: Editor, face: EditableFace, request: Request) -> np.ndarray:
    """The photo moved and not painted, lids too (X_a at the photo's resolution)."""
    maps = editor.maps(face, request)
    return editor.render_maps(face, maps._replace(attention=np.ones_like(maps.attention)))


def close_up(photo: np.ndarray, face: EditableFace, side: int) -> np.ndarray:
    """The aligned face, [side, side, 3]."""
    return warp_to_crop(photo, crop_from_image(face.landmarks, side), side)


def eyes(photo: np.ndarray, face: EditableFace, side: int) -> np.ndarray:
    """Both eyes, [side, width, 3]: a strip across the aligned face."""
    fine = round(side / EYES_HIGH)
    middle = round(EYE_LINE * fine)
    top = middle - side // 2
    left, right = round(0.1 * fine), round(0.9 * fine)
    return warp_to_crop(photo, crop_from_image(face.landmarks, fine), fine)[top : top + side, left:right]


def eyelids(editor: Editor, photos: Sequence[np.ndarray], other: Editor | None, side: int) -> np.ndarray:
    """Figure 3."""
    request = Request(set={"AU45": 1.0})
    rows = []
    for photo in photos:
        face = editor.read(photo)
        shown = [photo, aligned_photo(editor, face, request), editor.render(face, request)]
        shown += [_by(other, photo, request)] if other else []
        strips = [eyes(p, face, side) for p in shown]
        portrait = np.full_like(strips[0], 255)
        from_left = (portrait.shape[1] - side) // 2
        portrait[:, from_left : from_left + side] = close_up(photo, face, side)
        rows.append([portrait, *strips])
    captions = ["source", "eyes", "aligned", "final", *(["baseline"] if other else [])]
    return sheet(rows, captions)


def details(
    editor: Editor, photos: Sequence[np.ndarray], other: Editor | None, emotions: Sequence[str], side: int
) -> np.ndarray:
    """Figure 4."""
    rows, labels = [], []
    for photo in photos:
        face = editor.read(photo)
        for emotion in emotions or [name for name in editor.emotions if name != "neutral"]:
            request = Request(emotion=emotion)
            maps = editor.maps(face, request)
            texture = _enlarged(to_uint8(maps.texture[None])[0], side)
            shown = [close_up(photo, face, side), close_up(aligned_photo(editor, face, request), face, side)]
            shown += [texture, _enlarged(grey(maps.attention[0]), side)]
            shown.append(close_up(editor.render(face, request), face, side))
            shown += [close_up(_by(other, photo, request), face, side)] if other else []
            rows.append(shown)
            labels.append(emotion)
    captions = ["source", "aligned", "texture", "attention", "final", *(["baseline"] if other else [])]
    return sheet(rows, captions, labels)


def interpolation(
    editor: Editor, pairs: Sequence[tuple[np.ndarray, np.ndarray]], side: int, labels: Sequence[str] = ()
) -> np.ndarray:
    """Figure 5."""
    rows = []
    for source, target in pairs:
        face, goal = editor.read(source), editor.read(target)
        edits = [editor.render(face, Request(like=goal.aus, strength=step)) for step in STEPS]
        rows.append([close_up(p, face, side) for p in (source, *edits)] + [close_up(target, goal, side)])
    return sheet(rows, ["source", *(f"{step:g}" for step in STEPS), "target"], labels)


def _by(editor: Editor, photo: np.ndarray, request: Request) -> np.ndarray:
    return editor.render(editor.read(photo), request)


def _enlarged(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
