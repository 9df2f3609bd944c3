"""The model directory of a generator, written and read by PyTorch; nothing is unpickled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from dftnet.inference.directory import FORMATS, read_config, weights_file
from dftnet.networks import Generator, build_generator, generator_config


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
        "conditioning": generator.config.conditioning,
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
