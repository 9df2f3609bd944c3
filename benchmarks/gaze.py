"""How far eyes turn that are asked to, and whether lids that come down take the gaze along: MediaPipe's irises before and after, on
openpeople's portraits.

    pip install openpeople==0.1.2 "dftnet[mediapipe]" && DFTNET_FACE_LANDMARKER=face_landmarker.task python benchmarks/gaze.py

Prints for each glance at 0.5 and at 1 the way of the irises over the way asked (at 1 a fifth of the eye's width to a side, a tenth
up or down, `faces.mesh.GAZE`), and how far lids moved; then for each AU45 how far the eyes are open, of the photo's opening, and
how far the irises moved, in eye widths, across and down. MediaPipe places an iris a little lower where the lid covers more of it.
"""

from __future__ import annotations

import argparse
from importlib import resources

import numpy as np

from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.evaluation.judges import LandmarkJudge, LandmarkReading
from dftnet.evaluation.landmarks import eye_turns, gaze, lid_shift
from dftnet.evaluation.single_units import LOOKS
from dftnet.faces.align import warp_to_crop
from dftnet.faces.mesh import GAZE
from dftnet.media.image import decode_image

SIDE = 512
GLANCES = (0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.3, 0.45, 0.6])
    options = parser.parse_args()
    editor, judge = Editor.from_pretrained(options.model), LandmarkJudge()
    people = resources.files("openpeople") / "data" / "curated"
    lids, glances = [], []
    for number in range(1, 11):
        photo = decode_image((people / f"P{number:03d}" / "assets" / "studio_portrait.jpg").read_bytes())
        face = editor.read(photo)
        requests = [{"AU45": level} for level in options.levels]
        if set(GAZE) <= set(editor.au_names):
            requests += [{to: level, away: 0.0} for to, away in LOOKS.values() for level in GLANCES]
        seen = read(editor, judge, face, requests)
        count = 1 + len(options.levels)
        moved = (gaze(seen.points[1:count]) - gaze(seen.points[:1])).mean(1)
        opening = seen.geometry["eye_aspect_ratio"][:count]
        lids.append(np.column_stack([opening[1:] / opening[0], np.abs(moved[:, 0]), moved[:, 1]]))
        if len(requests) > len(options.levels):
            glances.append(turned(face, seen, count))
    if glances:
        for name, ways, shift in zip(LOOKS, *np.moveaxis(np.mean(glances, 0), 2, 0), strict=True):
            words = ", ".join(f"{way:.2f} at {level:g}" for way, level in zip(ways, GLANCES, strict=True))
            print(f"look {name}: irises went of the way asked {words}; lids {shift[-1]:.3f} eye widths")
    for level, (opening, across, down) in zip(options.levels, np.mean(lids, 0), strict=True):
        print(f"AU45 {level:g}: opening {opening:.2f}, irises moved {across:.3f} across, {down:+.3f} down (eye widths)")


def read(editor: Editor, judge: LandmarkJudge, face: EditableFace, requests: list[dict[str, float]]) -> LandmarkReading:
    """What is seen of the face in its photo, and in the edits of it."""
    scale = SIDE / editor.generator.size
    matrix = scale * face.crop_from_image
    matrix[:, 2] += (scale - 1) / 2
    pictures = [face.image, *(editor.render(face, request) for request in requests)]
    return judge(np.stack([warp_to_crop(picture, matrix, SIDE) for picture in pictures]))


def turned(face: EditableFace, seen: LandmarkReading, start: int) -> np.ndarray:
    """[looks, levels, 2]: of each glance the irises' way over the way asked, and how far lids moved; edits from `start` on."""
    found = []
    turns = eye_turns(seen.points).mean(1)
    for k, (to, away) in enumerate(LOOKS.values()):
        along = np.array(GAZE[to]) / np.linalg.norm(GAZE[to])
        rows = start + len(GLANCES) * k + np.arange(len(GLANCES))
        change = (
            np.array(GLANCES)[:, None] * GAZE[to]
            - face.aus[to] * np.array(GAZE[to])
            - face.aus[away] * np.array(GAZE[away])
        )
        ways = (turns[rows] - turns[0]) @ along / (change @ along)
        found.append(np.column_stack([ways, lid_shift(np.repeat(seen.points[:1], len(rows), 0), seen.points[rows])]))
    return np.array(found)


if __name__ == "__main__":
    main()
