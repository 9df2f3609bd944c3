"""Whether lids that come down take the gaze along: MediaPipe's irises before and after, on openpeople's portraits.

    pip install openpeople==0.1.2 "dftnet[mediapipe]" && DFTNET_FACE_LANDMARKER=face_landmarker.task python benchmarks/gaze.py

Prints for each AU45 how far the eyes are open (of the photo's opening) and how far the irises moved, in eye widths,
across and down. MediaPipe itself places an iris a little lower where the lid covers more of it.
"""

from __future__ import annotations

import argparse
from importlib import resources

import numpy as np

from dftnet.editing.editor import Editor
from dftnet.evaluation.judges import LandmarkJudge
from dftnet.evaluation.landmarks import gaze
from dftnet.faces.align import warp_to_crop
from dftnet.media.image import decode_image

SIDE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.3, 0.45, 0.6])
    options = parser.parse_args()
    editor, judge = Editor.from_pretrained(options.model), LandmarkJudge()
    people = resources.files("openpeople") / "data" / "curated"
    table = []
    for number in range(1, 11):
        photo = decode_image((people / f"P{number:03d}" / "assets" / "studio_portrait.jpg").read_bytes())
        face = editor.read(photo)
        scale = SIDE / editor.generator.size
        matrix = scale * face.crop_from_image
        matrix[:, 2] += (scale - 1) / 2
        pictures = [photo, *(editor.render(face, {"AU45": level}) for level in options.levels)]
        seen = judge(np.stack([warp_to_crop(picture, matrix, SIDE) for picture in pictures]))
        moved = (gaze(seen.points[1:]) - gaze(seen.points[:1])).mean(1)
        opening = seen.geometry["eye_aspect_ratio"]
        table.append(np.column_stack([opening[1:] / opening[0], np.abs(moved[:, 0]), moved[:, 1]]))
    for level, (opening, across, down) in zip(options.levels, np.mean(table, 0), strict=True):
        print(f"AU45 {level:g}: opening {opening:.2f}, irises moved {across:.3f} across, {down:+.3f} down (eye widths)")


if __name__ == "__main__":
    main()
