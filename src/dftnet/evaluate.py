"""Evaluation: every metric of every contender on one fixed bench of faces, by judges that are named.

    evaluate(["dftnet-128"], "set128", "results")  →  results/results.json, results.md, manifest.json, *.png

AUs asked of a model and taken as a face's own are the shipped estimator's readings, as in editing. `Score.judge` says
who measured; `docs/evaluation.md` defines every metric.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES
from dftnet.compositing import face_mask
from dftnet.contenders import Contender, contenders, describe
from dftnet.data import FaceData
from dftnet.evaluation_report import write_report
from dftnet.judges import (
    CLOSED,
    EMBEDDING,
    ESTIMATOR,
    LANDMARKS,
    Judges,
    LandmarkReading,
    gaze,
    iris_discs,
    shape_distance,
)
from dftnet.metrics import Interval, interval
from dftnet.testbench import QUICK, STANDARD, Bench, Counts, build

LEVELS = np.array([0, 0.25, 0.5, 0.75, 1.0])
MOVES = {
    "AU45": ("eye_aspect_ratio", -1), "AU05": ("eye_aspect_ratio", 1), "AU12": ("lip_corners", 1),
    "AU15": ("lip_corners", -1), "AU02": ("brow_height", 1), "AU04": ("brow_height", -1),
    "AU25": ("lip_gap", 1), "AU26": ("lip_gap", 1),
}  # fmt: skip
"""AU → what it does to the landmarks, and in which direction."""
OPEN_EYES = 0.18
"""Eye aspect ratio from which an eye counts as open before the edit."""
GHOST = 0.25
"""A lid that leaves more than this share of the iris' pixels in its colour shows a ghost."""


class Score(NamedTuple):
    """One number of one contender."""

    section: str
    name: str
    judge: str
    """Who measured; "" where no judge is needed."""
    better: str
    """"higher", "lower" or ""."""
    interval: Interval


@dataclass
class Measured:
    """What all scores stand on: the bench, read once by all judges."""

    bench: Bench
    judges: Judges
    own: np.ndarray
    """float32 [n, K]: the estimator's reading of every face."""
    seen: LandmarkReading | None
    """The landmark judge's reading of every face (of `real` too)."""
    embedded: np.ndarray | None
    """float32 [n, d]."""
    counts: Counts
    details: dict[str, dict] = field(default_factory=dict)
    """Contender → tables by AU, curves."""


def evaluate(
    models: list[str | Path],
    data: str | Path,
    output: str | Path,
    *,
    quick: bool = False,
    seed: int = 0,
    split: str = "test",
    parts: bool = False,
    threads: int | None = None,
    command: str = "",
    counts: Counts | None = None,
) -> dict:
    """Measure models (directories or shipped names) beside copy-input; writes the result to `output` and returns it.

    `quick` takes few faces; `parts` adds each model's warp alone and texture alone. Raises ValueError where data and
    model do not fit.
    """
    counts = counts or (QUICK if quick else STANDARD)
    faces = FaceData.open(data)
    rivals = contenders(models, parts, threads)
    for rival in rivals:
        if rival.session and (rival.session.size, rival.session.au_names) != (faces.size, AU_NAMES):
            raise ValueError(
                f"{rival.name} edits {rival.session.size}-pixel faces with {len(rival.session.au_names)} AUs and "
                f"{faces.path} has {faces.size} pixels; prepare the set again with --size {rival.session.size}"
            )
    started = time.perf_counter()
    measured = read_bench(build(faces, split, counts, seed, with_sheets=not quick), Judges.available(threads), counts)
    scores = {rival.name: score(measured, rival) for rival in rivals}
    result = {
        "format": "dftnet-results-1",
        "command": command,
        "seed": seed,
        "split": split,
        "data": {"path": str(data), "faces": len(faces), "source": faces.info.get("au_source", "")},
        "counts": {**counts._asdict(), "pairs": len(measured.bench.pairs), "sheets": len(measured.bench.sheets)},
        "judges": [ESTIMATOR, *(j.name for j in (measured.judges.landmarks, measured.judges.embedding) if j)],
        "not_judged": measured.judges.missing,
        "contenders": [describe(rival) for rival in rivals],
        "seconds": round(time.perf_counter() - started, 1),
        "scores": scores,
        "details": measured.details,
    }
    write_report(Path(output), result, measured.bench.manifest())
    return result


def read_bench(bench: Bench, judges: Judges, counts: Counts) -> Measured:
    """The judges look at every face of the bench once."""
    _tell(f"reading {len(bench.images)} faces")
    seen = judges.landmarks(bench.images) if judges.landmarks else None
    embedded = judges.embedding(bench.images) if judges.embedding else None
    return Measured(bench, judges, judges.estimator(bench.images), seen, embedded, counts)


def score(m: Measured, rival: Contender) -> list[Score]:
    """All scores of one contender; details by AU go to `m.details`."""
    m.details[rival.name] = {}
    found: list[Score] = []
    for section in (landing, eyelids, gaps, dose_response, background, speed):
        _tell(f"{rival.name}: {section.__name__}")
        found += section(m, rival)
    return found


def landing(m: Measured, rival: Contender) -> list[Score]:
    """Edits towards the AUs of another face; on the same edits identity, realism, the flow, and the way back."""
    bench, judges, faces, donors = m.bench, m.judges, m.bench.faces, m.bench.donors
    crops, people = bench.images[faces], bench.people[faces]
    edits, maps = rival(crops, m.own[faces], m.own[donors])
    got = judges.estimator(edits)
    found = _agreement("landing", ESTIMATOR, m.own[donors], got, people)
    by_unit = {name: _by_unit(m.own[donors][:, k], got[:, k]) for k, name in enumerate(AU_NAMES)}
    if judges.landmarks and m.seen:
        aus = judges.landmarks(edits).aus
        found += _agreement("landing", LANDMARKS, m.seen.aus[donors], aus, people)
        for k, name in enumerate(judges.landmarks.aus):
            by_unit[name]["r, MediaPipe"] = metrics.pearson(m.seen.aus[donors][:, k], aus[:, k])
    m.details[rival.name]["landing by AU"] = by_unit
    null, _ = rival(crops, m.own[faces], m.own[faces])
    if judges.embedding and m.embedded is not None:
        vectors = judges.embedding(edits)
        similar = metrics.cosine(vectors, m.embedded[faces])
        still = metrics.cosine(judges.embedding(null), m.embedded[faces])
        real = m.embedded[bench.real]
        nowhere = (float("nan"), float("nan"), len(edits), len(np.unique(people)))
        found += [
            Score("identity", "cosine to the source", EMBEDDING, "higher", interval(similar, people)),
            Score("identity", "cosine, null edit", EMBEDDING, "higher", interval(still, people)),
        ]
        if len(real) > 2:
            frechet, kernel = metrics.frechet_distance(vectors, real), metrics.kernel_distance(vectors, real)
            found += [
                Score("realism", "Fréchet distance", EMBEDDING, "lower", Interval(frechet, *nowhere)),
                Score("realism", "kernel distance", EMBEDDING, "lower", Interval(kernel, *nowhere)),
            ]
    found.append(Score("null edit", "PSNR, dB", "", "higher", _decibels(metrics.psnr(null, crops), people)))
    back, _ = rival(edits, m.own[donors], m.own[faces])
    error = np.abs(back.astype(np.float64) - crops).mean((1, 2, 3)) / 255
    found += [
        Score("cycle", "L1 (of 1)", "", "lower", interval(error, people)),
        Score("cycle", "PSNR, dB", "", "higher", _decibels(metrics.psnr(back, crops), people)),
        Score("cycle", "SSIM", "", "higher", interval(metrics.ssim(back, crops), people)),
    ]
    for name, values in metrics.flow_health(maps.flow, maps.attention).items():
        found.append(Score("flow", name.replace("_", " "), "", "", interval(values, people)))
    return found


def _agreement(section: str, judge: str, wanted: np.ndarray, got: np.ndarray, people: np.ndarray) -> list[Score]:
    sums = metrics.moments(wanted, got)
    return [
        Score(section, "error (MAE)", judge, "lower", interval(np.abs(got - wanted).mean(1), people)),
        Score(section, "r", judge, "higher", interval(sums, people, metrics.pearson_of_moments)),
        Score(section, "ICC(3,1)", judge, "higher", interval(sums, people, metrics.icc_of_moments)),
    ]


def _by_unit(wanted: np.ndarray, got: np.ndarray) -> dict[str, float]:
    return {
        "MAE": metrics.mean_absolute_error(wanted, got),
        "r": metrics.pearson(wanted, got),
        "ICC": metrics.icc(wanted, got),
    }


def eyelids(m: Measured, rival: Contender) -> list[Score]:
    """AU45 = 1 on open eyes; and whether a smile moves the gaze."""
    bench, judges = m.bench, m.judges
    open_eyes = m.own[bench.faces, AU_NAMES.index("AU45")] < 0.3
    if m.seen is not None:
        open_eyes &= m.seen.geometry["eye_aspect_ratio"][bench.faces] > OPEN_EYES
    rows = bench.faces[open_eyes]
    if not len(rows):
        return []
    crops, people = bench.images[rows], bench.people[rows]
    edits, _ = rival(crops, m.own[rows], _asked(m.own[rows], AU45=1.0))
    read = judges.estimator(edits)[:, AU_NAMES.index("AU45")]
    found = [Score("eyelids", "AU45 read after asking 1", ESTIMATOR, "higher", interval(read, people))]
    if judges.landmarks is None or m.seen is None:
        return found
    before, after = m.seen.geometry["eye_aspect_ratio"][rows], judges.landmarks(edits).geometry["eye_aspect_ratio"]
    closed = after <= CLOSED
    left = np.full((len(rows), 2), np.nan)
    for i, row in enumerate(rows):
        discs = iris_discs(crops[i], m.seen.points[row])
        if discs:
            left[i] = [np.mean([metrics.iris_left(x[i], *disc) for disc in discs]) for x in (crops, edits)]
    smiles, _ = rival(crops, m.own[rows], _asked(m.own[rows], AU12=1.0))
    looks = gaze(judges.landmarks(smiles).points)
    moved = np.linalg.norm(looks - gaze(m.seen.points[rows]), axis=2).mean(1)
    clean = np.where(np.isfinite(left[:, 1]), closed & (left[:, 1] <= GHOST), np.nan)
    return [
        *found,
        Score("eyelids", "eye aspect ratio before", LANDMARKS, "", interval(before, people)),
        Score("eyelids", "eye aspect ratio at AU45 = 1", LANDMARKS, "lower", interval(after, people)),
        Score("eyelids", "share closed", LANDMARKS, "higher", interval(closed.astype(float), people)),
        Score("eyelids", "iris left, source", "colours", "", interval(left[:, 0], people)),
        Score("eyelids", "iris left", "colours", "lower", interval(left[:, 1], people)),
        Score("eyelids", "share closed without a ghost", LANDMARKS, "higher", interval(clean, people)),
        Score("eyelids", "gaze shift in a smile, eye widths", LANDMARKS, "lower", interval(moved, people)),
    ]


def _asked(own: np.ndarray, **values: float) -> np.ndarray:
    """AUs [n, K] with some units set."""
    wanted = own.copy()
    for name, value in values.items():
        wanted[:, AU_NAMES.index(name)] = value
    return wanted


def gaps(m: Measured, rival: Contender) -> list[Score]:
    """Pairs of one person: how much nearer to the true second picture."""
    found = []
    for title, pairs in (("gap closed, video pairs", m.bench.pairs), ("gap closed, openpeople", m.bench.sheets)):
        if len(pairs):
            found += _gap(m, rival, title, pairs)
    return found


def _gap(m: Measured, rival: Contender, title: str, pairs: np.ndarray) -> list[Score]:
    a, b = pairs.T
    bench, judges = m.bench, m.judges
    edits, _ = rival(bench.images[a], m.own[a], m.own[b])
    people, true = bench.people[a], bench.images[b]
    face = face_mask(bench.images.shape[1])[None, ..., None] > 0.5

    def pixels(x: np.ndarray) -> np.ndarray:
        return (np.abs(x.astype(np.float64) - true) * face).mean((1, 2, 3))

    def norm(x: np.ndarray) -> np.ndarray:
        return np.linalg.norm(x.astype(np.float64), axis=1)

    distances = {}
    if judges.landmarks and m.seen:
        read, use = judges.landmarks(edits), judges.landmarks.expressive
        shapes, points = m.seen.blendshapes[:, use], m.seen.points
        distances["in blendshapes", LANDMARKS] = norm(read.blendshapes[:, use] - shapes[b]), norm(shapes[a] - shapes[b])
        distances["in landmarks", LANDMARKS] = (
            shape_distance(read.points, points[b]),
            shape_distance(points[a], points[b]),
        )
    distances["in AUs", ESTIMATOR] = norm(judges.estimator(edits) - m.own[b]), norm(m.own[a] - m.own[b])
    distances["in pixels (L1 on the face)", ""] = pixels(edits), pixels(bench.images[a])
    return [
        Score(title, name, judge, "higher", interval(np.stack(d, 1), people, metrics.gap_of_sums))
        for (name, judge), d in distances.items()
    ]


def dose_response(m: Measured, rival: Contender) -> list[Score]:
    """Each unit alone at LEVELS, the others as in the source: what it does to itself and to the others."""
    bench, judges, rows = m.bench, m.judges, m.bench.dose
    n, people = len(rows), m.bench.people[rows]
    crops, own = np.repeat(bench.images[rows], len(LEVELS), 0), np.repeat(m.own[rows], len(LEVELS), 0)
    read = np.zeros((len(AU_NAMES), n, len(LEVELS), len(AU_NAMES)))
    shapes = [np.zeros((n, len(LEVELS), 0))] * len(AU_NAMES)
    moves: dict[str, float] = {}
    for k, name in enumerate(AU_NAMES):
        edits, _ = rival(crops, own, _asked_levels(own, k, np.tile(LEVELS, n)))
        read[k] = judges.estimator(edits).reshape(n, len(LEVELS), -1)
        if judges.landmarks and m.seen:
            seen = judges.landmarks(edits)
            shapes[k] = seen.aus.reshape(n, len(LEVELS), -1)
            if name in MOVES:
                what, sign = MOVES[name]
                spread = float(m.seen.geometry[what].std())
                value = seen.geometry[what].reshape(n, -1)
                moves[f"{name}: {what}"] = float(sign * (value[:, -1] - value[:, 0]).mean() / max(spread, 1e-9))
    found = _responses(m, rival, ESTIMATOR, AU_NAMES, read, people)
    if judges.landmarks:
        units = judges.landmarks.aus
        theirs = np.stack([shapes[AU_NAMES.index(name)] for name in units])
        found += _responses(m, rival, LANDMARKS, units, theirs, people)
        m.details[rival.name]["landmarks moved, standard deviations of real faces"] = moves
    return found


def _asked_levels(own: np.ndarray, unit: int, levels: np.ndarray) -> np.ndarray:
    wanted = own.copy()
    wanted[:, unit] = levels
    return wanted


def _responses(
    m: Measured, rival: Contender, judge: str, units: tuple[str, ...], read: np.ndarray, people: np.ndarray
) -> list[Score]:
    """read [K, n, levels, K]: unit asked, face, level, unit measured."""
    curves = np.stack([read[k, :, :, k] for k in range(len(units))], 1)  # [n, K, levels]
    n = len(curves)
    slope = np.stack([metrics.slopes(LEVELS, curves[:, k]) for k in range(len(units))], 1)
    up = np.stack([metrics.monotone(curves[:, k], 0.01) for k in range(len(units))], 1)
    r = np.array([[metrics.pearson(LEVELS, curve) for curve in face] for face in curves])
    change = read[:, :, -1] - read[:, :, 0]
    leaks = np.stack([np.stack(metrics.leakage(change[k], k), -1) for k in range(len(units))], 1)  # [n, K, 2]

    def mean_leak(sums: np.ndarray) -> np.ndarray:
        return metrics.ratio_of_sums(sums.reshape(*sums.shape[:-1], -1, 2)).mean(-1)

    m.details[rival.name][f"dose-response, {judge}"] = {
        name: {
            "slope": float(slope[:, k].mean()), "monotone": float(up[:, k].mean()),
            "leakage": float(metrics.ratio_of_sums(leaks[:, k].sum(0))), "curve": curves[:, k].mean(0).tolist(),
        }
        for k, name in enumerate(units)
    }  # fmt: skip
    return [
        Score("dose-response", "slope", judge, "higher", interval(slope.mean(1), people)),
        Score("dose-response", "r", judge, "higher", interval(np.where(np.isfinite(r), r, 0).mean(1), people)),
        Score("dose-response", "share monotone", judge, "higher", interval(up.mean(1), people)),
        Score("leakage", "others over asked", judge, "lower", interval(leaks.reshape(n, -1), people, mean_leak)),
    ]


def background(m: Measured, rival: Contender) -> list[Score]:
    """Whole photos through the editor: what happens outside the face's mask."""
    from dftnet.evaluation_photos import background_psnr

    values = background_psnr(rival, m.judges.estimator, m.counts.photos, m.bench)
    if not len(values):
        return []
    whose = np.arange(len(values))
    return [Score("background", "PSNR outside the face, dB", "", "higher", _decibels(values, whose))]


def speed(m: Measured, rival: Contender) -> list[Score]:
    """Milliseconds: median, with the 95th percentile of the rounds in `high`."""
    from dftnet.evaluation_photos import milliseconds

    return [
        Score("speed", f"{name}, ms (median; 95th percentile)", "", "lower", value)
        for name, value in milliseconds(rival, m.judges.estimator, m.counts.rounds, m.bench).items()
    ]


def _decibels(values: np.ndarray, people: np.ndarray) -> Interval:
    """Mean of dB; infinite where every picture is exact (single exact pictures count as 100 dB)."""
    if len(values) and np.isinf(values).all():
        return Interval(float("inf"), float("inf"), float("inf"), len(values), len(np.unique(people)))
    return interval(np.minimum(values, 100), people)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
