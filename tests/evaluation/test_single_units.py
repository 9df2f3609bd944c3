"""Single units, sides, gaze and eyes: models that do exactly what is known, judges that read it from the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dftnet.au_sources.mediapipe import BLENDSHAPES
from dftnet.aus import AU_NAMES
from dftnet.evaluation import single_units
from dftnet.evaluation.along_mesh import HARDLY_SEEN, mesh_directions
from dftnet.evaluation.bench import Bench, Measured, Section, read_bench
from dftnet.evaluation.config import Counts
from dftnet.evaluation.doses import MORE_UNITS, read_doses
from dftnet.evaluation.evaluate import each_unit
from dftnet.evaluation.judges import AuJudge, Judges, LandmarkReading
from dftnet.evaluation.landing import _laid_onto
from dftnet.evaluation.landmarks import EYES, eye_turns, geometry, iris_contrast
from dftnet.evaluation.methods import COPY, Contender, _still
from dftnet.faces.mesh import EYE_RINGS, GAZE, FaceMesh
from dftnet.inference.sessions import Maps
from dftnet.units import UNITS
from tests.toy_mesh import write_toy_mesh

COUNTS = Counts(faces=2, neutral=4, closed=2, pairs=0, real=0, photos=1, rounds=1)
NEUTRAL, CLOSED = np.arange(4), np.arange(4, 6)
BLINKS = ["eyeBlinkLeft", "eyeBlinkRight"]


def drawn(levels: np.ndarray) -> np.ndarray:
    """Levels [n, 40] in [0, 1] → crops uint8 [n, 128, 128, 3] that show them in their first row, from both ends."""
    crops = np.full((len(levels), 128, 128, 3), 90, np.uint8)
    crops[:, 0, : len(UNITS), 0] = np.rint(np.asarray(levels) * 200)
    crops[:, 0, -len(UNITS) :, 0] = crops[:, 0, : len(UNITS), 0][:, ::-1]
    return crops


def seen(crops: np.ndarray) -> np.ndarray:
    """What `drawn` drew, float32 [n, 40]."""
    return (crops[:, 0, : len(UNITS), 0] / 200).astype(np.float32)


def level(levels: np.ndarray, unit: str) -> np.ndarray:
    return levels[:, UNITS.index(unit)]


class Landmarks:
    """A landmark judge whose blendshapes and irises are the levels drawn."""

    name, aus, names = "drawn", AU_NAMES[:3], BLENDSHAPES
    expressive = np.ones(52, bool)

    def __call__(self, crops: np.ndarray) -> LandmarkReading:
        levels = seen(crops)
        shapes = np.zeros((len(crops), 52), np.float32)
        for unit, names in single_units.OWN_SHAPES.items():
            for name in names:
                own = unit if unit in UNITS else unit + ("R" if name.endswith("Right") else "L")
                shapes[:, BLENDSHAPES.index(name)] = level(levels, own)
        points = np.zeros((len(crops), 478, 2)) + np.arange(478)[:, None]
        for eye, left in zip(EYES, (30.0, 70.0), strict=True):
            for corner, x in zip(eye["corners"], (left, left + 20), strict=True):
                points[:, corner] = x, 50
            turn = sum(level(levels, unit)[:, None] * np.array(way) for unit, way in GAZE.items())
            points[:, list(eye["iris"])] = (np.array([left + 10, 50.0]) + 20 * turn)[:, None]
            for pair in eye["lids"]:
                points[:, pair[0]], points[:, pair[1]] = (left + 10, 47), (left + 10, 53)
        return LandmarkReading(points, shapes, shapes[:, :3], geometry(points), points[..., 0])


class Reader:
    """An estimator that reads the levels drawn."""

    names, note = UNITS, "drawn"

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        return seen(crops)


class Obedient(Contender):
    """Draws what it is asked for, or `does` of it."""

    does = None

    @property
    def units(self) -> tuple[str, ...]:
        return UNITS

    def __call__(self, crops: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Maps]:
        edits = drawn(self.does(target.copy()) if self.does else target)
        return edits, _still(edits)


@pytest.fixture
def measured() -> Measured:
    levels = np.zeros((6, len(UNITS)), np.float32)
    for name in ("AU45L", "AU45R"):
        levels[CLOSED, UNITS.index(name)] = 1
    people = np.array([f"p{i}" for i in range(6)])
    none = np.zeros((0, 2), np.int64)
    bench = Bench(drawn(levels), people, people, NEUTRAL[:2], NEUTRAL[2:], NEUTRAL, CLOSED, none, none[:, 0], none)
    judges = Judges(AuJudge(Reader()), Landmarks())  # type: ignore[arg-type]
    return read_bench(bench, judges, COUNTS)


def values(*sections: Section) -> dict[str, float]:
    return {f"{s.section}: {s.name}": s.interval.value for section in sections for s in section.scores}


def doing(does) -> Obedient:
    """A model that draws does(levels asked for) [n, 40]."""
    rival = Obedient("fake", None)
    object.__setattr__(rival, "does", does)
    return rival


def left_only(levels: np.ndarray) -> np.ndarray:
    levels[:, [name.endswith("R") for name in UNITS]] = 0
    return levels


def test_a_model_that_does_as_asked(measured: Measured) -> None:
    found = each_unit(measured, Obedient("good", None))
    scores, table = values(found), found.details["single units"]
    assert list(table) == [*AU_NAMES, *MORE_UNITS]
    assert scores["single units: monotone, the worst unit"] == 1
    assert scores["single units: request against reading, error"] == pytest.approx(0, abs=1e-6)
    assert scores["single units: AU01 at 1: browInnerUp rises by"] == pytest.approx(1)
    assert scores["single units: AU12 at 1: mouthSmile rises by"] == pytest.approx(1)
    assert scores["single units: AU30R at 1: jawRight rises by"] == pytest.approx(1)
    assert all(row["leakage"] == pytest.approx(0, abs=1e-6) for row in table.values())
    assert scores["single units: AU30L at 1: jawLeft rises by"] == pytest.approx(1)
    assert scores["single units: AU28 at 1: mouthRoll rises by"] == pytest.approx(1)
    assert "rise, MediaPipe" not in table["AU09"]


def test_landmarks_along_the_mesh(measured: Measured, tmp_path: Path) -> None:
    mesh = FaceMesh.load(write_toy_mesh(tmp_path / "mesh.npz"), UNITS)
    rng = np.random.default_rng(0)
    neutral = np.zeros((4, 478, 2))
    neutral[:, :468] = 64 + mesh.vertices[:, :2] * [6, -6]
    real = neutral[:1] + rng.normal(0, 2, (400, 478, 2))
    known = mesh_directions(mesh, neutral, real)
    assert known.spread["AU09"] == pytest.approx(2, rel=0.15)
    still = np.zeros((4, len(UNITS)), np.float32)
    target = still.copy()
    target[:, [UNITS.index("AU09L"), UNITS.index("AU09R")]] = 1
    moved = mesh.targets(neutral.astype(np.float32), still, target)
    way = np.linalg.norm((moved - neutral)[0, :468]) / known.spread["AU09"]
    assert known.along("AU09", moved) - known.along("AU09", neutral) == pytest.approx([way] * 4, rel=1e-3)

    scores = values(each_unit(replace(measured, mesh=known), Obedient("good", None)))
    rows = [name for name in scores if name.endswith("along the mesh, standard deviations")]
    assert [name.split()[2] for name in rows] == list(HARDLY_SEEN)
    assert not any("along the mesh" in name for name in values(each_unit(measured, Obedient("good", None))))


def test_a_model_that_does_half_and_takes_another_along(measured: Measured) -> None:
    def half(levels: np.ndarray) -> np.ndarray:
        levels = levels / 2
        levels[:, UNITS.index("AU17")] += 0.4 * level(levels, "AU26")
        return levels

    table = each_unit(measured, doing(half)).details["single units"]
    assert table["AU12"]["rise, MediaPipe"] == pytest.approx(0.5)
    assert [table["AU12"][f"error at {at:g}"] for at in (0.25, 0.5, 0.75, 1)] == pytest.approx(
        [0.125, 0.25, 0.375, 0.5], abs=0.004
    )
    assert table["AU12"]["error"] == pytest.approx(0.3125, abs=0.002)
    others = len(AU_NAMES) + len(MORE_UNITS) - 1
    assert table["AU26"]["leakage"] == pytest.approx(0.4 / others)
    assert table["AU12"]["leakage"] == 0


def test_a_unit_that_does_not_move_has_no_leakage(measured: Measured) -> None:
    table = each_unit(measured, doing(left_only)).details["single units"]
    assert np.isnan(table["AU30R"]["leakage"])
    assert table["AU30L"]["leakage"] == 0


def test_the_worst_unit_is_the_one_that_falls(measured: Measured) -> None:
    def falls(levels: np.ndarray) -> np.ndarray:
        mouth = level(levels, "AU15L")
        levels[:, UNITS.index("AU15L")] = levels[:, UNITS.index("AU15R")] = np.where(mouth > 0.6, 0.3, mouth)
        return levels

    found = each_unit(measured, doing(falls))
    by_judge = {s.judge: s.interval.value for s in found.scores if s.name == "monotone, the worst unit"}
    assert list(by_judge.values()) == [0, 0]
    assert found.details["single units"]["AU15"]["monotone, estimator"] == 0
    assert found.details["single units"]["AU15"]["monotone, MediaPipe"] == 0
    assert found.details["single units"]["AU12"]["monotone, MediaPipe"] == 1


def test_a_model_that_moves_the_left_alone(measured: Measured) -> None:
    found = single_units.sides(measured, doing(left_only))
    scores = values(found)
    assert scores["sides: AU45L at 1: eyeBlinkLeft rises by"] == pytest.approx(1)
    assert scores["sides: AU45L at 1: eyeBlinkRight moves by"] == 0
    assert scores["sides: AU45R at 1: eyeBlinkRight rises by"] == 0
    assert scores["sides: AU45R at 1: eyeBlinkLeft moves by"] == 0
    assert found.details["sides"]["AU12L"] == pytest.approx({"own side, estimator": 1, "other": 0})
    blinks = single_units.eyes(measured, doing(left_only))
    assert values(blinks)["eyes: closed: share with eyeBlink of 0.6 or more"] == 0, "one open eye is not closed"


def test_both_eyes_close_and_open(measured: Measured) -> None:
    good = values(single_units.eyes(measured, Obedient("good", None)))
    assert list(good.values()) == [1, 1, 1]
    copy = values(single_units.eyes(measured, Contender(COPY, None)))
    assert list(copy.values()) == [0, 0, 0]


def test_an_iris_is_seen_by_its_contrast() -> None:
    points = np.zeros((1, 478, 2))
    image = np.full((1, 128, 128, 3), 120, np.uint8)
    for k, (eye, ring, left) in enumerate(zip(EYES, EYE_RINGS, (20, 70), strict=True)):
        turn = np.linspace(0, 2 * np.pi, len(ring), endpoint=False)
        points[0, ring] = np.stack([left + 15 - 15 * np.cos(turn), 60 - 6 * np.sin(turn)], 1)
        centre = np.array([left + 15, 60])
        points[0, list(eye["iris"])] = centre + np.array([(0, 0), (5, 0), (0, 5), (-5, 0), (0, -5)])
        cv2.fillPoly(image[0], [np.rint(points[0, ring]).astype(np.int32)], (204, 204, 204))
        cv2.circle(image[0], (int(centre[0]), 60), 5, (51 if k == 0 else 102,) * 3, -1)
    assert iris_contrast(image, points) == pytest.approx([0.4], abs=0.02), "of the lesser eye"
    assert iris_contrast(np.full_like(image, 120), points) == pytest.approx([0])


def test_a_second_picture_is_laid_by_what_stands_still() -> None:
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (160, 160, 3)).astype(np.uint8), (0, 0), 3)
    first, second = wide[16:144, 16:144], wide[13:141, 21:149]
    points = rng.uniform(30, 100, (1, 478, 2))
    laid = _laid_onto(second[None], points - (5, -3), points)
    assert np.abs(laid[0, 10:-10, 10:-10].astype(int) - first[10:-10, 10:-10]).max() <= 1


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_eyes_turn_by_a_share_of_what_is_asked(measured: Measured, share: float) -> None:
    own = measured.own.copy()
    own[:, UNITS.index("AU62")] = 0.4  # they look to the right a little, and shall look left
    m = replace(measured, own=own, seen=measured.judges.landmarks(drawn(own)))  # type: ignore[misc]

    def turns(levels: np.ndarray) -> np.ndarray:
        for name in GAZE:
            k = UNITS.index(name)
            levels[:, k] = own[0, k] + share * (levels[:, k] - own[0, k])
        return levels

    scores = values(single_units.gaze(m, doing(turns)))
    for where in single_units.LOOKS:
        assert scores[f"gaze: {where}: way of the iris, of that asked"] == pytest.approx(share, abs=0.02)
        assert scores[f"gaze: {where}: lids move, eye widths"] == 0


def test_a_model_without_sides_is_not_asked_for_them(measured: Measured) -> None:
    copy = Contender(COPY, None)
    assert single_units.sides(measured, copy).scores == []
    assert single_units.gaze(measured, copy).scores == []
    assert read_doses(measured, copy).units == AU_NAMES


def test_the_turn_of_an_eye_is_along_it() -> None:
    points = np.zeros((1, 478, 2))
    for eye in EYES:  # eyes that stand upright: along them is down
        points[0, eye["corners"][0]], points[0, eye["corners"][1]] = (40, 30), (40, 50)
        points[0, eye["iris"][0]] = 38, 45
    assert np.allclose(eye_turns(points), [[[0.25, 0.1], [0.25, 0.1]]])
