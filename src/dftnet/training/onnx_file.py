"""A PyTorch module as an ONNX file whose weights are stored in half precision and computed with in single.

Half the size on disk; at loading ONNX Runtime casts the weights once and folds them, so speed and arithmetic are those of
single precision. Exactly equal to the PyTorch module when that was rounded with `round_to_half` first.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dftnet.errors import ModelError
from dftnet.media.files import atomic_file
from dftnet.onnx_runtime import onnxruntime

OPSET = 17
CHANGES_WEIGHTS = ["ConvBNFusion", "ConvMulFusion", "ConvAddFusion", "MatMulBNFusion"]
"""What of ONNX Runtime's simplifications would round weights anew"""
SMALLEST = 256
"""Tensors of fewer elements stay in single precision: they save nothing."""


def is_stored_half(shape: Sequence[int]) -> bool:
    """Whether a weight of this shape is stored in half precision: matrices and kernels are, vectors are not."""
    return len(shape) > 1 and int(np.prod(shape)) >= SMALLEST


@torch.no_grad()
def round_to_half(module: nn.Module) -> None:
    """Round, in place, the weights that the files store in half precision; they stay float32."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and is_stored_half(tensor.shape):
            if not torch.isfinite(tensor.half()).all():
                raise ModelError("a weight is outside half precision (65504 at most); the training diverged")
            tensor.copy_(tensor.half().float())


def write_onnx(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Trace `module` in evaluation mode on example inputs (name → tensor, first axis the batch, free) into PATH.

    `outputs` names what `forward` returns, in order. The file appears whole or not at all.
    """
    import onnx

    axes = {name: {0: "n"} for name in (*inputs, *outputs)}
    training = module.training
    module.eval()
    with atomic_file(path, overwrite=True) as partial:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module, tuple(inputs.values()), str(partial), input_names=list(inputs), output_names=list(outputs),
                dynamic_axes=axes, opset_version=OPSET, **_exporter_options(),
            )  # fmt: skip
        module.train(training)
        model = _simplified(partial)
        _store_half(model)
        for key, value in (metadata or {}).items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.checker.check_model(model)
        onnx.save(model, str(partial))


def _exporter_options() -> dict[str, Any]:
    """The tracing exporter, which needs no further package; batch norms stay nodes (they fold at loading)."""
    import inspect

    options: dict[str, object] = {
        "training": torch.onnx.TrainingMode.PRESERVE,
        "do_constant_folding": False,
    }
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    return options


def _simplified(path: Path) -> Any:
    """The model of a file, without what a trace says of shapes that are known: fewer nodes to open and run, the same arithmetic."""
    import onnx

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    simple = path.with_suffix(".simple.onnx")
    options.optimized_model_filepath = str(simple)
    try:
        onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=CHANGES_WEIGHTS
        )
        model = onnx.load(str(simple))
    finally:
        simple.unlink(missing_ok=True)
    for domain in [opset for opset in model.opset_import if opset.domain]:
        model.opset_import.remove(domain)
    return model


def _store_half(model: Any) -> None:
    """Replace each large float32 weight by a float16 one and a Cast node, in place."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    casts = []
    for index, tensor in enumerate(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or not is_stored_half(tensor.dims):
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        casts.append(helper.make_node("Cast", [tensor.name + "_half"], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer[index].CopyFrom(numpy_helper.from_array(half, tensor.name + "_half"))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
