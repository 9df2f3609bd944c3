"""What the edits look like: where they land, eyelids, and how much nearer they come to a true second picture."""

from __future__ import annotations

import cv2
import numpy as np

from dftnet import metrics
from dftnet.aus import AU_NAMES
from dftnet.evaluation.bench import Measured, Score, Section, asked, decibels
from dftnet.evaluation.judges import EMBEDDING, ESTIMATOR, JUDGED, LANDMARKS, enlarged
from dftnet.evaluation.landmarks import CLOSED, RIGID, gaze, head_held, head_turn, iris_discs, shape_distance
from dftnet.evaluation.methods import Contender
from dftnet.faces.mask import face_mask
from dftnet.faces.mesh import similarity_between
from dftnet.metrics import Interval, interval
from dftnet.units import TURN_DEGREES, TURNS

TURNED = ", turned"
"""Ends the sections of pairs whose turn of the head was asked for too; models that cannot have none"""
OPEN_EYES = 0.18
"""Eye aspect ratio from which an eye counts as open before the edit."""
GHOST = 0.25
"""A lid that leaves more than this share of the iris' pixels in its colour shows a ghost."""


def landing(m: Measured, rival: Contender) -> Section:
    """Edits towards the AUs of another face; on the same edits identity, realism, the flow, and the way back."""
    bench, faces, donors = m.bench, m.bench.faces, m.bench.donors
    crops, people = bench.images[faces], bench.people[faces]
    own, theirs = m.levels(faces, rival.units), m.levels(donors, rival.units)
    edits, maps = rival(crops, own, theirs)
    found, by_unit = _landed(m, edits)
    null, _ = rival(crops, own, own)
    found += _identity(m, edits, null)
    found.append(Score("null edit", "PSNR, dB", "", "higher", decibels(metrics.psnr(null, crops), people)))
    back, _ = rival(edits, theirs, own)
    error = np.abs(back.astype(np.float64) - crops).mean((1, 2, 3)) / 255
    found += [
        Score("cycle", "L1 (of 1)", "", "lower", interval(error, people)),
        Score("cycle", "PSNR, dB", "", "higher", decibels(metrics.psnr(back, crops), people)),
        Score("cycle", "SSIM", "", "higher", interval(metrics.ssim(back, crops), people)),
    ]
    for name, values in metrics.flow_health(maps.flow, maps.attention).items():
        found.append(Score("flow", name.replace("_", " "), "", "", interval(values, people)))
    return Section(found, {"landing by AU": by_unit})


def _landed(m: Measured, edits: np.ndarray) -> tuple[list[Score], dict[str, dict[str, float]]]:
    """What is read on edits of `bench.faces` against what is read on their donors: the scores, and a row a unit."""
    judges, donors, people = m.judges, m.bench.donors, m.bench.people[m.bench.faces]
    wanted, got = m.levels(donors), judges.estimator(edits)
    found = _agreement("landing", ESTIMATOR, wanted, got, people)
    by_unit = {name: _by_unit(wanted[:, k], got[:, k]) for k, name in enumerate(AU_NAMES)}
    if judges.landmarks and m.seen:
        aus = judges.landmarks(edits).aus
        found += _agreement("landing", LANDMARKS, m.seen.aus[donors], aus, people)
        for k, name in enumerate(judges.landmarks.aus):
            by_unit[name]["r, MediaPipe"] = metrics.pearson(m.seen.aus[donors][:, k], aus[:, k])
    return found, by_unit


def _identity(m: Measured, edits: np.ndarray, null: np.ndarray) -> list[Score]:
    """Whose faces the edits and null edits of `bench.faces` are, and whether they look like faces; [] without that judge."""
    judge, faces, people = m.judges.embedding, m.bench.faces, m.bench.people[m.bench.faces]
    if judge is None or m.embedded is None:
        return []
    vectors, real = judge(edits), m.embedded[m.bench.real]
    similar = metrics.cosine(vectors, m.embedded[faces])
    still = metrics.cosine(judge(null), m.embedded[faces])
    found = [
        Score("identity", "cosine to the source", EMBEDDING, "higher", interval(similar, people)),
        Score("identity", "cosine, null edit", EMBEDDING, "higher", interval(still, people)),
    ]
    if len(real) > 2:
        nowhere = (float("nan"), float("nan"), len(edits), len(np.unique(people)))
        frechet, kernel = metrics.frechet_distance(vectors, real), metrics.kernel_distance(vectors, real)
        found += [
            Score("realism", "Fréchet distance", EMBEDDING, "lower", Interval(frechet, *nowhere)),
            Score("realism", "kernel distance", EMBEDDING, "lower", Interval(kernel, *nowhere)),
        ]
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


def eyelids(m: Measured, rival: Contender) -> Section:
    """AU45 = 1 on open eyes; and whether a smile moves the gaze."""
    bench, judges = m.bench, m.judges
    open_eyes = m.levels(bench.faces, ("AU45",))[:, 0] < 0.3
    if m.seen is not None:
        open_eyes &= m.seen.geometry["eye_aspect_ratio"][bench.faces] > OPEN_EYES
    rows = bench.faces[open_eyes]
    if not len(rows):
        return Section([], {})
    crops, people = bench.images[rows], bench.people[rows]
    own = m.levels(rows, rival.units)
    edits, _ = rival(crops, own, asked(own, rival.units, AU45=1.0))
    read = judges.estimator(edits, ("AU45",))[:, 0]
    found = [Score("eyelids", "AU45 read after asking 1", ESTIMATOR, "higher", interval(read, people))]
    if judges.landmarks is None or m.seen is None:
        return Section(found, {})
    before, after = m.seen.geometry["eye_aspect_ratio"][rows], judges.landmarks(edits).geometry["eye_aspect_ratio"]
    closed = after <= CLOSED
    left = _iris_left(crops, edits, m.seen.points[rows])
    smiles, _ = rival(crops, own, asked(own, rival.units, AU12=1.0))
    looks = gaze(judges.landmarks(smiles).points)
    moved = np.linalg.norm(looks - gaze(m.seen.points[rows]), axis=2).mean(1)
    clean = np.where(np.isfinite(left[:, 1]), closed & (left[:, 1] <= GHOST), np.nan)
    found += [
        Score("eyelids", "eye aspect ratio before", LANDMARKS, "", interval(before, people)),
        Score("eyelids", "eye aspect ratio at AU45 = 1", LANDMARKS, "lower", interval(after, people)),
        Score("eyelids", "share closed", LANDMARKS, "higher", interval(closed.astype(float), people)),
        Score("eyelids", "iris left, source", "colours", "", interval(left[:, 0], people)),
        Score("eyelids", "iris left", "colours", "lower", interval(left[:, 1], people)),
        Score("eyelids", "share closed without a ghost", LANDMARKS, "higher", interval(clean, people)),
        Score("eyelids", "gaze shift in a smile, eye widths", LANDMARKS, "lower", interval(moved, people)),
    ]
    return Section(found, {})


def _iris_left(crops: np.ndarray, edits: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Source and edited crops [n, S, S, 3], the source's landmarks [n, 478, 2] → `metrics.iris_left` [n, 2]; NaN: no iris."""
    left = np.full((len(crops), 2), np.nan)
    for i, where in enumerate(points):
        pictures = enlarged(np.stack([crops[i], edits[i]]))
        if discs := iris_discs(pictures[0], where):
            left[i] = [np.mean([metrics.iris_left(picture, *disc) for disc in discs]) for picture in pictures]
    return left


def gaps(m: Measured, rival: Contender) -> Section:
    """Pairs of one person: how much nearer to the true second picture."""
    found: list[Score] = []
    for title, pairs in (("gap closed, video pairs", m.bench.pairs), ("gap closed, openpeople", m.bench.sheets)):
        if len(pairs):
            found += _gap(m, rival, title, pairs)
    return Section(found, {})


def _laid_onto(images: np.ndarray, points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Crops uint8 [n, S, S, 3] shifted, turned and scaled so that their points RIGID [n, 478, 2] come onto others: an edit leaves
    the head where it is, and the crop of a second picture follows the mouth's middle."""
    scale = max(images.shape[1], JUDGED) / images.shape[1]
    p, q = (((x[:, RIGID] + 0.5) / scale - 0.5).astype(np.float32) for x in (points, onto))
    side = images.shape[1:3]
    return np.stack([
        cv2.warpAffine(image, matrix, side, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for image, matrix in zip(images, similarity_between(p, q), strict=True)
    ])  # fmt: skip


def _gap(m: Measured, rival: Contender, title: str, pairs: np.ndarray) -> list[Score]:
    """Edits of the first pictures with the units of the second ones; and, by a model that knows turns of the head and a judge that
    sees them, with the turn between the two asked for as well."""
    a, b = pairs.T
    own, wanted = m.levels(a, rival.units), m.levels(b, rival.units)
    found = _closed(m, title, pairs, rival(m.bench.images[a], own, wanted)[0])
    if m.judges.landmarks and m.seen and set(TURNS) <= set(rival.units):
        turn = np.clip(head_turn(m.seen.solid[a], m.seen.solid[b]) / TURN_DEGREES, -1, 1)
        left, down = np.maximum(turn, 0).T
        right, up = np.maximum(-turn, 0).T
        turned = asked(wanted, rival.units, **dict(zip(TURNS, (left, right, up, down), strict=True)))
        found += _closed(m, title + TURNED, pairs, rival(m.bench.images[a], own, turned)[0])
    return found


def _closed(m: Measured, title: str, pairs: np.ndarray, edits: np.ndarray) -> list[Score]:
    a, b = pairs.T
    bench, judges = m.bench, m.judges
    people, true = bench.people[a], bench.images[b]
    face = face_mask(bench.images.shape[1])[None, ..., None] > 0.5

    def pixels(x: np.ndarray, other: np.ndarray = true) -> np.ndarray:
        return (np.abs(x.astype(np.float64) - other) * face).mean((1, 2, 3))

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
        solid = m.seen.solid
        held, copied = (head_held(moving, solid[b])[..., :2] for moving in (read.solid, solid[a]))
        distances["in landmarks, head held still", LANDMARKS] = (
            shape_distance(held, points[b]),
            shape_distance(copied, points[b]),
        )
    distances["in AUs", ESTIMATOR] = norm(judges.estimator(edits) - m.levels(b)), norm(m.levels(a) - m.levels(b))
    distances["in pixels (L1 on the face)", ""] = pixels(edits), pixels(bench.images[a])
    if m.seen:
        laid = _laid_onto(true, m.seen.points[b], m.seen.points[a])
        distances["in pixels, head held still", LANDMARKS] = pixels(edits, laid), pixels(bench.images[a], laid)
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
