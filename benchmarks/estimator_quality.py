"""How well the AU estimator reads: the numbers of docs/results.md.

    python benchmarks/estimator_quality.py DATA [--model DIR] [--split test] [--labels sides] [--limit N] [--moved N] [--mediapipe]

DATA is a dataset directory with the columns of_AUxx (OpenFace) and mp_* (MediaPipe) among its extras. Per AU: Pearson r,
ICC(3,1), mean absolute error and positives (label 0.5 or more) on the identity-disjoint split; the ceiling, which is how
far the two judges behind the labels agree with each other on the same faces; each judge against the estimator; r within a
person, over people with 5 frames or more, each one's mean subtracted; an interval of the mean r over resampled people; then the
change of the reading under a 3 pixel shift, a rotation by 5 degrees, and a mirror. --mediapipe instead runs the live source
"mediapipe" on the crops and compares it with the columns mp_* (MediaPipe's own pipeline on the whole photos) and with the
estimator.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from dftnet.au_sources.mediapipe import BLENDSHAPE_ABSENT, BLENDSHAPE_AUS, aus_from_blendshapes
from dftnet.au_sources.source import make_source, read_crops
from dftnet.data.dataset import FaceData
from dftnet.inference.sessions import EstimatorSession
from dftnet.metrics import icc, mean_absolute_error, pearson
from dftnet.units import levels_as

BATCH = 16


def read(estimator: EstimatorSession, crops: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """uint8 [n, S, S, 3] → [n, K] of `names`, two threads, a graph run each."""
    starts = range(0, len(crops), BATCH)
    with ThreadPoolExecutor(2) as pool:
        found = np.concatenate(list(pool.map(lambda s: estimator(crops[s : s + BATCH]), starts)))
    return levels_as(found, estimator.au_names, names)


def move(crops: np.ndarray, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Crops turned about their centre, then displaced (pixels); border replicated."""
    size = crops.shape[1]
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    linear, centre = np.array([[c, -s], [s, c]]), np.full(2, (size - 1) / 2)
    matrix = np.hstack([linear, (centre + np.array(shift) - linear @ centre)[:, None]])

    def moved(crop: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(crop, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return np.stack([moved(crop) for crop in crops])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--model")
    parser.add_argument("--split", default="test")
    parser.add_argument("--labels", default="labels", help="the set's labels-NAME.npz, such as sides")
    parser.add_argument("--limit", type=int, default=0, help="so many faces of the split only, evenly spread")
    parser.add_argument("--moved", type=int, default=600, help="faces read again moved and mirrored, evenly spread")
    parser.add_argument("--mediapipe", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    data, estimator = FaceData.open(args.data), EstimatorSession(args.model, threads=1)
    rows = data.rows(args.split)
    if args.limit:
        rows = rows[np.linspace(0, len(rows) - 1, min(args.limit, len(rows))).astype(int)]
    names, labels = data.label_set(args.labels)
    crops, labels = np.asarray(data.images()[rows]), labels[rows]
    found = read(estimator, crops, names)
    extras = {name: column[rows] for name, column in data.extras.items()}
    print(f"{args.split}: {len(rows)} faces of {len(set(data.subject[rows].tolist()))} people")
    if args.mediapipe:
        second_opinion(crops, found, names, extras)
        return
    agreement(found, labels, names, extras, data.subject[rows])
    few = np.linspace(0, len(rows) - 1, min(args.moved, len(rows))).astype(int)
    crops, found = crops[few], found[few]
    print(f"\nchange of the reading, mean over {len(few)} faces and all AUs (and of the AU that changes most)")
    for title, moved in (
        ("shift 3 px right", move(crops, shift=(3, 0))),
        ("shift 3 px left", move(crops, shift=(-3, 0))),
        ("shift 3 px down", move(crops, shift=(0, 3))),
        ("shift 3 px up", move(crops, shift=(0, -3))),
        ("rotation by 5°", move(crops, degrees=5)),
        ("rotation by -5°", move(crops, degrees=-5)),
        ("mirror", np.ascontiguousarray(crops[:, :, ::-1])),
    ):
        change = np.abs(read(estimator, moved, names) - found).mean(0)
        print(f"| {title} | {change.mean():.3f} | {names[int(change.argmax())]} {change.max():.3f} |")


def second_opinion(crops: np.ndarray, found: np.ndarray, names: tuple[str, ...], extras: dict) -> None:
    """The live source "mediapipe" on crops [n, S, S, 3] against the columns mp_* and the estimator's [n, K]."""
    source = make_source("mediapipe")
    live = read_crops(source, crops)
    shapes = {name.removeprefix("mp_"): column for name, column in extras.items() if name.startswith("mp_")}
    offline = aus_from_blendshapes(shapes)
    print("| AU | live on crops, r with MediaPipe on the photo | r with the estimator |")
    print("|---|---|---|")
    table = []
    for k, name in enumerate(source.names):
        table.append([pearson(live[:, k], offline[:, k]), pearson(live[:, k], found[:, names.index(name)])])
        print(f"| {name} | {table[-1][0]:.2f} | {table[-1][1]:.2f} |")
    print(f"| mean | {np.mean(table, 0)[0]:.2f} | {np.mean(table, 0)[1]:.2f} |")
    print(f"absent: {', '.join(tuple(BLENDSHAPE_ABSENT))}")


def within_people(values: np.ndarray, subject: np.ndarray, least: int = 5) -> np.ndarray:
    """Values [n, K] less the mean of each person's, rows of people with `least` faces or more only."""
    parts = [values[subject == person] for person in np.unique(subject)]
    return np.concatenate([part - part.mean(0) for part in parts if len(part) >= least])


def interval(found: np.ndarray, labels: np.ndarray, subject: np.ndarray, draws: int = 300) -> tuple[float, float]:
    """95 % interval of the mean r over AUs, people drawn with replacement."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(subject == person) for person in np.unique(subject)]
    means = []
    for _ in range(draws):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        means.append(np.nanmean([pearson(found[rows, k], labels[rows, k]) for k in range(found.shape[1])]))
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def agreement(found: np.ndarray, labels: np.ndarray, names: tuple[str, ...], extras: dict, subject: np.ndarray) -> None:
    """The table per AU, [n, K] each."""
    within = within_people(found, subject), within_people(labels, subject)
    judges = {name: extras[f"of_{name}"] for name in names if f"of_{name}" in extras}
    shapes = {name.removeprefix("mp_"): column for name, column in extras.items() if name.startswith("mp_")}
    blend = dict(zip(BLENDSHAPE_AUS, aus_from_blendshapes(shapes).T, strict=True)) if shapes else {}
    print(
        "| AU | r | ICC(3,1) | MAE | positives | ceiling: judges' r | r with OpenFace | r with MediaPipe | r within a person |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    sums = []
    for k, name in enumerate(names):
        own = [f(found[:, k], labels[:, k]) for f in (pearson, icc, mean_absolute_error)]
        first, second = judges.get(name), blend.get(name)
        others = [
            pearson(first, second) if first is not None and second is not None else float("nan"),
            pearson(found[:, k], first) if first is not None else float("nan"),
            pearson(found[:, k], second) if second is not None else float("nan"),
            pearson(within[0][:, k], within[1][:, k]),
        ]
        texts = ["-" if np.isnan(v) else f"{v:.2f}" for v in others]
        positives = int((labels[:, k] >= 0.5).sum())
        print(f"| {name} | {own[0]:.2f} | {own[1]:.2f} | {own[2]:.3f} | {positives} | {' | '.join(texts)} |")
        sums.append([*own, *others])
    mean = np.nanmean(np.array(sums), 0)
    tail = " | ".join(f"{v:.2f}" for v in mean[3:])
    print(f"| mean | {mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.3f} | | {tail} |")
    low, high = interval(found, labels, subject)
    print(
        f"mean r {mean[0]:.3f}, 95 % interval over people {low:.3f} to {high:.3f}; within a person: {len(within[0])} faces"
    )


if __name__ == "__main__":
    main()
