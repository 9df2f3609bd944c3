"""Evaluation: every metric of every contender on one fixed bench of faces, by judges that are named.

    evaluate(["dftnet-128"], "set128", "results")  →  results/results.json, results.md, manifest.json, *.png

AUs asked of a model and taken as a face's own are the shipped estimator's readings, as in editing. `Score.judge` says
who measured; `docs/evaluation.md` defines every metric.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES
from dftnet.data.dataset import FaceData
from dftnet.editing.compositing import face_mask
from dftnet.evaluation.bench import QUICK, STANDARD, Bench, Counts, build
from dftnet.evaluation.judges import (
    CLOSED,
    EMBEDDING,
    ESTIMATOR,
    LANDMARKS,
    Judges,
    enlarged,
    gaze,
    iris_discs,
    shape_distance,
)
from dftnet.evaluation.methods import Contender, contenders, describe
from dftnet.evaluation.report import write_report
from dftnet.evaluation.responses import dose_response, emotions
from dftnet.evaluation.scores import Measured, Score, asked, decibels
from dftnet.metrics import Interval, interval

OPEN_EYES = 0.18
"""Eye aspect ratio from which an eye counts as open before the edit."""
GHOST = 0.25
"""A lid that leaves more than this share of the iris' pixels in its colour shows a ghost."""


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
    rivals = contenders(models, parts, threads)
    sizes = {rival.name: rival.session.size for rival in rivals if rival.session}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(f"the models edit faces of different sizes ({told}); evaluate those of one size together")
    for rival in rivals:
        if rival.session and rival.session.au_names != AU_NAMES:
            raise ValueError(
                f"{rival.name} has {len(rival.session.au_names)} AUs; evaluation needs the {len(AU_NAMES)} of dftnet"
            )
    faces = FaceData.open(data, next(iter(sizes.values()), None))
    started = time.perf_counter()
    measured = read_bench(build(faces, split, counts, seed, with_sheets=not quick), Judges.available(threads), counts)
    scores = {rival.name: score(measured, rival) for rival in rivals}
    result = {
        "format": "dftnet-results-1",
        "command": command,
        "seed": seed,
        "split": split,
        "data": {"path": str(data), "size": faces.size, "faces": len(faces), "source": faces.info.get("au_source", "")},
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
    for section in (landing, eyelids, gaps, dose_response, emotions, background, speed):
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
    found.append(Score("null edit", "PSNR, dB", "", "higher", decibels(metrics.psnr(null, crops), people)))
    back, _ = rival(edits, m.own[donors], m.own[faces])
    error = np.abs(back.astype(np.float64) - crops).mean((1, 2, 3)) / 255
    found += [
        Score("cycle", "L1 (of 1)", "", "lower", interval(error, people)),
        Score("cycle", "PSNR, dB", "", "higher", decibels(metrics.psnr(back, crops), people)),
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
    edits, _ = rival(crops, m.own[rows], asked(m.own[rows], AU45=1.0))
    read = judges.estimator(edits)[:, AU_NAMES.index("AU45")]
    found = [Score("eyelids", "AU45 read after asking 1", ESTIMATOR, "higher", interval(read, people))]
    if judges.landmarks is None or m.seen is None:
        return found
    before, after = m.seen.geometry["eye_aspect_ratio"][rows], judges.landmarks(edits).geometry["eye_aspect_ratio"]
    closed = after <= CLOSED
    left = np.full((len(rows), 2), np.nan)
    for i, row in enumerate(rows):
        pictures = enlarged(np.stack([crops[i], edits[i]]))
        discs = iris_discs(pictures[0], m.seen.points[row])
        if discs:
            left[i] = [np.mean([metrics.iris_left(picture, *disc) for disc in discs]) for picture in pictures]
    smiles, _ = rival(crops, m.own[rows], asked(m.own[rows], AU12=1.0))
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
    found = [
        Score(title, name, judge, "higher", interval(np.stack(d, 1), people, metrics.gap_of_sums))
        for (name, judge), d in distances.items()
    ]
    if judges.embedding and m.embedded is not None:
        vectors = judges.embedding(edits)
        for name, others in (("cosine to the source", m.embedded[a]), ("cosine to the true picture", m.embedded[b])):
            section = title.replace("gap closed", "identity")
            found.append(Score(section, name, EMBEDDING, "higher", interval(metrics.cosine(vectors, others), people)))
    return found


def background(m: Measured, rival: Contender) -> list[Score]:
    """Whole photos through the editor: what happens outside the face's mask."""
    from dftnet.evaluation.photos import background_psnr

    values = background_psnr(rival, m.judges.estimator.session, m.counts.photos, m.bench)
    if not len(values):
        return []
    whose = np.arange(len(values))
    return [Score("background", "PSNR outside the face, dB", "", "higher", decibels(values, whose))]


def speed(m: Measured, rival: Contender) -> list[Score]:
    """Milliseconds: median, with the 95th percentile of the rounds in `high`."""
    from dftnet.evaluation.photos import milliseconds

    return [
        Score("speed", f"{name}, ms (median; 95th percentile)", "", "lower", value)
        for name, value in milliseconds(rival, m.judges.estimator.session, m.counts.rounds, m.bench).items()
    ]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
