"""The drawn inside of a mouth, and drawn eyes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.editing.compositing import composite  # noqa: E402
from dftnet.faces import eye, globe, lid, mouth  # noqa: E402
from dftnet.faces.drawn import CHANNELS, CRISP, FROM, millimetre, painted, window  # noqa: E402
from dftnet.networks import LightConfig, build_generator  # noqa: E402
from dftnet.networks.drawn import MouthInside, OpenEyes, covered, stayed  # noqa: E402
from dftnet.networks.layers import warp  # noqa: E402


def looked_at(x: float, down: float, up: float, light: float = 1.0) -> list[float]:
    """RGB in [0, 1] at a place."""
    maps = torch.tensor([x, down, up, light, light, light, 9.0])[None, :, None, None].expand(1, 7, 2, 2)
    return ((MouthInside(4).drawn(maps)[0, :, 0, 0] + 1) / 2).tolist()


def test_teeth_are_light_the_tongue_is_red_and_the_throat_dark():
    tooth, tongue, throat = looked_at(4, 6, 9), looked_at(4, 30, 5.5), looked_at(4, 30, 24)
    assert min(tooth) > 0.6
    assert tongue[0] > 1.3 * tongue[1] > 0.2
    assert max(throat) < 0.25
    assert looked_at(4, 6, 1) == pytest.approx(looked_at(4, 6, 9)), "upper teeth stand before all else"
    lower = looked_at(2, 30, 1)
    assert min(lower) > 0.45


def test_what_is_drawn_is_the_same_on_both_sides():
    assert looked_at(7, 6, 9) == pytest.approx(looked_at(-7, 6, 9), abs=1e-3)


def test_gaps_between_teeth_are_darker_than_the_teeth():
    assert max(looked_at(8.4, 4, 20)) < 0.93 * max(looked_at(4.2, 4, 20))


def test_light_is_a_factor():
    assert looked_at(4, 6, 9, 0.5) == pytest.approx([c / 2 for c in looked_at(4, 6, 9)], abs=1e-3)


@pytest.mark.parametrize("size", [32, 40, 72, 128])
@pytest.mark.parametrize(("name", "shares"), [("mouth", mouth.WINDOW), ("eyes", eye.WINDOW)])
def test_a_generator_draws_a_part_in_its_window_at_any_size(size, name, shares):
    config = LightConfig(mouth=True, eyes=True, motion_cells=0)
    generator = build_generator(config).eval()
    torch.nn.init.constant_(getattr(generator, name).maps.bias[6:7], 20.0)
    with torch.no_grad():
        edit = generator(torch.zeros(1, 3, size, size), torch.ones(1, 40))
        still = generator(torch.zeros(1, 3, size, size), torch.zeros(1, 40))
    left, top, right, bottom = window(size, shares)
    assert edit.parts[name].shape == (1, CHANNELS, bottom - top, right - left)
    drawn = edit.parts["drawn"][0, 0]
    assert drawn[top:bottom, left:right].min() > 0.99
    assert drawn.max() <= 1.01
    outside = drawn.clone()
    outside[top:bottom, left:right] = 0
    assert outside.max() < 0.01
    assert edit.parts["attention"][0, 0, top:bottom, left:right].max() < 0.01
    assert torch.equal(still.image, torch.zeros(1, 3, size, size)), "nothing asked is nothing done"


@pytest.mark.parametrize("size", [40, 128])
def test_lids_are_the_picture_from_where_their_own_flow_points(size):
    generator = build_generator(LightConfig(lids=True, motion_cells=0)).eval()
    with torch.no_grad():
        generator.lids.maps.bias.copy_(torch.tensor([0.0, -0.3, 20.0, 0.0]))  # 3 mm up, all over the window
        image = torch.rand(2, 3, size, size) * 2 - 1
        edit = generator(image, torch.ones(2, 40))
        still = generator(image, torch.zeros(2, 40))
    left, top, right, bottom = window(size, lid.WINDOW)
    inside = slice(None), slice(None), slice(top, bottom), slice(left, right)
    up = torch.zeros(2, 2, size, size)
    up[:, 1] = -3 * millimetre(size)
    lit = (1 + warp(image, up)[inside]) / 2 * edit.parts["lids"][:, lid.LIGHT]
    assert torch.allclose(edit.image[inside], 2 * lit.clamp(max=1) - 1, atol=1e-4)
    assert torch.equal(edit.parts["aligned"][:, :, bottom:], warp(image, edit.parts["flow"])[:, :, bottom:])
    assert edit.parts["attention"][inside].min() > 0.999, "nothing is painted there"
    assert torch.allclose(still.image, image, atol=1e-4), "nothing asked is nothing done"


def test_a_lid_comes_out_of_the_shadow_that_its_skin_lies_in():
    generator = build_generator(LightConfig(lids=True, motion_cells=0)).eval()
    left, top, right, bottom = window(128, lid.WINDOW)
    image = torch.full((1, 3, 128, 128), 0.2)
    image[:, :, : top + 12] = -0.5  # in the shadow of the brow, .25 of 1 in place of .6
    for up, brighter in ((4.0, True), (-4.0, False)):
        where = torch.full((1, 1, bottom - top, right - left), -20.0)
        where[:, :, 4:20, 10:40] = 20.0
        rise = torch.full_like(where, -up * 3)
        maps = torch.cat([torch.zeros_like(rise), rise, where], 1)
        edit = image.clone(), torch.ones(1, 1, 128, 128)
        (aligned, _), light = covered(image, edit, maps, torch.ones(1, 1, 1, 1))
        middle = light[0, :, 12, 25]
        assert (middle > 1.2).all() == brighter
        assert light.max() <= lid.BRIGHTEST**lid.OUT_OF_SHADOW + 1e-3
        assert torch.allclose(light[0, :, :, 60:], torch.ones(())), "the other eye stays"
        assert aligned[0, 0, top + 14, left + 25] <= 0.21
    assert torch.equal(generator(image, torch.zeros(1, 40)).parts["lids"][:, lid.LIGHT], torch.ones_like(light))


def test_a_lid_in_a_coloured_shadow_gets_no_other_hue_and_the_hair_of_a_brow_stays_dark():
    left, top, right, bottom = window(128, lid.WINDOW)
    skin, shadow = torch.tensor([0.7, 0.5, 0.4]), torch.tensor([0.52, 0.32, 0.21])  # 1.3, 1.6 and 1.9 times as dark
    where = torch.full((1, 1, bottom - top, right - left), -20.0)
    where[:, :, 4:20, 10:40] = 20.0
    maps = torch.cat([torch.zeros_like(where), torch.full_like(where, -12.0), where], 1)

    def lit(above: torch.Tensor) -> torch.Tensor:
        image = (2 * skin - 1)[None, :, None, None].expand(1, 3, 128, 128).clone()
        image[:, :, : top + 12] = (2 * above - 1)[:, None, None]
        _, light = covered(image, (image.clone(), torch.ones(1, 1, 128, 128)), maps, torch.ones(1, 1, 1, 1))
        return light[0, :, 12, 25]

    light = lit(shadow)
    assert light.max() <= lid.BRIGHTEST
    assert light.min() > 1.1
    lid_now, before = shadow * light, shadow / skin
    assert (lid_now / skin).max() / (lid_now / skin).min() < before.max() / before.min(), "nearer to the skin's hue"
    assert torch.allclose(lit(skin / 8), torch.ones(3), atol=0.02), "a brow"


def ball(risen: float, gaze: float = 0.0) -> torch.Tensor:
    """Maps [1, 8, h, w] of one eye whose iris lies in the middle of the left half of its window: its lid, 4 mm above that, has
    risen by so many millimetres, and it looks to a side by so many."""
    left, top, right, bottom = window(128, globe.WINDOW)
    rows, columns = torch.meshgrid(torch.arange(bottom - top) - 16.0, torch.arange(right - left) - 26.0, indexing="ij")
    x, y = columns / millimetre(128), rows / millimetre(128)
    one = torch.ones_like(x)
    inside = torch.where((x.abs() < 13) & (y > -4 - risen) & (y < 5), 20.0, -20.0)
    return torch.stack([-gaze * one, 0 * one, x - gaze, y, y + 4, 5 * one, y + 4 + risen, inside])[None]


def round_eye() -> torch.Tensor:
    """[1, 3, 128, 128]: rings about the iris's middle, skin above its lid."""
    left, top, _, _ = window(128, globe.WINDOW)
    rows, columns = torch.meshgrid(torch.arange(128.0) - top - 16, torch.arange(128.0) - left - 26, indexing="ij")
    rings = 0.5 * torch.cos(torch.hypot(rows, columns) / 2)
    return torch.where(rows < -4 * millimetre(128), 0.9, rings).expand(1, 3, 128, 128).contiguous()


def test_an_iris_is_round_behind_the_lid_that_rises():
    image, (left, top, _, _) = round_eye(), window(128, globe.WINDOW)
    aligned, attention = stayed(image, (image, torch.zeros(1, 1, 128, 128)), ball(2.5), torch.ones(1, 1, 1, 1))
    rows, columns = slice(top + 11, top + 18), slice(left + 20, left + 32)
    rings = torch.cos(torch.hypot(*torch.meshgrid(torch.arange(-5.0, 2), torch.arange(-6.0, 6), indexing="ij")) / 2) / 2
    found = aligned[0, 0, rows, columns]
    assert (found[3:] - rings[3:]).abs().max() < 0.02, "what was seen is as it was"
    lit = (1 + found[:3]) / (1 + rings[:3])
    assert 1 - globe.SHADOW_SHADE - 0.1 < lit.min() < lit.max() < 1.05, "what was not is the like, in a shadow"
    assert attention[0, 0, rows, columns].min() > 0.99
    assert torch.equal(aligned[..., left + 60 :], image[..., left + 60 :])


def test_an_eye_looks_to_a_side():
    image, (left, top, _, _) = round_eye(), window(128, globe.WINDOW)
    gaze = 3 / millimetre(128)
    aligned, _ = stayed(image, (image, torch.ones(1, 1, 128, 128)), ball(0, gaze), torch.ones(1, 1, 1, 1))
    rows, columns = slice(top + 16, top + 18), slice(left + 24, left + 34)
    moved = image[0, 0, rows, columns.start - 3 : columns.stop - 3]
    assert torch.allclose(aligned[0, 0, rows, columns], moved, atol=0.02)


@pytest.mark.parametrize("risen", [-2.0, 0.0, 2.5])
def test_eyes_stay_in_a_photo_as_in_a_crop(risen):
    crop = ((round_eye()[0].permute(1, 2, 0) + 1) * 100).round().to(torch.uint8).numpy()
    image = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 127.5 - 1
    maps, still = ball(risen), torch.ones(1, 1, 128, 128)
    aligned, _ = stayed(image, (image, still), maps, torch.ones(1, 1, 1, 1))
    flow, texture = torch.zeros(2, 128, 128), image[0]
    parts = (flow.numpy(), still[0].numpy(), texture.numpy())
    edited = composite(crop, np.eye(2, 3), crop, *parts, {"globes": maps[0].numpy()})
    expected = (aligned[0].permute(1, 2, 0).numpy() + 1) * 127.5
    apart = np.abs(edited - expected)
    assert np.quantile(apart, 0.99) < 3, "but for how a pixel between others is made of them"
    assert (np.abs(edited.astype(int) - crop).max() > 20) == (risen > 0)


def test_what_runs_is_what_was_trained_with_fewer_layers():
    torch.manual_seed(0)
    parts = dict(mouth=True, eyes=True, lids=True, globes=True, slim=True, shade=True)
    generator = build_generator(LightConfig(**parts, motion_cells=0)).eval()
    with torch.no_grad():
        for part in (generator.mouth, generator.eyes, generator.lids, generator.globes):
            part.maps.weight.normal_(0, 0.1)
        image, asked = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 40)
        wanted, found = generator(image, asked), generator.for_running()(image, asked)
    for name in ("flow", "mouth", "eyes", "lids", "globes", "shade"):
        assert torch.allclose(found.parts[name], wanted.parts[name], atol=1e-3), name
    assert (found.image - wanted.image).abs().mean() < 1e-3
    assert generator.together is None, "and itself it stays as it is"


def test_a_part_of_a_warp_is_the_warp_of_that_part():
    image, flow = torch.rand(2, 3, 24, 24), 4 * torch.rand(2, 2, 24, 24) - 2
    whole, part = warp(image, flow), warp(image, flow[:, :, 6:14, 4:20], (4, 6))
    assert torch.allclose(part, whole[:, :, 6:14, 4:20], atol=1e-6)


def test_the_rest_of_a_generator_begins_as_it_does_without_a_mouth():
    torch.manual_seed(3)
    without = build_generator(LightConfig()).state_dict()
    torch.manual_seed(3)
    generator = build_generator(replace(LightConfig(), mouth=True, eyes=True, lids=True, globes=True))
    after = torch.rand(1)
    assert all(torch.equal(generator.state_dict()[name], value) for name, value in without.items())
    torch.manual_seed(3)
    build_generator(LightConfig())
    assert torch.equal(torch.rand(1), after)


@pytest.mark.parametrize("part", ["mouth", "eyes"])
def test_the_photo_is_painted_as_the_crop_is_only_finer(part):
    random = torch.Generator().manual_seed(0)
    x, y = torch.meshgrid(torch.linspace(-16, 16, 40), torch.linspace(0, 1, 20), indexing="xy")
    own = [x, 3 + 18 * y, 22 * (1 - y)] if part == "mouth" else [x, 14 * y - 7, 12 * y]
    maps = torch.stack([*own, *(torch.full_like(x, 0.7 + 0.2 * k) for k in range(3)), 8 - 16 * y])
    maps += 0.01 * torch.rand(maps.shape, generator=random)
    network, colours = (MouthInside(4), mouth.colours) if part == "mouth" else (OpenEyes(4), eye.colours)
    crop = (network.drawn(maps[None])[0].permute(1, 2, 0).numpy() + 1) / 2
    same, inside = painted(maps.numpy(), 1, colours)
    assert same == pytest.approx(crop, abs=1e-4)
    assert inside == pytest.approx(torch.sigmoid(CRISP * (maps[6] - FROM)).numpy(), abs=1e-6)
    finer, _ = painted(maps.numpy(), 4, colours)
    assert finer.shape == (80, 160, 3)
    means = finer.reshape(20, 4, 40, 4, 3).mean((1, 3))
    assert abs(means - crop).mean() < 0.015
    steps = [abs(picture[:, 1:] - picture[:, :-1]).max() for picture in (crop, finer)]
    assert steps[1] > 0.5 * steps[0], "edges are as steep in four times as many pixels"


def eye_at(x: float, y: float, lid: float) -> list[float]:
    maps = torch.tensor([x, y, lid, 1, 1, 1, 9.0])[None, :, None, None].expand(1, 7, 2, 2)
    return ((OpenEyes(4).drawn(maps)[0, :, 0, 0] + 1) / 2).tolist()


def test_an_eye_has_a_dark_pupil_a_brown_iris_a_white_and_lashes():
    pupil, iris, white = eye_at(0, 0, 6), eye_at(-4, 1, 6), eye_at(9, 0, 6)
    assert max(pupil) < 0.12
    assert iris[0] > 1.2 * iris[2] > 0.1
    assert min(white) > 0.55
    assert max(eye_at(9, 0, 0.2)) < 0.4, "below the lid's border it is dark"
