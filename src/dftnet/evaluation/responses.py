"""The part of the evaluation that asks for one unit at a time, and for the emotion presets."""

from __future__ import annotations

import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES
from dftnet.editing.emotions import presets
from dftnet.editing.request import Request, target
from dftnet.evaluation.bench import Measured, Score, Section
from dftnet.evaluation.doses import LEVELS, Doses
from dftnet.evaluation.judges import EMBEDDING, ESTIMATOR, LANDMARKS
from dftnet.evaluation.methods import Contender
from dftnet.media.pixels import to_uint8
from dftnet.metrics import interval
from dftnet.units import levels_as

TORN = 0.04
"""Paint (`metrics.paint`) above which an edit counts as painted over: bands and checkers where a face was. Good edits have
0.005 to 0.03."""
SAME_PERSON = 0.363
"""OpenCV's threshold for SFace: below this cosine two faces count as two people."""


def dose_response(m: Measured, doses: Doses) -> Section:
    """Each of the 17 units alone at LEVELS: what it does to itself and to the others."""
    people, judge, k = m.bench.people[m.bench.neutral], m.judges.landmarks, len(AU_NAMES)
    found, table = _responses(ESTIMATOR, AU_NAMES, doses.read[:k, :, :, :k], people)
    torn = (doses.painted[:, :k] > TORN).astype(float)
    found.append(
        Score("torn", "one unit at 1: share of edits painted over", "", "lower", interval(torn.mean(1), people))
    )
    for unit, name in enumerate(AU_NAMES):
        table[name]["torn at 1"] = float(torn[:, unit].mean())
    details: dict[str, dict] = {f"dose-response, {ESTIMATOR}": table}
    if judge:
        theirs = doses.aus[[AU_NAMES.index(name) for name in judge.aus]]
        scores, table = _responses(LANDMARKS, judge.aus, theirs, people)
        found += scores
        details[f"dose-response, {LANDMARKS}"] = table
        details["landmarks moved, standard deviations of real faces"] = doses.moves
    return Section(found, details)


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
