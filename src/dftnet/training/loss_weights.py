"""λ of each loss: how much it counts, who gives it, and whether it can be asked of a warp alone. A new loss is one line here.

given by   what
edit       the edit itself: its flow, its attention, itself asked again
pairs      the true frame of a pair of one person
critic     the critic D, which learns beside the generator (training/critics.py)
local      the small critics of mouth and eyes, which learn too (training/local_critics.py)
guide, …   a frozen teacher of that name (training/teachers.py)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dftnet.errors import RequestError

LEARNING = ("critic", "local")
"""Those who learn beside the generator; a phase without a critic does without them"""
_ONLY_CRITIC = ("gradient_penalty", "drift")


def _weight(default: float = 0.0, *, by: str = "edit", warp: bool = False, pairs: bool = False) -> Any:
    """by: who gives the loss. warp: a phase that trains the warp alone takes it too. pairs: it needs pairs of one person."""
    return field(default=default, metadata={"by": by, "warp": warp, "pairs": pairs or by == "pairs"})


_KINDS: dict[Any, tuple[Any, str]] = {
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "bool": (bool, "true or false"),
    "str": (str, "text"),
}


def check_types(config: Any, where: str = "") -> None:
    """Raise RequestError where a field that is declared a number, text or a switch holds something else."""
    for told in fields(config):
        if told.type in _KINDS:
            kind, words = _KINDS[str(told.type)]
            value = getattr(config, told.name)
            if not isinstance(value, kind) or (isinstance(value, bool) and told.type != "bool"):
                raise RequestError(f"{where}{told.name} is {value!r}; give {words}")


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """λ of each loss. A weight of 0 switches the loss off; the defaults are the paper's (section 3.1, docs/paper.md)."""

    adversarial: float = _weight(1.0, by="critic")
    """λ_adv of Eq. 6, both players."""
    gradient_penalty: float = _weight(10.0, by="critic")
    """λ_gp of Eq. 6, critic."""
    drift: float = _weight(by="critic")
    """Keeps D_A of real images near 0, critic: Eq. 6 leaves its level free, and it wanders off."""
    condition: float = _weight(160.0, by="critic")
    """λ_cond of Eq. 7: 4000 at GANimation's batch of 25, on a mean over images and AUs."""
    reconstruction: float = _weight(10.0)
    """λ_cyc, the weight of L_rec, Eq. 8."""
    total_variation: float = _weight(0.0001 * 128 * 128, warp=True)
    """λ_tv of Eq. 9: 0.0001 on the sum over 128 × 128 positions is this on their mean; Φ in pixels."""
    attention: float = _weight(1.0)
    """λ_att of Eq. 10: pulls the mean of A up."""
    attention_hinge: float = _weight()
    """Pulls the mean of A up to `attention_target` and no further, in place of `attention`."""
    identity: float = _weight(warp=True)
    """L1 of G(x | y_s) against x: nothing asked, nothing changed."""
    condition_aligned: float = _weight(by="critic")
    """Eq. 7 on the aligned image X_a alone, so that the warp must carry the geometry itself."""
    adversarial_aligned: float = _weight(by="critic")
    """The generator's part of Eq. 6 on the aligned image alone: a warp that tears the face is seen."""
    guide: float = _weight(by="guide")
    """Eq. 7 on the edit with a frozen AU estimator in place of D_C."""
    guide_aligned: float = _weight(by="guide", warp=True)
    """The same on the aligned image alone, paired or not, from the first step on."""
    pair: float = _weight(by="pairs")
    """Frames of one person: the edit of frame a with frame b's AUs against frame b."""
    pair_aligned: float = _weight(by="pairs", warp=True)
    """The same for the aligned image alone."""
    pair_texture: float = _weight(by="pairs")
    """The same for the texture alone: without it B may be any exaggeration that a light touch of it mends X_a with."""
    pair_features: float = _weight(by="critic", pairs=True)
    """The same in the critic's features (feature matching)."""
    paint: float = _weight()
    """L1 of the edit against the aligned image: only paint that pays is painted. Without it rare AUs, which no pair teaches,
    are painted as the ink lines that please an estimator."""

    mesh_flow: float = _weight(by="mesh", warp=True)
    """L1 of Φ against what a face mesh draws of the wanted change; pixels."""
    mesh_attention: float = _weight(by="mesh", warp=True)
    """Cross entropy of A against 0 inside an opening that has grown, where there is nothing to warp from, and 1 elsewhere."""
    pair_warped: float = _weight(by="mesh", warp=True, pairs=True)
    """`pair_aligned` where the mesh has something to warp from: what has to be painted is not asked of a warp."""
    needless_paint: float = _weight(by="mesh")
    """L1 of the edit against the aligned image where the mesh has something to warp from."""
    copied_texture: float = _weight(by="mesh")
    """L1 of B against the aligned image there: a texture is a face also where it does not count."""
    painted: float = _weight(by="mesh", pairs=True)
    """The texture against the true picture where the mesh has nothing to warp from, by its area, which is little of a face."""
    inside: float = _weight(by="mesh")
    """Where the inside of a mouth and eyes that open are drawn, and lids and eyes move, and how, against what the landmarks say."""
    local: float = _weight(by="local")
    """What the small critics of mouth and eyes score the edit with."""
    local_features: float = _weight(by="local", pairs=True)
    """Feature matching on pairs in the small critics."""

    def __post_init__(self) -> None:
        check_types(self, "weights.")
        for name, value in asdict(self).items():
            if not value >= 0:
                raise RequestError(f"the weight {name} is {value}; give a number of 0 or more")

    def critic(self, penalty: bool) -> dict[str, float]:
        """What the critic D minimises; without the penalty on the steps that skip it."""
        return self._positive(["adversarial", "condition", "drift"] + (["gradient_penalty"] if penalty else []))

    def generator(self, *, critic: bool = True, warp_only: bool = False) -> dict[str, float]:
        """What the generator minimises: every λ above 0 but the critic's own; without a critic, or for the warp alone, those
        that are left there."""
        return self._positive(generator_losses(critic=critic, warp_only=warp_only))

    def _positive(self, names: Iterable[str]) -> dict[str, float]:
        values = asdict(self)
        return {n: values[n] for n in names if values[n] > 0}


_TOLD: dict[str, dict[str, Any]] = {f.name: dict(f.metadata) for f in fields(LossWeights)}


def giver(name: str) -> str:
    """Who gives the loss: "edit", "pairs", "critic", or the name of a teacher."""
    return _TOLD[name]["by"]


def given_by(teacher: str) -> tuple[str, ...]:
    """The losses that a teacher gives."""
    return tuple(name for name, told in _TOLD.items() if told["by"] == teacher)


def generator_losses(*, critic: bool = True, warp_only: bool = False) -> tuple[str, ...]:
    """The losses that the generator may have, with or without a critic, or for the warp alone."""
    return tuple(
        name for name, told in _TOLD.items()
        if name not in _ONLY_CRITIC and (critic or told["by"] not in LEARNING) and (told["warp"] or not warp_only)
    )  # fmt: skip


PAIR_LOSSES: tuple[str, ...] = tuple(name for name, told in _TOLD.items() if told["pairs"])
"""The losses that need two frames of one person."""
TEACHERS: tuple[str, ...] = tuple(
    dict.fromkeys(told["by"] for told in _TOLD.values() if told["by"] not in ("edit", "pairs", *LEARNING))
)
"""The frozen teachers that losses are given by; each has a field of its name in the configuration, and a class."""
