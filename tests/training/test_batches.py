from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.data.dataset import FaceData  # noqa: E402
from dftnet.errors import DatasetError, RequestError  # noqa: E402
from dftnet.training.batches import BatchSource  # noqa: E402
from dftnet.training.fitting import fitted  # noqa: E402
from dftnet.training.presets import preset  # noqa: E402
from dftnet.training.teachers import AsUnits  # noqa: E402
from tests.toy_faces import write_toy_faces  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return FaceData.open(write_toy_faces(tmp_path_factory.mktemp("toy") / "set"))


CONFIG = replace(preset("tiny"), jitter=0.0)


def test_a_batch_follows_from_seed_and_images_seen(faces):
    source = BatchSource(faces, CONFIG, CPU)
    first, again, other = source.batch(40), source.batch(40), source.batch(48)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.target, again.target)
    assert not torch.equal(first.target, other.target)
    assert torch.equal(source.uniform(8), source.uniform(8))


def test_two_processes_share_one_batch(faces):
    whole = BatchSource(faces, CONFIG, CPU).batch(16)
    halves = [BatchSource(faces, CONFIG, CPU, rank=r, world=2).batch(16) for r in range(2)]
    for name in ("image", "aus", "target", "true", "paired"):
        joined = torch.empty_like(getattr(whole, name))
        joined[0::2], joined[1::2] = (getattr(h, name) for h in halves)
        assert torch.equal(joined, getattr(whole, name)), name


def test_pairs_are_frames_of_one_subject_and_their_target_is_the_second_frame(faces):
    source = BatchSource(faces, replace(CONFIG, null_share=0.0), CPU)
    a, b = source.pairs.draw(np.random.default_rng(0), 64)
    assert (faces.subject[a] == faces.subject[b]).all()
    assert (a != b).mean() > 0.9
    assert set(faces.split[np.concatenate([a, b])]) == {"train"}
    batch = source.batch(0, all_pairs=True)
    assert batch.paired.min() == 1
    aus = {tuple(np.round(v, 5)) for v in faces.aus}
    assert all(tuple(np.round(t, 5)) in aus for t in batch.target.numpy())


def test_null_pairs_ask_for_nothing(faces):
    batch = BatchSource(faces, replace(CONFIG, null_share=1.0), CPU).batch(0, all_pairs=True)
    assert torch.equal(batch.image, batch.true)
    assert torch.equal(batch.aus, batch.target)


def test_pairs_keep_to_close_pose(faces):
    faces = replace(
        faces, extras={"yaw": np.arange(len(faces), dtype=np.float32) * 5, "pitch": np.zeros(len(faces), np.float32)}
    )
    a, b = BatchSource(faces, replace(CONFIG, pair_pose=6.0), CPU).pairs.draw(np.random.default_rng(0), 64)
    assert np.abs(faces.extras["yaw"][a] - faces.extras["yaw"][b]).max() <= 6


def test_focus_draws_units_more_often(faces):
    config = replace(CONFIG, single_share=1.0, focus={"AU45": 160.0})
    own = np.full((200, 17), 0.5, np.float32)
    changed = (BatchSource(faces, config, CPU).targets.draw(np.random.default_rng(0), own) != own).mean(0)
    assert changed[16] > 0.85
    assert changed[:16].max() < 0.25
    with pytest.raises(RequestError, match="AU99"):
        BatchSource(faces, replace(CONFIG, focus={"AU99": 1.0}), CPU)


def test_few_units_leaves_the_rest_alone(faces):
    source = BatchSource(faces, replace(CONFIG, single_share=1.0), CPU)
    own = faces.aus[:16]
    changed = (source.targets.draw(np.random.default_rng(0), own) != own).sum(1)
    assert changed.min() >= 1
    assert changed.max() <= 3


def test_targets_stay_in_range_and_balance_reaches_rare_units(faces):
    aus = np.zeros((400, 17), np.float32)
    aus[:, 8] = 0.9
    aus[0:4, 16] = 1.0
    rows = np.arange(400)
    from dftnet.training.batches import Targets

    for balance, least, most in ((False, 0, 0.1), (True, 0.03, 1)):
        targets = Targets(rows, aus, replace(CONFIG, balance_aus=balance, single_share=0.0))
        drawn = targets.draw(np.random.default_rng(0), aus[:300])
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        share = (drawn[:, 16] > 0.5).mean()
        assert least <= share <= most


def test_flips_and_jitter_move_both_frames_alike(faces):
    source = BatchSource(faces, replace(CONFIG, null_share=1.0, jitter=0.1), CPU)
    batch = source.batch(0, all_pairs=True)
    assert torch.equal(batch.image, batch.true)
    originals = {v.tobytes() for v in np.asarray(faces.images())}
    shown = np.rint((batch.image.numpy() + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    assert any(v.tobytes() not in originals for v in shown)


def test_sets_that_do_not_fit_are_told(faces):
    with pytest.raises(DatasetError, match="--size 128"):
        BatchSource(faces, preset("paper"), CPU)
    with pytest.raises(ValueError, match="cannot share"):
        BatchSource(faces, CONFIG, CPU, world=3)
    empty = replace(faces, split=np.array(["test"] * len(faces)))
    with pytest.raises(ValueError, match="train split"):
        BatchSource(empty, CONFIG, CPU)


def test_photos_of_strangers_are_trained_on_without_pairs(faces):
    alone = replace(faces, subject=faces.keys)
    config, words = fitted(CONFIG, alone)
    assert len(words) == 1
    assert "without pairs" in words[0]
    assert "phases warp and paint" in words[0]
    assert config.pair_share == 0
    assert [(phase.name, phase.images) for phase in config.phases] == [("adversarial", CONFIG.images)]
    assert {n for n in config.generator_weights(config.phases[0]) if n.startswith("pair")} == set()
    assert fitted(config, alone) == (config, [])
    assert BatchSource(alone, config, CPU).batch(0).paired.sum() == 0
    assert fitted(CONFIG, faces) == (CONFIG, [])


def test_a_guide_teaches_the_warp_where_there_are_no_pairs(faces):
    alone = replace(faces, subject=faces.keys)
    config, words = fitted(preset("stable"), alone)
    assert [(p.name, p.images) for p in config.phases] == [(p.name, p.images) for p in preset("stable").phases]
    assert "phase" not in words[0]
    assert config.generator_weights(config.phases[0]) == {"total_variation": 1.0, "guide_aligned": 10.0}
    lonely = replace(CONFIG, phases=CONFIG.phases[:1])
    with pytest.raises(DatasetError, match="learns from pairs alone"):
        fitted(replace(lonely, decay_images=0), alone)


def test_a_validation_split_without_pairs_gives_single_faces(faces):
    subject = np.where(faces.split == "validation", faces.keys, faces.subject)
    held_out = BatchSource(replace(faces, subject=subject), CONFIG, CPU, split="validation")
    assert held_out.batch(0).paired.sum() == 0


def test_a_guide_that_reads_sides_teaches_a_set_without():
    names = ("AU12L", "AU12R", "AU25", "AU61")
    levels = torch.tensor([[0.2, 0.6, 0.5, 1.0]], requires_grad=True)
    read = AsUnits(names, ("AU25", "AU12"))(levels)
    assert torch.allclose(read, torch.tensor([[0.5, 0.4]]))
    read[0, 1].backward()
    assert torch.allclose(levels.grad, torch.tensor([[0.5, 0.5, 0.0, 0.0]]))
