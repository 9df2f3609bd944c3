"""Model directories: finding, checking and listing them, with neither PyTorch nor ONNX Runtime.

A model directory holds `config.json` and a network, as safetensors and as a graph: docs/model-format.md.

    open_model(None, "generator")          # the shipped one
    open_model("dftnet-128", "generator")  # a shipped one by name
    open_model("runs/mine/model", "generator").size
    [model.name for model in models()]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dftnet.aus import AU_NAMES, CONDITIONINGS, au_name
from dftnet.errors import ModelError

WEIGHTS = Path(__file__).parent / "weights"
"""The shipped model directories, each a folder of this one."""
DEFAULTS = {"generator": "dftnet-128", "estimator": "au-estimator"}
"""What a model can be → the name of the shipped one that is taken where none is named."""
FORMATS = {kind: f"dftnet-{kind}-1" for kind in DEFAULTS}
"""What a model can be → the "format" that its config.json has to have."""


@dataclass(frozen=True, kw_only=True)
class ModelDirectory:
    """A model directory whose config.json was read and checked."""

    path: Path
    kind: str
    """ "generator" or "estimator"."""
    size: int
    """Pixels a side of the crops that it takes."""
    au_names: tuple[str, ...]
    """The K units, in the order of its vectors."""
    conditioning: str = "target"
    """What a generator takes as condition: the AUs to aim at, or their "difference" from the face's own."""
    opens_eyes: bool = False
    """Whether a generator paints what closed lids hide."""
    config: Mapping[str, Any] = field(repr=False)
    """All that its config.json says."""

    @property
    def name(self) -> str:
        """The directory's own name."""
        return self.path.name


def models(kind: str | None = None) -> list[ModelDirectory]:
    """The model directories that are shipped: all, or the generators or estimators alone."""
    kinds = [kind] if kind else list(DEFAULTS)
    return [open_model(WEIGHTS / name, one) for one in kinds for name in _shipped(one)]


def has_default(kind: str) -> bool:
    """Whether a generator or estimator to take where none is named is shipped with this installation."""
    return DEFAULTS[kind] in _shipped(kind)


def find_model(path: str | Path | None, kind: str) -> Path:
    """A path, the name of a shipped model, or None for the shipped default → the directory; ModelError if there is none."""
    names = _shipped(kind)
    if path is None and DEFAULTS[kind] not in names:
        raise ModelError(f"no {kind} is shipped with this installation; name a model directory")
    candidate = WEIGHTS / DEFAULTS[kind] if path is None else Path(path)
    if not candidate.exists() and str(path) in names:
        candidate = WEIGHTS / str(path)
    if not (candidate / "config.json").is_file():
        what = "has no config.json" if candidate.is_dir() else "is not a directory"
        raise ModelError(
            f"{candidate} {what}; a model directory is what `dftnet train` writes, or a shipped name"
            + (f" ({', '.join(names)})" if names else "")
        )
    return candidate


def open_model(path: str | Path | None, kind: str) -> ModelDirectory:
    """`find_model`, and its config.json checked; ModelError for a directory that is missing, foreign or damaged."""
    directory = find_model(path, kind)
    config = read_config(directory, kind)
    file = directory / "config.json"
    size, names = config.get("size"), config.get("au_names", list(AU_NAMES))
    if not isinstance(size, int) or size < 16:
        raise ModelError(f"{file}: size is {size!r}, not a number of pixels")
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise ModelError(f"{file}: au_names is not a list of different names")
    try:
        au_names = tuple(au_name(name) for name in names)
    except ValueError as error:
        raise ModelError(f"{file}: {error}") from None
    conditioning = config.get("conditioning", "target")
    if conditioning not in CONDITIONINGS:
        raise ModelError(f"{directory}: conditioning {conditioning!r}; known: {', '.join(CONDITIONINGS)}")
    opens_eyes = config.get("opens_eyes", False)
    if not isinstance(opens_eyes, bool):
        raise ModelError(f"{file}: opens_eyes is {opens_eyes!r}; write true or false")
    return ModelDirectory(
        path=directory, kind=kind, size=size, au_names=au_names, conditioning=conditioning, opens_eyes=opens_eyes,
        config=config,
    )  # fmt: skip


def read_config(directory: str | Path, kind: str) -> dict[str, Any]:
    """The config.json of a model directory, its format checked; ModelError where it is missing, damaged or foreign."""
    path = Path(directory) / "config.json"
    if not path.is_file():
        raise ModelError(
            f"{directory} is no model directory: it has no config.json; give the directory that training wrote"
        )
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}); the directory is damaged, copy it again") from None
    found = config.get("format") if isinstance(config, dict) else None
    if not str(found).startswith(f"dftnet-{kind}-"):
        raise ModelError(f"{directory} is no dftnet {kind}: its config.json has the format {found!r}")
    if found != FORMATS[kind]:
        raise ModelError(f"{directory} has the format {found}; this version reads {FORMATS[kind]}")
    return config


def weights_file(directory: str | Path, name: str) -> Path:
    """The file of PyTorch weights `name` of a model directory; ModelError with the remedy where it is not there."""
    path = Path(directory) / name
    if path.is_file():
        return path
    if Path(directory).parent == WEIGHTS:
        remedy = "an installed dftnet has what editing opens: pip install the package dftnet-training-weights beside it"
    else:
        remedy = "the model directory is not complete, export or copy it again"
    raise ModelError(f"{path} is missing; {remedy}")


def _shipped(kind: str) -> list[str]:
    """The names of the shipped models of a kind, in order."""
    names = []
    for path in sorted(WEIGHTS.glob("*/config.json")):
        try:
            read_config(path.parent, kind)
        except ModelError:
            continue
        names.append(path.parent.name)
    return names
