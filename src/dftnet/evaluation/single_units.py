"""Whether a single unit lands, and nothing else: each on its own, one side, the gaze, eyes that close and open."""

from __future__ import annotations

import numpy as np

from dftnet import metrics
from dftnet.au_sources.mediapipe import BLENDSHAPES
from dftnet.aus import AU_NAMES
from dftnet.evaluation.along_mesh import HARDLY_SEEN
from dftnet.evaluation.bench import Measured, Score, Section, asked
from dftnet.evaluation.doses import LEVELS, Doses
from dftnet.evaluation.judges import ESTIMATOR, LANDMARKS, LandmarkReading, enlarged
from dftnet.evaluation.landmarks import eye_turns, iris_contrast, lid_shift
from dftnet.evaluation.methods import Contender
from dftnet.faces.mesh import GAZE
from dftnet.metrics import interval
from dftnet.units import side_free

BOTH = ("Left", "Right")
OWN_SHAPES: dict[str, tuple[str, ...]] = {
    "AU01": ("browInnerUp",), "AU17": ("mouthShrugLower",), "AU18": ("mouthPucker",), "AU22": ("mouthFunnel",),
    "AU26": ("jawOpen",), "AU28": ("mouthRollLower", "mouthRollUpper"), "AU30L": ("jawLeft",), "AU30R": ("jawRight",),
    **{
        unit: tuple(shape + side for side in BOTH)
        for unit, shape in {
            "AU02": "browOuterUp", "AU04": "browDown", "AU05": "eyeWide", "AU07": "eyeSquint", "AU10": "mouthUpperUp",
            "AU12": "mouthSmile", "AU14": "mouthDimple", "AU15": "mouthFrown", "AU20": "mouthStretch",
            "AU23": "mouthPress", "AU25": "mouthLowerDown", "AU45": "eyeBlink",
        }.items()
    },
}  # fmt: skip
"""Unit → MediaPipe's own blendshapes of it. AU06, 09 and 34 have none that ever moves."""
SIDES = {"AU45": "eyeBlink", "AU02": "browOuterUp", "AU12": "mouthSmile", "AU15": "mouthFrown"}
"""Unit → the blendshape that tells its sides apart."""
LOOKS = {"left": ("AU61", "AU62"), "right": ("AU62", "AU61"), "up": ("AU63", "AU64"), "down": ("AU64", "AU63")}
"""Where the person looks → unit asked for at 1, and its opposite, at 0."""
SHUT, OPENED = 0.6, 0.3
"""eyeBlink from which an eye has closed, and below which it has opened."""
STEADY, STEADY_ALONG = 0.01, 0.05
"""A reading, a place along the mesh, that falls by no more from one level to the next is monotone."""


def names_of(unit: str) -> tuple[str, ...]:
    """MediaPipe's own blendshapes of a unit, of its side alone where it has one; () where MediaPipe has none."""
    if unit in OWN_SHAPES:
        return OWN_SHAPES[unit]
    other = {"L": "Right", "R": "Left"}.get(unit[-1], "none")
    return tuple(name for name in OWN_SHAPES.get(side_free(unit), ()) if not name.endswith(other))


def own_shape(shapes: np.ndarray, unit: str) -> np.ndarray:
    """Blendshapes [..., 52] → the unit's own [...]: the mean of its shapes, of a blink the lesser eye."""
    values = shapes.astype(np.float64)[..., [BLENDSHAPES.index(name) for name in names_of(unit)]]
    return values.min(-1) if unit == "AU45" else values.mean(-1)


def single_units(m: Measured, doses: Doses) -> Section:
    """Of each unit alone: how far it goes, whether it does so steadily, what it takes along, whether a value means what it says."""
    people, readable = m.bench.people[m.bench.neutral], m.judges.estimator.reads
    table: dict[str, dict[str, float]] = {name: {} for name in doses.units}
    found = []
    known = [k for k, name in enumerate(doses.units) if readable(name)]
    curves = np.stack([doses.read[k, :, :, k] for k in known], 1)  # [n, K, levels]
    error = np.abs(curves - LEVELS)[..., 1:]
    up = np.stack([metrics.monotone(curves[:, i], STEADY) for i in range(len(known))], 1)
    for i, k in enumerate(known):
        name = doses.units[k]
        leaks = np.stack(metrics.leakage((doses.read[k, :, -1] - doses.read[k, :, 0])[:, known], i), -1).mean(0)
        leakage = float(leaks[0] / leaks[1]) if leaks[1] > STEADY else float("nan")
        table[name] |= {"monotone, estimator": float(up[:, i].mean())}
        table[name] |= {"leakage": leakage}
        table[name] |= {f"error at {level:g}": float(error[:, i, j].mean()) for j, level in enumerate(LEVELS[1:])}
        table[name] |= {"error": float(error[:, i].mean())}
    ours = [i for i, k in enumerate(known) if doses.units[k] in AU_NAMES]
    found += [
        Score("single units", "monotone, the worst unit", ESTIMATOR, "higher", _worst(up[:, ours], people)),
        Score(
            "single units",
            "request against reading, error",
            ESTIMATOR,
            "lower",
            interval(error[:, ours].mean((1, 2)), people),
        ),
    ]
    if m.judges.landmarks and m.seen:
        found += _by_blendshapes(m, doses, table, people)
    if m.mesh and m.seen:
        found += _along_mesh(m, doses, table, people)
    return Section(found, {"single units": {name: row for name, row in table.items() if row}})


def _by_blendshapes(m: Measured, doses: Doses, table: dict[str, dict[str, float]], people: np.ndarray) -> list[Score]:
    """Steadiness and rise of MediaPipe's own blendshape; adds them to the rows of `table`."""
    assert m.seen is not None
    before, found, up = m.seen.blendshapes[m.bench.neutral], [], []
    for k, name in enumerate(doses.units):
        if name not in OWN_SHAPES:
            continue
        curve = own_shape(doses.shapes[k], name)
        rise = curve[:, -1] - own_shape(before, name)
        steady = metrics.monotone(curve, STEADY)
        if name in AU_NAMES and name not in HARDLY_SEEN:
            up.append(steady)
        table[name] |= {"monotone, MediaPipe": float(steady.mean()), "rise, MediaPipe": float(rise.mean())}
        first, *more = OWN_SHAPES[name]
        what = first.removesuffix("Left").removesuffix("Lower") if more else first
        found.append(
            Score("single units", f"{name} at 1: {what} rises by", LANDMARKS, "higher", interval(rise, people))
        )
    return [
        Score("single units", "monotone, the worst unit", LANDMARKS, "higher", _worst(np.stack(up, 1), people)),
        *found,
    ]


def _along_mesh(m: Measured, doses: Doses, table: dict[str, dict[str, float]], people: np.ndarray) -> list[Score]:
    """How far the landmarks go along the mesh, and how steadily; adds both to the rows of `table`."""
    assert m.seen is not None
    assert m.mesh is not None
    found, before = [], m.seen.points[m.bench.neutral]
    for k, name in enumerate(doses.units):
        rise = doses.along[k, :, -1] - m.mesh.along(name, before)
        steady = metrics.monotone(doses.along[k], STEADY_ALONG)
        table[name] |= {"monotone, mesh": float(steady.mean()), "along the mesh": float(rise.mean())}
        if name in HARDLY_SEEN:
            what = f"{name} at 1: along the mesh, standard deviations"
            found.append(Score("single units", what, LANDMARKS, "higher", interval(rise, people)))
    return found


def _worst(up: np.ndarray, people: np.ndarray) -> metrics.Interval:
    """bool [n, K] → the share of faces of the unit that has the smallest."""
    counted = np.column_stack([up.astype(float), np.ones(len(up))])
    return interval(counted, people, lambda sums: (sums[..., :-1] / np.maximum(sums[..., -1:], 1)).min(-1))


def sides(m: Measured, rival: Contender) -> Section:
    """One side at 1: that side's blendshape, and the other's."""
    found, table = [], {}
    people, before = m.bench.people[m.bench.neutral], _before(m)
    for unit in (base + side for base in SIDES for side in "LR"):
        if before is None or not rival.knows(unit):
            continue
        edits, seen = _edited(m, rival, m.bench.neutral, **{unit: 1.0})
        own, other = BOTH if unit[-1] == "L" else BOTH[::-1]
        shape = SIDES[unit[:-1]]
        places = [BLENDSHAPES.index(shape + side) for side in (own, other)]
        change = (seen.blendshapes - before.blendshapes[m.bench.neutral])[:, places]
        found += [
            Score("sides", f"{unit} at 1: {shape}{own} rises by", LANDMARKS, "higher", interval(change[:, 0], people)),
            Score(
                "sides",
                f"{unit} at 1: {shape}{other} moves by",
                LANDMARKS,
                "lower",
                interval(np.abs(change[:, 1]), people),
            ),
        ]
        pair = (unit, unit[:-1] + ("R" if unit[-1] == "L" else "L"))
        if all(name in m.judges.estimator.names for name in pair):
            read = m.judges.estimator.by_halves
            moved = read(edits, pair) - read(m.bench.images[m.bench.neutral], pair)
            table[unit] = {"own side, estimator": float(moved[:, 0].mean()), "other": float(np.abs(moved[:, 1]).mean())}
    return Section(found, {"sides": table} if table else {})


def gaze(m: Measured, rival: Contender) -> Section:
    """Eyes turned: the irises' way over the way asked for, and how far the lids move."""
    found: list[Score] = []
    rows, before = m.bench.neutral, _before(m)
    for where, pair in LOOKS.items():
        if before is None or not all(rival.knows(unit) for unit in pair):
            continue
        _, seen = _edited(m, rival, rows, **dict(zip(pair, (1.0, 0.0), strict=True)))
        motion = np.array(GAZE[pair[0]])
        along = motion / np.linalg.norm(motion)
        change = np.array([1.0, 0.0]) - m.levels(rows, pair)
        wanted = change @ (np.array([GAZE[unit] for unit in pair]) @ along)
        moved = (eye_turns(seen.points) - eye_turns(before.points[rows])).mean(1) @ along
        lids = lid_shift(before.points[rows], seen.points)
        people = m.bench.people[rows]
        share = interval(np.stack([moved, wanted], 1), people)
        found += [
            Score("gaze", f"{where}: way of the iris, of that asked", LANDMARKS, "", share),
            Score("gaze", f"{where}: lids move, eye widths", LANDMARKS, "lower", interval(lids, people)),
        ]
    return Section(found, {})


def eyes(m: Measured, rival: Contender) -> Section:
    """Open eyes asked to close, and shut ones to open."""
    found: list[Score] = []
    tests = (
        (f"closed: share with eyeBlink of {SHUT:g} or more", m.bench.neutral, 1.0, lambda blink: blink.min(1) >= SHUT),
        (f"opened: share with eyeBlink below {OPENED:g}", m.bench.closed, 0.0, lambda blink: blink.max(1) < OPENED),
    )
    for name, rows, level, holds in tests:
        if _before(m) is not None and len(rows):
            edits, seen = _edited(m, rival, rows, AU45=level)
            blink = seen.blendshapes[:, [BLENDSHAPES.index("eyeBlink" + side) for side in BOTH]]
            people, good = m.bench.people[rows], holds(blink)
            found.append(Score("eyes", name, LANDMARKS, "higher", interval(good.astype(float), people)))
            if level == 0:
                seen_irises = good & (iris_contrast(enlarged(edits), seen.points) >= _contrast_of_real(m))
                what = f"{name}, and irises to be seen"
                found.append(Score("eyes", what, LANDMARKS, "higher", interval(seen_irises.astype(float), people)))
    return Section(found, {})


def _contrast_of_real(m: Measured) -> float:
    """What 95 % of the neutral faces' irises have of contrast."""
    assert m.seen is not None
    rows = m.bench.neutral
    return float(np.quantile(iris_contrast(enlarged(m.bench.images[rows]), m.seen.points[rows]), 0.05))


def _before(m: Measured) -> LandmarkReading | None:
    """The landmark judge's reading of the bench; None without that judge."""
    return m.seen if m.judges.landmarks else None


def _edited(m: Measured, rival: Contender, rows: np.ndarray, **values: float) -> tuple[np.ndarray, LandmarkReading]:
    """The faces with some units set, and what the landmark judge sees on them."""
    assert m.judges.landmarks is not None
    own = m.levels(rows, rival.units)
    edits, _ = rival(m.bench.images[rows], own, asked(own, rival.units, **values))
    return edits, m.judges.landmarks(edits)
