"""Several processes under torchrun: who am I, and the mean over processes. One process needs none of it and pays nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.rendezvous import rendezvous

from dftnet.errors import RequestError

Value = TypeVar("Value")
PATIENCE = timedelta(hours=1)
"""How long processes wait for each other: the first one may be decoding a large set"""


def start() -> tuple[int, int, torch.device]:
    """(rank, world, device) of this process; joins the group when torchrun has set RANK and WORLD_SIZE.

    RequestError where it has started more processes than there are GPUs.
    """
    world = _world()
    rank = int(os.environ.get("RANK", "0"))
    if torch.cuda.is_available():
        local, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local >= gpus:
            raise RequestError(
                f"this machine has {gpus} GPUs for more processes than that; give --nproc_per_node {gpus}"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
    if world > 1 and not dist.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=_store(), rank=rank, world_size=world, timeout=PATIENCE)
    return rank, world, device


def refuse_several(verb: str) -> None:
    """RequestError where torchrun has started several processes for what one does."""
    if _world() > 1:
        raise RequestError(f"{verb} trains in one process; start it without torchrun")


def _world() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _store() -> dist.Store:
    """Where processes find each other. On one machine each life of theirs has a place of its own: torchrun keeps its store when it
    starts lost processes again, and what they wrote there before leads to ports that nobody listens at any more. On several
    machines the lives are not counted alike."""
    store, _, _ = next(rendezvous("env://"))
    alone = os.environ.get("GROUP_WORLD_SIZE", "1") == "1"
    return dist.PrefixStore(f"life-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0') if alone else 'any'}", store)


def stop() -> None:
    """Leave the group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def barrier() -> None:
    """Wait for the other processes."""
    if dist.is_initialized():
        dist.barrier()


def mean_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes. Plain all-reduce in one buffer: the gradient penalty
    differentiates twice, which DistributedDataParallel's hooks do not follow."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def is_first() -> bool:
    """Whether this is the process that writes."""
    return not dist.is_initialized() or dist.get_rank() == 0


def is_first_of_machine() -> bool:
    """Whether this is the first process on its machine."""
    return not dist.is_initialized() or int(os.environ.get("LOCAL_RANK", "0")) == 0


def from_first(value: Value) -> Value:
    """What the first process has, on every process: text or numbers."""
    if not dist.is_initialized():
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]
