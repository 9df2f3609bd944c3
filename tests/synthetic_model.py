"""Model directories whose maps are known functions of the condition: what the editing tests measure against.

flow(p)      = flow_gain · condition[AU12] · window(p)   in x,   flow_gain · condition[AU26] · window(p) in y
               (the mean of both sides in a vocabulary that knows sides)
attention(p) = clip(1 - condition[AU45] · window(p))
texture      = contrast · image + offset
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dftnet.units import AU_NAMES, levels_as


def window(size: int, radius: float = 0.25) -> np.ndarray:
    """[S, S] in [0, 1]: 1 within `radius` (a share of S) of the centre, smooth to 0 at 1.6 radius."""
    at = (np.arange(size) + 0.5) / size - 0.5
    r = np.hypot(*np.meshgrid(at, at)) / radius
    t = np.clip((1.6 - r) / 0.6, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def write_generator(
    directory: Path,
    *,
    size: int = 64,
    flow_gain: float = 6.0,
    constant: bool = False,
    contrast: float = 1.0,
    offset: float = 0.0,
    conditioning: str = "difference",
    has_flow: bool = True,
    names: Sequence[str] = AU_NAMES,
    opens_eyes: bool | None = None,
) -> Path:
    """Writes config.json and generator.onnx; `constant` replaces the window by 1 everywhere.

    names: its units; of those with sides the mean counts. opens_eyes: said in config.json, unless it is None.
    """
    directory.mkdir(parents=True, exist_ok=True)
    k = len(names)
    shape = np.ones((size, size), np.float32) if constant else window(size)
    of = levels_as(np.eye(k, dtype=np.float32), names, ("AU12", "AU26", "AU45"))
    gains = of * np.array([flow_gain if has_flow else 0, flow_gain if has_flow else 0, 1], np.float32)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    constants = {
        "gains": gains,
        "as_maps": np.array([-1, 3, 1, 1], np.int64),
        "window": shape[None, None],
        "split": np.array([2, 1], np.int64),
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.float32),
        "to_grid": np.array(2 / (size - 1), np.float32),
        "identity": np.stack([columns, rows], -1)[None],
        "contrast": np.array(contrast, np.float32),
        "offset": np.array(offset, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("MatMul", ["aus", "gains"], ["mixed"]),
        node("Reshape", ["mixed", "as_maps"], ["levels"]),
        node("Mul", ["levels", "window"], ["planes"]),
        node("Split", ["planes", "split"], ["flow", "painted"], axis=1),
        node("Sub", ["one", "painted"], ["keep"]),
        node("Clip", ["keep", "zero", "one"], ["attention"]),
        node("Transpose", ["flow"], ["flow_last"], perm=[0, 2, 3, 1]),
        node("Add", ["identity", "flow_last"], ["at"]),
        node("Mul", ["at", "to_grid"], ["at_two"]),
        node("Sub", ["at_two", "one"], ["grid"]),
        node("GridSample", ["image", "grid"], ["aligned"], align_corners=1, padding_mode="border"),
        node("Mul", ["image", "contrast"], ["scaled"]),
        node("Add", ["scaled", "offset"], ["texture"]),
        node("Mul", ["attention", "aligned"], ["kept"]),
        node("Sub", ["one", "attention"], ["paint"]),
        node("Mul", ["paint", "texture"], ["new"]),
        node("Add", ["kept", "new"], ["edited"]),
    ]
    channels_of = {"flow": 2, "attention": 1, "texture": 3, "aligned": 3}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, size, size])
        for name, channels in channels_of.items()
        if has_flow or name not in ("flow", "aligned")
    ]
    image = helper.make_tensor_value_info("edited", TensorProto.FLOAT, ["n", 3, size, size])
    graph = helper.make_graph(
        nodes,
        "synthetic",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, size, size]),
            helper.make_tensor_value_info("aus", TensorProto.FLOAT, ["n", k]),
        ],
        [image, *outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    _save(graph, directory / "generator.onnx")
    said = {} if opens_eyes is None else {"opens_eyes": opens_eyes}
    _config(directory, "generator", size, names, conditioning=conditioning, **said)
    return directory


def write_estimator(directory: Path, *, size: int = 128, value: float = 0.25, names: Sequence[str] = AU_NAMES) -> Path:
    """Writes config.json and estimator.onnx: every AU is `value`, whatever the crop."""
    directory.mkdir(parents=True, exist_ok=True)
    k = len(names)
    constants = {"nothing": np.zeros((3, k), np.float32), "value": np.array(value, np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "value"], ["aus"]),
    ]
    graph = helper.make_graph(
        nodes,
        "synthetic",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("aus", TensorProto.FLOAT, ["n", k])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    _save(graph, directory / "estimator.onnx")
    _config(directory, "estimator", size, names)
    return directory


def _save(graph: onnx.GraphProto, path: Path) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _config(directory: Path, kind: str, size: int, names: Sequence[str], **more: object) -> None:
    config = {"format": f"dftnet-{kind}-1", "size": size, "au_names": list(names), **more}
    (directory / "config.json").write_text(json.dumps(config))
