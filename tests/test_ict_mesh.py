"""benchmarks/ict_mesh.py on a small clone made here: a face of known shapes, moved, turned and scaled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dftnet.faces.mesh import UPPER_LIP

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "ict_mesh.py"
if not SCRIPT.is_file():
    pytest.skip("a script of the checkout", allow_module_level=True)
sys.path.insert(0, str(SCRIPT.parent))
import ict_mesh  # noqa: E402

TURN = 0.3 * np.array([[np.cos(0.4), -np.sin(0.4), 0], [np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])


def obj(path: Path, vertices: np.ndarray, polygons: list[list[int]]) -> None:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    path.write_text("\n".join(lines + ["f " + " ".join(f"{i + 1}/1" for i in p) for p in polygons]) + "\n")


@pytest.fixture
def face() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """468 vertices, the second half the mirror images of the first, and shapes in cm."""
    rng = np.random.default_rng(0)
    half = rng.uniform((0.3, -9, 0), (7, 8, 5), (234, 3))
    vertices = np.vstack([half, half * (-1, 1, 1)])
    smile = rng.normal(0, 0.5, (468, 3))
    jaw = np.zeros((468, 3))
    jaw[list(ict_mesh.LOWER)] = (0, -2, 0)
    return vertices, {"mouthSmile_L": smile, "mouthSmile_R": smile[mirror()] * (-1, 1, 1), "jawOpen": jaw}


def mirror() -> np.ndarray:
    return np.concatenate([np.arange(234, 468), np.arange(234)])


def clone(folder: Path, vertices: np.ndarray, shapes: dict[str, np.ndarray]) -> Path:
    """As ICT-FaceKit lies on a disk, in other axes and units, with an eyeball in front of the face."""
    model = folder / "ICT-FaceKit" / "FaceXModel"
    model.mkdir(parents=True)
    eye = vertices[:20] + np.array([0, 0, 0.001])
    skin, ball = [[0, i, i + 1] for i in range(1, 467)], [[468 + i, 469 + i, 470 + i] for i in range(18)]

    def write(name: str, moved: np.ndarray) -> None:
        obj(model / f"{name}.obj", np.vstack([moved, eye]) @ TURN.T + (5, 6, 7), skin + ball)

    write("generic_neutral_mesh", vertices)
    write("identity000", vertices * 2)
    for name, by in shapes.items():
        write(name, vertices + by)
    (model / "vertex_indices.json").write_text(json.dumps({"idx_to_landmark_verts": list(ict_mesh.OF_68)}))
    obj(folder / "canonical.obj", vertices, skin)
    return folder / "ICT-FaceKit"


def test_the_shapes_come_back_in_the_axes_of_the_canonical_face(tmp_path, face):
    vertices, shapes = face
    made = ict_mesh.face_mesh(clone(tmp_path, vertices, shapes), tmp_path / "canonical.obj")
    assert made["names"].tolist() == ["jawOpen", "mouthSmile_L", "mouthSmile_R"]
    np.testing.assert_array_equal(made["mirror"], mirror())
    np.testing.assert_allclose(made["vertices"], vertices, atol=1e-5)
    lips = np.isin(np.arange(468), [*ict_mesh.UPPER, *ict_mesh.LOWER])
    either = lips | lips[mirror()]
    np.testing.assert_allclose(made["shapes"][1][~either], shapes["mouthSmile_L"][~either], atol=2e-3)
    np.testing.assert_allclose(made["shapes"][2], made["shapes"][1][mirror()] * (-1, 1, 1), atol=1e-6)


def test_the_jaw_leaves_the_upper_lip(face):
    _, shapes = face
    allowed = ict_mesh.lips_apart(shapes["jawOpen"], np.arange(468), np.array(ict_mesh.OF_68))
    assert not allowed[UPPER_LIP][:, list(ict_mesh.LOWER)].any()
    assert allowed[ict_mesh.LOWER[0]].nonzero()[0].tolist() == sorted(ict_mesh.LOWER)
    assert allowed[1].all()


def test_what_is_no_clone_is_told_in_one_line(tmp_path):
    command = [
        sys.executable,
        str(SCRIPT),
        str(tmp_path),
        "--canonical",
        str(tmp_path / "no.obj"),
        "-o",
        str(tmp_path / "m.npz"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "give a clone of ICT-FaceKit" in done.stderr
    assert "Traceback" not in done.stderr
