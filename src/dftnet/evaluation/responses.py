"""The part of the evaluation that asks for one unit at a time, and for the emotion presets."""

from __future__ import annotations

import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES, EMOTIONS, Request, target
from dftnet.evaluation.judges import EMBEDDING, ESTIMATOR, LANDMARKS
from dftnet.evaluation.methods import Contender
from dftnet.evaluation.scores import Measured, Score
from dftnet.media.image import to_uint8
from dftnet.metrics import interval

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


def dose_response(m: Measured, rival: Contender) -> list[Score]:
    """Each unit alone at LEVELS, the others as in the source: what it does to itself and to the others."""
    bench, judges, rows = m.bench, m.judges, m.bench.dose
    n, people = len(rows), m.bench.people[rows]
    crops, own = np.repeat(bench.images[rows], len(LEVELS), 0), np.repeat(m.own[rows], len(LEVELS), 0)
    read = np.zeros((len(AU_NAMES), n, len(LEVELS), len(AU_NAMES)))
    shapes = [np.zeros((n, len(LEVELS), 0))] * len(AU_NAMES)
    moves: dict[str, float] = {}
    painted = np.zeros((n, len(AU_NAMES)))
    for k, name in enumerate(AU_NAMES):
        edits, maps = rival(crops, own, _asked_levels(own, k, np.tile(LEVELS, n)))
        painted[:, k] = metrics.paint(edits, to_uint8(maps.aligned)).reshape(n, -1)[:, -1]
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
    torn = (painted > TORN).astype(float)
    found.append(
        Score("torn", "one unit at 1: share of edits painted over", "", "lower", interval(torn.mean(1), people))
    )
    for k, name in enumerate(AU_NAMES):
        m.details[rival.name][f"dose-response, {ESTIMATOR}"][name]["torn at 1"] = float(torn[:, k].mean())
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


def emotions(m: Measured, rival: Contender) -> list[Score]:
    """The presets at full strength, each on the faces of the dose-response: what a beginner asks for first."""
    bench, rows = m.bench, m.bench.dose
    crops, people = bench.images[rows], bench.people[rows]
    names = [name for name in EMOTIONS if name != "neutral"]
    torn, cosine, error = (np.full((len(rows), len(names)), np.nan) for _ in range(3))
    for i, name in enumerate(names):
        wanted = np.stack([target(own, Request(emotion=name)) for own in m.own[rows]])
        edits, maps = rival(crops, m.own[rows], wanted)
        torn[:, i] = metrics.paint(edits, to_uint8(maps.aligned)) > TORN
        error[:, i] = np.abs(m.judges.estimator(edits) - wanted).mean(1)
        if m.judges.embedding and m.embedded is not None:
            cosine[:, i] = metrics.cosine(m.judges.embedding(edits), m.embedded[rows])
    m.details[rival.name]["emotions"] = {
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
    return found
