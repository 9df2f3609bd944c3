"""How real faces move where the mesh's shapes do otherwise: what the constants of dftnet/faces/mesh.py come from.

    dftnet landmarks DATA && dftnet relabel DATA --name read --views 1
    python benchmarks/real_motion.py DATA --mesh facs-mesh.npz

Pairs of frames of one person of the training split in about the same pose, brought onto each other by the landmarks that
expressions hardly move. Noses and brows: least squares of the landmarks' motion (cm of the canonical face) over the change of all
units at once, as the reader reads them, beside the mesh's shapes as they came and as they are mended. Skin above a lid: pairs
whose brow stays where it is, and the lid comes down or rises.
"""

from __future__ import annotations

import argparse

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.faces.drawn import millimetre
from dftnet.faces.mesh import (
    ABOVE_LIDS,
    LID_FOLLOWS,
    LOWER_BROWS,
    LOWER_LIDS,
    MOVES_NOSE,
    UNIT_SHAPES,
    UPPER_LIDS,
    FaceMesh,
    moved_points,
    similarity_between,
)
from dftnet.units import UNITS

POSE = 6.0
"""Degrees of yaw and pitch between two frames, at most"""
A_PERSON = 600
"""Pairs that are drawn of a person, before those of another pose are left out"""
WINGS, INNER_BROWS = (129, 358), (55, 285)
"""Landmarks of the right and the left side: the wings of the nose, the inner ends of the brows"""
STILL_BROW, DOWN, UP, OPEN = 1.0, 3.0, 1.0, 7.5
"""Millimetres: a brow that moves less is still; lids that come down or rise by more count, the latter of eyes that were so open"""
MIDDLE = slice(2, 5)
"""Of a lid's landmarks those in the middle"""


def pairs(data: FaceData) -> np.ndarray:
    """int [n, 2]: rows of two frames of one person in about the same pose."""
    rng = np.random.default_rng(0)
    rows = data.rows("train")
    turn = np.nan_to_num(np.stack([data.extras[name] for name in ("yaw", "pitch")], 1))
    _, people, counts = np.unique(data.subject[rows], return_inverse=True, return_counts=True)
    found = []
    for person in np.flatnonzero(counts > 10):
        own = rows[people == person]
        two = rng.choice(own, (A_PERSON, 2))
        near = (np.abs(turn[two[:, 0]] - turn[two[:, 1]]) < POSE).all(1) & (two[:, 0] != two[:, 1])
        found.append(two[near])
    return np.concatenate(found)


def as_they_came(path: str) -> np.ndarray:
    """[K, 468, 3]: the shapes of units before they are mended, cm."""
    with np.load(path) as file:
        shapes = dict(zip(file["names"].tolist(), file["shapes"], strict=True))
    basis = np.zeros((len(UNITS), 468, 3))
    for row, unit in enumerate(UNITS):
        sided = unit[4:]
        for shape, gain in UNIT_SHAPES.get(unit[:4] if sided in ("L", "R") else unit, {}).items():
            basis[row] += gain * shapes[f"{shape}_{sided}" if f"{shape}_{sided}" in shapes else shape]
    return basis


def both_sides(basis: np.ndarray, unit: str) -> np.ndarray:
    """[468, 2]: what a unit's two sides do together."""
    return np.sum([basis[k, :, :2] for k, name in enumerate(UNITS) if name[:4] == unit], 0)


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--mesh", required=True)
    parser.add_argument("--pairs", type=int, default=8000, help="of which noses and brows are worked out")
    arguments = parser.parse_args()
    data = FaceData.open(arguments.data)
    mesh = FaceMesh.load(arguments.mesh, UNITS)
    names, levels = data.label_set("read")
    assert names == UNITS, f"the label set 'read' has other units than {UNITS}"
    found, points = pairs(data), data.mesh()
    a, b = (np.asarray(points[found[:, side]], np.float32) for side in (0, 1))
    b = moved_points(similarity_between(b[:, mesh.still], a[:, mesh.still]), b)

    some = np.random.default_rng(0).permutation(len(found))[: arguments.pairs]
    to_cm = np.linalg.inv(mesh.cameras(a[some])[:, :, :2])
    motion = np.einsum("nij,nvj->nvi", to_cm, (b - a)[some, :468])
    change = levels[found[some, 1]] - levels[found[some, 0]]
    given = np.hstack([change, np.ones((len(some), 1))])
    real = np.linalg.lstsq(given, motion.reshape(len(some), -1), rcond=None)[0][:-1].reshape(len(UNITS), 468, 2)
    came, mended = as_they_came(arguments.mesh), mesh.basis.reshape(len(UNITS), 468, 3)

    print(f"{len(some)} pairs of {len(np.unique(data.subject[found[:, 0]]))} people; cm at 1\n")
    print("| | real | shape as it came | mended |\n|---|---|---|---|")
    for unit in MOVES_NOSE:
        wide = [np.diff(both_sides(basis, unit)[list(WINGS), 0])[0] for basis in (real, came, mended)]
        print(f"| {unit} widens the nose by | " + " | ".join(f"{w:.2f}" for w in wide) + " |")
    knit = [-np.diff(both_sides(basis, "AU04")[list(INNER_BROWS), 0])[0] for basis in (real, came, mended)]
    print("| AU04 takes the brows' inner ends together by | " + " | ".join(f"{k:.2f}" for k in knit) + " |")
    for unit in LID_FOLLOWS:
        shares = []
        for basis in (real, came, mended):
            up = both_sides(basis, unit)[:, 1]
            shares.append(up[ABOVE_LIDS].mean() / up[LOWER_BROWS].mean())
        print(
            f"| share of a brow's way by {unit} that the lid's skin goes | "
            + " | ".join(f"{s:.2f}" for s in shares)
            + " |"
        )

    a_millimetre = millimetre(data.size)
    parts = [(UPPER_LIDS[k][MIDDLE], ABOVE_LIDS[k][MIDDLE], LOWER_BROWS[k][1:4], LOWER_LIDS[k][MIDDLE]) for k in (0, 1)]
    before, after = (
        np.concatenate([np.stack([np.median(p[:, part, 1], 1) for part in side], 1) for side in parts]) / a_millimetre
        for p in (a, b)
    )
    lid, above, brow = (after - before)[:, :3].T
    opened = before[:, 3] - before[:, 0] > OPEN
    print("\n| brow still | eyes | lid, mm | skin above goes along by |\n|---|---|---|---|")
    for what, which in (("lids that come down", lid > DOWN), ("that rise from open eyes", opened & (lid < -UP))):
        still = which & (np.abs(brow) < STILL_BROW)
        share = (above - brow)[still].sum() / (lid - brow)[still].sum()
        print(f"| {what} | {still.sum()} of {len(lid)} | {np.abs(lid[still]).mean():.1f} | {share:.2f} |")
    once, rarely = np.percentile(-lid[opened], [99, 99.9])
    print(
        f"\nof open eyes, whatever the brow does, a lid rises by {once:.1f} mm in one pair of 100, {rarely:.1f} in one of 1000"
    )


if __name__ == "__main__":
    main()
