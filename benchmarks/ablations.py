"""Train generators that differ in one thing, on the same faces by the same loop, for `dftnet evaluate` to compare.

    python benchmarks/ablations.py DATA -o RUNS [--size 64] [--images 28000] [--only dftnet ganimation] [--labels estimated]
    dftnet evaluate RUNS/*/model --data DATA -o compared

All take the preset "stable" with batches of 16, learning rate 0.0004 and the stronger push on AUs that a short run needs: the same
images in the same order, the same critic, losses and guide, wherever the variant has what a loss is about. A folder of RUNS a
variant; the same command goes on where it was stopped. "paper" has the paper's own losses and pace. "one-family" learns from
OpenFace's labels alone (labels-openface.npz, made here from the set's of_AUxx columns), with a guide that is trained here on them
alone, in RUNS/one-family/guide.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.networks import DFTNetConfig, GANimationConfig
from dftnet.training.config import Phase, TrainConfig, stretch
from dftnet.training.estimator.train import TrainAUsConfig, train_aus
from dftnet.training.loop import train
from dftnet.training.presets import preset

NO_WARP = {"paint": 0.0, "pair_aligned": 0.0, "guide_aligned": 0.0, "total_variation": 0.0}


def _generator(config: TrainConfig, **changes: object) -> TrainConfig:
    return replace(config, generator=replace(config.generator, **changes))  # type: ignore[arg-type]


def _weights(config: TrainConfig, **changes: float) -> TrainConfig:
    return replace(config, weights=replace(config.weights, **changes))


def _phase_weights(phase: Phase, **changes: float) -> Phase:
    return replace(phase, weights=phase.weights | changes)


def _without_warp(config: TrainConfig) -> TrainConfig:
    """The warp phase paints instead: a generator without a warp sees as many images without a critic."""
    warp, paint, adversarial = config.phases
    config = replace(config, phases=(replace(paint, images=warp.images + paint.images), adversarial))
    return _weights(config, **NO_WARP)


def _paper(config: TrainConfig) -> TrainConfig:
    """The paper's own generator, losses, steps of the critic and learning rate; images, batch, labels and critic as the others'."""
    shared = ("critic", "decay_images", "batch", "labels", "precision", "ema_images", "log_images",
              "checkpoint_images", "validate_images", "sample_images")  # fmt: skip
    paper = stretch(preset("paper", config.size), config.images)
    return replace(paper, **{name: getattr(config, name) for name in shared})


VARIANTS: dict[str, Callable[[TrainConfig], TrainConfig]] = {
    "dftnet": lambda c: c,
    "ganimation": lambda c: replace(_without_warp(c), generator=GANimationConfig(conditioning="difference")),
    "paper-generator": lambda c: replace(c, generator=DFTNetConfig(conditioning="difference")),
    "paper": _paper,
    "warp-only": lambda c: _weights(_generator(c, paths="warp"), pair_texture=0.0, attention_hinge=0.0),
    "texture-only": lambda c: _weights(
        _generator(_without_warp(c), paths="texture"), attention_hinge=0.0, pair_texture=0.0
    ),
    "no-attention-loss": lambda c: _weights(c, attention_hinge=0.0),
    "no-total-variation": lambda c: replace(
        _weights(c, total_variation=0.0), phases=tuple(_phase_weights(p, total_variation=0.0) for p in c.phases)
    ),
    "no-paint-price": lambda c: _weights(c, paint=0.0),
    "no-skips": lambda c: _generator(c, skips=False, align_skips=False),
    "one-family": lambda c: replace(c, labels="openface"),
}


def common(size: int, images: int, labels: str) -> TrainConfig:
    """What all variants share."""
    config = stretch(preset("stable", size), images)
    warp, paint, adversarial = config.phases
    phases = (
        replace(warp, images=images * 9 // 16, weights={"guide_aligned": 40.0, "total_variation": 1.0}),
        replace(paint, images=images // 8),
        replace(adversarial, images=images - images * 9 // 16 - images // 8),
    )
    config = replace(
        config, batch=16, learning_rate=4e-4, labels=labels, phases=phases,
        decay_images=images // 4, log_images=max(16, images // 15), checkpoint_images=max(16, images // 4), ema_images=1000.0,
        validate_images=images, sample_images=images,
    )  # fmt: skip
    return _weights(config, guide=1.0, condition=1.0)


def write_family(data: FaceData) -> None:
    """labels-openface.npz: OpenFace's intensities, from the median of the training photos (0) to the strongest percent (1)."""
    aus = np.stack([data.extras[f"of_{name}"] for name in data.au_names], 1)
    rows = data.rows("train")
    low, high = np.nanpercentile(aus[rows], [50, 99], axis=0)
    scaled = np.nan_to_num(np.clip((aus - low) / (high - low), 0, 1))
    data.write_labels(
        "openface", scaled.astype(np.float32), "OpenFace alone, median to 99 % of the training split", True
    )


def family_guide(data: FaceData, run: Path) -> Path:
    """The model directory of an estimator that has seen no other labels than OpenFace's, not even as side labels."""
    write_family(data)
    return train_aus(data, run, TrainAUsConfig(images=64_000, labels="openface", side_weight=0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=28_000)
    parser.add_argument("--labels", default="estimated")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    for name in arguments.only:
        config = VARIANTS[name](common(arguments.size, arguments.images, arguments.labels))
        if name == "one-family":
            guide = family_guide(FaceData.open(arguments.data), arguments.output / name / "guide")
            config = replace(config, guide=str(guide))
        train(arguments.data, arguments.output / name, config)


if __name__ == "__main__":
    main()
