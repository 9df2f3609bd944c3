"""The model directory of the AU estimator: written after training, read back without unpickling anything.

config.json              format "dftnet-estimator-1", architecture, size, au_names, alignment, provenance, results
estimator.safetensors    weights; matrices and kernels in half precision
estimator.onnx           the same numbers as a graph: "image" float32 [n, 3, S, S] in [-1, 1] → "aus" [n, K] in [0, 1]
example.safetensors      "image" uint8 [n, S, S, 3] and the "aus" it must give, replayed by a test
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dftnet.inference.directory import FORMATS, read_config, weights_file
from dftnet.inference.onnx_runtime import open_graph
from dftnet.media.pixels import to_float
from dftnet.networks.au_estimator import Estimator, EstimatorConfig
from dftnet.training.onnx_file import is_stored_half, round_to_half, write_onnx

TOLERANCE = 1e-4
"""Largest difference in AU intensity allowed between PyTorch and the exported graph."""


def example_crops(size: int, count: int = 2) -> np.ndarray:
    """Smooth random colours, uint8 [count, size, size, 3]: a golden input that is nobody's face."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, size // 8, size // 8)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    return smooth.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def write_estimator(
    estimator: Estimator,
    path: str | Path,
    alignment: Mapping[str, Any],
    provenance: Mapping[str, Any],
    results: Mapping[str, Any],
) -> float:
    """Write the model directory and verify it; returns the largest difference of ONNX against PyTorch.

    The weights of `estimator` are rounded to what the files hold. Raises ValueError if the graph disagrees.
    """
    from safetensors.torch import save_file

    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    config = estimator.config
    exported = Estimator(config)
    kept = {k: v for k, v in estimator.state_dict().items() if not k.startswith("auxiliary.")}
    exported.load_state_dict(kept)
    exported.eval()
    round_to_half(exported)
    state = {
        name: (tensor.half() if tensor.is_floating_point() and is_stored_half(tensor.shape) else tensor)
        .contiguous().clone()
        for name, tensor in exported.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }  # fmt: skip
    save_file(state, str(path / "estimator.safetensors"))
    crops = example_crops(config.size)
    image = torch.from_numpy(to_float(crops))
    with torch.no_grad():
        aus = exported(image)
    save_file({"image": torch.from_numpy(crops), "aus": aus}, str(path / "example.safetensors"))
    for name in ("estimator.safetensors", "example.safetensors"):
        (path / name).chmod(0o644)  # the library makes them private
    write_onnx(exported, {"image": image}, ["aus"], path / "estimator.onnx", {"format": FORMATS["estimator"]})
    document = {
        "format": FORMATS["estimator"],
        "architecture": {k: v for k, v in asdict(config).items() if k not in ("size", "au_names")},
        "size": config.size,
        "au_names": list(config.au_names),
        "alignment": dict(alignment),
        "provenance": dict(provenance),
        "results": dict(results),
    }
    (path / "config.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return verify_estimator(path)


def load_estimator(path: str | Path) -> Estimator:
    """The PyTorch estimator of a model directory, in evaluation mode, float32."""
    from safetensors.torch import load_file

    path = Path(path)
    document = read_config(path, "estimator")
    config = EstimatorConfig(size=document["size"], au_names=tuple(document["au_names"]), **document["architecture"])
    estimator = Estimator(config)
    weights = load_file(weights_file(path, "estimator.safetensors"))
    state: dict[str, Tensor] = {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    missing, unexpected = estimator.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"{path}: the weights do not fit the architecture: {[*missing, *unexpected][:4]}")
    return estimator.eval()


def verify_estimator(path: str | Path) -> float:
    """Largest difference between estimator.onnx and the PyTorch weights, on the example and on noise.

    Raises ValueError above TOLERANCE.
    """
    path = Path(path)
    estimator = load_estimator(path)
    session = open_graph(path / "estimator.onnx")
    size = estimator.config.size
    noise = np.random.default_rng(1).uniform(-1, 1, (3, 3, size, size)).astype(np.float32)
    worst = 0.0
    for image in (to_float(example_crops(size)), noise, noise[:1]):
        with torch.no_grad():
            wanted = estimator(torch.from_numpy(image)).numpy()
        worst = max(worst, float(np.abs(session.run(["aus"], {"image": image})[0] - wanted).max()))
    if worst > TOLERANCE:
        raise ValueError(f"{path / 'estimator.onnx'} differs from PyTorch by {worst:.1e}; export it again")
    return worst
