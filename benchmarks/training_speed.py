"""Images a second of each phase of the training, beside a plain eager float32 loop of the same losses, in one run.

    python benchmarks/training_speed.py set128 [--preset stable] [--batch 16] [--rounds 8] [--threads 2] [--json FILE]

The plain loop has float32 and PyTorch's own memory order; batches, networks and losses are the same. Rounds alternate, the first
one of each is not counted; the median counts, with the 5th and 95th percentiles.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dftnet.data.dataset import FaceData
from dftnet.training.batches import Batch, BatchSource
from dftnet.training.config import TrainConfig
from dftnet.training.fitting import fitted
from dftnet.training.loop import Trainer
from dftnet.training.players import Players
from dftnet.training.presets import preset
from dftnet.training.teachers import Guide, build_teachers


class PlainSource(BatchSource):
    """Batches in PyTorch's own memory order."""

    def batch(self, images_seen: int, *, all_pairs: bool = False) -> Batch:
        """The same batch."""
        batch = super().batch(images_seen, all_pairs=all_pairs)
        parts = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
        return Batch(**{name: t.contiguous() if isinstance(t, Tensor) else t for name, t in parts.items()})


def trainer(faces: FaceData, config: TrainConfig, plain: bool, device: torch.device) -> Trainer:
    """A trainer as `dftnet train` has it, or the plain one."""
    if plain:
        config = replace(config, precision="float32", compile=False)
    source = (PlainSource if plain else BatchSource)(faces, config, device)
    players, teachers = Players.build(config, source.names, device), build_teachers(config, source.names, device)
    if plain:
        networks: list[nn.Module] = [players.generator, players.average, *(c.network for c in players.critics)]
        networks += [teacher.estimator for teacher in teachers if isinstance(teacher, Guide)]
        for network in networks:
            network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return Trainer(config, source, players, list(teachers))


def seconds(trainer: Trainer, start: int, index: int) -> float:
    """Of one step, to the end of what it left to the device."""
    clock = time.perf_counter()
    for value in trainer.step(start, index).values():
        float(value.detach())
    return time.perf_counter() - clock


def main() -> None:
    """Print images a second a phase and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", default="stable")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    faces = FaceData.open(arguments.data, arguments.size)
    config, _ = fitted(replace(preset(arguments.preset, arguments.size), batch=arguments.batch), faces)
    loops = {name: trainer(faces, config, name == "plain", device) for name in ("plain", "dftnet")}
    found: dict[str, dict[str, list[float]]] = {}
    start = 0
    for phase in config.phases:
        steps = config.critic_steps if phase.critic else 1
        times: dict[str, list[float]] = {name: [] for name in loops}
        for round_number in range(arguments.rounds + 1):
            for name, loop in loops.items():
                taken = sum(seconds(loop, start, index) for index in range(steps)) / steps
                if round_number:
                    times[name].append(arguments.batch / taken)
        found[phase.name] = {name: [float(v) for v in np.percentile(t, [5, 50, 95])] for name, t in times.items()}
        (low, plain, high), (slow, ours, fast) = found[phase.name]["plain"], found[phase.name]["dftnet"]
        print(
            f"{phase.name:12} {ours:6.1f} images a second ({slow:.1f} to {fast:.1f}), plain {plain:.1f} ({low:.1f} to {high:.1f}): "
            f"{ours / plain:.2f} times"
        )
        start += phase.images
    if arguments.json:
        told = {
            "device": str(device),
            "threads": arguments.threads,
            "batch": arguments.batch,
            "preset": arguments.preset,
        }
        arguments.json.write_text(json.dumps(told | {"images_per_second": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
