"""What MediaPipe reads of a wink and of a glance that are known to be there: as far as an edit can get for that judge.

    dftnet landmarks DATA && python benchmarks/side_labels.py DATA
    python benchmarks/judge_ceilings.py DATA --mesh facs-mesh.npz [--sheet winks.png]

Winks: of people of the test split a frame with open eyes, in which the left eye is that of a frame with shut ones, laid onto it by
the landmarks that expressions do not move, with a soft border. Glances: the irises of neutral test faces moved by the mesh, by
warping alone, as far as a unit asks at 1.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from dftnet.au_sources.mediapipe import BLENDSHAPES
from dftnet.data.dataset import FaceData
from dftnet.evaluation.bench import neutral_faces
from dftnet.evaluation.judges import LandmarkJudge
from dftnet.evaluation.landmarks import eye_turns
from dftnet.evaluation.single_units import LOOKS
from dftnet.faces.mesh import GAZE, GAZE_GAIN, FaceMesh, similarity_between
from dftnet.media.image import write_image
from dftnet.training.mesh_drawing import draw
from dftnet.training.pair_parts import PairParts
from dftnet.units import UNITS

OPEN, SHUT = 0.1, 0.9
"""Levels of AU45 on both sides below which eyes are open, and above which they are shut"""
POSE = 5.0
"""Degrees of yaw and pitch between the two frames, at most"""
EACH = 2
"""Winks a person, at most"""
LEFT_EYE = 2
"""Of PairParts.parts"""
BLINKS = [BLENDSHAPES.index(f"eyeBlink{side}") for side in ("Left", "Right")]


def winks(data: FaceData, mesh: FaceMesh) -> np.ndarray:
    """uint8 [n, 3, S, S, 3]: frames with open eyes, with shut ones, and with the left one shut."""
    names, levels = data.label_set("sides")
    lids = levels[:, [names.index("AU45L"), names.index("AU45R")]]
    turn = np.nan_to_num(np.stack([data.extras[name] for name in ("yaw", "pitch")], 1))
    points, images, parts = data.mesh(), data.images(), PairParts(names, data.size)
    rows = data.rows("test")
    rows = rows[data.subject[rows] != data.source[rows]]
    found = []
    for person in np.unique(data.subject[rows]):
        own = rows[data.subject[rows] == person]
        for shut in own[lids[own].min(1) > SHUT][:EACH]:
            near = own[(lids[own].max(1) < OPEN) & (np.abs(turn[own] - turn[shut]) < POSE).all(1)]
            if len(near):
                s, t = (np.asarray(points[[row]][:, mesh.still], np.float32) for row in (near[0], shut))
                side = (data.size, data.size)
                laid = cv2.warpAffine(
                    images[shut],
                    similarity_between(t, s)[0],
                    side,
                    flags=cv2.INTER_CUBIC,
                    borderMode=cv2.BORDER_REPLICATE,
                )
                first = np.asarray(images[near[0]])
                found.append(np.stack([first, laid, parts.image(LEFT_EYE, first, laid)]))
    return np.array(found, np.uint8)


def glanced(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A crop [S, S, 3] warped by a flow [2, m, m] in pixels."""
    size = len(image)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    fx, fy = (cv2.resize(f, (size, size), interpolation=cv2.INTER_LINEAR) for f in flow)
    return cv2.remap(image, x + fx, y + fy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--mesh", required=True)
    parser.add_argument("--faces", type=int, default=30)
    parser.add_argument("--sheet")
    arguments = parser.parse_args()
    data, judge = FaceData.open(arguments.data), LandmarkJudge()
    mesh = FaceMesh.load(arguments.mesh, UNITS)

    made = winks(data, mesh)
    read = np.array([judge(three).blendshapes[:, BLINKS] for three in made]).mean(0)
    print(f"winks: {len(made)}; eyeBlinkLeft, eyeBlinkRight")
    for name, values in zip(("open", "shut", "left shut"), read, strict=True):
        print(f"  {name:10} {values[0]:.2f} {values[1]:.2f}")
    if arguments.sheet:
        beside = np.concatenate(list(made.transpose(1, 0, 2, 3, 4)), 2)
        print(write_image(arguments.sheet, np.concatenate(list(beside), 0), overwrite=True))

    rows = neutral_faces(data, data.rows("test"), arguments.faces)
    images, points = np.asarray(data.images()[rows]), np.asarray(data.mesh()[rows], np.float32)
    before = eye_turns(judge(images).points).mean(1)
    idle = np.zeros((len(rows), len(UNITS)), np.float32)
    print(f"glances: {len(rows)}; way of the iris that is read, of the way that it was moved")
    for where, (unit, _) in LOOKS.items():
        asked = idle.copy()
        asked[:, UNITS.index(unit)] = 1 / GAZE_GAIN
        drawn = draw(points, mesh.targets(points, idle, asked), mesh.triangles, data.size, data.size // 2)
        turned = np.stack([glanced(i, f * (m > 0)) for i, f, m in zip(images, drawn.flow, drawn.mask, strict=True)])
        motion = np.array(GAZE[unit])
        way = (eye_turns(judge(turned).points).mean(1) - before) @ motion / (motion @ motion)
        print(f"  {where:6} {way.mean():.2f}")


if __name__ == "__main__":
    main()
