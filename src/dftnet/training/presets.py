"""The named training configurations: "paper", "stable", "light", "finetune", "tiny", "ganimation"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from dftnet.errors import RequestError
from dftnet.networks import CriticConfig, DFTNetConfig, GANimationConfig, LightConfig, generator_config
from dftnet.training.config import Phase, TrainConfig
from dftnet.training.loss_weights import LossWeights

RELEASED = LightConfig(
    nuisance=2,
    mouth=True,
    eyes=True,
    lids=True,
    globes=True,
    drawn_channels=16,
    slim=True,
    shade=True,
    flow_channels=(64, 32, 32),
)
"""The architecture of the released generator"""


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
        phases=(
            Phase(
                name="warp",
                images=300_000,
                weights={"guide_aligned": 10.0, "total_variation": 1.0},
                critic=False,
                warp_only=True,
            ),
            Phase(name="paint", images=300_000, critic=False),
            Phase(name="adversarial", images=5_400_000),
        ),
        decay_images=2_000_000,
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


def finetune(size: int = 128) -> TrainConfig:
    """The shipped generator on photos of one's own, fifty or more: docs/training.md has the recipe and what it gave.

    Needs what the shipped reader reads as labels (`dftnet relabel --name read`).
    """
    config = stable(size)
    return replace(
        config,
        generator=RELEASED,
        critic=replace(config.critic, au_count=40),
        labels="read",
        init="dftnet-128",
        weights=replace(config.weights, guide_aligned=1.5),
        phases=(Phase(name="paint", images=1_000, critic=False), Phase(name="adversarial", images=4_000)),
        decay_images=2_000,
        batch=16,
        learning_rate=1e-4,
        ema_images=1_000.0,
        log_images=400,
        sample_images=1_000,
        validate_images=1_000,
        checkpoint_images=1_000,
    )


def light(size: int = 128) -> TrainConfig:
    """A light generator of forty units, taught by a face mesh: first where everything moves, then what has to be painted, by pairs
    of one person, by the mesh where a mouth opens, and by the way back from its own edits; critics and guide have little say, since
    alone they paint teeth that no mouth has.

    Needs landmarks in the set (`dftnet landmarks`), what the shipped reader reads as labels (`dftnet relabel --name read`), and
    the mesh (--set mesh=facs-mesh.npz).
    """
    flow = {"mesh_flow": 1.0, "mesh_attention": 1.0, "total_variation": 0.02}
    paint = {
        "mesh_attention": 0.5,
        "pair_warped": 6.0,
        "pair": 30.0,
        "pair_texture": 10.0,
        "needless_paint": 3.0,
        "copied_texture": 1.0,
        "guide": 0.5,
        "guide_aligned": 1.5,
        "painted": 6.0,
        "inside": 2.0,
        "local": 0.1,
        "local_features": 2.0,
    }
    nothing = dict.fromkeys(asdict(LossWeights()), 0.0)
    return TrainConfig(
        generator=RELEASED,
        critic=CriticConfig(au_count=40, size=size, width=32, max_channels=512, patch_layer=4),
        weights=LossWeights(**(nothing | flow)),
        phases=(
            Phase(name="flow", images=110_000, critic=False, warp_only=True),
            Phase(name="paint", images=120_000, weights=paint),
        ),
        mesh="facs-mesh.npz",
        labels="read",
        guide="shipped",
        decay_images=80_000,
        warmup_images=2_000,
        batch=16,
        learning_rate=8e-4,
        betas=(0.8, 0.99),
        critic_steps=1,
        single_share=0.75,
        balance_aus=True,
        target_noise=0.0,
        focus={
            "AU05": 1.5, "AU12": 2.5, "AU17": 1.5, "AU25": 3.0, "AU26": 2.5, "AU30": 0.6, "AU34": 0.6, "AU45": 2.5,
            "AU61": 1.6, "AU63": 1.6,
        },
        pair_share=3 / 8,
        part_share=0.5,
        back_share=0.3,
        pair_pose=10.0,
        jitter=0.04,
        ema_images=3_000.0,
        max_gradient=10.0,
        precision="bfloat16",
        sample_images=10_000,
        validate_images=10_000,
        checkpoint_images=5_000,
    )  # fmt: skip


def tiny(size: int = 32) -> TrainConfig:
    """Seconds on a CPU: every part of "stable" but the guide at toy size, for tests."""
    config = stable(128)
    generator = generator_config(asdict(config.generator) | {"channels": (8, 16, 16), "residual_blocks": 1})
    return replace(
        config,
        generator=generator,
        critic=CriticConfig(size=size, width=8, layers=4, max_channels=32, patch_layer=3),
        phases=(
            Phase(name="warp", images=32, critic=False, warp_only=True),
            Phase(name="paint", images=16, critic=False),
            Phase(name="adversarial", images=48),
        ),
        decay_images=32,
        batch=8,
        guide="",
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
    "finetune": finetune,
    "light": light,
    "tiny": tiny,
    "ganimation": ganimation,
}


def preset(name: str, size: int | None = None) -> TrainConfig:
    """The named preset, at `size` pixels or at its own size."""
    if name not in PRESETS:
        raise RequestError(f"preset {name!r} is unknown; known presets are {', '.join(PRESETS)}")
    return PRESETS[name](size or (32 if name == "tiny" else 128))
