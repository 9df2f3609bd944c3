"""The training configuration: one frozen dataclass, its presets, and its JSON.

The `config.json` that a run writes is valid for `dftnet train --config`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dftnet.aus import AU_NAMES
from dftnet.networks import CriticConfig, DFTNetConfig, GANimationConfig, GeneratorConfig, generator_config
from dftnet.training.losses import WARP_PHASE, LossWeights

PRECISIONS = ("float32", "bfloat16")
EPOCH = 200_000
"""Images of the paper's training set: what its "30 epochs" count"""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run. The defaults are the paper's where it states them. Intervals count images."""

    generator: GeneratorConfig = field(default_factory=DFTNetConfig)
    """The generator's architecture."""
    critic: CriticConfig = field(default_factory=CriticConfig)
    """The critic's architecture."""
    weights: LossWeights = field(default_factory=LossWeights)
    """λ of each loss."""
    images: int = 30 * EPOCH
    """Images the critic sees in all (the paper: 30 epochs of 200,000)."""
    decay_images: int = 10 * EPOCH
    """The last so many of them, over which the learning rate falls linearly to 0."""
    warp_images: int = 0
    """The first so many images train the warp alone, on pairs of one person, without a critic."""
    warp_weights: dict[str, float] = field(default_factory=dict)
    """λ that differ in that phase, {"guide_aligned": 10}: about Φ = 0 any small flow blurs, which the pair losses punish, so that
    without a strong guide the warp does not start."""
    paint_images: int = 0
    """The next so many train both paths, on pairs and the guide, still without a critic."""
    init: str = ""
    """Start the generator from this model directory (of the same architecture) in place of random weights."""
    batch: int = 25
    """Images a step, over all processes."""
    learning_rate: float = 1e-4
    """Adam's learning rate, both players."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's β₁ and β₂."""
    critic_steps: int = 5
    """Critic steps for each generator step, each on a new batch. With 1 both players use the same edits, computed once."""
    penalty_every: int = 1
    """The gradient penalty is taken on every so-manieth critic step, with so many times its weight."""
    attention_target: float = 1.0
    """The mean of A that the hinge asks for."""
    target_noise: float = 0.1
    """Targets drawn from other faces get U(-noise, noise) added, then are clamped to [0, 1]."""
    single_share: float = 0.0
    """Share of unpaired targets that change one to three AUs of the source's own and leave the rest."""
    balance_aus: bool = False
    """Draw target faces so that each AU is strong equally often, in place of uniformly."""
    focus: dict[str, float] = field(default_factory=dict)
    """How often targets and pairs are drawn for an AU, {"AU45": 3}: thrice as often as the ones that are not named."""
    pair_share: float = 0.0
    """Share of a batch that is pairs: two frames of one person in close pose, the second one's AUs the target."""
    pair_pose: float = 8.0
    """Largest difference of yaw and of pitch between the frames of a pair, degrees (where the set has them)."""
    null_share: float = 0.0
    """Share of the pairs whose second frame is the first one again: asked for nothing, the edit must be the input."""
    jitter: float = 0.0
    """Random shift (share of the size), scale, and rotation (radians) of a sample, both frames alike."""
    guide: str = ""
    """The frozen AU estimator of weights.guide and guide_aligned: a model directory, or "shipped"."""
    labels: str = "labels"
    """Which labels of the set to train on: "labels", or NAME for its labels-NAME.npz."""
    ema_images: float = 10_000.0
    """Half-life of the averaged generator weights, which are what is validated and exported; at most 5 % of the images seen."""
    max_gradient: float = 0.0
    """Clip the generator's gradient to this norm; 0 does not."""
    precision: str = "float32"
    """"float32", or "bfloat16" mixed precision."""
    compile: bool = False
    """torch.compile the generator (worth it on a GPU, minutes to warm up)."""
    seed: int = 0
    """Everything random follows from this and the images seen."""
    log_images: int = 2_000
    """Interval of log lines."""
    sample_images: int = 50_000
    """Interval of sample sheets."""
    validate_images: int = 50_000
    """Interval of validation."""
    checkpoint_images: int = 50_000
    """Interval of training states."""

    def __post_init__(self) -> None:
        for name in ("images", "batch", "critic_steps", "penalty_every", "log_images", "sample_images",
                     "validate_images", "checkpoint_images"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more")
        for name in ("single_share", "pair_share", "null_share", "attention_target", "target_noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number from 0 to 1")
        unknown = [name for name in self.focus if name not in AU_NAMES]
        if unknown or any(not value > 0 for value in self.focus.values()):
            raise ValueError(f"focus is {self.focus}; give numbers above 0 to names among {', '.join(AU_NAMES)}")
        strangers = [name for name in self.warp_weights if name not in WARP_PHASE]
        if strangers:
            raise ValueError(f"warp_weights names {', '.join(strangers)}; known are {', '.join(WARP_PHASE)}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.decay_images <= self.images:
            raise ValueError(f"decay_images is {self.decay_images}; give 0 to images ({self.images})")
        if self.generator.au_count != self.critic.au_count:
            raise ValueError(
                f"generator.au_count is {self.generator.au_count} but critic.au_count {self.critic.au_count}; make them equal"
            )
        if (self.warp_images or self.paint_images) and not (self.pair_share or self.guide):
            raise ValueError(
                "warp_images and paint_images train on pairs or a guide; set pair_share above 0, or both to 0"
            )
        if self.warp_images and (self.generator.kind != "dftnet" or not self.pair_share):
            raise ValueError("warp_images needs a DFT-Net generator and pair_share above 0; set warp_images to 0")
        if self.weights.condition_aligned and self.generator.kind != "dftnet":
            raise ValueError("weights.condition_aligned needs a generator that warps; set it to 0")
        if bool(self.guide) != bool(self.weights.guide or self.weights.guide_aligned):
            raise ValueError(
                f"guide is {self.guide!r} but weights.guide {self.weights.guide} and weights.guide_aligned "
                f"{self.weights.guide_aligned}; set both a guide and a weight, or neither"
            )
        if self.warp_phase.get("guide_aligned") and not self.guide:
            raise ValueError("warp_weights names guide_aligned, but there is no guide; set a guide, or warp_weights={}")
        object.__setattr__(self, "betas", tuple(self.betas))

    @property
    def warp_phase(self) -> dict[str, float]:
        """The generator's weights while only the warp trains and no critic exists."""
        return replace(self.weights, **self.warp_weights).warp_phase()

    @property
    def size(self) -> int:
        """Image size in pixels."""
        return self.critic.size


def paper(size: int = 128) -> TrainConfig:
    """Section 3.1, to the letter where it is unambiguous; docs/paper.md has each choice where it is not."""
    weights = LossWeights(total_variation=0.0001 * size * size)
    return TrainConfig(critic=CriticConfig(size=size), weights=weights)


def stable(size: int = 128) -> TrainConfig:
    """What was found to train best; every difference from "paper" is a field set here."""
    return TrainConfig(
        generator=DFTNetConfig(
            channels=(32, 64, 128, 256),
            stem="unshuffle",
            norm="group",
            upsample="resize",
            texture_head="detail",
            align_skips=True,
            condition_at_code=True,
            conditioning="difference",
            zero_flow=True,
            attention_bias=2.0,
            max_flow=0.15,
        ),
        critic=CriticConfig(size=size, width=32, max_channels=512, patch_layer=4),
        weights=LossWeights(
            adversarial=0.05,
            drift=0.001,
            condition=0.3,
            guide=0.3,
            guide_aligned=3.0,
            reconstruction=0.0,
            total_variation=2.0,
            attention=0.0,
            attention_hinge=1.0,
            pair=30.0,
            pair_aligned=15.0,
            pair_texture=10.0,
            pair_features=3.0,
            paint=6.0,
        ),
        images=6_000_000,
        decay_images=2_000_000,
        warp_images=300_000,
        warp_weights={"guide_aligned": 10.0, "total_variation": 1.0},
        paint_images=300_000,
        batch=64,
        learning_rate=2e-4,
        critic_steps=1,
        penalty_every=4,
        attention_target=0.8,
        single_share=0.5,
        balance_aus=True,
        focus={"AU12": 2.0, "AU25": 2.0, "AU26": 2.0, "AU45": 3.0},
        pair_share=0.6,
        null_share=0.15,
        jitter=0.03,
        guide="shipped",
        max_gradient=10.0,
        precision="bfloat16",
    )


def tiny(size: int = 32) -> TrainConfig:
    """Seconds on a CPU: every part of "stable" at toy size, for tests."""
    config = stable(128)
    generator = generator_config(asdict(config.generator) | {"channels": (8, 16, 16), "residual_blocks": 1})
    return replace(
        config,
        generator=generator,
        critic=CriticConfig(size=size, width=8, layers=4, max_channels=32, patch_layer=3),
        images=96,
        decay_images=32,
        warp_images=32,
        paint_images=16,
        batch=8,
        guide="",
        warp_weights={},
        weights=replace(config.weights, guide=0.0, guide_aligned=0.0, condition_aligned=1.0),
        precision="float32",
        log_images=16,
        sample_images=48,
        validate_images=48,
        checkpoint_images=32,
    )


def ganimation(size: int = 128) -> TrainConfig:
    """The baseline under the paper's training."""
    return replace(paper(size), generator=GANimationConfig())


PRESETS: dict[str, Callable[[int], TrainConfig]] = {
    "paper": paper,
    "stable": stable,
    "tiny": tiny,
    "ganimation": ganimation,
}


def preset(name: str, size: int | None = None) -> TrainConfig:
    """The named preset, at `size` pixels or at its own size."""
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is unknown; known presets are {', '.join(PRESETS)}")
    return PRESETS[name](size or (32 if name == "tiny" else 128))


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Plain data, for JSON."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(data: dict[str, Any]) -> TrainConfig:
    """The inverse of `to_dict`; an unknown or missing name is an error that says which."""
    data = dict(data)
    parts: dict[str, Any] = {
        "generator": generator_config,
        "critic": lambda d: CriticConfig(**d),
        "weights": lambda d: LossWeights(**d),
    }
    try:
        for name, build in parts.items():
            if name in data:
                data[name] = build(data[name])
        return TrainConfig(**data)
    except TypeError as error:
        raise ValueError(f"the training configuration does not fit: {error}") from error


def load(path: str | Path) -> TrainConfig:
    """A configuration from a JSON file, such as a run's config.json."""
    try:
        return from_dict(json.loads(Path(path).read_text()))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON ({error}); give the config.json of a training run") from error


def override(config: TrainConfig, assignments: list[str]) -> TrainConfig:
    """Apply `name=value` or `part.name=value` (JSON values; bare words are strings), as in `--set weights.pair=20`."""
    data = to_dict(config)
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        keys = name.split(".")
        part = data
        for key in keys[:-1]:
            part = part.get(key, {}) if isinstance(part, dict) else {}
        if not separator or not isinstance(part, dict) or keys[-1] not in part:
            raise ValueError(f"cannot set {assignment!r}; known names are {', '.join(_names(data))}")
        try:
            part[keys[-1]] = json.loads(text)
        except json.JSONDecodeError:
            part[keys[-1]] = text
    return from_dict(data)


def stretch(config: TrainConfig, images: int) -> TrainConfig:
    """The same schedule over another number of images: phases, decay, averaging and all intervals but the log's in proportion."""
    ratio = images / config.images
    names = ("decay_images", "warp_images", "paint_images", "sample_images", "validate_images", "checkpoint_images")
    scaled = {name: round(getattr(config, name) * ratio) for name in names}
    scaled |= {
        name: max(1, value) for name, value in scaled.items() if name.endswith(("sample_images", "validate_images"))
    }
    scaled["checkpoint_images"] = max(1, scaled["checkpoint_images"])
    return replace(config, images=images, ema_images=config.ema_images * min(1.0, ratio), **scaled)


def _names(data: dict[str, Any]) -> list[str]:
    names = []
    for key, value in data.items():
        names += [f"{key}.{k}" for k in value] if isinstance(value, dict) else [key]
    return names
