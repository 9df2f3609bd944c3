"""How far a head turns that is asked to, by MediaPipe's landmarks of the edited crops.

    dftnet landmarks DATA
    python benchmarks/head_turns.py DATA --mesh facs-mesh.npz [--model DIRECTORY] [--faces 30] [--sheet turns.png]

Neutral faces of the test split, AU51 to AU54 at 0.5 and 1. The angles are those of the mesh's camera: least squares of the
landmarks that expressions do not move onto the canonical face.
"""

from __future__ import annotations

import argparse

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.evaluation.bench import asked, neutral_faces
from dftnet.evaluation.judges import LandmarkJudge
from dftnet.evaluation.methods import Contender
from dftnet.faces.mesh import FaceMesh
from dftnet.inference.sessions import GeneratorSession
from dftnet.media.image import write_image
from dftnet.units import TURNS, UNITS

AXES = {"AU51": (0, 1), "AU52": (0, -1), "AU53": (1, -1), "AU54": (1, 1)}
"""Unit → which of the angles, and its sign"""


def angles(mesh: FaceMesh, points: np.ndarray) -> np.ndarray:
    """[n, 478, 2] → degrees [n, 2]: to the person's left, and down."""
    camera = mesh.cameras(points.astype(np.float32)).astype(np.float64)
    left = np.arctan2(camera[:, 0, 2], camera[:, 0, 0])
    down = np.arctan2(camera[:, 1, 2], -camera[:, 1, 1])
    return np.degrees(np.stack([left, down], 1))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--mesh", required=True)
    parser.add_argument("--model", default="dftnet-128")
    parser.add_argument("--faces", type=int, default=30)
    parser.add_argument("--sheet")
    arguments = parser.parse_args()
    data, judge, mesh = FaceData.open(arguments.data), LandmarkJudge(), FaceMesh.load(arguments.mesh, UNITS)
    edit = Contender(arguments.model, GeneratorSession(arguments.model))
    crops = np.asarray(data.images()[neutral_faces(data, data.rows("test"), arguments.faces)])
    before = angles(mesh, judge(crops).points)
    idle, rows = np.zeros((len(crops), len(edit.units)), np.float32), [crops]
    print(f"{len(crops)} faces; degrees turned at 0.5 and at 1, and where that was the wrong way")
    for unit in TURNS:
        axis, sign = AXES[unit]
        told = []
        for level in (0.5, 1.0):
            edited = edit(crops, idle, asked(idle, edit.units, **{unit: level}))[0]
            turned = sign * (angles(mesh, judge(edited).points) - before)[:, axis]
            told.append(
                f"{turned.mean():.1f} (5 to 95 % {np.quantile(turned, 0.05):.1f} to {np.quantile(turned, 0.95):.1f})"
            )
        rows.append(edited)
        print(f"  {unit}  {told[0]}  {told[1]}  {(turned <= 0).sum()}")
    if arguments.sheet:
        sheet = np.concatenate([np.concatenate(list(row[:10]), 1) for row in rows])
        print(write_image(arguments.sheet, sheet, overwrite=True))


if __name__ == "__main__":
    main()
