"""Write labels-sides.npz: the 40 units of dftnet.units, from a set's 17 fused labels, MediaPipe's blendshapes and landmarks.

    dftnet landmarks DATA
    python benchmarks/side_labels.py DATA [--labels labels] [--name sides] [--overwrite]

Needs the label columns mp_SHAPE (52 blendshapes), geo_ear_r and geo_ear_l. The level of a two-sided unit stays the mean of its
sides; how far they differ is read from the shape of `SIDE_OF`, each side brought to the distribution of the fused label by its
rank, since MediaPipe's sides are not alike. AU45 comes from the lids (as in lid_labels.py), gaze from the irises.
"""

from __future__ import annotations

import argparse

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.faces.mesh import EYE_CORNERS, GAZE, IRISES
from dftnet.units import UNITS

SIDE_OF = {
    "AU01": ("browOuterUp", 0.5), "AU02": ("browOuterUp", 1.0), "AU04": ("browDown", 1.0), "AU05": ("eyeWide", 1.0),
    "AU06": ("eyeSquint", 0.5), "AU07": ("eyeSquint", 1.0), "AU09": ("mouthUpperUp", 0.5), "AU10": ("mouthUpperUp", 1.0),
    "AU12": ("mouthSmile", 1.0), "AU14": ("mouthDimple", 1.0), "AU15": ("mouthFrown", 1.0), "AU20": ("mouthStretch", 1.0),
}  # fmt: skip
"""Unit → the shape whose sides tell left from right, and how much of it: a half where the unit has no shape of its own"""
QUANTILES = {
    "AU18": (("mouthPucker",), 0.5, 0.99), "AU22": (("mouthFunnel",), 0.5, 0.995),
    "AU28": (("mouthRollLower", "mouthRollUpper"), 0.5, 0.995), "AU30L": (("jawLeft",), 0.75, 0.998),
    "AU30R": (("jawRight",), 0.75, 0.998),
}  # fmt: skip
"""Unit → shapes, and the quantiles of the training faces that are 0 and 1"""
STILL = 0.05
"""Gaze below this share of its range is none"""


def ranks(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """[n] → the share of the training rows that lie below, in [0, 1]."""
    return np.searchsorted(np.sort(values[train]), values) / len(train)


def sides(
    level: np.ndarray, left: np.ndarray, right: np.ndarray, share: float, train: np.ndarray
) -> tuple[np.ndarray, ...]:
    """A unit's levels [n] and a shape's two sides → the unit's left and right [n], their mean the level."""
    levels = np.sort(level[train])
    place = [np.clip((ranks(x, train) * len(levels)).astype(int), 0, len(levels) - 1) for x in (left, right)]
    room = 2 * np.minimum(level, 1 - level)
    half = np.clip(share * (levels[place[0]] - levels[place[1]]), -room, room) / 2
    return level + half, level - half


def lid(ear: np.ndarray, blink: np.ndarray, fused: np.ndarray) -> np.ndarray:
    """One eye's AU45 [n]: its closure, counted in full where a blink is seen in it or in both."""
    closure = np.clip((0.26 - ear) / (0.26 - 0.08), 0, 1)
    return closure * (0.3 + 0.7 * np.clip(np.maximum(fused / 0.6, (blink - 0.3) / 0.3), 0, 1))


def gaze(points: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Landmarks [n, 478, 2] → where the irises lie, [n, 2]: along the eyes and across, in their widths, about the median."""
    found = []
    for (start, end), iris in zip(EYE_CORNERS, IRISES, strict=True):
        a, b = points[:, start], points[:, end]
        width = np.linalg.norm(b - a, axis=1, keepdims=True)
        axis, place = (b - a) / width, (points[:, iris[0]] - (a + b) / 2) / width
        across = place[:, 1] * axis[:, 0] - place[:, 0] * axis[:, 1]
        found.append(np.stack([(place * axis).sum(1), across], 1))
    both = (found[0] + found[1]) / 2
    return both - np.median(both[train], 0)


def unit_levels(data: FaceData, labels: str) -> np.ndarray:
    """float32 [n, 40] in [0, 1], columns UNITS."""
    train = data.rows("train")
    fused = dict(zip(data.au_names, data.labels(labels).T.astype(np.float64), strict=True))
    shape = {name[3:]: column.astype(np.float64) for name, column in data.extras.items() if name.startswith("mp_")}
    found = {name: level for name, level in fused.items() if name in UNITS}
    for name, (of, share) in SIDE_OF.items():
        pair = sides(fused[name], shape[of + "Left"], shape[of + "Right"], share, train)
        found[name + "L"], found[name + "R"] = pair
    for side, word in (("L", "Left"), ("R", "Right")):
        ear = data.extras[f"geo_ear_{side.lower()}"].astype(np.float64)
        found["AU45" + side] = lid(ear, shape["eyeBlink" + word], fused["AU45"])
    for name, (shapes, low, high) in QUANTILES.items():
        value = np.mean([shape[s] for s in shapes], 0)
        zero, one = np.quantile(value[train], [low, high])
        found[name] = np.clip((value - zero) / (one - zero), 0, 1)
    found["AU34"] = np.zeros(len(data))  # MediaPipe's cheekPuff never moves
    irises = gaze(np.asarray(data.mesh()), train)
    is_open = np.clip(1 - (found["AU45L"] + found["AU45R"]) / 2, 0, 1)
    for name, reach in GAZE.items():
        axis = int(np.argmax(np.abs(reach)))
        turn = np.clip((irises[:, axis] / reach[axis] - STILL) / (1 - STILL), 0, 1)
        found[name] = turn * is_open if axis else turn
    return np.stack([found[name] for name in UNITS], 1).astype(np.float32)


def main() -> None:
    """Write the label set and print its means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--labels", default="labels")
    parser.add_argument("--name", default="sides")
    parser.add_argument("--overwrite", action="store_true")
    arguments = parser.parse_args()
    data = FaceData.open(arguments.data)
    levels = unit_levels(data, arguments.labels)
    note = f"{arguments.labels}, sides by MediaPipe, lids and gaze by geometry"
    print(data.write_labels(arguments.name, levels, note, arguments.overwrite, UNITS))
    for name, column in zip(UNITS, levels.T, strict=True):
        print(f"{name:6} mean {column.mean():.3f}, of 1 % {np.quantile(column, 0.99):.2f}")


if __name__ == "__main__":
    main()
