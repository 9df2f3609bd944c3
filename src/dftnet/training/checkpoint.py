"""The two things a run leaves: a training state to resume from, and a model directory to use.

A training state is `state-IMAGES.pt`, read with `weights_only=True`. Both are written to a temporary name and renamed, so a
killed process or a full disk costs at most the last interval.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from dftnet.inference.directory import FORMATS, read_config, weights_file
from dftnet.networks import Generator, build_generator, generator_config

KEEP = 2
"""Training states kept: the newest, and one to fall back to"""


def save_state(run: Path, images_seen: int, state: dict[str, Any]) -> bool:
    """Write run/state-IMAGES.pt and drop older ones; False (and the old states kept) where the disk refuses."""
    path = run / f"state-{images_seen:010d}.pt"
    temporary = path.with_suffix(".tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError):
        temporary.unlink(missing_ok=True)
        return False
    for old in states(run)[:-KEEP]:
        old.unlink(missing_ok=True)
    return True


def states(run: Path) -> list[Path]:
    """The run's training states, oldest first."""
    return sorted(run.glob("state-*.pt"))


def load_state(run: Path) -> dict[str, Any] | None:
    """The newest training state that can be read, on the CPU; None where there is none."""
    for path in reversed(states(run)):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            print(f"{path.name} cannot be read ({type(error).__name__}); falling back to an older state")
            path.rename(path.with_suffix(".unreadable"))
    return None


def save_model(directory: Path, generator: Generator, config: dict[str, Any]) -> None:
    """Write config.json and generator.safetensors (half precision) of a model directory, replacing what is there.

    config: everything but "format" and "architecture", which come from the generator.
    """
    temporary = directory.with_name(directory.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    weights = {name: t.detach().cpu().half().contiguous() for name, t in generator.state_dict().items()}
    safetensors.torch.save_file(weights, temporary / "generator.safetensors")
    architecture = json.loads(json.dumps(generator.config, default=vars))
    document = {
        "format": FORMATS["generator"],
        "architecture": architecture,
        "conditioning": generator.conditioning,
        **config,
    }
    (temporary / "config.json").write_text(json.dumps(document, indent=2) + "\n")
    shutil.rmtree(directory, ignore_errors=True)
    temporary.replace(directory)


def load_generator(directory: str | Path) -> Generator:
    """The generator of a model directory, float32, in evaluation mode. Never unpickles."""
    config = read_config(directory, "generator")
    generator = build_generator(generator_config(config["architecture"]))
    weights: dict[str, Tensor] = safetensors.torch.load_file(weights_file(directory, "generator.safetensors"))
    generator.load_state_dict({name: t.float() for name, t in weights.items()})
    return generator.eval()
