import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from dftnet.training import losses  # noqa: E402
from dftnet.training.loss_weights import LossWeights  # noqa: E402
from dftnet.training.losses import weighted_sum  # noqa: E402


class LinearCritic(nn.Module):
    """D_A(x) = 3·Σx: its gradient has the norm 3·√(elements) everywhere."""

    def forward(self, x):
        return 3 * x.flatten(1).sum(1)[:, None, None, None], x.flatten(1)[:, :2]

    def features(self, x):
        return [x, 2 * x]


def test_adversarial_by_hand():
    real, fake = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1), torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)
    assert losses.critic_adversarial(fake, real) == pytest.approx(0.5 - 2.0)
    assert losses.generator_adversarial(fake) == pytest.approx(-0.5)


def test_gradient_penalty_by_hand():
    real, fake = torch.rand(3, 3, 2, 2), torch.rand(3, 3, 2, 2)
    penalty = losses.gradient_penalty(LinearCritic(), real, fake, torch.rand(3))
    assert penalty == pytest.approx((3 * 12**0.5 - 1) ** 2, rel=1e-5)


def test_gradient_penalty_is_differentiable_in_the_critic():
    layer = nn.Conv2d(3, 1, 2)

    class OneLayer(nn.Module):
        def forward(self, x):
            return layer(x).square(), x

    losses.gradient_penalty(OneLayer(), torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(2)).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


def test_drift_by_hand():
    assert losses.drift(torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)) == pytest.approx(5.0)
    assert "drift" in LossWeights(drift=0.1).critic(penalty=False)
    assert "drift" not in LossWeights(drift=0.1).generator()


def test_condition_and_reconstruction_by_hand():
    assert losses.condition(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.5]])) == pytest.approx(1.25 / 2)
    assert losses.reconstruction(torch.ones(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)) == pytest.approx(0.75)


def test_total_variation_by_hand():
    ramp = torch.zeros(1, 2, 4, 4)
    ramp[0, 0] = 2 * torch.arange(4.0)[None, :]  # dΦx/dx = 2: 4 per position
    assert losses.total_variation(ramp) == pytest.approx(4.0)


def test_total_variation_does_not_change_with_resolution_or_batch():
    ramp = 0.3 * torch.arange(8.0)[None, None, None, :].expand(2, 2, 8, 8)
    fine = 0.3 * torch.arange(32.0)[None, None, None, :].expand(5, 2, 32, 32)
    assert losses.total_variation(ramp) == pytest.approx(float(losses.total_variation(fine)), rel=1e-5)


def test_attention_by_hand():
    mask = torch.tensor([0.2, 0.6]).reshape(1, 1, 1, 2)
    assert losses.attention(mask) == pytest.approx(-0.4)
    assert losses.attention_hinge(mask, 0.9) == pytest.approx(0.5)
    assert losses.attention_hinge(mask, 0.3) == 0


@pytest.mark.parametrize("name", ["reconstruction", "condition", "total_variation", "attention"])
def test_repeating_the_batch_changes_nothing(name):
    loss = getattr(losses, name)
    two = name in ("reconstruction", "condition")
    shape = (2, 5) if name == "condition" else (2, 2, 6, 6)
    arguments = [torch.rand(shape) for _ in range(2 if two else 1)]
    assert loss(*arguments) == pytest.approx(float(loss(*[torch.cat([a, a, a]) for a in arguments])), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "shapes"),
    [
        (losses.reconstruction, [(1, 2, 3, 3)] * 2),
        (losses.condition, [(2, 4)] * 2),
        (losses.total_variation, [(1, 2, 4, 4)]),
        (losses.attention, [(1, 1, 3, 3)]),
        (lambda a: losses.attention_hinge(a, 0.9), [(2, 1, 3, 3)]),
        (lambda a, b: losses.pair_distance(a, b, torch.ones(1)), [(1, 3, 8, 8)] * 2),
    ],
)
def test_gradients_agree_with_finite_differences(loss, shapes):
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.rand(s, generator=generator, dtype=torch.float64, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(loss, inputs, atol=1e-4)


def test_pair_distance_is_zero_for_the_true_frame_and_counts_only_pairs():
    true, edited = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    assert losses.pair_distance(true, true, torch.ones(2)) == 0
    first, second, both = (
        losses.pair_distance(edited, true, torch.tensor(of)) for of in ([1.0, 0], [0, 1.0], [1.0, 1])
    )
    assert both == pytest.approx(float(first + second), rel=1e-5)


def test_pair_distance_by_hand():
    """A constant difference has no high-pass: what is left is the window's mean times the difference, at each scale."""
    a, b = torch.full((1, 3, 16, 16), 0.5), torch.zeros(1, 3, 16, 16)
    expected = 0.5 * float(losses.face_window(16).mean())
    assert losses.pair_distance(a, b, torch.ones(1)) == pytest.approx(expected, rel=1e-4)


def test_pair_features_by_hand():
    true = torch.full((1, 3, 4, 4), 0.5)
    got = losses.pair_features(LinearCritic(), true + 0.25, true, torch.ones(1))
    assert got == pytest.approx((0.25 / 0.501 + 0.5 / 1.001) / 2, rel=1e-4)


def test_weighted_sum_multiplies_once_and_refuses_other_names():
    terms = {"pair": torch.tensor(2.0), "identity": torch.tensor(3.0)}
    assert weighted_sum(terms, {"pair": 10.0, "identity": 1.0}) == pytest.approx(23.0)
    with pytest.raises(AssertionError, match="do not match"):
        weighted_sum(terms, {"pair": 10.0})


def test_weights_give_each_player_its_own():
    weights = LossWeights()
    assert weights.critic(penalty=True) == {"adversarial": 1.0, "condition": 160.0, "gradient_penalty": 10.0}
    assert "gradient_penalty" not in weights.critic(penalty=False)
    assert set(weights.generator()) == {"adversarial", "condition", "reconstruction", "total_variation", "attention"}
    assert weights.total_variation == pytest.approx(1.6384)
    with pytest.raises(ValueError, match="pair"):
        LossWeights(pair=-1)
