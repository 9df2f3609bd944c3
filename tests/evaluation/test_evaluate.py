"""The harness: known answers for known contenders, a fixed manifest, and what happens without the optional judges."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dftnet.aus import AU_NAMES
from dftnet.data.dataset import FaceData
from dftnet.errors import DatasetError
from dftnet.evaluation import bench as testbench
from dftnet.evaluation import evaluate as evaluation
from dftnet.evaluation import responses
from dftnet.evaluation.bench import Bench, Measured, Score, Section, read_bench
from dftnet.evaluation.config import QUICK, STANDARD, Counts, EvaluationConfig
from dftnet.evaluation.doses import LEVELS, read_doses
from dftnet.evaluation.judges import JUDGED, AuJudge, Judges, LandmarkReading, enlarged
from dftnet.evaluation.landing import gaps, landing
from dftnet.evaluation.landmarks import CLOSED, EYES, geometry, head_held, head_turn, iris_discs, shape_distance
from dftnet.evaluation.methods import COPY, Contender, contenders, enlarged_maps, parameter_count
from dftnet.evaluation.report import as_json, score_table, text
from dftnet.faces import lid
from dftnet.faces.drawn import millimetre, window
from dftnet.inference.sessions import EstimatorSession, GeneratorSession, Maps
from dftnet.media.pixels import to_float, to_uint8
from dftnet.metrics import Interval
from dftnet.units import TURNS, UNITS
from tests.synthetic_model import write_estimator, write_generator
from tests.toy_faces import write_toy_faces

COUNTS = Counts(faces=6, neutral=2, closed=2, pairs=6, real=8, photos=1, rounds=2)
K = len(AU_NAMES)


class Bright:
    """Stands in for the landmark judge: everything it reads is the picture's mean brightness."""

    name = "brightness"
    aus = AU_NAMES[:3]
    expressive = np.ones(52, bool)

    def __call__(self, crops: np.ndarray) -> LandmarkReading:
        level = crops.astype(np.float64).mean((1, 2, 3)) / 255
        points = np.zeros((len(crops), 478, 2)) + level[:, None, None] + np.arange(478)[None, :, None]
        shapes = np.repeat(level[:, None], 52, 1).astype(np.float32)
        return LandmarkReading(points, shapes, shapes[:, :3], {n: level for n in geometry(points)}, points[..., 0])


class Vectors:
    """Stands in for the embedding: the picture itself, small."""

    name = "pixels"

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        return crops[:, ::16, ::16].reshape(len(crops), -1).astype(np.float32) + 1


class Paster(Contender):
    """Knows the true target of every request on the bench and pastes it."""

    def __call__(self, crops: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Maps]:
        _, maps = super().__call__(crops, source, target)
        bench, own = KNOWN["bench"], KNOWN["own"]
        rows = [int(np.argmin(np.abs(own - t).sum(1))) for t in target]
        return bench.images[rows], maps


KNOWN: dict = {}


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 1, 1, 3)).astype(np.uint8) + np.zeros((10, 64, 64, 3), np.uint8)
    people = np.array([f"p{i // 2}" for i in range(10)])
    rows = np.arange(6)
    pairs = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
    bench = Bench(
        images, people.copy(), people, rows, rows[::-1].copy(), rows[:2], rows[2:4], pairs, np.arange(6, 10), pairs[:0]
    )
    estimator = EstimatorSession(write_estimator(tmp_path / "estimator", size=JUDGED), threads=1)
    judges = Judges(AuJudge(estimator), Bright(), Vectors())  # type: ignore[arg-type]
    m = replace(read_bench(bench, judges, COUNTS), own=rng.random((10, K)).astype(np.float32))
    KNOWN.update(bench=bench, own=m.own)
    return m


def values(*sections: Section) -> dict[str, float]:
    return {f"{s.section}: {s.name}": s.interval.value for section in sections for s in section.scores}


def test_copy_scores_gap_0_and_identity_1(measured: Measured) -> None:
    found = values(gaps(measured, c := Contender(COPY, None)), landing(measured, c))
    for name in ("in blendshapes", "in landmarks", "in pixels (L1 on the face)"):
        assert found[f"gap closed, video pairs: {name}"] == pytest.approx(0, abs=1e-6)
    assert found["identity: cosine to the source"] == pytest.approx(1)
    assert found["identity: cosine, null edit"] == pytest.approx(1)
    assert found["null edit: PSNR, dB"] == np.inf
    assert found["cycle: SSIM"] == pytest.approx(1)
    assert found["flow: folding"] == 0
    assert found["flow: mean attention"] == 1


def test_perfect_paste_scores_gap_1(measured: Measured) -> None:
    found = values(gaps(measured, Paster("paste", None)))
    for name in ("in blendshapes", "in landmarks", "in pixels (L1 on the face)"):
        assert found[f"gap closed, video pairs: {name}"] == pytest.approx(1)
    assert found["identity, video pairs: cosine to the true picture"] == pytest.approx(1)
    landed = values(landing(measured, Paster("paste", None)))
    assert landed["landing: r"] == pytest.approx(1)


def test_small_crops_are_enlarged_for_the_judges() -> None:
    crops = np.arange(2 * 64 * 64 * 3, dtype=np.uint8).reshape(2, 64, 64, 3)
    assert enlarged(crops).shape == (2, JUDGED, JUDGED, 3)
    large = np.zeros((1, 256, 256, 3), np.uint8)
    assert enlarged(large) is large


def test_dose_response_of_a_copy_is_flat(measured: Measured) -> None:
    found = values(responses.dose_response(measured, read_doses(measured, Contender(COPY, None))))
    assert found["dose-response: slope"] == 0
    assert found["dose-response: share monotone"] == 0
    assert np.isnan(found["leakage: others over asked"])


def test_torn_edits_are_counted(measured: Measured) -> None:
    class Smearer(Contender):
        def __call__(self, crops: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Maps]:
            strong = (target[:, AU_NAMES.index("AU15")] > 0.2)[:, None, None, None]
            return np.where(strong, crops // 2, crops), super().__call__(crops, source, target)[1]

    found = values(responses.emotions(measured, Smearer("s", None)))
    assert found["torn: emotions: share of edits painted over"] == pytest.approx(2 / 6)  # sadness, disgust
    assert (
        values(responses.emotions(measured, Contender(COPY, None)))["torn: emotions: share of edits painted over"] == 0
    )
    alone = values(responses.dose_response(measured, read_doses(measured, Smearer("s", None))))
    assert alone["torn: one unit at 1: share of edits painted over"] >= 1 / K


def test_responses_of_a_known_curve(measured: Measured) -> None:
    units = AU_NAMES[:3]
    read = np.zeros((3, 2, 5, 3))
    for k in range(3):
        read[k, :, :, k] = 0.8 * LEVELS
        read[k, :, :, (k + 1) % 3] = 0.2 * LEVELS
    scores, table = responses._responses("j", units, read, np.array(["a", "b"]))
    found = values(Section(scores, {}))
    assert table["AU01"]["curve"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert found["dose-response: slope"] == pytest.approx(0.8)
    assert found["dose-response: r"] == pytest.approx(1)
    assert found["dose-response: share monotone"] == 1
    assert found["leakage: others over asked"] == pytest.approx(0.1 / 0.8)


def test_geometry_of_a_drawn_face() -> None:
    points = np.zeros((1, 478, 2))
    for eye, x in zip(EYES, (30.0, 70.0), strict=True):
        for corner, at in zip(eye["corners"], (x - 10, x + 10), strict=True):
            points[0, corner] = at, 50
        for upper, lower in eye["lids"]:
            points[0, upper], points[0, lower] = (x, 47), (x, 53)
    points[0, [105, 66, 107, 334, 296, 336]] = 50, 30
    points[0, 2] = 50, 70
    points[0, [61, 291]] = [[40, 82], [60, 82]]
    points[0, [13, 14]] = [[50, 80], [50, 88]]
    found = {name: float(value[0]) for name, value in geometry(points).items()}
    assert found == pytest.approx({"eye_aspect_ratio": 0.3, "lip_corners": -0.3, "brow_height": 0.5, "lip_gap": 0.2})
    turn = np.array([[0.0, -1], [1, 0]])
    assert geometry(points @ turn.T * 2)["lip_corners"][0] == pytest.approx(-0.3)
    assert found["eye_aspect_ratio"] > CLOSED


def test_a_turned_head_is_held_still() -> None:
    rng = np.random.default_rng(0)
    face = rng.normal(0, 30, (2, 478, 3))
    smiling = face.copy()
    smiling[:, 61, 1] -= 4  # a corner of the mouth
    yaw, pitch = 0.2, -0.1
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    elsewhere = 1.1 * smiling @ turn.T + [5, -3, 8]
    assert shape_distance(elsewhere[..., :2], face[..., :2]).min() > 5
    held = head_held(elsewhere, face)
    assert np.allclose(held, smiling)
    assert shape_distance(held[..., :2], face[..., :2]) == pytest.approx([4 / 468] * 2)
    assert head_turn(face, face + 1) == pytest.approx(np.zeros((2, 2)), abs=1e-9)
    assert head_turn(elsewhere, face)[:, 0] == pytest.approx(np.degrees([yaw] * 2), abs=0.2), "to the person's left"
    assert head_turn(face, elsewhere)[:, 1] == pytest.approx(np.degrees([pitch] * 2), abs=0.2), "up"


def test_the_turn_between_two_pictures_is_asked_of_models_that_turn_heads(measured: Measured) -> None:
    asked_of: list[np.ndarray] = []

    class Turner(Contender):
        @property
        def units(self) -> tuple[str, ...]:
            return (*AU_NAMES, *TURNS)

        def __call__(self, crops: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Maps]:
            asked_of.append(target[:, -4:] - source[:, -4:])
            return crops, None  # type: ignore[return-value]

    rng = np.random.default_rng(0)
    head = rng.normal(0, 30, (478, 3))
    angles = np.radians([0, 2.5, 0, -20, 0, 0, 0, 0, 0, 0])
    turns = [np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]]) for a in angles]
    solid = np.stack([head @ turn.T + 50 for turn in turns])
    assert measured.seen is not None
    seen = measured.seen._replace(points=solid[..., :2], depth=solid[..., 2])
    measured = replace(measured, seen=seen)
    found = values(gaps(measured, Turner("turner", None)))
    still, turned = asked_of
    assert not still.any()
    assert turned == pytest.approx(np.array([[0.5, 0, 0, 0], [0, 1, 0, 0], [0] * 4, [0] * 4]), abs=0.01)
    assert "gap closed, video pairs, turned: in landmarks" in found
    assert "gap closed, video pairs, turned: in landmarks" not in values(gaps(measured, Contender(COPY, None)))


def test_iris_discs_lie_between_the_lids() -> None:
    image = np.full((64, 64, 3), 200, np.uint8)
    points = np.full((478, 2), 40.0)
    for eye, x in zip(EYES, (20, 44), strict=True):
        centre, *ring = eye["iris"]
        points[centre] = x, 30
        points[ring] = [[x + 5, 30], [x - 5, 30], [x, 35], [x, 25]]
        points[[upper for upper, _ in eye["lids"]]] = x, 26
        points[list(eye["skin"])] = x, 18
    y, x = np.mgrid[:64, :64]
    image[np.hypot(x - 20, y - 30) <= 5] = 40
    disc, iris, skin = iris_discs(image, points)[0]
    assert iris.tolist() == [40, 40, 40]
    assert skin.tolist() == [200, 200, 200]
    rows = np.nonzero(disc.any(1))[0]
    assert (rows.min(), rows.max()) == (27, 31)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_faces(tmp_path_factory.mktemp("toy") / "set")


def test_bench_is_fixed_and_keeps_to_its_split(toy: Path) -> None:
    data = FaceData.open(toy)
    one, two = (testbench.build(data, "all", COUNTS, 3, with_sheets=False) for _ in range(2))
    assert one.manifest() == two.manifest()
    assert one.manifest() != testbench.build(data, "all", COUNTS, 4, with_sheets=False).manifest()
    assert not set(one.keys[one.real]) & set(one.keys[one.faces])
    assert (one.faces != one.donors).all()
    assert np.array_equal(one.people[one.pairs[:, 0]], one.people[one.pairs[:, 1]])
    row = {key: i for i, key in enumerate(data.keys.tolist())}
    images = data.images()
    for i, key in enumerate(one.keys):
        assert np.array_equal(one.images[i], images[row[key]])


def test_neutral_faces_are_the_least_expressive_that_look_ahead(toy: Path) -> None:
    data = FaceData.open(toy)
    rows = data.rows("all")
    least = testbench.neutral_faces(data, rows, 3)
    by_person = {person: min(data.aus[data.subject == person].sum(1)) for person in set(data.subject)}
    assert data.aus[least].sum(1).tolist() == sorted(by_person.values())[:3]
    data.extras["yaw"] = np.where(np.arange(len(data)) == least[0], 20.0, np.nan)
    assert least[0] not in testbench.neutral_faces(data, rows, len(data))
    assert len(testbench.neutral_faces(data, rows, len(data))) == len(data) - 1


def test_closed_eyes_are_shut_on_both_sides(toy: Path, tmp_path: Path) -> None:
    data = FaceData.open(write_toy_faces(tmp_path / "own"))
    fused = data.aus[:, AU_NAMES.index("AU45")]
    rows = testbench.closed_eyes(data, data.rows("all"), 100)
    assert sorted(rows) == np.flatnonzero(fused >= 0.8).tolist()
    assert len(rows) > 1
    levels = np.zeros((len(data), len(UNITS)), np.float32)
    levels[:, UNITS.index("AU45L")] = 0.9
    levels[:2, UNITS.index("AU45R")] = 0.85, 0.95
    data.write_labels("sides", levels, names=UNITS)
    assert testbench.closed_eyes(data, data.rows("all"), 100).tolist() == [1, 0]


def test_levels_in_any_vocabulary(measured: Measured) -> None:
    own = np.zeros((10, len(UNITS)), np.float32)
    own[:, UNITS.index("AU12L")] = 0.8
    sided = Judges(AuJudge(SimpleNamespace(names=UNITS)))  # type: ignore[arg-type]
    m = replace(measured, judges=sided, own=own)
    rows = np.arange(3)
    assert np.array_equal(m.levels(rows, UNITS), own[:3])
    assert np.allclose(m.levels(rows)[:, AU_NAMES.index("AU12")], 0.4)
    both = measured.levels(rows, UNITS)[:, [UNITS.index("AU12L"), UNITS.index("AU12R")]]
    assert np.array_equal(both[:, 0], measured.own[:3, AU_NAMES.index("AU12")])
    assert np.array_equal(both[:, 0], both[:, 1])
    wanted = testbench.asked(own, UNITS, AU45=np.linspace(0, 1, 10), AU02L=0.3)
    assert np.allclose(wanted[:, [UNITS.index("AU45L"), UNITS.index("AU45R")]], np.linspace(0, 1, 10)[:, None])
    assert np.allclose(wanted[0, [UNITS.index("AU02L"), UNITS.index("AU02R"), UNITS.index("AU12L")]], [0.3, 0, 0.8])


def test_models_of_two_vocabularies_side_by_side(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = FaceData.open(toy).size
    models = [write_generator(tmp_path / f"g{len(u)}", size=size, constant=True, names=u) for u in (AU_NAMES, UNITS)]
    reader = write_estimator(tmp_path / "reader", size=JUDGED, names=UNITS)
    alone = lambda threads, reader: Judges(AuJudge(EstimatorSession(reader, threads=threads)))  # noqa: E731
    monkeypatch.setattr(Judges, "available", alone)
    monkeypatch.setattr("dftnet.evaluation.photos.openpeople_pictures", lambda name: [])
    config = EvaluationConfig(quick=True, split="all", counts=COUNTS, reader=reader)
    result = evaluation.evaluate(models, toy, tmp_path / "out", config, threads=1)
    assert [about.get("units") for about in result["contenders"]] == [None, len(AU_NAMES), len(UNITS)]
    assert result["reader"]["units"] == len(UNITS)
    not_asked_alike = ("speed", "emotions")  # contempt is one-sided where it can be
    old, new = ([s for s in result["scores"][name] if s.section not in not_asked_alike] for name in ("g17", "g40"))
    assert as_json(old) == as_json(new), "what both are asked for is the same, and so are their answers"


def test_spread_takes_everyone_once_first() -> None:
    people = np.array(["a"] * 5 + ["b"] * 2 + ["c"])
    order = testbench.spread_over(np.arange(8), people, np.random.default_rng(0))
    assert set(people[order[:3]]) == {"a", "b", "c"}
    assert sorted(order) == list(range(8))


def test_whole_evaluation(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = FaceData.open(toy).size
    model = write_generator(tmp_path / "synthetic", size=size)
    estimator = EstimatorSession(write_estimator(tmp_path / "estimator", size=JUDGED), threads=1)
    missing = {"MediaPipe (independent)": "not judged: pip install 'dftnet[eval]'"}
    monkeypatch.setattr(
        Judges, "available", lambda threads=None, reader=None: Judges(AuJudge(estimator), missing=missing)
    )
    monkeypatch.setattr(testbench, "openpeople_pictures", lambda name: [])
    monkeypatch.setattr("dftnet.evaluation.photos.openpeople_pictures", lambda name: [])
    config = EvaluationConfig(quick=True, split="all", parts=True, counts=COUNTS)
    told: list[tuple[str, int, int]] = []
    tell = lambda *what: told.append(what)  # noqa: E731
    run = lambda **more: evaluation.evaluate([model], toy, tmp_path / "out", config, threads=1, **more)  # noqa: E731
    run(command="dftnet …", tell=tell)
    assert told[-1] == ("synthetic, texture only: speed", 10, 10)
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(result["scores"]) == [COPY, "synthetic", "synthetic, warp only", "synthetic, texture only"]
    assert len(result["contenders"][1]["sha256"]) == 64
    assert result["not_judged"] == missing | {"along the face mesh": evaluation.NO_MESH}
    assert "not judged" in (tmp_path / "out" / "results.md").read_text()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["seed"] == 0
    speeds = [s for s in result["scores"]["synthetic"] if s["section"] == "speed"]
    assert all(s["interval"]["value"] > 0 for s in speeds)
    assert list(result["details"]["synthetic"]) == [
        "landing by AU", "dose-response, estimator (guided training)", "single units", "emotions",
    ]  # fmt: skip
    before = (tmp_path / "out" / "results.json").read_bytes()
    with pytest.raises(FileExistsError, match=r"results.json exists: .*--overwrite"):
        run()
    assert (tmp_path / "out" / "results.json").read_bytes() == before
    run(overwrite=True, command="again")
    assert json.loads((tmp_path / "out" / "results.json").read_text())["command"] == "again"


def test_what_is_counted() -> None:
    assert EvaluationConfig().how_many == STANDARD
    assert EvaluationConfig(quick=True).how_many == QUICK
    assert EvaluationConfig(quick=True, counts=COUNTS).how_many == COUNTS


def test_maps_of_a_small_model_move_the_large_crops_own_pixels() -> None:
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    one, zero = np.ones((2, 1, 32, 32), np.float32), np.zeros((2, 3, 32, 32), np.float32)
    flow = np.zeros((2, 2, 32, 32), np.float32)
    flow[:, 0] = 1.0  # a pixel of the small crop is two of the large one
    maps = enlarged_maps(Maps(flow, one, zero, zero, zero), crops, crops[:, ::2, ::2])
    assert maps.flow.shape == (2, 2, 64, 64)
    assert np.allclose(maps.flow[:, 0], 2)
    moved = np.concatenate([crops[:, :, 2:], np.repeat(crops[:, :, -1:], 2, 2)], 2)
    assert np.array_equal(to_uint8(maps.image), moved)
    still = enlarged_maps(Maps(0 * flow, 0.25 * one, zero, zero, zero), crops, crops[:, ::2, ::2])
    assert np.allclose(still.image, 0.25 * to_float(crops), atol=1e-6)


def test_lids_of_a_small_model_are_the_large_crops_own_pixels() -> None:
    crops = np.zeros((1, 128, 128, 3), np.uint8)
    crops[:, :, ::2] = 200  # lines as fine as the large crop
    left, top, right, bottom = window(64, lid.WINDOW)
    one, zero = np.ones((1, 1, 64, 64), np.float32), np.zeros((1, 3, 64, 64), np.float32)
    lids, none = np.ones((1, 6, bottom - top, right - left), np.float32), np.zeros((1, 0, 0, 0), np.float32)
    lids[:, 0], lids[:, 1], lids[:, 2] = 1 / millimetre(128), 0, 9  # a pixel of the large crop to the right
    maps = enlarged_maps(
        Maps(np.zeros((1, 2, 64, 64), np.float32), one, zero, zero, zero, none, none, lids, none),
        crops,
        crops[:, ::2, ::2],
    )
    rows, columns = slice(2 * top + 4, 2 * bottom - 4), slice(40, 88)
    assert np.array_equal(to_uint8(maps.image)[0, rows, columns], 200 - crops[0, rows, columns])
    assert np.array_equal(to_uint8(maps.image)[0, -8:], crops[0, -8:])


def test_models_of_several_sizes_are_compared_at_the_largest(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = FaceData.open(toy).size
    models = [write_generator(tmp_path / f"g{s}", size=s, constant=True) for s in (size, size // 2)]
    estimator = EstimatorSession(write_estimator(tmp_path / "estimator", size=JUDGED), threads=1)
    monkeypatch.setattr(Judges, "available", lambda threads=None, reader=None: Judges(AuJudge(estimator)))
    monkeypatch.setattr("dftnet.evaluation.photos.openpeople_pictures", lambda name: [])
    config = EvaluationConfig(quick=True, split="all", counts=COUNTS)
    result = evaluation.evaluate(models, toy, tmp_path / "out", config, threads=1)
    assert result["data"]["size"] == size
    flows = [
        next(s.interval.value for s in result["scores"][name] if s.name == "mean flow")
        for name in (f"g{size}", f"g{size // 2}")
    ]
    assert flows[1] == pytest.approx(2 * flows[0], rel=1e-4), "both flows are told in pixels of the larger crop"


def test_models_larger_than_the_set_are_refused(toy: Path, tmp_path: Path) -> None:
    other = write_generator(tmp_path / "other", size=FaceData.open(toy).size + 16)
    with pytest.raises(DatasetError, match="--size"):
        evaluation.evaluate([other], toy, tmp_path / "out", EvaluationConfig(quick=True, split="all"))
    assert not (tmp_path / "out").exists()


def test_contender_parts(tmp_path: Path) -> None:
    model = write_generator(tmp_path / "m", offset=-0.5)
    names = [c.name for c in contenders([model, model], parts=False, threads=1)]
    assert names == [COPY, "m", "m (2)"]
    session = GeneratorSession(model, threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    aus = np.zeros((2, K), np.float32)
    assert np.array_equal(Contender("a", session, "aligned")(crops, aus, aus)[0], crops)
    painted = Contender("t", session, "texture")(crops, aus, aus)[0]
    assert painted.mean() < crops.mean() - 30


def test_parameters_are_counted(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"a": np.zeros((3, 4), np.float16), "b": np.zeros(5, np.float32)}, tmp_path / "x.safetensors")
    assert parameter_count(tmp_path / "x.safetensors") == 17


def test_table_writes_numbers_people_can_read() -> None:
    nan = float("nan")
    exact, none = Interval(float("inf"), float("inf"), float("inf"), 3, 3), Interval(nan, nan, nan, 0, 0)
    assert [text(exact), text(none)] == ["exact", "–"]
    assert text(Interval(0.5, 0.4, 0.6, 9, 9)) == "0.500 [0.400, 0.600]"
    assert as_json({"a": [exact]}) == {
        "a": [{"value": "exact", "low": "exact", "high": "exact", "faces": 3, "identities": 3}]
    }
    score = Score("identity", "cosine", "SFace", "higher", Interval(0.5, 0.4, 0.6, 9, 9))
    lines = score_table({"copy": [], "model": [score]})
    assert lines[2] == "| identity | cosine ↑ | SFace | – | 0.500 [0.400, 0.600] | 9 / 9 |"
    speed, sides = (score._replace(section=section) for section in ("speed", "sides"))
    ordered = score_table({"old": [score, speed], "new": [score, sides, speed]})[2:]
    assert [line.split(" | ")[0] for line in ordered] == ["| identity", "| sides", "| speed"]
