"""ONNX Runtime sessions of the two networks: what editing runs, with no PyTorch.

A model directory (inference/directory.py) holds the graph, `generator.onnx` or `estimator.onnx`.
Images cross this border as uint8 [n, S, S, 3]; flows are in crop pixels, channel 0 is x, and warp backward:
aligned(p) = source(p + flow(p)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dftnet.aus import condition
from dftnet.errors import ModelError
from dftnet.faces.drawn import PARTS
from dftnet.inference.calibration import Calibration
from dftnet.inference.directory import open_model
from dftnet.inference.shut_lips import kept_shut, parted, pressed
from dftnet.media.pixels import to_float
from dftnet.onnx_runtime import open_graph

MAX_BATCH = 16
"""Crops of one run of a graph; more are cut in several runs, so that memory stays bounded."""


NOT_DRAWN = np.zeros((0, 0, 0), np.float32)


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
    mouth: np.ndarray = NOT_DRAWN
    """[n, 7, h, w]: where and how the inside of a mouth is drawn (faces/mouth.py); [n, 0, 0, 0] of a model that draws none."""
    eyes: np.ndarray = NOT_DRAWN
    """[n, 7, h, w]: the same of eyes that open (faces/eye.py)."""
    lids: np.ndarray = NOT_DRAWN
    """[n, 6, h, w]: where lids come down, whence, in what light (faces/lid.py), which `aligned` shows and `flow` does not."""
    globes: np.ndarray = NOT_DRAWN
    """[n, 8, h, w]: where eyes stay between lids that move, and whence (faces/globe.py), as of lids."""
    shade: np.ndarray = NOT_DRAWN
    """[n, 1, S, S]: ratio by which what Φ has brought is brighter where skin folds (faces/shade.py); `aligned` has it."""

    def of(self, row: int) -> Maps:
        """Those of one of the crops, without the first axis."""
        return Maps(*(value[row] if len(value) else value for value in self))

    def composed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Of one crop, what `editing.compositing.composite` takes: flow, attention, texture, and what is drawn, by the names of
        `faces.drawn.PARTS`, as far as there is any."""
        drawn = {name: getattr(self, name) for name in PARTS if getattr(self, name).size}
        return self.flow, self.attention, self.texture, drawn


class _Session:
    """config.json and graph of one model directory, both checked."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        self.model = open_model(path, self.kind)
        self.directory = self.model.path
        self.config = self.model.config
        self.size: int = self.model.size
        self.au_names: tuple[str, ...] = self.model.au_names
        self.graph = self.directory / f"{self.kind}.onnx"
        self.session = open_graph(self.graph, threads, providers)
        has_inputs = {node.name for node in self.session.get_inputs()}
        has_outputs = [node.name for node in self.session.get_outputs()]
        if has_inputs != set(self.inputs) or not set(self.outputs) <= set(has_outputs):
            raise ModelError(
                f"{self.graph} is no dftnet {self.kind}: takes {', '.join(sorted(has_inputs))}, "
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
                parts.append(self.session.run(wanted, {"image": to_float(crops[rows]), **feed}))
            except Exception as error:  # ONNX Runtime raises classes of its own, each a plain Exception
                raise ModelError(f"{self.graph} does not run: {error}") from error
        joined = {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(wanted)}
        for name, value in joined.items():
            if not np.isfinite(value).all():
                raise ModelError(f"{self.graph}: {name!r} is not finite; the model is broken")
        return joined


class GeneratorSession(_Session):
    """A generator's model directory, ready to run.

    `size` is S, `au_names` the K units in the order of the condition. `path` is a model directory, the name of a
    shipped one, or None for the shipped default; `threads` limits the CPU threads of a run. Serves many threads.
    Raises ModelError for a directory that is missing, foreign or damaged.
    """

    kind = "generator"
    inputs, outputs = ("image", "aus"), ("edited", "attention", "texture")
    optional = ("flow", "aligned", *PARTS)

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        super().__init__(path, threads=threads, providers=providers)
        self.calibration = Calibration.from_config(self.config)

    def __call__(self, crops: np.ndarray, source_aus: np.ndarray, target_aus: np.ndarray) -> Maps:
        """crops uint8 [n, S, S, 3], both AUs [n, K] in [0, 1] in the order of `au_names` → Maps of n."""
        found, mended = self._answers(crops, self._has, source_aus, target_aus)
        aligned = found["aligned"] if "aligned" in found else to_float(np.asarray(crops))
        if mended:
            found["edited"] = (1 - found["attention"]) * found["texture"] + found["attention"] * aligned
        flow, attention, texture, *drawn = self._parts(found)
        return Maps(flow, attention, texture, aligned, found["edited"], *drawn)

    def parts(self, crops: np.ndarray, source_aus: np.ndarray, target_aus: np.ndarray) -> Maps:
        """All that a photo is composed of, a little faster: Maps with neither `aligned` nor `image`."""
        wanted = [name for name in ("flow", "attention", "texture", *PARTS) if name in self._has]
        found, _ = self._answers(crops, wanted, source_aus, target_aus)
        flow, attention, texture, *drawn = self._parts(found)
        nothing = texture[:, :, :0, :0]
        return Maps(flow, attention, texture, nothing, nothing, *drawn)

    def _answers(
        self, crops: np.ndarray, wanted: Sequence[str], source_aus: np.ndarray, target_aus: np.ndarray
    ) -> tuple[dict[str, np.ndarray], bool]:
        """What the graph answers, with A and the mouth mended of faces whose lips stay shut; and whether there are any."""
        target = np.asarray(target_aus, np.float32)
        source = np.asarray(source_aus, np.float32)
        shape = (len(crops), len(self.au_names))
        if target.shape != shape or source.shape != shape:
            given = f"{list(source.shape)} and {list(target.shape)}"
            raise ValueError(f"AUs are {given}; this model takes {list(shape)}")
        asked = condition(source, target, self.model.conditioning)
        apart = parted(self.au_names, source, target) if "mouth" in self._has else np.ones(len(crops), np.float32)
        if self.model.conditioning == "difference":
            asked = self.calibration.given(pressed(self.au_names, asked, apart), self.au_names)
        found, mended = self._run(crops, wanted, aus=asked), bool((apart < 1).any())
        if mended:
            found["attention"], found["mouth"] = kept_shut(apart, found["attention"], found["mouth"])
        return found, mended

    def _parts(self, found: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        texture = found["texture"]
        flow = found.get("flow", np.zeros((len(texture), 2, self.size, self.size), np.float32))
        nothing = np.zeros((len(texture), *NOT_DRAWN.shape), np.float32)
        drawn = (found.get(name, nothing) for name in PARTS)
        return flow, np.clip(found["attention"], 0, 1), texture, *drawn


class EstimatorSession(_Session):
    """The AU estimator's model directory: crops in, Action Units out. An AUSource (au_sources/source.py)."""

    kind = "estimator"
    inputs, outputs = ("image",), ("aus",)

    @property
    def names(self) -> tuple[str, ...]:
        """The K units that it reads."""
        return self.model.au_names

    @property
    def note(self) -> str:
        """One sentence for dataset.json: what these numbers are."""
        return f"dftnet AU estimator {self.model.name}"

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """crops uint8 [n, S, S, 3] → float32 [n, K] in [0, 1], in the order of `au_names`."""
        return np.clip(self._run(crops, self.outputs)["aus"], 0, 1).astype(np.float32)
