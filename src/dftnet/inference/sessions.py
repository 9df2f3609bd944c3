"""ONNX Runtime sessions of the two networks: what editing runs, with no PyTorch.

A model directory holds `config.json` and a graph, `generator.onnx` or `estimator.onnx`: docs/model-format.md.
Images cross this border as uint8 [n, S, S, 3]; flows are in crop pixels, channel 0 is x, and warp backward:
aligned(p) = source(p + flow(p)).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from dftnet.aus import AU_NAMES, au_name
from dftnet.media import image as media

WEIGHTS = Path(__file__).parent / "weights"
"""The shipped model directories, each a folder of this one."""
DEFAULT_GENERATOR = "dftnet-128"
DEFAULT_ESTIMATOR = "au-estimator"
CONDITIONINGS = ("target", "difference")
MAX_BATCH = 16
"""Crops of one run of a graph; more are cut in several runs, so that memory stays bounded."""


class Maps(NamedTuple):
    """The maps of n crops, float32; Eq. 5: image = (1 - attention)·texture + attention·aligned."""

    flow: np.ndarray
    """[n, 2, S, S] (x, y) in crop pixels; 0 for a model without a flow."""
    attention: np.ndarray
    """[n, 1, S, S] in [0, 1]; 1 takes the warped source."""
    texture: np.ndarray
    """[n, 3, S, S] in [-1, 1]."""
    aligned: np.ndarray
    """[n, 3, S, S] in [-1, 1], the crop warped by the flow."""
    image: np.ndarray
    """[n, 3, S, S] in [-1, 1], the edited crop."""


def model_directory(path: str | Path | None, default: str, graph: str = "config.json") -> Path:
    """A path, the name of a shipped model with the file `graph`, or None for the shipped `default`; ValueError if none."""
    names = sorted(entry.name for entry in WEIGHTS.glob("*") if (entry / graph).is_file())
    if path is None and default not in names:
        raise ValueError(f"no model {default!r} is shipped with this installation; name a model directory")
    candidate = WEIGHTS / default if path is None else Path(path)
    if not candidate.exists() and str(path) in names:
        candidate = WEIGHTS / str(path)
    if not (candidate / "config.json").is_file():
        what = "has no config.json" if candidate.is_dir() else "is not a directory"
        raise ValueError(
            f"{candidate} {what}; a model directory is what `dftnet train` writes, or a shipped name"
            + (f" ({', '.join(names)})" if names else "")
        )
    return candidate


class _Session:
    """config.json and graph of one model directory, both checked."""

    graph: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def __init__(self, directory: Path, threads: int | None, providers: Sequence[str] | None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}; give 1 or more, or nothing for one per core")
        self.directory = directory
        self.config = _read_config(directory, self.kind)
        self.size: int = self.config["size"]
        self.au_names: tuple[str, ...] = tuple(self.config["au_names"])
        self.session = _open(directory / self.graph, threads, providers)
        has_inputs = {node.name for node in self.session.get_inputs()}
        has_outputs = [node.name for node in self.session.get_outputs()]
        if has_inputs != set(self.inputs) or not set(self.outputs) <= set(has_outputs):
            raise ValueError(
                f"{directory / self.graph} is no dftnet {self.kind}: takes {', '.join(sorted(has_inputs))}, "
                f"gives {', '.join(has_outputs)}; export the model again"
            )
        self._has = [name for name in (*self.outputs, *self.optional) if name in has_outputs]

    def _run(self, crops: np.ndarray, wanted: Sequence[str], **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs `wanted`, by name; what only others need is not computed."""
        crops = np.asarray(crops)
        if crops.dtype != np.uint8 or crops.shape[1:] != (self.size, self.size, 3):
            right = f"uint8 [n, {self.size}, {self.size}, 3]"
            raise ValueError(f"crops are {crops.dtype} {list(crops.shape)}; this model takes {right}")
        parts: list[Sequence[np.ndarray]] = []
        for start in range(0, max(1, len(crops)), MAX_BATCH):
            rows = slice(start, start + MAX_BATCH)
            feed = {name: value[rows] for name, value in inputs.items()}
            try:
                parts.append(self.session.run(wanted, {"image": media.to_float(crops[rows]), **feed}))
            except Exception as error:  # ONNX Runtime raises classes of its own, each a plain Exception
                raise ValueError(f"{self.directory / self.graph} does not run: {error}") from error
        joined = {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(wanted)}
        for name, value in joined.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{self.directory / self.graph}: {name!r} is not finite; the model is broken")
        return joined


class GeneratorSession(_Session):
    """A generator's model directory, ready to run.

    `size` is S, `au_names` the K units in the order of the condition, `conditioning` "target" or
    "difference". `path` is a model directory, the name of a shipped one, or None for the shipped default;
    `threads` limits the CPU threads of a run. Raises ValueError for a directory that is missing, foreign or
    damaged.
    """

    graph, kind = "generator.onnx", "generator"
    inputs, outputs = ("image", "aus"), ("edited", "attention", "texture")
    optional = ("flow", "aligned")

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        super().__init__(model_directory(path, DEFAULT_GENERATOR, self.graph), threads, providers)
        self.conditioning: str = self.config.get("conditioning", "target")
        if self.conditioning not in CONDITIONINGS:
            known = ", ".join(CONDITIONINGS)
            raise ValueError(f"{self.directory}: conditioning {self.conditioning!r}; known: {known}")

    def __call__(self, crops: np.ndarray, source_aus: np.ndarray, target_aus: np.ndarray) -> Maps:
        """crops uint8 [n, S, S, 3], both AUs [n, K] in [0, 1] in the order of `au_names` → Maps of n."""
        found = self._run(crops, self._has, aus=self._condition(crops, source_aus, target_aus))
        aligned = found["aligned"] if "aligned" in found else media.to_float(np.asarray(crops))
        return Maps(*self._parts(found), aligned, found["edited"])

    def parts(
        self, crops: np.ndarray, source_aus: np.ndarray, target_aus: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flow, attention and texture alone, as in Maps: all that a photo is composed of, a little faster."""
        wanted = [name for name in ("flow", "attention", "texture") if name in self._has]
        return self._parts(self._run(crops, wanted, aus=self._condition(crops, source_aus, target_aus)))

    def _condition(self, crops: np.ndarray, source_aus: np.ndarray, target_aus: np.ndarray) -> np.ndarray:
        target = np.asarray(target_aus, np.float32)
        source = np.asarray(source_aus, np.float32)
        shape = (len(crops), len(self.au_names))
        if target.shape != shape or source.shape != shape:
            given = f"{list(source.shape)} and {list(target.shape)}"
            raise ValueError(f"AUs are {given}; this model takes {list(shape)}")
        return target - source if self.conditioning == "difference" else target

    def _parts(self, found: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        flow = found.get("flow", np.zeros((len(found["texture"]), 2, self.size, self.size), np.float32))
        return flow, np.clip(found["attention"], 0, 1), found["texture"]


class EstimatorSession(_Session):
    """The AU estimator's model directory: crops in, Action Units out."""

    graph, kind = "estimator.onnx", "estimator"
    inputs, outputs = ("image",), ("aus",)

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        super().__init__(model_directory(path, DEFAULT_ESTIMATOR, self.graph), threads, providers)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """crops uint8 [n, S, S, 3] → float32 [n, K] in [0, 1], in the order of `au_names`."""
        return np.clip(self._run(crops, self.outputs)["aus"], 0, 1).astype(np.float32)


def _read_config(directory: Path, kind: str) -> Mapping[str, Any]:
    path = directory / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); the directory is damaged, copy it again") from None
    if not isinstance(config, dict) or not str(config.get("format", "")).startswith(f"dftnet-{kind}-"):
        found = config.get("format") if isinstance(config, dict) else None
        raise ValueError(f"{directory} is no dftnet {kind}: its config.json has the format {found!r}")
    if config["format"] != f"dftnet-{kind}-1":
        raise ValueError(f"{directory} has the format {config['format']}; this version reads dftnet-{kind}-1")
    size, names = config.get("size"), config.get("au_names", list(AU_NAMES))
    if not isinstance(size, int) or size < 16:
        raise ValueError(f"{path}: size is {size!r}, not a number of pixels")
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise ValueError(f"{path}: au_names is not a list of different names")
    return {**config, "au_names": [au_name(name) for name in names]}


def _open(path: Path, threads: int | None, providers: Sequence[str] | None) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ValueError(f"{path} is missing; the model directory is not complete, export or copy it again")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    wanted = list(providers or ["CPUExecutionProvider"])
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:
        raise ValueError(f"{path} is not a readable ONNX graph ({error}); copy or export it again") from error
