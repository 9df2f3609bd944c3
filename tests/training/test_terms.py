import pytest

torch = pytest.importorskip("torch")

from dftnet.networks import Edit  # noqa: E402
from dftnet.training import losses  # noqa: E402
from dftnet.training.batches import Batch  # noqa: E402
from dftnet.training.critics import critic_terms  # noqa: E402
from dftnet.training.loss_weights import LossWeights  # noqa: E402
from dftnet.training.teacher import Teacher  # noqa: E402
from dftnet.training.teachers import Guide  # noqa: E402
from dftnet.training.terms import generator_terms  # noqa: E402
from tests.training.test_losses import LinearCritic  # noqa: E402


def test_the_critic_learns_aus_from_real_images_and_the_generator_from_edits():
    batch = Batch(*(torch.rand(s) for s in [(2, 3, 4, 4), (2, 2), (2, 2), (2, 3, 4, 4), (2,)]))
    weights = LossWeights().critic(penalty=True)
    terms = critic_terms(LinearCritic(), batch, torch.rand(2, 3, 4, 4), weights, torch.rand(2))
    assert terms["condition"] == pytest.approx(float(losses.condition(batch.image.flatten(1)[:, :2], batch.aus)))


def test_paint_and_texture_are_compared_with_the_warp_and_the_true_frame():
    aligned, true = torch.zeros(2, 3, 16, 16), torch.full((2, 3, 16, 16), 0.5)
    parts = {"flow": torch.zeros(2, 2, 16, 16), "attention": torch.ones(2, 1, 16, 16)}
    edit = Edit(aligned + 0.25, parts | {"aligned": aligned, "texture": true})

    class Painter:
        def condition(self, source, target, nuisance):
            return target

        def __call__(self, image, condition, warp_only):
            return edit

    batch = Batch(aligned, torch.zeros(2, 2), torch.zeros(2, 2), true, torch.ones(2))
    terms, _ = generator_terms(Painter(), batch, {"paint": 6.0, "pair_texture": 10.0})
    assert terms["paint"] == pytest.approx(0.25)
    assert terms["pair_texture"] == 0


class Asked(torch.nn.Module):
    """A generator whose edit is its condition, spread over the picture."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def condition(self, source, target, nuisance=None):
        return target if nuisance is None else torch.cat([target, nuisance], 1)

    def forward(self, image, condition, warp_only=False):
        self.seen.append((condition, warp_only))
        shown = image * 0 + condition.mean()
        return Edit(shown, {"attention": image[:, :1], "texture": shown, "aligned": shown, "flow": image[:, :2] * 0})


def batch(**more):
    return Batch(
        torch.rand(2, 3, 8, 8), torch.zeros(2, 4), torch.ones(2, 4), torch.rand(2, 3, 8, 8), torch.ones(2), **more
    )


def test_a_teacher_is_asked_for_the_losses_that_carry_its_name_and_no_other():
    class Mesh(Teacher):
        NAME = "guide"

        def terms(self, edit, batch, wanted):
            self.wanted = tuple(wanted)
            return {name: edit.image.mean() for name in wanted}

    mesh = Mesh()
    terms, _ = generator_terms(Asked(), batch(), {"guide": 1.0, "pair": 1.0}, [mesh])
    assert mesh.wanted == ("guide",)
    assert terms["guide"] == 1
    generator_terms(Asked(), batch(), {"pair": 1.0}, [mesh])
    assert mesh.wanted == ("guide",)
    with pytest.raises(KeyError):
        generator_terms(Asked(), batch(), {"guide": 1.0})


def test_a_guide_reads_the_edit_and_the_aligned_image():
    guide = Guide(lambda image: image.flatten(1)[:, :4])
    edit = Edit(torch.ones(2, 3, 8, 8), {"aligned": torch.zeros(2, 3, 8, 8)})
    terms = guide.terms(edit, batch(), ["guide", "guide_aligned"])
    assert (float(terms["guide"]), float(terms["guide_aligned"])) == (0, 1)


def test_nuisance_goes_beside_the_units_is_turned_back_and_left_out():
    generator = Asked()
    turn = torch.full((2, 2), 3.0)
    generator_terms(generator, batch(nuisance=turn), {"reconstruction": 1.0, "identity": 1.0})
    (there, _), (back, _), (still, _) = generator.seen
    assert torch.equal(there, torch.cat([torch.ones(2, 4), turn], 1))
    assert torch.equal(back, torch.cat([torch.zeros(2, 4), -turn], 1))
    assert torch.equal(still, torch.zeros(2, 6))


def test_a_warp_is_trained_alone_where_told():
    generator = Asked()
    generator_terms(generator, batch(), {"pair_aligned": 1.0, "total_variation": 1.0}, warp_only=True)
    assert [warp_only for _, warp_only in generator.seen] == [True]
