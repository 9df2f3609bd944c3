"""Make facs-mesh.npz, the face mesh that teaches the preset `light`, from clones of ICT-FaceKit and MediaPipe.

    git clone https://github.com/ICT-VGL/ICT-FaceKit
    python benchmarks/ict_mesh.py ICT-FaceKit --canonical canonical_face_model.obj -o facs-mesh.npz

ICT's neutral face is brought to MediaPipe's canonical one (mediapipe/modules/face_geometry/data in MediaPipe's repository) by a
similarity over 68 landmarks and a thin-plate spline for the rest; each of the 468 vertices then moves as the three nearest of ICT's
do, upper and lower lip kept apart by what the jaw moves. The two sides are made mirror images. docs/data-format.md says what is in
the file.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

NEUTRAL, INDICES, LANDMARKS = "generic_neutral_mesh.obj", "vertex_indices.json", "idx_to_landmark_verts"
OF_68 = (
    127, 234, 93, 132, 172, 136, 149, 176, 152, 400, 378, 365, 397, 361, 323, 454, 356,  # jaw, from the person's right
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 1, 98, 97, 2, 326, 327,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lip
    78, 81, 13, 311, 308, 402, 14, 178,  # inner lip
)  # fmt: skip
"""MediaPipe's landmark for each of the 68"""
NOSE, LOWER_LIP_MIDDLE = 30, 66
"""Of the 68"""
UPPER = (
    191, 80, 81, 82, 13, 312, 311, 310, 415, 183, 42, 41, 38, 12, 268, 271, 272, 407,
    74, 73, 72, 11, 302, 303, 304, 185, 40, 39, 37, 0, 267, 269, 270, 409,
)  # fmt: skip
LOWER = (
    95, 88, 178, 87, 14, 317, 402, 318, 324, 96, 89, 179, 86, 15, 316, 403, 319, 325,
    90, 180, 85, 16, 315, 404, 320, 146, 91, 181, 84, 17, 314, 405, 321, 375,
)  # fmt: skip
"""MediaPipe's landmarks of the lips, from the slit outwards, without the corners"""


def read_obj(path: Path) -> tuple[np.ndarray, list[list[int]]]:
    """Vertices, float64 [n, 3], and the polygons' vertices, from 0."""
    if not path.is_file():
        raise SystemExit(f"there is no {path}; give a clone of ICT-FaceKit, and MediaPipe's canonical_face_model.obj")
    vertices, polygons = [], []
    for line in path.read_text("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            vertices.append([float(word) for word in words[1:4]])
        elif words[:1] == ["f"]:
            polygons.append([int(word.split("/")[0]) - 1 for word in words[1:]])
    return np.array(vertices, np.float64).reshape(-1, 3), polygons


def connected(count: int, polygons: list[list[int]], start: int) -> np.ndarray:
    """The vertices that hang together with `start`: the skin, without eyeballs and teeth. Sorted indices."""
    root = np.arange(count)

    def top(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = int(root[i])
        return i

    for polygon in polygons:
        for other in polygon[1:]:
            root[top(other)] = top(polygon[0])
    return np.flatnonzero([top(i) == top(start) for i in range(count)])


def similarity(points: np.ndarray, onto: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares: (A [3, 3], a rotation times a scale, b [3]) so that points @ A.T + b lies on `onto`."""
    p, q = points - points.mean(0), onto - onto.mean(0)
    u, s, vt = np.linalg.svd(q.T @ p)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    a = (s * np.diag(flip)).sum() / (p**2).sum() * u @ flip @ vt
    return a, onto.mean(0) - a @ points.mean(0)


def thin_plate(points: np.ndarray, onto: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """`moved` [m, 3] by the smoothest map that takes points [n, 3] to `onto` (kernel r, exact at the points)."""

    def kernel(a: np.ndarray) -> np.ndarray:
        return np.linalg.norm(a[:, None] - points[None], axis=2)

    ones = np.hstack([np.ones((len(points), 1)), points])
    system = np.block([[kernel(points), ones], [ones.T, np.zeros((4, 4))]])
    weights = np.linalg.lstsq(system, np.vstack([onto, np.zeros((4, 3))]), rcond=None)[0]
    return kernel(moved) @ weights[:-4] + np.hstack([np.ones((len(moved), 1)), moved]) @ weights[-4:]


def three_nearest(places: np.ndarray, vertices: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The three of `vertices` nearest to each place of those it may take, bool [places, vertices]: indices and weights [n, 3]."""
    away = np.linalg.norm(places[:, None] - vertices[None], axis=2)
    away[~allowed] = np.inf
    nearest = np.argsort(away, 1)[:, :3]
    weights = 1 / (np.take_along_axis(away, nearest, 1) + 1e-6)
    return nearest, weights / weights.sum(1, keepdims=True)


def other_side(name: str) -> str:
    """browDown_L ↔ browDown_R, jawLeft ↔ jawRight; others are their own."""
    swap = {"_L": "_R", "_R": "_L", "Left": "Right", "Right": "Left"}
    return re.sub(r"(_L|_R|Left|Right)$", lambda found: swap[found[0]], name)


def face_mesh(clone: Path, canonical: Path) -> dict[str, np.ndarray]:
    """The arrays of facs-mesh.npz."""
    folder = clone / "FaceXModel"
    vertices, triangles = read_obj(canonical)
    neutral, polygons = read_obj(folder / NEUTRAL)
    if vertices.shape != (468, 3) or not (folder / INDICES).is_file():
        raise SystemExit(
            f"{canonical} has not 468 vertices, or {folder / INDICES} is missing; give the files of the two clones"
        )
    landmarks = np.array(json.loads((folder / INDICES).read_text("utf-8"))[LANDMARKS])
    files = [f for f in sorted(folder.glob("*.obj")) if f.name != NEUTRAL and not f.stem.startswith("identity")]
    moved = {file.stem: read_obj(file)[0] - neutral for file in files}
    if "jawOpen" not in moved or any(other_side(name) not in moved for name in moved):
        raise SystemExit(f"{folder} lacks jawOpen.obj or one side of a shape; clone ICT-FaceKit again")
    skin = connected(len(neutral), polygons, int(landmarks[NOSE]))
    turn, _ = similarity(neutral[landmarks], vertices[list(OF_68)])
    aligned = neutral @ turn.T
    places = thin_plate(vertices[list(OF_68)], aligned[landmarks], vertices)
    nearest, weights = three_nearest(places, aligned[skin], lips_apart(moved["jawOpen"], skin, landmarks))
    mirror = np.linalg.norm(vertices[:, None] * (-1, 1, 1) - vertices[None], axis=2).argmin(1)
    own = {name: np.einsum("vk,vkd->vd", weights, (by @ turn.T)[skin][nearest]) for name, by in moved.items()}
    both = [(own[name] + own[other_side(name)][mirror] * (-1, 1, 1)) / 2 for name in own]
    return {
        "vertices": vertices.astype(np.float32), "triangles": np.array(triangles, np.int16), "names": np.array(list(own)),
        "shapes": np.array(both, np.float32), "mirror": mirror.astype(np.int16),
    }  # fmt: skip


def lips_apart(jaw: np.ndarray, skin: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Which of the skin's vertices each of the 468 may follow, bool [468, skin]: a lower lip those that the jaw takes along."""
    reach = np.linalg.norm(jaw, axis=1)
    taken = reach[skin] > reach[landmarks[LOWER_LIP_MIDDLE]] / 2
    allowed = np.ones((468, len(skin)), bool)
    allowed[list(UPPER)] = ~taken
    allowed[list(LOWER)] = taken
    return allowed


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, help="a clone of ICT-FaceKit")
    parser.add_argument("--canonical", type=Path, required=True, help="MediaPipe's canonical_face_model.obj")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    mesh = face_mesh(options.clone, options.canonical)
    with options.output.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **mesh)
    print(f"{options.output}: {len(mesh['names'])} shapes of 468 vertices, {len(mesh['triangles'])} triangles")


if __name__ == "__main__":
    main()
