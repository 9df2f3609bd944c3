"""The part of the evaluation that asks for one unit at a time, and for the emotion presets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES
from dftnet.editing.emotions import presets
from dftnet.editing.request import Request, target
from dftnet.evaluation.bench import Measured, Score, Section, asked
from dftnet.evaluation.judges import EMBEDDING, ESTIMATOR, LANDMARKS
from dftnet.evaluation.methods import Contender
from dftnet.media.pixels import to_uint8
from dftnet.metrics import interval
from dftnet.units import levels_as

LEVELS = np.array([0, 0.25, 0.5, 0.75, 1.0])
MOVES = {
    "AU45": ("eye_aspect_ratio", -1), "AU05": ("eye_aspect_ratio", 1), "AU12": ("lip_corners", 1),
    "AU15": ("lip_corners", -1), "AU02": ("brow_height", 1), "AU04": ("brow_height", -1),
    "AU25": ("lip_gap", 1), "AU26": ("lip_gap", 1),
}  # fmt: skip
"""AU → what it does to the landmarks, and in which direction."""
TORN = 0.04
"""Paint (`metrics.paint`) above which an edit counts as painted over: bands and checkers where a face was. Good edits have
0.005 to 0.03."""
SAME_PERSON = 0.363
"""OpenCV's threshold for SFace: below this cosine two faces count as two people."""


class _Doses(NamedTuple):
    """What the judges read on the edits of each unit alone, for n faces at l levels."""

    read: np.ndarray
    """float64 [K, n, l, K]: the estimator; unit asked, face, level, unit measured."""
    shapes: np.ndarray
    """float64 [K, n, l, J]: the landmark judge's J units; J is 0 without it."""
    painted: np.ndarray
    """float64 [n, K]: `metrics.paint` at level 1."""
    moves: dict[str, float]
    """"AU: feature" → how far the landmarks moved, in standard deviations of real faces."""


def dose_response(m: Measured, rival: Contender) -> Section:
    """Each unit alone at LEVELS, the others as in the source: what it does to itself and to the others."""
    people, judge = m.bench.people[m.bench.neutral], m.judges.landmarks
    doses = _doses(m, rival)
    found, table = _responses(ESTIMATOR, AU_NAMES, doses.read, people)
    torn = (doses.painted > TORN).astype(float)
    found.append(
        Score("torn", "one unit at 1: share of edits painted over", "", "lower", interval(torn.mean(1), people))
    )
    for k, name in enumerate(AU_NAMES):
        table[name]["torn at 1"] = float(torn[:, k].mean())
    details: dict[str, dict] = {f"dose-response, {ESTIMATOR}": table}
    if judge:
        theirs = np.stack([doses.shapes[AU_NAMES.index(name)] for name in judge.aus])
        scores, table = _responses(LANDMARKS, judge.aus, theirs, people)
        found += scores
        details[f"dose-response, {LANDMARKS}"] = table
        details["landmarks moved, standard deviations of real faces"] = doses.moves
    return Section(found, details)


def _doses(m: Measured, rival: Contender) -> _Doses:
    bench, judges, rows = m.bench, m.judges, m.bench.neutral
    n, shape = len(rows), (len(rows), len(LEVELS), -1)
    crops, own = np.repeat(bench.images[rows], len(LEVELS), 0), np.repeat(m.levels(rows, rival.units), len(LEVELS), 0)
    read, shapes, painted, moves = [], [], [], {}
    for name in AU_NAMES:
        edits, maps = rival(crops, own, asked(own, rival.units, **{name: np.tile(LEVELS, n)}))
        painted.append(metrics.paint(edits, to_uint8(maps.aligned)).reshape(n, -1)[:, -1])
        read.append(judges.estimator(edits).reshape(shape).astype(np.float64))
        if judges.landmarks is None or m.seen is None:
            shapes.append(np.zeros((n, len(LEVELS), 0)))
            continue
        seen = judges.landmarks(edits)
        shapes.append(seen.aus.reshape(shape).astype(np.float64))
        if name in MOVES:
            what, sign = MOVES[name]
            spread = float(m.seen.geometry[what].std())
            value = seen.geometry[what].reshape(n, -1)
            moves[f"{name}: {what}"] = float(sign * (value[:, -1] - value[:, 0]).mean() / max(spread, 1e-9))
    return _Doses(np.stack(read), np.stack(shapes), np.stack(painted, 1), moves)


def _responses(
    judge: str, units: tuple[str, ...], read: np.ndarray, people: np.ndarray
) -> tuple[list[Score], dict[str, dict]]:
    """Scores, and a row a unit, of read [K, n, levels, K]: unit asked, face, level, unit measured."""
    curves = np.stack([read[k, :, :, k] for k in range(len(units))], 1)  # [n, K, levels]
    n = len(curves)
    slope = np.stack([metrics.slopes(LEVELS, curves[:, k]) for k in range(len(units))], 1)
    up = np.stack([metrics.monotone(curves[:, k], 0.01) for k in range(len(units))], 1)
    r = np.array([[metrics.pearson(LEVELS, curve) for curve in face] for face in curves])
    change = read[:, :, -1] - read[:, :, 0]
    leaks = np.stack([np.stack(metrics.leakage(change[k], k), -1) for k in range(len(units))], 1)  # [n, K, 2]

    def mean_leak(sums: np.ndarray) -> np.ndarray:
        return metrics.ratio_of_sums(sums.reshape(*sums.shape[:-1], -1, 2)).mean(-1)

    table = {
        name: {
            "slope": float(slope[:, k].mean()), "monotone": float(up[:, k].mean()),
            "leakage": float(metrics.ratio_of_sums(leaks[:, k].sum(0))), "curve": curves[:, k].mean(0).tolist(),
        }
        for k, name in enumerate(units)
    }  # fmt: skip
    scores = [
        Score("dose-response", "slope", judge, "higher", interval(slope.mean(1), people)),
        Score("dose-response", "r", judge, "higher", interval(np.where(np.isfinite(r), r, 0).mean(1), people)),
        Score("dose-response", "share monotone", judge, "higher", interval(up.mean(1), people)),
        Score("leakage", "others over asked", judge, "lower", interval(leaks.reshape(n, -1), people, mean_leak)),
    ]
    return scores, table


def emotions(m: Measured, rival: Contender) -> Section:
    """The presets at full strength, each on the faces of the dose-response: what a beginner asks for first."""
    bench, rows = m.bench, m.bench.neutral
    crops, people, levels = bench.images[rows], bench.people[rows], m.levels(rows, rival.units)
    names = [name for name in presets(rival.units) if name != "neutral"]
    torn, cosine, error = (np.full((len(rows), len(names)), np.nan) for _ in range(3))
    for i, name in enumerate(names):
        wanted = np.stack([target(own, Request(emotion=name), rival.units) for own in levels])
        edits, maps = rival(crops, levels, wanted)
        torn[:, i] = metrics.paint(edits, to_uint8(maps.aligned)) > TORN
        error[:, i] = np.abs(m.judges.estimator(edits) - levels_as(wanted, rival.units, AU_NAMES)).mean(1)
        if m.judges.embedding and m.embedded is not None:
            cosine[:, i] = metrics.cosine(m.judges.embedding(edits), m.embedded[rows])
    table = {
        name: {
            "torn": float(torn[:, i].mean()),
            "cosine": float(cosine[:, i].mean()),
            "error": float(error[:, i].mean()),
        }
        for i, name in enumerate(names)
    }
    found = [
        Score("emotions", "error (MAE)", ESTIMATOR, "lower", interval(error.mean(1), people)),
        Score("torn", "emotions: share of edits painted over", "", "lower", interval(torn.mean(1), people)),
    ]
    if m.judges.embedding:
        strange = np.where(np.isfinite(cosine), cosine < SAME_PERSON, np.nan)
        found += [
            Score("emotions", "cosine to the source", EMBEDDING, "higher", interval(cosine.mean(1), people)),
            Score("emotions", "share taken for another person", EMBEDDING, "lower", interval(strange.mean(1), people)),
        ]
    return Section(found, {"emotions": table})
