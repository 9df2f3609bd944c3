"""The face mesh: a camera that is found again, lids that meet, lips that stop, eyes that turn, triangles that are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dftnet.errors import RequestError
from dftnet.faces.mesh import (
    ABOVE_LIDS,
    EYE_CORNERS,
    GAZE_GAIN,
    GOES_ALONG,
    IRISES,
    KNIT,
    LID_FOLLOWS,
    LOWER_LIDS,
    LOWER_LIP,
    NOSE_SHARE,
    SHOWN_SHARE,
    SKIN_FOLLOWS,
    UNIT_SHAPES,
    UPPER_LIDS,
    UPPER_LIP,
    FaceMesh,
    moved_points,
    similarity_between,
)
from dftnet.training.mesh_drawing import draw_triangles
from dftnet.units import UNITS
from tests.toy_mesh import vertices, write_toy_mesh

CAMERA = np.array([[6.0, 0.5, 0.2], [0.4, -6.0, 0.3]], np.float32)


@pytest.fixture
def mesh(tmp_path: Path) -> FaceMesh:
    return FaceMesh.load(write_toy_mesh(tmp_path / "mesh.npz"), UNITS)


def face() -> np.ndarray:
    """Landmarks [1, 478, 2] of the canonical face seen by CAMERA, irises in the middle of the eyes."""
    points = np.zeros((1, 478, 2), np.float32)
    points[0, :468] = vertices() @ CAMERA.T + 64
    for side in range(2):
        points[0, IRISES[side]] = points[0, [*UPPER_LIDS[side], *LOWER_LIDS[side]]].mean(0)
    return points


def levels(**units: float) -> np.ndarray:
    values = np.zeros((1, len(UNITS)), np.float32)
    for name, value in units.items():
        values[0, UNITS.index(name)] = value
    return values


def test_the_camera_is_found_again(mesh: FaceMesh) -> None:
    assert np.allclose(mesh.cameras(face())[0], CAMERA, atol=1e-3)


def test_nothing_asked_nothing_moves(mesh: FaceMesh) -> None:
    own = levels(AU12L=0.4, AU45L=0.2)
    assert np.allclose(mesh.targets(face(), own, own), face(), atol=1e-4)


def test_one_eye_closes(mesh: FaceMesh) -> None:
    closed = mesh.targets(face(), levels(), levels(AU45L=1.0))
    assert np.allclose(closed[0, UPPER_LIDS[1]], closed[0, LOWER_LIDS[1]], atol=1e-3)
    assert np.allclose(closed[0, UPPER_LIDS[0]], face()[0, UPPER_LIDS[0]], atol=1e-4)


def test_a_closed_eye_opens_as_far_as_the_canonical_one(mesh: FaceMesh) -> None:
    closed = mesh.targets(face(), levels(), levels(AU45R=1.0))
    opened = mesh.targets(closed, levels(AU45R=1.0), levels())
    height = np.linalg.norm(opened[0, UPPER_LIDS[0]] - opened[0, LOWER_LIDS[0]], axis=1)
    assert np.allclose(height, 0.7 * np.linalg.norm(CAMERA[:, 1]), rtol=0.02)


def test_a_closed_mouth_closes_no_further(mesh: FaceMesh) -> None:
    shut = mesh.targets(face(), levels(AU26=1.0), levels())
    gap = (shut[0, LOWER_LIP, 1] - shut[0, UPPER_LIP, 1]).min()
    assert gap >= -1e-3


def test_what_a_face_shows_is_undone_by_as_much_as_is_there(mesh: FaceMesh) -> None:
    free = np.setdiff1d(
        np.arange(468), np.concatenate([x.ravel() for x in (UPPER_LIDS, LOWER_LIDS, UPPER_LIP, LOWER_LIP)])
    )
    rise = (mesh.targets(face(), levels(), levels(AU02L=1.0)) - face())[:, free]
    assert np.abs(rise).max() > 1
    undone = mesh.targets(face(), levels(AU02L=1.0), levels())
    assert np.allclose((face() - undone)[:, free], SHOWN_SHARE["AU02"] * rise, atol=1e-3)
    whole = mesh.targets(face(), levels(), levels(AU02L=1.0), np.array([True]))
    assert np.allclose((whole - face())[:, free], np.sqrt(SHOWN_SHARE["AU02"]) * rise, atol=1e-3)


def test_lips_meet_where_open_ones_are_asked_to_shut(mesh: FaceMesh) -> None:
    gaped = face()
    gaped[:, LOWER_LIP, 1] += 8
    for left, share in ((0.0, 1.0), (0.4, 0.5)):
        shut = mesh.targets(gaped, levels(AU25=0.8), levels(AU25=left))
        before, after = ((p[0, LOWER_LIP, 1] - p[0, UPPER_LIP, 1]).mean() for p in (gaped, shut))
        assert after <= (1 - share) * before + 0.5
    stays = mesh.targets(gaped, levels(AU25=0.8, AU12L=0.2), levels(AU25=0.8))
    assert (stays[0, LOWER_LIP, 1] - stays[0, UPPER_LIP, 1]).mean() > 0.5 * before


def test_the_eyes_turn_by_a_share_of_their_width(mesh: FaceMesh) -> None:
    turned = mesh.targets(face(), levels(), levels(AU61=1.0))
    step = turned[0, 468] - face()[0, 468]
    width = np.linalg.norm(face()[0, 133] - face()[0, 33])
    assert np.isclose(np.linalg.norm(step), 0.2 * GAZE_GAIN * width, rtol=1e-3)
    assert step[0] > 0  # the person's left is the right of the picture


def test_a_nose_is_widened_by_less_than_the_mouth_and_brows_keep_the_lids_skin_with_them(tmp_path: Path) -> None:
    v = vertices()
    nose, mouth = 129, 61
    v[nose], v[mouth] = (-1.8, -1.0, 4.9), (-2.5, -4.3, 4.3)
    path = write_toy_mesh(tmp_path / "mesh.npz")
    with np.load(path) as file:
        parts = dict(file)
    parts["vertices"] = v
    for row, name in enumerate(parts["names"].tolist()):
        if name in ("mouthSmile_R", "browDown_R"):
            parts["shapes"][row] = (0.3, -0.5, 0.0)
    np.savez(path, **parts)
    found = FaceMesh.load(path, UNITS)
    smile, frown = (found.basis.reshape(-1, 468, 3)[UNITS.index(name)] for name in ("AU12R", "AU04R"))
    assert smile[nose] == pytest.approx(NOSE_SHARE * smile[mouth], rel=1e-3)
    gain = UNIT_SHAPES["AU04"]["browDown"]
    assert frown[mouth] == pytest.approx([KNIT * gain * 0.3, gain * -0.5, 0], rel=1e-3)
    assert frown[ABOVE_LIDS[0], 1] == pytest.approx(LID_FOLLOWS["AU04"] * gain * -0.5, rel=1e-3)


def test_skin_above_a_lid_follows_it_in_part(mesh: FaceMesh, tmp_path: Path) -> None:
    closed = mesh.targets(face(), levels(), levels(AU45R=1.0))[0] - face()[0]
    assert closed[ABOVE_LIDS[0], 1] == pytest.approx(SKIN_FOLLOWS * closed[UPPER_LIDS[0], 1], abs=1e-3)
    path = write_toy_mesh(tmp_path / "mesh.npz")
    with np.load(path) as file:
        parts = dict(file)
    across = np.linspace(-4, -2, 9)
    v = parts["vertices"] = vertices()
    v[EYE_CORNERS[0]], v[UPPER_LIDS[0]], v[ABOVE_LIDS[0]] = (
        np.stack([x, np.full_like(x, y), np.full_like(x, 3)], 1)
        for x, y in ((across[[0, -1]], 2.5), (across[1:-1], 3), (across[1:-1], 3.5))
    )
    parts["shapes"][parts["names"].tolist().index("eyeWide_R")] = (0, 0.5, 0)
    np.savez(path, **parts)
    wide = FaceMesh.load(path, UNITS).basis.reshape(-1, 468, 3)[UNITS.index("AU05R"), :, 1]
    risen = UNIT_SHAPES["AU05"]["eyeWide"] * 0.5
    assert wide[UPPER_LIDS[0]] == pytest.approx(risen, rel=1e-3)
    assert wide[ABOVE_LIDS[0]] == pytest.approx(GOES_ALONG * risen, rel=1e-3)


def test_what_is_no_mesh_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--set mesh=FILE"):
        FaceMesh.load(tmp_path / "none.npz", UNITS)
    np.savez(tmp_path / "other.npz", vertices=np.zeros((468, 3)))
    with pytest.raises(RequestError, match="lacks triangles, names, shapes, mirror"):
        FaceMesh.load(tmp_path / "other.npz", UNITS)
    with np.load(write_toy_mesh(tmp_path / "mesh.npz")) as file:
        parts = dict(file)
    parts["names"][list(parts["names"]).index("jawOpen")] = "jawShut"
    np.savez(tmp_path / "part.npz", **parts)
    with pytest.raises(RequestError, match="lacks the shapes jawOpen"):
        FaceMesh.load(tmp_path / "part.npz", UNITS)


def test_similarities_are_found_and_undone() -> None:
    points = np.random.default_rng(0).uniform(0, 128, (3, 14, 2)).astype(np.float32)
    matrix = np.array([[0.9, -0.2, 5], [0.2, 0.9, -3]], np.float32)
    moved = moved_points(np.repeat(matrix[None], 3, 0), points)
    assert np.allclose(similarity_between(points, moved), matrix, atol=1e-4)


def test_a_triangle_is_filled_with_its_own_plane() -> None:
    points = np.array([[[0, 0], [6, 0], [0, 6]]], np.float32)
    values = 2 * points + 1
    out, mask = draw_triangles(points, values, np.array([[0, 1, 2]]), 8)
    y, x = np.nonzero(mask[0])
    assert len(x) == 28
    assert (x + y <= 6).all()
    assert np.allclose(out[0, y, x], np.stack([2 * x + 1, 2 * y + 1], 1), atol=1e-4)


def test_what_shows_its_back_is_not_drawn() -> None:
    points = np.array([[[0, 0], [7, 0], [0, 7], [7, 7]]], np.float32)
    folded = np.array([[0, 1, 2], [0, 1, 2], [1, 2, 3]])  # the last one the other way round
    _, mask = draw_triangles(points, points, folded, 8)
    assert not mask[0, 7, 7]
    assert mask[0, 0, 0]
