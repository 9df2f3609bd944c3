"""From a training run to a model directory: `dftnet export`, and what may be done to trained weights on the way."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dftnet.aus import AU_NAMES, au_name
from dftnet.data.dataset import FaceData
from dftnet.errors import ModelError, RequestError
from dftnet.faces.template import TEMPLATE
from dftnet.inference.directory import find_model, read_config
from dftnet.networks import Generator, build_generator
from dftnet.training.config import TrainConfig, from_dict, to_dict
from dftnet.training.export import export_generator
from dftnet.training.run import load_state, read_log
from dftnet.training.run import read_config as read_run_config
from dftnet.units import TURNS


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What is done to trained weights before they are exported; no training. The defaults do nothing."""

    mixed: dict[str, float] = field(default_factory=dict)
    """Other runs of the same architecture and their shares: the weights are averaged, the exported run has the rest."""
    attention: tuple[float, float] = (1.0, 0.0)
    """(gain, offset) of the logit of A. A gain above 1 decides between warp and paint, a negative offset paints more: a lid that
    is mixed with the eye below it becomes a lid."""
    condition: dict[str, float] = field(default_factory=dict)
    """AU → factor of what the network is told of it: above 1 for an AU that lands short."""
    opens_eyes: bool = False
    """Its paint was seen to show what closed lids hide: eyes that read closed may be asked to open."""

    turns_head: bool = False
    """What explained turns of the head while training becomes units to ask for, `units.TURNS`."""

    def __post_init__(self) -> None:
        if any(not 0 < share < 1 for share in self.mixed.values()) or sum(self.mixed.values()) >= 1:
            raise RequestError(f"the shares of other runs are {self.mixed}; give numbers above 0 with a sum below 1")


def parse_numbers(items: Sequence[str], option: str) -> dict[str, float]:
    """["NAME=0.35"] → {"NAME": 0.35}; RequestError for anything that does not read so."""
    values = {}
    for item in items:
        name, _, number = item.rpartition("=")
        try:
            values[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise RequestError(f"{option} is {item!r}; write a name and a number like NAME=0.5")
    return values


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a run has learnt so far."""

    run: Path
    config: TrainConfig
    generator: Generator
    """The averaged one."""
    au_names: tuple[str, ...]
    """The K units of its condition, in order."""
    images_seen: int

    @classmethod
    def newest(cls, run: Path) -> Trained:
        """A run's newest training state."""
        config = from_dict(read_run_config(run))
        state = load_state(run)
        if state is None:
            raise RequestError(f"{run} has no training state yet; let dftnet train reach its first checkpoint")
        generator = build_generator(config.generator)
        generator.load_state_dict(state["players"]["average"])
        names = tuple(state.get("au_names", AU_NAMES))
        return cls(run=run, config=config, generator=generator.eval(), au_names=names, images_seen=state["images_seen"])


def export_run(
    run: str | Path, output: str | Path | None = None, data: str | Path | None = None, finish: Finish | None = None
) -> Path:
    """Write the model directory of a run's newest training state; returns its path, OUTPUT or RUN/model.

    data: the run's dataset directory; without it the provenance says nothing of the faces. Raises RequestError for what is no
    run, a run without a state, or a run to mix with that has another architecture.
    """
    trained, finish = Trained.newest(Path(run)), finish or Finish()
    states = [(1 - sum(finish.mixed.values()), trained.generator.state_dict())]
    mixed = []
    for name, share in finish.mixed.items():
        other = Trained.newest(Path(name))
        if other.config.generator != trained.config.generator:
            raise RequestError(
                f"{name} has another architecture than {run}; only runs of one architecture can be mixed"
            )
        states.append((share, other.generator.state_dict()))
        mixed.append({"run": Path(name).name, "images_seen": other.images_seen, "share": share})
    trained.generator.load_state_dict(_average(states))
    return write_model(output or trained.run / "model", trained, FaceData.open(data) if data else None, finish, mixed)


def write_model(
    directory: str | Path,
    trained: Trained,
    faces: FaceData | None,
    finish: Finish | None = None,
    mixed: Sequence[dict[str, Any]] = (),
) -> Path:
    """Export a run's averaged generator, finished, with where it comes from and what was done to it."""
    finish, config = finish or Finish(), trained.config
    generator = deepcopy(trained.generator).cpu().float()
    names = list(trained.au_names)
    gain, offset = finish.attention
    generator.scale_attention(gain, offset)
    for au, factor in finish.condition.items():
        if au_name(au) not in names:
            raise RequestError(f"the run knows no {au}; known are {', '.join(names)}")
        generator.scale_condition(names.index(au_name(au)), factor)
    document = {
        "size": config.size,
        "au_names": [*names, *TURNS] if finish.turns_head else names,
        "opens_eyes": finish.opens_eyes,
        "alignment": dict(faces.info["alignment"] if faces else TEMPLATE),
        "provenance": {
            "images_seen": trained.images_seen,
            "faces": len(faces.rows("train")) if faces else None,
            "labels": config.labels,
            "training": to_dict(replace(config, mesh=Path(config.mesh).name)),  # where it lies is nobody's concern
            "init": _provenance(config.init),
            "attention": {"gain": gain, "offset": offset},
            "condition_gain": finish.condition,
            "mixed": list(mixed),
        },
        "results": _last_validation(trained),
    }
    return export_generator(directory, generator.for_editing(finish.turns_head), document)


def _average(states: Sequence[tuple[float, dict[str, Tensor]]]) -> dict[str, Tensor]:
    return {name: torch.stack([share * state[name] for share, state in states]).sum(0) for name in states[0][1]}


def _provenance(init: str) -> dict[str, Any] | None:
    """Where the model that a run started from comes from, as far as it is still there."""
    try:
        return read_config(find_model(init, "generator"), "generator")["provenance"] if init else None
    except ModelError:
        return None


def _last_validation(trained: Trained) -> dict[str, float]:
    found = [line for line in read_log(trained.run) if line.get("kind") == "validation"]
    found = [line for line in found if line["images"] <= trained.images_seen]
    return {k: v for k, v in found[-1].items() if k != "kind"} if found else {}
