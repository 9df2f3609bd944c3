"""A generator as ONNX, compared with PyTorch number by number, and the golden example that ships with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from dftnet.inference.directory import read_config
from dftnet.inference.onnx_runtime import open_graph
from dftnet.networks import Generator
from dftnet.training.checkpoint import load_generator, save_model
from dftnet.training.onnx_file import write_onnx

OUTPUTS = ("edited", "flow", "aligned", "texture", "attention")
TOLERANCE = 1e-3
"""Largest difference allowed between ONNX Runtime and PyTorch, in [-1, 1] for images and A, in pixels for Φ"""


class _Flat(nn.Module):
    """A generator with a tuple for an answer; a generator that does not warp answers Φ = 0."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor, aus: Tensor) -> tuple[Tensor, ...]:
        edit = self.generator(image, aus)
        parts = edit.parts
        flow = parts["flow"] if "flow" in parts else torch.zeros_like(image[:, :2])
        aligned = parts["aligned"] if "flow" in parts else image + 0.0
        return edit.image, flow, aligned, parts["texture"], parts["attention"]


def export_model(
    directory: str | Path, generator: Generator, config: dict[str, Any], example: Tensor | None = None
) -> Path:
    """Write a whole model directory: config.json, generator.safetensors, generator.onnx, example.safetensors.

    config: "size", "au_names", "alignment", "provenance", "results" (docs/model-format.md). example [n, 3, size, size] in
    [-1, 1] are the golden inputs; noise where none is given. Raises where ONNX Runtime and PyTorch differ by more than
    TOLERANCE. The directory appears whole or not at all.
    """
    directory = Path(directory)
    staging = directory.with_name(directory.name + ".export")
    save_model(staging, generator, config)
    write_generator_onnx(staging, example)
    save = directory.with_name(directory.name + ".old")
    if directory.exists():
        directory.replace(save)
    staging.replace(directory)
    for leftover in sorted(save.glob("**/*"), reverse=True):
        leftover.unlink()
    if save.exists():
        save.rmdir()
    return directory


def write_generator_onnx(directory: str | Path, example: Tensor | None = None) -> float:
    """Add generator.onnx and example.safetensors to a model directory; the largest difference seen between the two."""
    directory = Path(directory)
    generator = load_generator(directory)
    config = read_config(directory, "generator")
    size, count = int(config["size"]), len(config["au_names"])
    random = torch.Generator().manual_seed(0)
    if example is None:
        example = torch.rand(2, 3, size, size, generator=random) * 2 - 1
    aus = torch.rand(len(example), count, generator=random)
    flat = _Flat(generator).eval()
    write_onnx(flat, {"image": example, "aus": aus}, OUTPUTS, directory / "generator.onnx")
    with torch.no_grad():
        expected = dict(zip(OUTPUTS, flat(example, aus), strict=True))
    difference = compare(directory / "generator.onnx", example, aus, expected)
    if not difference <= TOLERANCE:
        raise ValueError(f"ONNX Runtime differs from PyTorch by {difference:.2g}; this network cannot be exported")
    golden = {"input.image": example, "input.aus": aus} | {f"output.{k}": v for k, v in expected.items()}
    packed = {k: v.to(torch.float16 if k != "input.aus" else v.dtype).contiguous() for k, v in golden.items()}
    safetensors.torch.save_file(packed, directory / "example.safetensors")
    return difference


def compare(onnx_path: Path, image: Tensor, aus: Tensor, expected: dict[str, Tensor]) -> float:
    """Largest absolute difference between what ONNX Runtime computes and `expected`, over all outputs."""
    got = open_graph(onnx_path).run(list(OUTPUTS), {"image": image.numpy(), "aus": aus.numpy()})
    return max(float(np.abs(g - expected[name].numpy()).max()) for name, g in zip(OUTPUTS, got, strict=True))
