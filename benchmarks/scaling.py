"""What a training step costs and what its processes tell each other, and what that means for 8 and 64 GPUs: counted, then on paper.

    python benchmarks/scaling.py --preset stable --batch 16
    torchrun --nproc_per_node 2 benchmarks/scaling.py --average 46.4      # by gloo, on this machine's CPU
    OMP_NUM_THREADS=1 python benchmarks/scaling.py --steps set128         # what the steps themselves take there

Counted of one step of each phase, on PyTorch's device "meta", which computes nothing: floating-point operations of matrix
products and convolutions, operators (each at least one kernel of a GPU), bytes of gradients averaged over the processes. On paper,
with what the options assume: the step's time is the longer of the operations at `--tflops` and the operators at `--launch`
microseconds each; the gradients travel in a ring, 2 (N - 1) / N times their bytes at the slowest link's gigabytes a second, after
the backward pass and not during it.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from dftnet.aus import AU_NAMES
from dftnet.data.dataset import FaceData
from dftnet.training import distributed
from dftnet.training.batches import Batch, BatchSource
from dftnet.training.config import Phase, TrainConfig
from dftnet.training.loop import Trainer
from dftnet.training.players import Players
from dftnet.training.presets import preset
from dftnet.training.teachers import build_teachers

META = torch.device("meta")


class Nothing:
    """Batches without pixels."""

    names, device = AU_NAMES, META

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def batch(self, images_seen: int, *, all_pairs: bool = False) -> Batch:
        """As BatchSource gives them."""
        n, size = self.config.batch, self.config.size
        image = torch.empty(n, 3, size, size, device=META).contiguous(memory_format=torch.channels_last)
        aus = torch.empty(n, len(AU_NAMES), device=META)
        return Batch(image=image, aus=aus, target=aus, true=image, paired=torch.empty(n, device=META))

    def uniform(self, images_seen: int) -> Tensor:
        """As BatchSource gives them."""
        return torch.empty(self.config.batch, device=META)


class Counted(TorchDispatchMode):
    """Counts what is computed, also while a gradient is differentiated; views of a tensor are not computed."""

    flops, operators = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.operators += not func.is_view
        if (rule := flop_registry.get(func.overloadpacket)) is not None:
            self.flops += rule(*args, **(kwargs or {}), out_val=made)
        return made


def counted(trainer: Trainer, start: int, index: int) -> tuple[float, int, int]:
    """(floating-point operations, operators, bytes of gradients) of the step at `start`, the `index`-th of its phase."""
    told: list[int] = []
    mean = distributed.mean_gradients
    distributed.mean_gradients = lambda parameters: told.extend(4 * p.numel() for p in parameters if p.grad is not None)
    try:
        with Counted() as counts:
            trainer.step(start, index)
    finally:
        distributed.mean_gradients = mean
    return counts.flops, counts.operators, sum(told)


def efficiency(step: float, gradients: float, gpus: int, gigabytes: float) -> float:
    """The share of `gpus` times one GPU's pace that is left, each GPU having the whole batch of one."""
    return step / (step + 2 * (gpus - 1) / gpus * gradients / (gigabytes * 1e9))


def average(megabytes: float, rounds: int = 8) -> None:
    """Print what averaging so many gradients takes the processes that torchrun has started: the least of some rounds."""
    rank, world, device = distributed.start()
    weight = torch.nn.Parameter(torch.zeros(round(megabytes * 1e6 / 4), device=device))
    weight.grad = torch.ones_like(weight)
    walls, cpus = [], []
    for _ in range(rounds):
        distributed.barrier()
        wall, cpu = time.perf_counter(), time.process_time()
        distributed.mean_gradients([weight])
        float(weight.grad[0])  # waits for the device
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    if rank == 0:
        print(
            f"{megabytes:g} MB, {world} processes on {device.type}: {min(walls) * 1e3:.0f} ms, {min(cpus) * 1e3:.0f} ms of CPU"
        )
    distributed.stop()


def steps_of(config: TrainConfig, phase: Phase) -> range:
    """The indices of a phase's steps after which they repeat."""
    return range(config.critic_steps if phase.critic else 1)


def steps_here(data: str, config: TrainConfig, rounds: int = 2) -> None:
    """Print the CPU time of a step of each phase, the least of some rounds after one that is not counted."""
    faces = FaceData.open(data, config.size)
    source = BatchSource(faces, config, torch.device("cpu"))
    players = Players.build(config, source.names, source.device)
    trainer = Trainer(config, source, players, [*build_teachers(config, source.names, source.device)])
    start = 0
    for phase in config.phases:
        taken = []
        for _ in range(rounds + 1):
            clock = time.process_time()
            for index in steps_of(config, phase):
                trainer.step(start, index)
            taken.append((time.process_time() - clock) / len(steps_of(config, phase)))
        print(f"{phase.name}: {min(taken[1:]):.2f} s of CPU a step of {config.batch} images")
        start += phase.images


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="stable")
    parser.add_argument("--batch", type=int, default=16, help="images a GPU and step")
    parser.add_argument("--tflops", type=float, default=40, help="what a GPU does of such layers, bfloat16")
    parser.add_argument("--launch", type=float, default=6, help="microseconds an operator")
    parser.add_argument("--within", type=float, default=300, help="GB a second, 8 GPUs of one machine (NVLink)")
    parser.add_argument(
        "--between", type=float, nargs="+", default=[1.25, 12.5, 50], help="GB a second between machines"
    )
    parser.add_argument("--average", type=float, help="measure the averaging of so many MB, under torchrun")
    parser.add_argument("--steps", metavar="SET", help="measure the steps on this machine's CPU")
    arguments = parser.parse_args()
    if arguments.average:
        return average(arguments.average)
    if arguments.steps:
        return steps_here(arguments.steps, replace(preset(arguments.preset), batch=arguments.batch))
    torch.autocast = lambda *given, **more: contextlib.nullcontext()  # type: ignore[assignment,misc] # knows no "meta"
    config = replace(preset(arguments.preset), batch=arguments.batch)
    players, teachers = Players.build(config, AU_NAMES, META), build_teachers(config, AU_NAMES, META)
    trainer = Trainer(config, cast(BatchSource, Nothing(config)), players, [*teachers])
    links = " | ".join(f"64, {speed:g} GB/s" for speed in arguments.between)
    print(f"| phase | GFLOP an image | operators | MB of gradients | step, ms | images a second | 8 GPUs | {links} |")
    print("|---" * (7 + len(arguments.between)) + "|")
    start = 0
    for phase in config.phases:
        steps = [counted(trainer, start, index) for index in steps_of(config, phase)]
        flops, operators, gradients = (sum(values) / len(steps) for values in zip(*steps, strict=True))
        step = max(flops / (arguments.tflops * 1e12), operators * arguments.launch * 1e-6)
        shares = [efficiency(step, gradients, 8, arguments.within)]
        shares += [efficiency(step, gradients, 64, speed) for speed in arguments.between]
        cells = [
            phase.name, f"{flops / arguments.batch / 1e9:.1f}", f"{operators:.0f}", f"{gradients / 1e6:.1f}",
            f"{step * 1e3:.1f}", f"{arguments.batch / step:.0f}", *(f"{100 * share:.1f} %" for share in shares),
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
        start += phase.images


if __name__ == "__main__":
    main()
