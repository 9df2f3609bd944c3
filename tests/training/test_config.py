import json

import pytest

torch = pytest.importorskip("torch")

from dftnet.errors import RequestError  # noqa: E402
from dftnet.training import config as c  # noqa: E402
from dftnet.training import loss_weights, teachers  # noqa: E402
from dftnet.training.config import Phase  # noqa: E402
from dftnet.training.presets import PRESETS, preset  # noqa: E402


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = preset(name)
    assert c.from_dict(json.loads(json.dumps(c.to_dict(config)))) == config


def test_paper_is_section_3_1():
    config = preset("paper")
    w = config.weights
    assert (w.adversarial, w.gradient_penalty, w.condition, w.reconstruction, w.attention) == (1, 10, 160, 10, 1)
    assert w.total_variation == pytest.approx(0.0001 * 128**2)
    assert (config.learning_rate, config.betas, config.critic_steps, config.batch) == (1e-4, (0.5, 0.999), 5, 25)
    assert (config.images, config.decay_images) == (6_000_000, 2_000_000)
    extras = [
        w.attention_hinge,
        w.identity,
        w.condition_aligned,
        w.guide,
        w.pair,
        w.pair_aligned,
        w.pair_texture,
        w.paint,
        w.pair_features,
    ]
    assert extras == [0] * 9
    assert (config.pair_share, config.single_share, config.jitter) == (0, 0, 0)
    assert [phase.name for phase in config.phases] == ["adversarial"]


def test_override_sets_nested_values_and_names_the_known():
    config = c.override(preset("stable"), ["weights.pair=3", "generator.channels=[8,16]", "labels=estimated"])
    assert config.weights.pair == 3
    assert config.generator.channels == (8, 16)
    assert config.labels == "estimated"
    config = c.override(preset("stable"), ["phases.warp.images=5", "phases.paint.weights.pair=3", "focus.AU04=2"])
    assert [phase.images for phase in config.phases] == [5, 300_000, 5_400_000]
    assert config.phases[1].weights == {"pair": 3}
    assert config.focus["AU04"] == 2
    for wrong, told in (
        ("weights.pear=3", r"did you mean weights\.pair or"),
        ("batch", "write NAME=VALUE"),
        ("x_y=1", r"cannot set 'x_y'; The config\.json"),
        ("labels.a=1", r"config\.json of a run has all names"),
        ("warp_images=3", r"phases\.warp\.images"),
    ):
        with pytest.raises(RequestError, match=told):
            c.override(preset("stable"), [wrong])
    with pytest.raises(RequestError, match="knows no 'format'"):
        c.from_dict({"format": "dftnet-dataset-1"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("batch=0", "batch"),
        ("pair_share=2", "pair_share"),
        ("precision=float8", "precision"),
        ("decay_images=9999999", "decay_images"),
        ("generator.au_count=5", "au_count"),
        ("phases.adversarial.critic=false", "learns from pairs or a guide"),
        ("phases.adversarial.images=-1", "phases.adversarial.images is -1"),
        ("phases.adversarial.warp_only=true", "set critic to false"),
        ("guide=shipped", "guide"),
        ("phases.adversarial.weights.guide_aligned=1", "guide is '', and a weight"),
        ("phases.adversarial.weights.pair_aligned=-1", "pair_aligned is -1"),
        ("phases.adversarial.weights.pear=1", "known are adversarial"),
        ("phases.warp.images=1", r"phases\.adversarial\.images"),
        ("batch=many", "batch is 'many'; give a whole number"),
        ("learning_rate=true", "learning_rate is True; give a number"),
        ("compile=1", "compile is 1; give true or false"),
        ("guide=1", "guide is 1; give text"),
        ("weights.pair=a lot", "pair is 'a lot'; give a number"),
        ("phases.adversarial.images=1.5", "images is 1.5; give a whole number"),
        ("phases.adversarial.weights=3", "give names and numbers"),
        ("focus=3", "focus is 3"),
        ("learning_rat=1", "did you mean learning_rate"),
    ],
)
def test_values_that_cannot_be_are_named(change, message):
    with pytest.raises(RequestError, match=message):
        c.override(preset("paper"), [change])


def test_a_run_config_is_valid_for_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(c.to_dict(preset("stable"))))
    assert c.load(path) == preset("stable")
    path.write_text("no")
    with pytest.raises(ValueError, match="not JSON"):
        c.load(path)
    with pytest.raises(ValueError, match="paper, stable"):
        preset("papre")


def test_a_configuration_from_before_phases_is_read_as_the_same_training():
    """The images and weights of what the first release was trained with, as its provenance told it."""
    trained = c.to_dict(preset("stable")) | {
        "images": 64_000,
        "decay_images": 6000,
        "warp_images": 0,
        "paint_images": 5000,
    }
    del trained["phases"]
    trained["weights"] |= {"guide_aligned": 1.5}
    config = c.from_dict(trained)
    assert [(p.name, p.images, p.critic, p.warp_only) for p in config.phases] == [
        ("paint", 5000, False, False), ("adversarial", 59_000, True, False),
    ]  # fmt: skip
    assert config.images == 64_000
    assert config.weights.guide_aligned == 1.5
    old = c.to_dict(preset("tiny")) | {
        "images": 16,
        "decay_images": 0,
        "warp_images": 8,
        "paint_images": 16,
        "warp_weights": {"identity": 1},
    }
    del old["phases"]
    assert c.from_dict(old).phases == (
        Phase(name="warp", images=8, weights={"identity": 1}, critic=False, warp_only=True),
        Phase(name="paint", images=8, critic=False),
        Phase(name="adversarial", images=0),
    )


def test_a_phase_has_the_losses_that_are_given_there():
    warp, paint, adversarial = (preset("stable").generator_weights(phase) for phase in preset("stable").phases)
    assert warp == {"total_variation": 1.0, "guide_aligned": 10.0, "pair_aligned": 15.0}
    assert set(adversarial) - set(paint) == {"adversarial", "condition", "pair_features"}
    assert not set(paint) - set(adversarial)
    tiny = preset("tiny")
    assert [tiny.pairs_only(phase) for phase in tiny.phases] == [True, False, False]
    assert not any(preset("stable").pairs_only(phase) for phase in preset("stable").phases)


def test_the_step_that_starts_there_belongs_to_the_phase():
    tiny = preset("tiny")
    assert [tiny.phase_at(n).name for n in (0, 31, 32, 47, 48, 95, 96)] == [
        "warp", "warp", "paint", "paint", "adversarial", "adversarial", "adversarial",
    ]  # fmt: skip


def test_stretching_keeps_the_shares():
    config = c.stretch(preset("stable"), 60_000)
    assert [phase.images for phase in config.phases] == [3_000, 3_000, 54_000]
    assert (config.images, config.decay_images, config.ema_images, config.log_images) == (60_000, 20_000, 100.0, 2_000)


def test_every_teacher_has_a_class_a_field_and_a_weight():
    assert set(loss_weights.TEACHERS) == set(teachers.TEACHERS)
    for name, teacher in teachers.TEACHERS.items():
        assert name == teacher.NAME
        assert loss_weights.given_by(name)
        assert hasattr(preset("paper"), name)
