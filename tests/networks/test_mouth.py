"""The drawn inside of a mouth."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from dftnet.faces.mouth import CRISP, MAPS, painted, window  # noqa: E402
from dftnet.networks import LightConfig, build_generator  # noqa: E402
from dftnet.networks.mouth import MouthInside  # noqa: E402


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
def test_a_generator_draws_a_mouth_in_its_window_at_any_size(size):
    config = LightConfig(mouth=True, motion_cells=0)
    generator = build_generator(config).eval()
    torch.nn.init.constant_(generator.mouth.maps.bias[6:7], 20.0)
    with torch.no_grad():
        edit = generator(torch.zeros(1, 3, size, size), torch.ones(1, 40))
        still = generator(torch.zeros(1, 3, size, size), torch.zeros(1, 40))
    left, top, right, bottom = window(size)
    assert edit.parts["mouth"].shape == (1, len(MAPS), bottom - top, right - left)
    inside = edit.parts["inside"][0, 0]
    assert inside[top:bottom, left:right].min() > 0.99
    assert inside.sum() == pytest.approx(float(inside[top:bottom, left:right].sum()))
    assert edit.parts["attention"][0, 0, top:bottom, left:right].max() < 0.01
    assert torch.equal(still.image, torch.zeros(1, 3, size, size)), "nothing asked is nothing done"


def test_the_rest_of_a_generator_begins_as_it_does_without_a_mouth():
    torch.manual_seed(3)
    without = build_generator(LightConfig()).state_dict()
    torch.manual_seed(3)
    generator = build_generator(replace(LightConfig(), mouth=True))
    after = torch.rand(1)
    assert all(torch.equal(generator.state_dict()[name], value) for name, value in without.items())
    torch.manual_seed(3)
    build_generator(LightConfig())
    assert torch.equal(torch.rand(1), after)


def test_the_photo_is_painted_as_the_crop_is_only_finer():
    random = torch.Generator().manual_seed(0)
    x, y = torch.meshgrid(torch.linspace(-24, 24, 40), torch.linspace(0, 1, 20), indexing="xy")
    maps = torch.stack(
        [x, 3 + 18 * y, 22 * (1 - y), *(torch.full_like(x, 0.7 + 0.2 * k) for k in range(3)), 8 - 16 * y]
    )
    maps += 0.01 * torch.rand(maps.shape, generator=random)
    crop = (MouthInside(4).drawn(maps[None])[0].permute(1, 2, 0).numpy() + 1) / 2
    same, inside = painted(maps.numpy(), 1)
    assert same == pytest.approx(crop, abs=1e-4)
    assert inside == pytest.approx(torch.sigmoid(CRISP * maps[6]).numpy(), abs=1e-6)
    finer, _ = painted(maps.numpy(), 4)
    assert finer.shape == (80, 160, 3)
    means = finer.reshape(20, 4, 40, 4, 3).mean((1, 3))
    assert abs(means - crop).mean() < 0.01
    steps = [abs(picture[:, 1:] - picture[:, :-1]).max() for picture in (crop, finer)]
    assert steps[1] > 0.5 * steps[0], "edges are as steep in four times as many pixels"
