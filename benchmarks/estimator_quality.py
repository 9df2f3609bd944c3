"""How well the AU estimator reads: the numbers of docs/results.md.

    python benchmarks/estimator_quality.py DATA [--model DIR] [--split test] [--limit N]

DATA is a dataset directory with the columns of_AUxx (OpenFace) and mp_* (MediaPipe) among its extras. Per AU: Pearson r,
ICC(3,1), mean absolute error and positives (label 0.5 or more) on the identity-disjoint split; the ceiling, which is how
far the two judges behind the labels agree with each other on the same faces; each judge against the estimator; then the
change of the reading under a 3 pixel shift, a rotation by 5 degrees, and a mirror.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from dftnet.data import FaceData
from dftnet.faces.au import BLENDSHAPE_AUS, aus_from_blendshapes
from dftnet.metrics import icc, mean_absolute_error, pearson
from dftnet.runtime import EstimatorSession

BATCH = 16


def read(estimator: EstimatorSession, crops: np.ndarray) -> np.ndarray:
    """uint8 [n, S, S, 3] → [n, K], two threads, a graph run each."""
    starts = range(0, len(crops), BATCH)
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(lambda s: estimator(crops[s : s + BATCH]), starts)))


def move(crops: np.ndarray, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Crops turned about their centre, then displaced (pixels); border replicated."""
    size = crops.shape[1]
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    linear, centre = np.array([[c, -s], [s, c]]), np.full(2, (size - 1) / 2)
    matrix = np.hstack([linear, (centre + np.array(shift) - linear @ centre)[:, None]])
    options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    return np.stack([cv2.warpAffine(crop, matrix, (size, size), **options) for crop in crops])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--model")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=0, help="the first so many faces of the split only")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    data, estimator = FaceData.open(args.data), EstimatorSession(args.model, threads=1)
    rows = data.rows(args.split)[: args.limit or None]
    crops, names = np.asarray(data.images()[rows]), data.au_names
    found = read(estimator, crops)[:, [estimator.au_names.index(name) for name in names]]
    labels, extras = data.aus[rows], {name: column[rows] for name, column in data.extras.items()}
    print(f"{args.split}: {len(rows)} faces of {len(set(data.subject[rows].tolist()))} people")
    agreement(found, labels, names, extras)
    print("\nchange of the reading, mean over faces and AUs (and of the AU that changes most)")
    for title, moved in (
        ("shift 3 px right", move(crops, shift=(3, 0))),
        ("shift 3 px left", move(crops, shift=(-3, 0))),
        ("shift 3 px down", move(crops, shift=(0, 3))),
        ("shift 3 px up", move(crops, shift=(0, -3))),
        ("rotation by 5°", move(crops, degrees=5)),
        ("rotation by -5°", move(crops, degrees=-5)),
        ("mirror", np.ascontiguousarray(crops[:, :, ::-1])),
    ):
        change = np.abs(read(estimator, moved) - found).mean(0)
        print(f"| {title} | {change.mean():.3f} | {names[int(change.argmax())]} {change.max():.3f} |")


def agreement(found: np.ndarray, labels: np.ndarray, names: tuple[str, ...], extras: dict) -> None:
    """The table per AU, [n, K] each."""
    judges = {name: extras[f"of_{name}"] for name in names if f"of_{name}" in extras}
    shapes = {name.removeprefix("mp_"): column for name, column in extras.items() if name.startswith("mp_")}
    blend = dict(zip(BLENDSHAPE_AUS, aus_from_blendshapes(shapes).T, strict=True)) if shapes else {}
    print("| AU | r | ICC(3,1) | MAE | positives | ceiling: judges' r | r with OpenFace | r with MediaPipe |")
    print("|---|---|---|---|---|---|---|---|")
    sums = []
    for k, name in enumerate(names):
        own = [f(found[:, k], labels[:, k]) for f in (pearson, icc, mean_absolute_error)]
        first, second = judges.get(name), blend.get(name)
        others = [
            pearson(first, second) if first is not None and second is not None else float("nan"),
            pearson(found[:, k], first) if first is not None else float("nan"),
            pearson(found[:, k], second) if second is not None else float("nan"),
        ]
        texts = ["-" if np.isnan(v) else f"{v:.2f}" for v in others]
        positives = int((labels[:, k] >= 0.5).sum())
        print(f"| {name} | {own[0]:.2f} | {own[1]:.2f} | {own[2]:.3f} | {positives} | {' | '.join(texts)} |")
        sums.append([*own, *others])
    mean = np.nanmean(np.array(sums), 0)
    tail = " | ".join(f"{v:.2f}" for v in mean[3:])
    print(f"| mean | {mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.3f} | | {tail} |")


if __name__ == "__main__":
    sys.exit(main())
