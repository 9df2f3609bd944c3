"""Batches that a mesh draws, what it teaches, the small critics, and a training by all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.aus import AU_NAMES  # noqa: E402
from dftnet.data.dataset import FaceData  # noqa: E402
from dftnet.data.far import open_faces  # noqa: E402
from dftnet.faces import globe, shade  # noqa: E402
from dftnet.faces.align import template_points  # noqa: E402
from dftnet.networks import Edit, LightConfig, build_generator  # noqa: E402
from dftnet.training.local_critics import LocalTeacher, MouthAndEyes  # noqa: E402
from dftnet.training.loop import train  # noqa: E402
from dftnet.training.mean_shade import measure_shade  # noqa: E402
from dftnet.training.mesh_batches import DrawnBatch, MeshBatchSource, open_source  # noqa: E402
from dftnet.training.mesh_teacher import (  # noqa: E402
    MeshTeacher,
    cells_of,
    inside,
    painted,
    prime_motion,
)
from dftnet.training.presets import preset  # noqa: E402
from dftnet.training.requests import FewUnits, Undoing  # noqa: E402
from dftnet.training.run import load_state, read_log  # noqa: E402
from dftnet.training.terms import as_criticised, ask, asked_back  # noqa: E402
from dftnet.units import UNITS, levels_as, mirror_order, side_free  # noqa: E402
from tests.toy_faces import write_toy_faces  # noqa: E402
from tests.toy_mesh import vertices, write_toy_mesh  # noqa: E402

CPU = torch.device("cpu")
SIZE = 64


def landmarks(n: int, size: int) -> np.ndarray:
    """The canonical face laid into crops by its eyes and mouth, each frame moved a little."""
    points = np.zeros((n, 478, 2), np.float32)
    scale = 0.4 * size / 6.3
    flat = vertices()[:, :2] * (scale, -scale)
    middle = template_points(size)[:2].mean(0)
    points[:, :468] = flat + middle + (0, 2.65 * scale)
    points[:, 468:473], points[:, 473:] = template_points(size)[0], template_points(size)[1]
    points[:, [61, 291]] = template_points(size)[2]
    return points + np.random.default_rng(0).normal(0, 0.2, points.shape).astype(np.float32)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    data = FaceData.open(write_toy_faces(tmp_path_factory.mktemp("toy") / "set", size=SIZE))
    data.write_labels("sides", levels_as(data.aus, AU_NAMES, UNITS), names=UNITS)
    data.write_mesh(landmarks(len(data), SIZE))
    return data


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    base = preset("light", SIZE)
    paint = {name: value for name, value in base.phases[1].weights.items() if not name.startswith("guide")}
    return replace(
        base,
        generator=LightConfig(
            nuisance=2, channels=(8, 8, 16), residual_blocks=1, flow_channels=(8, 8, 8), texture_channels=(8, 8, 8, 8),
            motion_cells=32, mouth=True, eyes=True, lids=True, globes=True,
            slim=True, shade=True,
        ),
        critic=replace(base.critic, width=4, max_channels=16),
        phases=(replace(base.phases[0], images=32), replace(base.phases[1], images=32, weights=paint)),
        decay_images=16,
        batch=8,
        precision="float32",
        labels="sides",
        guide="",
        mesh=str(write_toy_mesh(tmp_path_factory.mktemp("mesh") / "mesh.npz")),
        log_images=16,
        sample_images=64,
        validate_images=64,
        checkpoint_images=16,
    )  # fmt: skip


def test_a_drawn_batch_follows_from_seed_and_images_seen(faces, config):
    source = open_source(faces, config, CPU)
    assert isinstance(source, MeshBatchSource)
    first, again = source.batch(40), source.batch(40)
    assert isinstance(first, DrawnBatch)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name
    assert first.flow.shape == (8, 2, SIZE // 2, SIZE // 2)
    assert first.nuisance.shape == (8, 2)
    assert first.paired.sum() == 3 + len(first.back)
    assert len(first.back) == round(5 * config.back_share)


def test_two_processes_share_one_drawn_batch(faces, config):
    whole = open_source(faces, config, CPU).batch(16)
    halves = [open_source(faces, config, CPU, rank=r, world=2).batch(16) for r in range(2)]
    for name, value in vars(whole).items():
        joined = torch.empty_like(value)
        joined[0::2], joined[1::2] = (getattr(h, name) for h in halves)
        assert torch.allclose(joined, value, atol=1e-5), name


def test_what_is_drawn_of_a_set_at_an_address_is_the_same(faces, config, tmp_path, monkeypatch):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for path in faces.path.iterdir():
        if path.is_file():
            memory.pipe(f"/mesh/set/{path.name}", path.read_bytes())
    near, far = (open_source(data, config, CPU) for data in (faces, open_faces("memory://mesh/set", SIZE)))
    for images_seen in range(0, 12 * config.batch, config.batch):
        one, other = near.batch(images_seen), far.batch(images_seen)
        for name, value in vars(one).items():
            assert torch.equal(value, getattr(other, name)), name
    memory.rm("/mesh", recursive=True)


def test_few_units_are_asked_and_never_two_that_exclude_each_other():
    few = FewUnits(UNITS, {"AU45": 3.0})
    source = np.zeros((200, len(UNITS)), np.float32)
    source[:, UNITS.index("AU62")] = 0.2
    asked = few.draw(np.random.default_rng(0), source)
    changed = (asked != source).sum(1)
    assert changed.max() <= 6
    assert changed.min() >= 1
    looks = asked[:, [UNITS.index("AU61"), UNITS.index("AU62")]]
    assert not ((looks > 0).all(1) & (looks != [0, 0.2]).any(1)).any()
    lids = asked[:, [UNITS.index("AU45L"), UNITS.index("AU45R")]]
    assert ((lids[:, 0] > 0) != (lids[:, 1] > 0)).any()
    assert ((lids > 0).all(1)).any()


def test_mouths_close_and_eyes_too_where_the_way_back_has_to_paint_them():
    source = np.zeros((200, len(UNITS)), np.float32)
    mouth = [UNITS.index(name) for name in ("AU12L", "AU25", "AU26")]
    lids = [UNITS.index(name) for name in ("AU45L", "AU45R")]
    source[:100, mouth] = 0.8
    source[50:100, lids] = 0.9
    asked = Undoing(UNITS).draw(np.random.default_rng(0), source, source)
    closed = asked[:100, mouth] == 0
    assert 30 < closed.any(1).sum() < 70
    assert closed.all(1).any(), "the whole mouth"
    assert (closed.sum(1) == 1).any(), "one unit alone"
    assert not (asked[100:, mouth] != 0).any(), "a closed mouth has nothing to undo"
    assert 10 < (asked[50:100, lids] == 0).any(1).sum() < 35, "shut eyes open"
    shut = asked[100:, lids]
    assert 20 < (shut >= 0.7).any(1).sum() < 60
    assert ((shut >= 0.7).sum(1) == 1).any(), "one eye alone, too"


def test_an_edit_is_asked_back_to_its_photo(faces, config):
    source = open_source(faces, replace(config, back_share=0.4), CPU)
    flow, batch = source.batch(0), source.batch(40)
    assert not len(flow.back), "where no paint is learnt nothing is asked back"
    assert batch.back.tolist() == [3, 4], "two of the five single faces"
    assert batch.paired.tolist() == [1, 1, 1, 1, 1, 0, 0, 0], "they have a true picture: their photo"
    assert torch.equal(batch.image[batch.back], batch.true[batch.back])
    generator = build_generator(config.generator)
    torch.nn.init.normal_(generator.maps_head.weight, 0, 0.1)
    forth = generator.condition(batch.target, batch.aus, None)
    batch.seam.zero_()
    batch.seam[0, :, 40:42] = 1
    expected = generator(batch.image, forth).image
    photo = expected[3].clamp(-1, 1)
    lips = (photo.roll(4, 1) + photo.roll(-4, 1)) / 2
    expected[3, :, 40:42] = 0.6 * (1 + lips[:, 40:42]) - 1
    shown = asked_back(generator, batch)
    assert torch.allclose(shown.image[batch.back], expected[batch.back].clamp(-1, 1), atol=1e-5)
    others = [i for i in range(8) if i not in batch.back.tolist()]
    assert torch.equal(shown.image[others], batch.image[others])
    assert not torch.equal(shown.image[batch.back], batch.image[batch.back])
    assert not shown.image.requires_grad


def test_a_line_is_drawn_where_lips_meet_that_were_shut(faces, config):
    source = open_source(faces, config, CPU)
    points = np.repeat(landmarks(1, SIZE), 2, 0)
    own, target = np.zeros((2, 2, len(UNITS)), np.float32)
    target[0, UNITS.index("AU25")] = 0.8
    seams = source._seams(points, own, target)
    assert seams.shape == (2, 1, SIZE, SIZE)
    assert not seams[1].any(), "nobody's lips were shut there"
    x, y = np.rint((points[0, 13] + points[0, 14]) / 2).astype(int)
    assert seams[0, 0, y, x] > 0.5
    assert seams[0, 0, y - 8, x] < 0.05


def test_small_critics_look_at_edits_with_a_true_picture(faces, config):
    source = open_source(faces, config, CPU)
    batch = source.batch(0)
    teacher = LocalTeacher(torch.from_numpy(source.swap), CPU)
    edit = ask(build_generator(config.generator), batch)
    before = teacher.terms(edit, batch, ["local"])["local"]
    alone = batch.paired == 0
    edit = Edit(torch.where(alone[:, None, None, None], 1 - edit.image, edit.image), edit.parts)
    assert torch.equal(teacher.terms(edit, batch, ["local"])["local"], before)
    batch.paired.zero_()
    assert not torch.equal(teacher.terms(edit, batch, ["local"])["local"], before), "of a set without pairs at all"


def test_the_mesh_is_content_with_what_it_drew(faces, config):
    source = open_source(faces, config, CPU)
    batch = source.batch(0)
    generator = build_generator(config.generator)
    edit = ask(generator, batch, warp_only=True)
    teacher = MeshTeacher.build(config, source.names, CPU)
    wrong = teacher.terms(edit, batch, ["mesh_flow", "mesh_attention"])
    edit.parts["cells"] = torch.cat([batch.flow * (batch.mask > 0), batch.warped], 1)
    right = teacher.terms(edit, batch, ["mesh_flow", "mesh_attention"])
    assert right["mesh_flow"] == 0
    assert wrong["mesh_flow"] > 0
    assert right["mesh_attention"] < wrong["mesh_attention"]


def tell(edit, batch):
    """What a generator finds, as the landmarks say it; logits in place of shares."""
    for name, goal, k in (
        ("mouth", batch.mouth, 6),
        ("eyes", batch.opened, 6),
        ("lids", batch.lids, 2),
        ("globes", batch.globes, 7),
    ):
        edit.parts[name] = torch.cat([goal[:, :k], (2 * goal[:, k : k + 1] - 1) * 20], 1)


def test_where_a_mouth_opens_its_inside_is_told_and_learnt(faces, config):
    source = open_source(faces, config, CPU)
    generator = build_generator(config.generator)
    flow = source.batch(0)
    assert not flow.mouth.numel(), "a warp learns nothing of them"
    assert not flow.opened.numel()
    told, paint = 0, config.phases[0].images
    for images_seen in range(paint, paint + 10 * config.batch, config.batch):
        batch = source.batch(images_seen)
        where = batch.mouth[:, 6:].amax((1, 2, 3))
        hole = (1 - batch.warped[:, :, 15:]).amax((1, 2, 3))
        assert (hole[where > 0.9] > 0.1).all(), "there is nothing to warp from"
        told += int((where > 0.5).sum())
    assert told > 5
    edit = ask(generator, batch)
    assert inside(edit, batch) > 0
    tell(edit, batch)
    assert inside(edit, batch) < 1.0, "what is left is the entropy of the soft borders"
    right = float(inside(edit, batch).detach())
    edit.parts["mouth"][:, 0] += 10
    assert inside(edit, batch) > right


def test_folds_are_measured_on_pairs_before_a_training(faces, config, monkeypatch):
    source = open_source(faces, config, CPU)
    generator = build_generator(config.generator)
    pictures, smile = np.array(source.images), [source.names.index(name) for name in ("AU12L", "AU12R")]
    level = source.aus[:, smile].mean(1)
    pictures[:, 22:26] = (pictures[:, 22:26] * (1 - 0.3 * level)[:, None, None, None]).astype(np.uint8)
    monkeypatch.setattr(source, "images", pictures)
    measure_shade(generator, source, 0)
    maps = generator.shade.maps[: len(source.names)]
    assert torch.isfinite(maps).all()
    for name in source.names:
        one = maps[source.names.index(name)]
        assert bool(one.any()) == (side_free(name) in shade.UNITS)
    assert torch.allclose(maps[torch.from_numpy(mirror_order(source.names))].flip(2), maps, atol=1e-6)
    left, right = maps[smile[0]], maps[smile[1]]
    assert not left[:, :20].any(), "the person's left is the right of the picture"
    line = (left + right)[22:26]
    assert line.min() < -0.05, "a smile darkens it"
    again = build_generator(config.generator)
    measure_shade(again, source, 0)
    assert torch.equal(again.shade.maps[: len(source.names)], maps)


def test_eyes_that_stay_between_lids_are_told_and_learnt(faces, config):
    source = open_source(faces, config, CPU)
    assert not source.batch(0).globes.numel(), "the flow phase learns nothing of them"
    paint = config.phases[0].images
    batches = [source.batch(seen) for seen in range(paint, paint + 20 * config.batch, config.batch)]
    batch = max(batches, key=lambda b: float(b.globes[:, globe.INSIDE].amax((1, 2)).sum()))
    assert batch.globes[:, globe.INSIDE].max() > 0.9
    edit = ask(build_generator(config.generator), batch)
    tell(edit, batch)
    right, maps = float(inside(edit, batch).detach()), edit.parts["globes"]
    maps[:, 0] += 3 * (batch.globes[:, globe.INSIDE] == 0)
    assert float(inside(edit, batch).detach()) == pytest.approx(right), "away from eyes nobody knows whence"
    maps[:, 0] += 3
    assert float(inside(edit, batch).detach()) > right + 0.1


def test_lids_that_come_down_are_told_and_learnt(faces, config):
    source = open_source(faces, config, CPU)
    generator = build_generator(config.generator)
    assert not source.batch(0).lids.numel(), "the flow phase learns nothing of them"
    paint = config.phases[0].images
    batches = [source.batch(seen) for seen in range(paint, paint + 20 * config.batch, config.batch)]
    batch = max(batches, key=lambda b: float(b.lids[:, 2].amax((1, 2)).sum()))
    assert batch.lids[:, 2].max() > 0.9
    edit = ask(generator, batch)
    untold = edit.parts["lids"]
    tell(edit, batch)
    lids, edit.parts["lids"] = edit.parts["lids"], untold
    before = float(inside(edit, batch).detach())
    goal = batch.lids
    edit.parts["lids"] = lids
    right = float(inside(edit, batch).detach())
    assert right < before
    edit.parts["lids"][:, 1] += 3 * (goal[:, 3] < 0.5)
    assert float(inside(edit, batch).detach()) == pytest.approx(right), "away from lids nobody knows whence"
    edit.parts["lids"][:, 1] += 3
    assert float(inside(edit, batch).detach()) > right + 0.1


def test_critics_are_not_shown_what_is_drawn(faces, config):
    batch = open_source(faces, config, CPU).batch(0)
    edit = ask(build_generator(config.generator), batch)
    edit.parts["drawn"] = torch.ones_like(edit.parts["drawn"])
    seen = as_criticised(edit, batch)
    paired = batch.paired > 0
    assert torch.equal(seen[paired], batch.true[paired])
    assert torch.equal(seen[~paired], edit.image[~paired]), "of others nobody knows what is behind their lips"


def test_what_is_painted_counts_by_its_area(faces, config):
    source = open_source(faces, config, CPU)
    batch = source.batch(0)
    edit = ask(build_generator(config.generator), batch)
    batch.warped.fill_(1)
    assert painted(edit, batch) == 0
    batch.warped[:, :, 8:16, 8:16] = 0
    edit.parts["texture"] = batch.true.clone()
    assert painted(edit, batch) == 0
    edit.parts["texture"] += 0.1
    small = painted(edit, batch)
    known = float(batch.paired.mean())
    assert small == pytest.approx(0.1 * known, rel=0.01), "of others it is not known, and a constant has no high-pass"
    batch.warped[:, :, 8:24, 8:24] = 0
    assert painted(edit, batch) == pytest.approx(float(small), rel=0.01)


def test_cells_of_a_generator_without_them_are_means_of_its_maps(config):
    edit = build_generator(config.generator)(torch.zeros(1, 3, SIZE, SIZE), torch.rand(1, 40))
    own = cells_of(edit, SIZE // 2)
    del edit.parts["cells"]
    assert torch.allclose(cells_of(edit, SIZE // 2), own, atol=0.2)


def test_motions_are_primed_symmetrically(faces, config):
    source = open_source(faces, config, CPU)
    generator = build_generator(config.generator)
    prime_motion(generator, source, 0)
    maps = generator.motion.maps.detach()
    left, right = (maps[source.names.index(f"AU02{side}")] for side in "LR")
    assert left.abs().max() > 0
    assert torch.allclose(left, right.flip(2) * torch.tensor([-1.0, 1.0])[:, None, None], atol=1e-6)
    assert not maps[len(source.names) :].any()  # a turn of the head is nobody's unit


def test_a_mirrored_face_with_mirrored_levels_is_judged_alike(faces, config):
    source = open_source(faces, config, CPU)
    critics = MouthAndEyes(len(UNITS), torch.from_numpy(source.swap)).eval()
    image, levels = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, len(UNITS))
    eyes = critics(image, levels)[1][0]
    mirrored = critics(image.flip(3), levels[:, source.swap])[1][0]
    assert torch.allclose(torch.cat(mirrored.chunk(2)[::-1]), eyes, atol=1e-5)


def test_the_small_critics_lower_their_hinge(faces, config):
    source = open_source(faces, config, CPU)
    batch = source.batch(0)
    torch.manual_seed(0)
    teacher = LocalTeacher(torch.from_numpy(source.swap), CPU)
    fake = torch.rand_like(batch.true) * 2 - 1
    values = []
    for index in range(12):
        terms, weights = teacher.own_terms(batch, fake, config.weights, index=index, share=torch.zeros(8))
        teacher.adam.zero_grad()
        (weights["hinge"] * terms["hinge"]).backward()
        teacher.adam.step()
        values.append(float(terms["hinge"].detach()))
    assert values[-1] < values[0]


def test_a_training_by_the_mesh_resumes_bit_for_bit(faces, config, tmp_path: Path):
    train(faces.path, tmp_path / "whole", config, quiet=True)
    train(faces.path, tmp_path / "parts", config, quiet=True, stop_after=48)
    train(faces.path, tmp_path / "parts", config, quiet=True)
    whole, parts = (load_state(tmp_path / name)["players"] for name in ("whole", "parts"))
    for player in ("generator", "average", "local"):
        assert all(torch.equal(value, parts[player][name]) for name, value in whole[player].items()), player
    assert (tmp_path / "whole" / "model" / "generator.onnx").exists()
    looked = [line for line in read_log(tmp_path / "whole") if line["kind"] == "validation"]
    assert {"mesh_gap", "pair_gap", "au_error"} <= looked[-1].keys()
