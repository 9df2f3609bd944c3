from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from dftnet.aus import AU_NAMES  # noqa: E402
from dftnet.data.dataset import FaceData  # noqa: E402
from dftnet.training.batches import BatchSource  # noqa: E402
from dftnet.training.critics import LearningTeacher  # noqa: E402
from dftnet.training.loop import Trainer, schedule  # noqa: E402
from dftnet.training.loss_weights import given_by  # noqa: E402
from dftnet.training.players import Players  # noqa: E402
from dftnet.training.presets import preset  # noqa: E402
from tests.toy_faces import write_toy_faces  # noqa: E402

CPU = torch.device("cpu")
START = 48
"""Where the adversarial phase of "tiny" begins."""


class Mouth(LearningTeacher):
    """A critic of one layer on the lower half, in the place of the guide."""

    NAME = "guide"
    base_rate = 4e-4

    def __init__(self):
        self.network = nn.Conv2d(3, 1, 8, 8)
        self.adam = torch.optim.Adam(self.network.parameters())

    def terms(self, edit, batch, wanted):
        return {name: -self.network(edit.image[:, :, 16:]).mean() for name in wanted}

    def own_terms(self, batch, fake, weights, *, index, share):
        real, false = self.network(batch.image[:, :, 16:]), self.network(fake[:, :, 16:])
        return {"hinge": (1 - real).relu().mean() + (1 + false).relu().mean()}, {"hinge": 1.0}


def trainer(tmp_path_factory, **weights) -> Trainer:
    faces = FaceData.open(write_toy_faces(tmp_path_factory.mktemp("toy") / "set"))
    config = preset("tiny")
    config = replace(config, guide="mouth", weights=replace(config.weights, guide=1.0, **weights))
    players = Players.build(config, AU_NAMES, CPU)
    players.critics.append(Mouth())
    return Trainer(config, BatchSource(faces, config, CPU), players, [])


def copied(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(before, module):
    return any(not torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_second_critic_learns_teaches_and_is_saved_beside_the_first(tmp_path_factory):
    one = trainer(tmp_path_factory)
    paper, mouth = one.players.critics
    before = [copied(critic.network) for critic in (paper, mouth)]
    values = one.step(START, 0)
    assert {"guide", "guide_hinge", "critic_adversarial", "adversarial"} <= values.keys()
    assert moved(before[0], paper.network)
    assert moved(before[1], mouth.network)
    assert mouth.adam.param_groups[0]["lr"] == 4e-4 * schedule(one.config, START)
    state = one.players.state()
    assert {"critic", "critic_adam", "guide", "guide_adam"} <= state.keys()
    again = trainer(tmp_path_factory)
    again.players.load(state)
    assert not moved(copied(mouth.network), again.players.critics[1].network)


def test_a_critic_without_a_weight_does_not_learn(tmp_path_factory):
    one = trainer(tmp_path_factory, **dict.fromkeys(given_by("critic"), 0.0))
    paper, mouth = one.players.critics
    before = [copied(critic.network) for critic in (paper, mouth)]
    values = one.step(START, 0)
    assert not [name for name in values if name.startswith("critic_")]
    assert not moved(before[0], paper.network)
    assert moved(before[1], mouth.network)


def test_the_generator_is_not_moved_by_what_a_critic_learns(tmp_path_factory):
    one = trainer(tmp_path_factory)
    before = copied(one.players.generator)
    one.players.generator_adam.step = lambda: None
    one.step(START, 0)
    assert not moved(before, one.players.generator)
    assert all(p.requires_grad for critic in one.players.critics for p in critic.network.parameters())
