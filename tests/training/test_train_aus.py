"""Training of the AU estimator on a small synthetic set: it learns, resumes bit for bit, and says what is wrong."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from dftnet.aus import AU_NAMES  # noqa: E402
from dftnet.data.dataset import FaceData, write_dataset  # noqa: E402
from dftnet.data.relabel import relabel  # noqa: E402
from dftnet.data.shards import ShardWriter  # noqa: E402
from dftnet.faces.template import TEMPLATE  # noqa: E402
from dftnet.inference.sessions import EstimatorSession  # noqa: E402
from dftnet.media.image import encode_image  # noqa: E402
from dftnet.networks.au_estimator import EstimatorConfig  # noqa: E402
from dftnet.training.estimator.augment import JitterConfig, jitter  # noqa: E402
from dftnet.training.estimator.batches import EstimatorBatches, SideLabels, balanced_chances  # noqa: E402
from dftnet.training.estimator.train import TrainAUsConfig, concordance, regression, train_aus  # noqa: E402

SIZE = 64
COUNT = 48
K = len(AU_NAMES)


def make_set(path, size=SIZE, count=COUNT, train=32):
    """Faces that are ovals; AU12 is the width of a bright bar, AU45 its height, the rest noise."""
    rng = np.random.default_rng(0)
    aus = (0.2 * rng.random((count, K))).astype(np.float32)
    wide, high = AU_NAMES.index("AU12"), AU_NAMES.index("AU45")
    aus[:, wide], aus[:, high] = rng.random(count), rng.random(count)
    path.mkdir()
    keys = [f"face-{i:03d}" for i in range(count)]
    with ShardWriter(path / "shard-00000.tar") as shard:
        for key, values in zip(keys, aus, strict=True):
            image = rng.integers(60, 90, (size, size, 3), dtype=np.uint8)
            x, y = int(4 + values[wide] * size / 2 - 4), int(3 + values[high] * size / 4)
            image[size // 2 - y : size // 2 + y, size // 2 - x : size // 2 + x] = 220
            shard.add(key, ".png", encode_image(image, ".png"))
    rows = {
        "key": np.array(keys),
        "shard": np.zeros(count, np.int32),
        "aus": aus,
        "subject": np.array(keys),
        "split": np.array(["train"] * train + ["validation"] * (count - train)),
        "source": np.full(count, "made"),
        "emotion": np.full(count, ""),
        "landmarks": np.zeros((count, 5, 2), np.float32),
        "crop_from_image": np.tile(np.eye(2, 3), (count, 1, 1)),
    }
    extras = {name: rng.normal(size=count).astype(np.float32) for name in ("yaw", "brow_l", "brow_r", "flat")}
    extras["flat"][:] = 1
    shards = [{"name": "shard-00000.tar", "sha256": shard.sha256, "bytes": shard.bytes, "count": count}]
    info = {"size": size, "au_names": list(AU_NAMES), "alignment": TEMPLATE, "shards": shards}
    write_dataset(path, info, rows, extras)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("set") / "data")


def tiny(**fields):
    architecture = EstimatorConfig(channels=(8, 8, 16, 16), blocks=(1, 1, 1), regional=4, hidden=16)
    defaults = {
        "images": 96, "batch": 8, "warmup_images": 16, "precision": "float32", "threads": 1,
        "log_images": 16, "validate_images": 32, "architecture": architecture,
    }  # fmt: skip
    return TrainAUsConfig(**(defaults | fields))


def test_trains_and_reads(data, tmp_path):
    config = tiny(images=1600, validate_images=1600, learning_rate=5e-3)
    model = train_aus(data, tmp_path / "run", config, progress=False)
    document = json.loads((model / "config.json").read_text())
    assert document["size"] == SIZE
    assert document["alignment"]["template"] == "eyes-mouth"
    assert document["results"]["validation"]["aus"]["AU12"]["r"] > 0.6
    faces = FaceData.open(data)
    read = EstimatorSession(model, threads=1)(np.asarray(faces.images(progress=False)))
    assert np.corrcoef(read[:, AU_NAMES.index("AU12")], faces.aus[:, AU_NAMES.index("AU12")])[0, 1] > 0.6
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["images"] == 1600
    written = relabel(data, "again", model, views=2, threads=1)
    assert written.name == "labels-again.npz"
    assert FaceData.open(data).labels("again").shape == (COUNT, K)
    with pytest.raises(FileExistsError, match="overwrite"):
        relabel(data, "again", model)


def test_calibration_may_follow_a_finished_run(data, tmp_path):
    crops = np.asarray(FaceData.open(data).images(progress=False))
    plain = EstimatorSession(train_aus(data, tmp_path / "run", tiny(), progress=False), threads=1)(crops)
    config = tiny(calibration={"AU45": (2.0, 1.0)})
    read = EstimatorSession(train_aus(data, tmp_path / "run", config, progress=False), threads=1)(crops)
    column = AU_NAMES.index("AU45")
    logit = np.log(plain[:, column] / (1 - plain[:, column]))
    np.testing.assert_allclose(read[:, column], 1 / (1 + np.exp(-2 * logit - 1)), atol=0.01)
    np.testing.assert_allclose(np.delete(read, column, 1), np.delete(plain, column, 1), atol=1e-6)


def test_fine_tuning_starts_from_a_model(data, tmp_path):
    crops = np.asarray(FaceData.open(data).images(progress=False))
    model = train_aus(data, tmp_path / "run", tiny(), progress=False)
    nearly_still = {"init": str(model), "images": 8, "learning_rate": 1e-9, "side_weight": 0.0, "ema": 0.0}
    again = train_aus(data, tmp_path / "next", tiny(**nearly_still), progress=False)
    a, b = (EstimatorSession(m, threads=1)(crops) for m in (model, again))
    assert np.abs(a - b).mean() < 0.03  # the batch statistics move by one batch
    wide = EstimatorConfig(channels=(8, 8, 16, 24), blocks=(1, 1, 1), regional=4, hidden=16)
    with pytest.raises(ValueError, match="another architecture"):
        train_aus(data, tmp_path / "wide", tiny(init=str(model), architecture=wide), progress=False)


SIDES = ("AU12L", "AU12R", "AU45L", "AU45R", "AU61", "AU62")


def with_sides(data) -> FaceData:
    """The set with labels of one side alone, and of eyes that look left."""
    faces = FaceData.open(data)
    if not (faces.path / "labels-sides.npz").exists():
        levels = np.zeros((len(faces), len(SIDES)), np.float32)
        levels[:, [0, 2, 4]] = faces.aus[:, [AU_NAMES.index("AU12"), AU_NAMES.index("AU45"), AU_NAMES.index("AU12")]]
        faces.write_labels("sides", levels, names=SIDES)
    return faces


def test_a_mirrored_face_swaps_its_sides(data):
    from concurrent.futures import ThreadPoolExecutor

    batches = EstimatorBatches(with_sides(data), "sides", 32, 0, JitterConfig())
    with ThreadPoolExecutor(1) as pool:
        aus = batches(0, pool, 1).aus
    left, right = aus[:, [0, 2, 4]], aus[:, [1, 3, 5]]
    straight = (right == 0).all(1)
    assert 0 < straight.sum() < 32
    assert (left[~straight] == 0).all()


def test_an_estimator_of_sides_begins_at_one_without(data, tmp_path):
    faces = with_sides(data)
    crops = np.asarray(faces.images(progress=False))
    model = train_aus(data, tmp_path / "run", tiny(), progress=False)
    nearly_still = {"init": str(model), "images": 8, "learning_rate": 1e-9, "side_weight": 0.0, "ema": 0.0}
    sided = train_aus(data, tmp_path / "sided", tiny(labels="sides", **nearly_still), progress=False)
    session = EstimatorSession(sided, threads=1)
    assert session.au_names == SIDES
    read, before = session(crops), EstimatorSession(model, threads=1)(crops)
    for side in ("AU12L", "AU12R"):
        assert np.abs(read[:, SIDES.index(side)] - before[:, AU_NAMES.index("AU12")]).mean() < 0.05


def test_resumes_bit_for_bit(data, tmp_path, monkeypatch):
    whole = train_aus(data, tmp_path / "whole", tiny(), progress=False)

    from dftnet.training.estimator.train import Training

    step, calls = Training.step, []

    def interrupted(self, pool, workers):
        calls.append(self.images_seen)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        if len(calls) == 8:
            raise MemoryError
        return step(self, pool, workers)

    monkeypatch.setattr(Training, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_aus(data, tmp_path / "parts", tiny(), progress=False)
    with pytest.raises(MemoryError):
        train_aus(data, tmp_path / "parts", tiny(), progress=False)
    assert not (tmp_path / "parts" / "model").exists()
    with open(tmp_path / "parts" / "log.jsonl", "a") as log:
        log.write('{"images": 56, "kind": "train", "regress')  # as a killed process leaves it
    parts = train_aus(data, tmp_path / "parts", tiny(), progress=False)
    assert calls[2:4] == [16, 24]  # the step under way was finished
    assert calls[7:9] == [56, 32]  # back to the last state
    for name in ("estimator.safetensors", "example.safetensors"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes()
    seen = [json.loads(x)["images"] for x in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert seen == sorted(seen)
    with pytest.raises(ValueError, match="another batch"):
        train_aus(data, tmp_path / "parts", tiny(batch=4), progress=False)


def test_batches_follow_from_the_images_seen(data):
    from concurrent.futures import ThreadPoolExecutor

    faces = FaceData.open(data)
    batches = EstimatorBatches(faces, "labels", 16, 0, JitterConfig())
    with ThreadPoolExecutor(3) as pool:
        one, again, other = batches(64, pool, 1), batches(64, pool, 3), batches(80, pool, 1)
    np.testing.assert_array_equal(one.crops, again.crops)
    np.testing.assert_array_equal(one.side, again.side)
    assert (one.crops != other.crops).any()
    assert one.crops.shape == (16, SIZE, SIZE, 3)


def test_side_labels_mirror():
    extras = {
        "yaw": np.array([1.0, -1.0, 3.0]),
        "brow_l": np.array([1.0, 2.0, 4.0]),
        "brow_r": np.array([0.0, 1.0, 2.0]),
        "flat": np.ones(3),
        "holes": np.array([np.nan, 1, 2]),
    }
    side = SideLabels(extras, np.arange(3), limit=100)
    assert side.names == ("brow_l", "brow_r", "yaw")
    mean = np.array([extras[n].mean() for n in side.names])
    spread = np.array([extras[n].std() for n in side.names])
    plain = side(np.array([2]), np.array([False]))[0] * spread + mean
    turned = side(np.array([2]), np.array([True]))[0] * spread + mean
    np.testing.assert_allclose(plain, [4, 2, 3], rtol=1e-5)
    np.testing.assert_allclose(turned, [2, 4, -3], rtol=1e-5)


def test_rare_units_are_drawn_as_often():
    aus = np.zeros((1000, 2), np.float32)
    aus[:500, 0], aus[500:510, 1] = 1, 1
    chances = balanced_chances(aus, floor=0.0, ceiling=1e9)
    assert chances[:500].sum() == pytest.approx(chances[500:510].sum())
    assert chances.sum() == pytest.approx(1)


def test_jitter_is_a_function_of_its_generator():
    crop = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    config = JitterConfig()
    first = [jitter(crop, np.random.default_rng(i), config) for i in range(40)]
    second = [jitter(crop, np.random.default_rng(i), config) for i in range(40)]
    for (a, mirror_a), (b, mirror_b) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        assert mirror_a == mirror_b
        assert a.shape == crop.shape
        assert a.dtype == np.uint8
    assert 5 < sum(mirror for _, mirror in first) < 35
    still = JitterConfig(moved=0, recoloured=0, blurred=0, coarse=0, noisy=0, compressed=0, covered=0)
    same, mirror = jitter(crop, np.random.default_rng(1), still)
    np.testing.assert_array_equal(same, crop[:, ::-1] if mirror else crop)


def test_terms_by_hand():
    aus = torch.tensor([[0.0], [1.0]])
    predicted = torch.tensor([[0.5], [0.5]])
    variance = torch.tensor([0.25])
    assert float(regression(predicted, aus, variance, 0.0)) == pytest.approx(1)
    assert float(regression(predicted, aus, variance, 2.0)) == pytest.approx(2)  # (1 + 3) / 2
    assert float(concordance(predicted, aus)) == pytest.approx(0)
    assert float(concordance(aus, aus)) == pytest.approx(1, abs=1e-3)
    assert float(concordance(aus + 0.5, aus)) == pytest.approx(2 * 0.25 / (0.5 + 0.25), abs=1e-3)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="precision"):
        TrainAUsConfig(precision="int8")
    with pytest.raises(ValueError, match="batch"):
        TrainAUsConfig(batch=1)
