"""Model directories, written from a network and read back as one (docs/model-format.md): any network, in one way.

    KIND.safetensors      the weights; matrices and kernels in half precision
    KIND.onnx             the same numbers as a graph, compared with PyTorch before the directory appears
    example.safetensors   a golden example, replayed by a test
    config.json           what it is, and where it comes from

KIND is "generator" or "estimator". A directory appears whole or not at all, also where another one stood. Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from dftnet.errors import ModelError
from dftnet.faces.drawn import PARTS
from dftnet.inference.directory import FORMATS, read_config, weights_file
from dftnet.media.files import atomic_directory
from dftnet.media.pixels import to_float
from dftnet.networks import Generator, build_generator, generator_config
from dftnet.networks.au_estimator import Estimator, EstimatorConfig
from dftnet.onnx_runtime import open_graph
from dftnet.training.onnx_file import is_stored_half, round_to_half, write_onnx

MAPS = ("edited", "flow", "aligned", "texture", "attention")
"""What a generator's graph answers; one that draws parts of a face, these of `faces.drawn.PARTS` too"""
TOLERANCE, TOLERANCE_DRAWN = 1e-3, 1 / 255
"""Differences of a generator's graph from PyTorch: what is drawn has steep edges, and half of one of 256 levels is not seen"""
LARGE = 20.0
"""An answer above this, in its unit, is compared by its size"""


@dataclass(frozen=True, kw_only=True)
class Export:
    """A network on its way into a model directory."""

    kind: str
    """ "generator" or "estimator"."""
    network: nn.Module
    """Whose weights are written, rounded to what the files hold."""
    graph: nn.Module
    """What is traced: inputs → a tensor, or a tuple of them."""
    inputs: Mapping[str, Tensor]
    """The example, by the graph's names, the batch first."""
    outputs: Sequence[str]
    """The graph's names of what it answers."""
    tolerance: float
    """Largest difference allowed between ONNX Runtime and PyTorch."""

    def write(self, directory: str | Path, document: Mapping[str, Any], golden: Mapping[str, Tensor]) -> float:
        """Write the model directory, in place of what is there; the largest difference seen between the graph and PyTorch.

        document: config.json but for "format". golden: what example.safetensors holds. Raises ModelError, and leaves all as it
        was, where the difference is above the tolerance.
        """
        with atomic_directory(directory, overwrite=True) as temporary:
            path = temporary / f"{self.kind}.onnx"
            write_onnx(self.graph, self.inputs, self.outputs, path, {"format": FORMATS[self.kind]})
            worst = max(difference(path, self.graph, inputs, self.outputs) for inputs in self._trials())
            if not worst <= self.tolerance:
                raise ModelError(f"ONNX Runtime differs from PyTorch by {worst:.2g}; this network cannot be exported")
            for name, tensors in (
                (f"{self.kind}.safetensors", _stored(self.network)),
                ("example.safetensors", {name: tensor.contiguous() for name, tensor in golden.items()}),
            ):
                safetensors.torch.save_file(tensors, temporary / name)
                (temporary / name).chmod(path.stat().st_mode & 0o777)  # the library makes them private
            text = json.dumps({"format": FORMATS[self.kind], **document}, indent=2)
            (temporary / "config.json").write_text(text + "\n", "utf-8")
        return worst

    def answers(self) -> dict[str, Tensor]:
        """What PyTorch gives for the example."""
        with torch.no_grad():
            return dict(zip(self.outputs, _tuple(self.graph(*self.inputs.values())), strict=True))

    def _trials(self) -> list[Mapping[str, Tensor]]:
        """The example, and noise of the same kind for three and for one."""
        random = torch.Generator().manual_seed(1)
        noise = {n: torch.rand(3, *t.shape[1:], generator=random) * 2 - 1 for n, t in self.inputs.items()}
        return [self.inputs, noise, {name: tensor[:1] for name, tensor in noise.items()}]


def difference(path: Path, graph: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> float:
    """Largest difference between ONNX Runtime's answers and PyTorch's, over all outputs: absolute, but of an output that is LARGE
    somewhere, as the millimetres of parts are in noise, by how much it is more than that."""
    with torch.no_grad():
        wanted = _tuple(graph(*inputs.values()))
    got = open_graph(path).run(list(outputs), {name: tensor.numpy() for name, tensor in inputs.items()})
    pairs = [(g, w.numpy()) for g, w in zip(got, wanted, strict=True)]
    return max(float(np.abs(g - w).max() / max(1, np.abs(w).max() / LARGE)) for g, w in pairs)


# Generators


class Maps(nn.Module):
    """A generator with the tuple `answers` for an answer; one that does not warp answers Φ = 0."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator
        self.answers = (*MAPS, *(name for name in PARTS if getattr(generator.config, name, False)))

    def forward(self, image: Tensor, aus: Tensor) -> tuple[Tensor, ...]:
        edit = self.generator(image, aus)
        parts = edit.parts
        flow = parts["flow"] if "flow" in parts else torch.zeros_like(image[:, :2])
        aligned = parts["aligned"] if "flow" in parts else image + 0.0
        found = parts | {"edited": edit.image, "flow": flow, "aligned": aligned}
        return tuple(found[name] for name in self.answers)


def export_generator(
    directory: str | Path, generator: Generator, document: Mapping[str, Any], example: Tensor | None = None
) -> Path:
    """Write the model directory of a generator; its path.

    document: "size", "au_names", "alignment", "provenance", "results". example [n, 3, size, size] in [-1, 1]: the golden inputs;
    noise where none is given.
    """
    exported = deepcopy(generator).cpu().float().eval()
    round_to_half(exported)
    random = torch.Generator().manual_seed(0)
    if example is None:
        example = torch.rand(2, 3, document["size"], document["size"], generator=random) * 2 - 1
    inputs = {"image": example, "aus": torch.rand(len(example), len(document["au_names"]), generator=random)}
    maps = Maps(exported.for_running())
    export = Export(
        kind="generator",
        network=exported,
        graph=maps.eval(),
        inputs=inputs,
        outputs=maps.answers,
        tolerance=TOLERANCE if maps.answers == MAPS else TOLERANCE_DRAWN,
    )
    golden = {f"input.{k}": v for k, v in inputs.items()} | {f"output.{k}": v for k, v in export.answers().items()}
    golden = {k: v.half() if k != "input.aus" else v for k, v in golden.items()}
    architecture = json.loads(json.dumps(asdict(generator.config)))
    told = {"architecture": architecture, "conditioning": generator.config.conditioning}
    export.write(directory, told | dict(document), golden)
    return Path(directory)


def load_generator(directory: str | Path) -> Generator:
    """The generator of a model directory, float32, in evaluation mode."""
    generator = build_generator(generator_config(read_config(directory, "generator")["architecture"]))
    _load(generator, directory, "generator")
    return generator.eval()


# Estimators


def export_estimator(directory: str | Path, estimator: Estimator, document: Mapping[str, Any]) -> float:
    """Write the model directory of an AU estimator, without what only trains it; the largest difference seen between the two.

    document: "alignment", "provenance", "results".
    """
    config = estimator.config
    exported = Estimator(config)
    kept = {k: v for k, v in estimator.state_dict().items() if not k.startswith("auxiliary.")}
    exported.load_state_dict(kept)
    exported.eval()
    round_to_half(exported)
    crops = example_crops(config.size)
    export = Export(
        kind="estimator", network=exported, graph=exported, inputs={"image": torch.from_numpy(to_float(crops))},
        outputs=["aus"], tolerance=1e-4,
    )  # fmt: skip
    architecture = {k: v for k, v in asdict(config).items() if k not in ("size", "au_names")}
    told = {"architecture": architecture, "size": config.size, "au_names": list(config.au_names)}
    golden = {"image": torch.from_numpy(crops), "aus": export.answers()["aus"]}
    return export.write(directory, told | dict(document), golden)


def load_estimator(directory: str | Path) -> Estimator:
    """The estimator of a model directory, float32, in evaluation mode."""
    document = read_config(directory, "estimator")
    config = EstimatorConfig(size=document["size"], au_names=tuple(document["au_names"]), **document["architecture"])
    estimator = Estimator(config)
    _load(estimator, directory, "estimator")
    return estimator.eval()


def example_crops(size: int, count: int = 2) -> np.ndarray:
    """Smooth random colours, uint8 [count, size, size, 3]: a golden input that is nobody's face."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, size // 8, size // 8)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    return smooth.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _stored(network: nn.Module) -> dict[str, Tensor]:
    """The weights as the file holds them."""
    return {
        name: (tensor.half() if tensor.is_floating_point() and is_stored_half(tensor.shape) else tensor)
        .contiguous().clone()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }  # fmt: skip


def _load(network: nn.Module, directory: str | Path, kind: str) -> None:
    weights = safetensors.torch.load_file(weights_file(directory, f"{kind}.safetensors"))
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # other shapes
        raise ModelError(
            f"{directory}: the weights do not fit the architecture: {str(error).splitlines()[-1]}"
        ) from None
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ModelError(f"{directory}: the weights do not fit the architecture: {[*missing, *unexpected][:4]}")


def _tuple(answer: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (answer,) if isinstance(answer, Tensor) else answer
