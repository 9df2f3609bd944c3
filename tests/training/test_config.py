import json

import pytest

torch = pytest.importorskip("torch")

from dftnet.training import config as c  # noqa: E402


@pytest.mark.parametrize("name", c.PRESETS)
def test_presets_survive_json(name):
    config = c.preset(name)
    assert c.from_dict(json.loads(json.dumps(c.to_dict(config)))) == config


def test_paper_is_section_3_1():
    config = c.preset("paper")
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
    assert (config.warp_images, config.pair_share, config.single_share, config.jitter) == (0, 0, 0, 0)


def test_override_sets_nested_values_and_names_the_known():
    config = c.override(c.preset("stable"), ["weights.pair=3", "generator.channels=[8,16]", "labels=estimated"])
    assert config.weights.pair == 3
    assert config.generator.channels == (8, 16)
    assert config.labels == "estimated"
    for wrong in ("weights.pear=3", "batch", "x=1", "labels.a=1"):
        with pytest.raises(ValueError, match=r"weights\.pair"):
            c.override(c.preset("stable"), [wrong])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("batch=0", "batch"),
        ("pair_share=2", "pair_share"),
        ("precision=float8", "precision"),
        ("decay_images=9999999", "decay_images"),
        ("generator.au_count=5", "au_count"),
        ("warp_images=10", "warp_images"),
        ("guide=shipped", "guide"),
        ('warp_weights={"guide_aligned": 1}', "no guide"),
        ('warp_weights={"pair_aligned": -1}', "pair_aligned is -1"),
        ('warp_weights={"pair": 1}', "pair_aligned, guide_aligned"),
        ("learning_rat=1", "learning_rate"),
    ],
)
def test_values_that_cannot_be_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        c.override(c.preset("paper"), [change])


def test_a_run_config_is_valid_for_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(c.to_dict(c.preset("stable"))))
    assert c.load(path) == c.preset("stable")
    path.write_text("no")
    with pytest.raises(ValueError, match="not JSON"):
        c.load(path)
    with pytest.raises(ValueError, match="paper, stable"):
        c.preset("papre")
