import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.faces.shade import BRIGHTER, MOST  # noqa: E402
from dftnet.networks import (  # noqa: E402
    Critic,
    CriticConfig,
    DFTNetConfig,
    GANimationConfig,
    LightConfig,
    build_generator,
    generator_config,
)
from dftnet.networks.light import TURNED  # noqa: E402
from dftnet.training.export import Maps, difference, export_generator, load_generator  # noqa: E402
from dftnet.training.presets import PRESETS, preset  # noqa: E402
from dftnet.units import TURNS  # noqa: E402

SMALL = dict(channels=(8, 16, 16), residual_blocks=1)
CONFIGS = {
    "paper": DFTNetConfig(**SMALL),
    "stable": DFTNetConfig(
        **SMALL, stem="unshuffle", norm="group", upsample="resize", align_skips=True, condition_at_code=True,
        conditioning="difference", attention_bias=2.0, max_flow=0.15,
    ),
    "no skips": DFTNetConfig(**SMALL, skips=False),
    "no norm": DFTNetConfig(**SMALL, norm="none"),
    "warp only": DFTNetConfig(**SMALL, paths="warp"),
    "texture only": DFTNetConfig(**SMALL, paths="texture"),
    "ganimation": GANimationConfig(width=8, residual_blocks=1),
    "light": LightConfig(
        au_count=17, channels=(8, 12, 16), flow_channels=(8, 8, 8), texture_channels=(8, 8, 8, 8), residual_blocks=1,
        motion_cells=16,
    ),
    "light, slim": LightConfig(
        au_count=17, channels=(8, 12, 16), flow_channels=(8, 8, 8), texture_channels=(8, 8, 8, 8), residual_blocks=1,
        motion_cells=16, slim=True, shade=True,
    ),
}  # fmt: skip
DOCUMENT = {"size": 32, "au_names": [f"AU{i:02d}" for i in range(17)], "alignment": {}, "provenance": {}, "results": {}}


@pytest.fixture(params=CONFIGS, ids=str)
def generator(request):
    torch.manual_seed(0)
    built = build_generator(CONFIGS[request.param])
    if request.param.startswith("light"):  # which begins with Φ = 0
        torch.nn.init.normal_(built.maps_head.weight, 0, 0.1)
    return built


def test_shapes_and_ranges(generator):
    edit = generator(torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 17))
    assert edit.image.shape == edit.parts["aligned"].shape == edit.parts["texture"].shape == (2, 3, 32, 32)
    attention = edit.parts["attention"]
    assert attention.shape == (2, 1, 32, 32)
    assert attention.min() >= 0
    assert attention.max() <= 1
    assert edit.image.abs().max() <= 1
    if "flow" in edit.parts:
        assert edit.parts["flow"].shape == (2, 2, 32, 32)


def test_the_edit_is_equation_5(generator):
    edit = generator(torch.rand(1, 3, 32, 32) * 2 - 1, torch.rand(1, 17))
    a, b, x = (edit.parts[k] for k in ("attention", "texture", "aligned"))
    assert torch.allclose(edit.image, (1 - a) * b + a * x, atol=1e-6)


@pytest.mark.parametrize("name", ["paper", "stable", "ganimation"])
def test_no_flow_and_full_attention_is_the_identity(name):
    generator = build_generator(CONFIGS[name])
    with torch.no_grad():
        if name == "ganimation":
            generator.attention_head.weight.zero_()
            generator.attention_head.bias = torch.nn.Parameter(torch.full((1,), 50.0))
        else:
            generator.flow_head.weight.zero_()
            generator.flow_head.bias.zero_()
            generator.attention_head.weight.zero_()
            generator.attention_head.bias.fill_(50.0)
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    assert torch.allclose(generator(image, torch.rand(1, 17)).image, image, atol=2e-5)  # float32 sampling


def test_every_parameter_gets_a_gradient(generator):
    config = generator.config
    if getattr(config, "paths", "both") != "both":
        pytest.skip("an ablation leaves one path unused")
    edit = generator(torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 17))
    (edit.image.square().mean() + edit.parts["attention"].mean()).backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_the_condition_changes_the_edit(generator):
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        zero, one = (generator(image, torch.full((1, 17), v)).parts["texture"] for v in (0.0, 1.0))
        flows = [generator(image, torch.full((1, 17), v)).parts.get("flow") for v in (0.0, 1.0)]
    changed = not torch.equal(zero, one) or (flows[0] is not None and not torch.equal(flows[0], flows[1]))
    assert changed


def test_saved_is_loaded_equal(generator, tmp_path):
    loaded = load_generator(export_generator(tmp_path / "m", generator, DOCUMENT))
    assert loaded.config == generator.config
    for (name, a), (_, b) in zip(generator.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert torch.equal(a.half(), b.half()), name
        assert a.ndim > 1 or torch.equal(a, b), name  # vectors are not rounded


def test_onnx_equals_pytorch(generator, tmp_path):
    model = export_generator(tmp_path / "m", generator, DOCUMENT)
    inputs = {"image": torch.rand(3, 3, 32, 32) * 2 - 1, "aus": torch.rand(3, 17)}
    graph = Maps(load_generator(model))
    assert difference(model / "generator.onnx", graph, inputs, graph.answers) < 1e-4


def test_ganimation_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in build_generator(GANimationConfig()).parameters()) == 8_471_296


def test_critic_map_is_the_size_over_two_to_the_six():
    critic = Critic(CriticConfig(width=4, max_channels=16))
    realness, aus = critic(torch.rand(2, 3, 128, 128))
    assert realness.shape == (2, 1, 2, 2)
    assert aus.shape == (2, 17)
    with pytest.raises(ValueError, match="multiple of 64"):
        CriticConfig(size=100)


def test_the_papers_critic_has_44_9_million_parameters():
    assert sum(p.numel() for p in Critic(CriticConfig()).parameters()) == pytest.approx(44.9e6, rel=0.01)


def test_critic_judges_smaller_patches_where_told():
    realness, aus = Critic(CriticConfig(width=4, max_channels=16, patch_layer=4))(torch.rand(1, 3, 128, 128))
    assert realness.shape == (1, 1, 8, 8)
    assert aus.shape == (1, 17)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds(name):
    config = preset(name)
    generator, critic = build_generator(config.generator), Critic(config.critic)
    image = torch.zeros(1, 3, config.size, config.size)
    with torch.no_grad():
        assert generator(image, torch.zeros(1, config.generator.au_count)).image.shape == image.shape
        assert critic(image)[1].shape == (1, config.critic.au_count)


def test_stable_starts_at_the_identity_warp_and_mostly_trusts_it():
    generator = build_generator(preset("stable").generator)
    with torch.no_grad():
        parts = generator(torch.rand(1, 3, 128, 128) * 2 - 1, torch.rand(1, 17)).parts
    assert parts["flow"].abs().max() == 0
    assert 0.8 < float(parts["attention"].mean()) < 0.95


def test_flow_stays_within_its_bound():
    config = replace(CONFIGS["stable"], max_flow=0.05)
    generator = build_generator(config)
    with torch.no_grad():
        generator.flow_head.bias.fill_(1e4)
        flow = generator(torch.rand(1, 3, 32, 32), torch.rand(1, 17)).parts["flow"]
    assert float(flow.max()) == pytest.approx(0.05 * 32, rel=1e-3)


@pytest.mark.parametrize(
    ("field", "value"), [("stem", "conv9"), ("norm", "batch"), ("paths", "none"), ("channels", (8,))]
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        DFTNetConfig(**{field: value})
    with pytest.raises(ValueError, match="dftnet, light, ganimation"):
        generator_config({"kind": "stylegan"})


def test_a_size_that_does_not_fit_is_told():
    with pytest.raises(ValueError, match="multiples of 4"):
        build_generator(CONFIGS["paper"])(torch.zeros(1, 3, 30, 30), torch.zeros(1, 17))


def test_foreign_model_directories_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        load_generator(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        load_generator(tmp_path)
    (tmp_path / "config.json").write_text('{"format": "other"}')
    with pytest.raises(ValueError, match="format"):
        load_generator(tmp_path)


def test_conditioning_by_difference_subtracts_the_source():
    source, target = np.full((1, 17), 0.25, np.float32), np.full((1, 17), 1.0, np.float32)
    s, t = torch.from_numpy(source), torch.from_numpy(target)
    assert torch.equal(build_generator(CONFIGS["stable"]).condition(s, t), t - s)
    assert torch.equal(build_generator(CONFIGS["paper"]).condition(s, t), t)


def light(nuisance: int = 0, **more):
    torch.manual_seed(0)
    generator = build_generator(replace(CONFIGS["light"], nuisance=nuisance, **more))
    with torch.no_grad():
        for parameter in (generator.maps_head.weight, generator.motion.maps):
            parameter.normal_(0, 0.3)
    return generator


def test_light_does_nothing_where_nothing_is_asked():
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    edit = light()(image, torch.zeros(1, 17))
    assert torch.equal(edit.parts["flow"], torch.zeros(1, 2, 32, 32))
    assert torch.equal(edit.parts["attention"], torch.ones(1, 1, 32, 32))
    assert torch.allclose(edit.image, image, atol=2e-5)


def test_light_is_edited_with_without_its_inputs_for_nuisance():
    trained = light(nuisance=2)
    small = trained.for_editing()
    assert small.config.nuisance == 0
    image, asked = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 17)
    still = torch.cat([asked, torch.zeros(2, 2)], 1)
    assert torch.allclose(small(image, asked).image, trained(image, still).image, atol=1e-5)
    assert torch.equal(trained(image, asked).image, trained(image, still).image)


def test_light_is_trained_further_from_what_is_edited_with():
    shipped, trained = light(), light(nuisance=2)
    trained.begin_from(shipped)
    image, asked = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 17)
    turned = torch.cat([asked, torch.ones(2, 2)], 1)
    assert torch.allclose(trained(image, turned).image, shipped(image, asked).image, atol=1e-5)
    with pytest.raises(ValueError, match="another architecture"):
        trained.begin_from(build_generator(CONFIGS["stable"]))


def test_what_explained_turns_of_a_head_can_be_asked_for():
    trained = light(nuisance=2)
    able = trained.for_editing(turns=True)
    assert (able.config.au_count, able.config.nuisance) == (17 + len(TURNS), 0)
    image, asked = torch.rand(4, 3, 32, 32) * 2 - 1, torch.rand(4, 17)
    told = torch.cat([asked, TURNED * torch.tensor([[1.0, 0], [-1, 0], [0, -1], [0, 1]])], 1)
    for_left_right_up_down = torch.cat([asked, torch.eye(4)], 1)
    assert torch.allclose(able(image, for_left_right_up_down).image, trained(image, told).image, atol=1e-5)
    again = light(nuisance=2)
    again.begin_from(able)
    assert torch.allclose(again(image, told).image, trained(image, told).image, atol=1e-5)
    plain = light()
    plain.begin_from(able)
    assert torch.allclose(plain(image, asked).image, trained(image, asked).image, atol=1e-5)
    with pytest.raises(ValueError, match="not learnt what a turn of the head does"):
        light().for_editing(turns=True)
    with pytest.raises(ValueError, match="not learnt what a turn of the head does"):
        build_generator(CONFIGS["stable"]).for_editing(turns=True)


def test_what_is_shaded_is_asked_for_and_less_bright_than_it_was_dark():
    generator = light(slim=True, shade=True)
    generator.shade.maps[3, 20:30, 20:30] = -0.2
    image = torch.full((1, 3, 32, 32), 0.2)
    asked = torch.zeros(3, 17)
    asked[1, 3], asked[2, 3] = 1, -1
    ratio = generator(image.expand(3, -1, -1, -1), asked).parts["shade"]
    assert torch.equal(ratio[0], torch.ones(1, 32, 32)), "nothing asked"
    middle = ratio[1:, 0, 12, 12]
    assert middle.tolist() == pytest.approx([math.exp(-0.2), math.exp(0.2 * BRIGHTER)], rel=1e-3)
    assert torch.equal(ratio[1, :, :4], torch.ones(1, 4, 32))
    aligned = generator(image, asked[1:2]).parts["aligned"]
    assert float(aligned[0, 0, 12, 12]) == pytest.approx(1.2 * math.exp(-0.2) - 1, abs=1e-3)
    generator.scale_condition(3, 2.0)
    assert float(generator(image, asked[1:2]).parts["shade"].min()) == pytest.approx(math.exp(-MOST), rel=1e-3), (
        "a bound"
    )
    shipped = light(slim=True, shade=True, nuisance=2)
    shipped.shade.maps[5] = -0.1
    assert torch.equal(shipped.for_editing(turns=True).shade.maps[5], shipped.shade.maps[5])


def test_light_exports_convolutions_of_four_channels_or_a_multiple():
    generator = build_generator(preset("light").generator).for_editing()
    for name, module in generator.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            assert module.in_channels % 4 == 0, name


def test_a_mean_motion_adds_up_over_units():
    generator = light()
    motion = generator.motion
    both = motion(torch.tensor([[1.0, 0.5, *[0.0] * 15]]))
    assert torch.allclose(both[0], motion.maps[0] + 0.5 * motion.maps[1], atol=1e-5)


@pytest.mark.parametrize("name", ["stable", "light", "ganimation"])
def test_a_unit_can_be_told_more_of(name):
    torch.manual_seed(0)
    generator = light() if name == "light" else build_generator(CONFIGS[name])
    image, asked = torch.rand(1, 3, 32, 32) * 2 - 1, torch.zeros(1, 17)
    asked[0, 3] = 0.5
    wanted = generator(image, asked * 2).image
    generator.scale_condition(3, 2.0)
    assert torch.allclose(generator(image, asked).image, wanted, atol=1e-4)
