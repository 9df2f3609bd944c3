"""Who and what: which faces, requests and pairs the contenders are measured on, what the judges see there, and the scores.

Faces come from one split of a dataset directory, chosen once from a seed and written down. Whoever repeats an evaluation
gives the manifest's seed and counts, or compares the keys that the result lists.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.errors import DatasetError
from dftnet.evaluation.along_mesh import MeshDirections, mesh_directions
from dftnet.evaluation.config import Counts
from dftnet.evaluation.judges import Judges, LandmarkReading
from dftnet.faces.align import align
from dftnet.faces.detect import FaceDetector
from dftnet.faces.mesh import FaceMesh
from dftnet.media.image import read_image
from dftnet.metrics import Interval, interval
from dftnet.units import AU_NAMES, in_units, levels_as

POSE = 6.0
"""Frames of a pair differ by no more degrees of yaw, pitch and roll."""
AHEAD = 15.0
"""Degrees of yaw up to which a face looks ahead."""
SHUT = 0.8
"""AU45 from which an eye is shut."""
EXPRESSIONS = (
    *("Neutral", "Happy", "Sad", "Angry", "Surprised", "Disgusted", "Scared", "Confused"),
    *("Smug", "Flirty", "Thoughtful", "Pensive", "Exhausted", "Shocked", "Playful", "Determined"),
)
"""The cells of openpeople's sheets, row by row."""
HIDDEN = ("Thoughtful", "Playful")
"""A hand before the chin, a tongue: no Action Unit of the vocabulary makes them."""


@dataclass(frozen=True)
class Bench:
    """Rows of `images` and what is asked of them."""

    images: np.ndarray
    """uint8 [n, S, S, 3]."""
    keys: np.ndarray
    """str [n]."""
    people: np.ndarray
    """str [n]: whose face it is; a photo without a subject of its own is a person of its own."""
    faces: np.ndarray
    """int [m]: edited for landing, identity, the null edit, the cycle, realism, flow and eyelids."""
    donors: np.ndarray
    """int [m]: the face whose AUs are asked of faces[i]."""
    neutral: np.ndarray
    """int: the least expressive faces of the split, edited unit by unit, level by level."""
    closed: np.ndarray
    """int: faces with both eyes shut, asked to open them."""
    pairs: np.ndarray
    """int [p, 2]: two frames of one person, near in pose and far apart in expression."""
    real: np.ndarray
    """int: real faces of other rows than `faces`, for realism."""
    sheets: np.ndarray
    """int [q, 2]: the same as pairs, from openpeople's labelled expressions (neutral → expression)."""

    def manifest(self) -> dict:
        """Everything chosen, by key."""
        name = lambda rows: self.keys[rows].tolist()  # noqa: E731
        return {
            "faces": name(self.faces), "donors": name(self.donors), "neutral": name(self.neutral),
            "closed": name(self.closed), "pairs": name(self.pairs), "real": name(self.real), "sheets": name(self.sheets),
        }  # fmt: skip

    @property
    def sizes(self) -> dict[str, int]:
        """How many were found of what a split may have too few of."""
        return {name: len(getattr(self, name)) for name in ("neutral", "closed", "pairs", "sheets")}


def build(data: FaceData, split: str, counts: Counts, seed: int, with_sheets: bool = True) -> Bench:
    """Choose faces, donors and pairs of a split; half of the faces are photos, half video frames, spread over people. Which
    faces are neutral or have closed eyes is in the labels, whatever the seed."""
    rows = data.rows(split)
    if len(rows) < 4:
        raise DatasetError(f"{data.path} has {len(rows)} faces in its {split} split: evaluation needs 4 or more")
    rng = np.random.default_rng(seed)
    people = person_of(data)
    _, whose, many = np.unique(people[rows], return_inverse=True, return_counts=True)
    alone, together = rows[many[whose] == 1], rows[many[whose] > 1]
    faces = _half_photos(rng.permutation(alone), spread_over(together, people, rng), counts.faces)
    donors = rng.permutation(rows)[np.arange(len(faces)) % len(rows)]
    same = donors == faces
    donors[same] = rows[(np.searchsorted(rows, donors[same]) + 1) % len(rows)]
    pairs = choose_pairs(data, together, counts.pairs, rng)
    real = rng.permutation(np.setdiff1d(rows, faces))[: counts.real]
    neutral, closed = neutral_faces(data, rows, counts.neutral), closed_eyes(data, rows, counts.closed)
    chosen = [faces, donors, neutral, closed, pairs.ravel(), real]
    kept, place = np.unique(np.concatenate(chosen), return_inverse=True)
    faces, donors, neutral, closed, flat, real = np.split(place, np.cumsum([len(part) for part in chosen])[:-1])
    images, keys, whose_keys = data.images()[kept], data.keys[kept], people[kept]
    sheets = np.zeros((0, 2), np.int64)
    if with_sheets and (cells := list(expression_cells(data.size))):
        crops, names, persons, sheets = _as_pairs(cells, len(images))
        images, keys = np.concatenate([images, crops]), np.concatenate([keys, names])
        whose_keys = np.concatenate([whose_keys, persons])
    return Bench(images, keys, whose_keys, faces, donors, neutral, closed, flat.reshape(-1, 2), real, sheets)


def neutral_faces(data: FaceData, rows: np.ndarray, count: int) -> np.ndarray:
    """int [≤ count]: of the rows that look ahead each person's least expressive face by the labels, and of these the least
    expressive."""
    yaw = data.extras.get("yaw", np.zeros(len(data), np.float32))
    ahead = rows[~(np.abs(yaw[rows]) > AHEAD)]
    return _first_of_each(data, ahead[np.argsort(data.aus[ahead].sum(1), kind="stable")], count)


def closed_eyes(data: FaceData, rows: np.ndarray, count: int) -> np.ndarray:
    """int [≤ count]: rows whose AU45 is SHUT or more on either side by the labels "sides" where the set has them (else by its own,
    which know no sides), the most closed of each person first."""
    try:
        names, levels = data.label_set("sides")
    except FileNotFoundError:
        names, levels = data.label_set()
    lids = levels_as(levels[rows], names, ("AU45L", "AU45R")).min(1)
    order = np.argsort(-lids, kind="stable")
    return _first_of_each(data, rows[order[lids[order] >= SHUT]], count)


def _first_of_each(data: FaceData, rows: np.ndarray, count: int) -> np.ndarray:
    """The first `count` of the rows in an order that takes everyone's first, then everyone's second, and so on."""
    return rows[np.argsort(turns(person_of(data)[rows]), kind="stable")][:count]


def _half_photos(singles: np.ndarray, spread: np.ndarray, count: int) -> np.ndarray:
    """Up to `count` rows, half of them from `singles`, more from either where the other has too few."""
    take = max(count // 2, count - len(spread))
    return np.concatenate([singles[:take], spread[: count - min(take, len(singles))]])


def person_of(data: FaceData) -> np.ndarray:
    """str [n]: the subject; where a subject is the collection's own name (or empty) each face is its own person."""
    nobody = (data.subject == data.source) | (data.subject == "")
    return np.where(nobody, np.char.add("photo:", data.keys.astype(str)), data.subject.astype(str))


def spread_over(rows: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rows in an order that takes one face of each person, then a second of each, and so on."""
    mixed = rng.permutation(rows)
    return mixed[np.argsort(turns(people[mixed]), kind="stable")]


def turns(people: np.ndarray) -> np.ndarray:
    """int [n]: how often each one's person has come before."""
    seen: dict[str, int] = {}
    turn = np.zeros(len(people), np.int64)
    for i, person in enumerate(people):
        turn[i] = seen[person] = seen.get(person, -1) + 1
    return turn


def choose_pairs(data: FaceData, rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """int [p, 2]: frames of one person within POSE, the same number a person; of eight candidates the one that is
    farthest in one unit, each unit in turn."""
    people = person_of(data)
    nothing = np.zeros(len(data), np.float32)
    pose = np.nan_to_num(np.stack([data.extras.get(name, nothing) for name in ("yaw", "pitch", "roll")], 1))
    aus = data.aus
    groups = [rows[people[rows] == person] for person in np.unique(people[rows])]
    groups = [group for group in groups if len(group) > 1]
    found: list[tuple[int, int]] = []
    for turn in range(4 * count):
        if len(found) >= count or not groups:
            break
        group = groups[turn % len(groups)]
        a = int(rng.choice(group))
        near = group[(np.abs(pose[group] - pose[a]) <= POSE).all(1) & (group != a)]
        if not len(near):
            continue
        b = rng.choice(near, min(8, len(near)), replace=False)
        unit = int(rng.integers(aus.shape[1]))
        change = np.abs(aus[b] - aus[a])
        pair = (a, int(b[np.argmax(change[:, unit] + change.mean(1))]))
        if pair not in found:
            found.append(pair)
    return np.array(found, np.int64).reshape(-1, 2)


def openpeople_pictures(name: str) -> list[Path]:
    """assets/NAME.jpg of every person of the package openpeople, [] where it is not installed."""
    package = importlib.util.find_spec("openpeople")
    folders = package.submodule_search_locations or [] if package else []
    return sorted(p for f in folders for p in (Path(f) / "data" / "curated").glob(f"*/assets/{name}.jpg"))


def sheet_cell(sheet: np.ndarray, expression: str) -> np.ndarray:
    """One of EXPRESSIONS of a person's sheet, uint8 [H, W, 3]."""
    height, width = sheet.shape[:2]
    row, column = divmod(EXPRESSIONS.index(expression), 4)
    top, left = round(height * (0.045 + 0.2355 * row)), round(width * column / 4)
    return np.ascontiguousarray(sheet[top : top + round(0.2355 * height), left : left + width // 4])


def expression_cells(size: int) -> Iterator[tuple[str, str, np.ndarray, float]]:
    """(person, expression, crop [S, S, 3], how far the nose is from the middle of the eyes) of each cell with a face."""
    detector = FaceDetector()
    for path in openpeople_pictures("emotions_sheet"):
        sheet = read_image(path)
        for expression in EXPRESSIONS:
            part = sheet_cell(sheet, expression)
            if expression in HIDDEN or not (faces := detector(part)):
                continue
            points = faces[0].landmarks.astype(np.float64)
            eyes = points[1] - points[0]
            side = float((points[2] - points[:2].mean(0)) @ eyes / (eyes @ eyes))
            yield path.parts[-3], expression, align(part, faces[0].landmarks, size)[0], side


def _as_pairs(cells: list, start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Crops, keys, people, and the pairs neutral → expression that look the same way, as rows counted from `start`."""
    crops = np.stack([cell[2] for cell in cells])
    keys = np.array([f"openpeople-{person}-{expression}" for person, expression, _, _ in cells])
    people = np.array([f"openpeople-{cell[0]}" for cell in cells])
    neutral = {cell[0]: i for i, cell in enumerate(cells) if cell[1] == "Neutral"}
    pairs = [
        (start + neutral[person], start + i)
        for i, (person, expression, _, side) in enumerate(cells)
        if expression != "Neutral" and person in neutral and abs(side - cells[neutral[person]][3]) < 0.12
    ]
    return crops, keys, people, np.array(pairs, np.int64).reshape(-1, 2)


class Score(NamedTuple):
    """One number of one contender."""

    section: str
    name: str
    judge: str
    """Who measured; "" where no judge is needed."""
    better: str
    """"higher", "lower" or ""."""
    interval: Interval


class Section(NamedTuple):
    """What one section of the evaluation found of one contender."""

    scores: list[Score]
    details: dict[str, dict]
    """Title → table: AU → numbers, or name → number."""


def joined(sections: Sequence[Section]) -> Section:
    """The scores and tables of several, in order."""
    return Section(
        [s for one in sections for s in one.scores], {t: d for one in sections for t, d in one.details.items()}
    )


@dataclass(frozen=True)
class Measured:
    """What all scores stand on: the bench, read once by all judges."""

    bench: Bench
    judges: Judges
    own: np.ndarray
    """float32 [n, K]: the estimator's reading of every face, in its own units."""
    seen: LandmarkReading | None
    """The landmark judge's reading of every face (of `real` too)."""
    embedded: np.ndarray | None
    """float32 [n, d]."""
    counts: Counts
    mesh: MeshDirections | None = None
    """Directions of the units in the landmarks; None without a mesh or the landmark judge."""

    def levels(self, rows: np.ndarray, units: Sequence[str] = AU_NAMES) -> np.ndarray:
        """float32 [len(rows), len(units)]: the estimator's reading of faces of the bench, in any units."""
        return levels_as(self.own[rows], self.judges.estimator.names, units)


def read_bench(bench: Bench, judges: Judges, counts: Counts, mesh: FaceMesh | None = None) -> Measured:
    """The judges look at every face of the bench once; the units' directions in the landmarks come from `mesh`, of the 40 units."""
    seen = judges.landmarks(bench.images) if judges.landmarks else None
    embedded = judges.embedding(bench.images) if judges.embedding else None
    own = judges.estimator(bench.images, judges.estimator.names)
    directions = None
    if mesh and seen:
        real = np.union1d(bench.faces, bench.real)
        directions = mesh_directions(mesh, seen.points[bench.neutral], seen.points[real])
    return Measured(bench, judges, own, seen, embedded, counts, directions)


def asked(own: np.ndarray, units: Sequence[str], **values: float | np.ndarray) -> np.ndarray:
    """Levels [n, K] of `units` with some set, to a number or to one for each face; a two-sided unit sets both of its sides where
    `units` has them."""
    wanted = own.copy()
    for name, value in in_units(values, units).items():  # type: ignore[arg-type]
        wanted[:, units.index(name)] = value
    return wanted


def decibels(values: np.ndarray, people: np.ndarray) -> Interval:
    """Mean of dB; infinite where every picture is exact (single exact pictures count as 100 dB)."""
    if len(values) and np.isinf(values).all():
        return Interval(float("inf"), float("inf"), float("inf"), len(values), len(np.unique(people)))
    return interval(np.minimum(values, 100), people)
