"""Who is measured: models, single paths of a model, and the copy of the input, which is always there."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.editing.compositing import composite
from dftnet.inference.sessions import GeneratorSession, Maps
from dftnet.media.files import file_sha256
from dftnet.media.pixels import to_float, to_uint8

COPY = "copy-input"
PARTS = {"aligned": "warp only", "texture": "texture only"}


@dataclass(frozen=True)
class Contender:
    """Crops and AUs in, edited crops out."""

    name: str
    session: GeneratorSession | None
    """None returns the input."""
    part: str = "image"
    """Which map counts as the result: "image" (Eq. 5), "aligned" (A = 1) or "texture" (A = 0)."""

    @property
    def units(self) -> tuple[str, ...]:
        """The vocabulary that it is asked in: its model's own."""
        return self.session.au_names if self.session else AU_NAMES

    def knows(self, unit: str) -> bool:
        """Whether it can be asked for a unit, on its own or by its sides."""
        return unit in self.units or {f"{unit}L", f"{unit}R"} <= set(self.units)

    def __call__(self, crops: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Maps]:
        """crops uint8 [n, S, S, 3], levels of `units` [n, K] twice → the edits, uint8 as they would be saved, and the maps.

        A model of fewer pixels than S sees the crops reduced to its size; its maps are enlarged to theirs.
        """
        if self.session is None:
            maps = _still(crops)
            return crops, maps
        small = resized(crops, self.session.size)
        maps = self.session(small, source, target)
        if self.session.size != crops.shape[1]:
            maps = enlarged_maps(maps, crops, small)
        return to_uint8(getattr(maps, self.part)), maps


def _still(crops: np.ndarray) -> Maps:
    n, size = crops.shape[:2]
    picture = to_float(crops)
    flow, attention = np.zeros((n, 2, size, size), np.float32), np.ones((n, 1, size, size), np.float32)
    return Maps(flow, attention, picture, picture, picture)


def resized(crops: np.ndarray, size: int) -> np.ndarray:
    """uint8 [n, S, S, 3] averaged down to [n, size, size, 3]; the same array where that is S."""
    if crops.shape[1] == size:
        return crops
    return np.stack([cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops])


def enlarged_maps(maps: Maps, crops: np.ndarray, small: np.ndarray) -> Maps:
    """Maps of crops reduced to fewer pixels, uint8 [n, s, s, 3] → maps of the crops uint8 [n, S, S, 3] themselves.

    Flow, attention and texture are enlarged, the flow's pixels with them; the flow moves the crops' own pixels (Eq. 5), as
    editing does with a photo. A model that draws parts, or moves some by themselves, is composed by the editor.
    """
    size = crops.shape[1]
    factor = size / maps.flow.shape[-1]

    def enlarged(planes: np.ndarray, how: int) -> np.ndarray:
        made = [[cv2.resize(plane, (size, size), interpolation=how) for plane in one] for one in planes]
        return np.asarray(made, np.float32)

    flow = enlarged(maps.flow, cv2.INTER_LINEAR) * np.float32(factor)
    attention = np.clip(enlarged(maps.attention, cv2.INTER_LINEAR), 0, 1)
    texture = np.clip(enlarged(maps.texture, cv2.INTER_CUBIC), -1, 1)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    moved = [
        cv2.remap(crop, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for crop, (dx, dy) in zip(crops, flow, strict=True)
    ]
    aligned = to_float(np.stack(moved))
    image = (1 - attention) * texture + attention * aligned
    if maps.composed()[-1]:
        shift = (1 / factor - 1) / 2
        matrix = np.array([[1 / factor, 0, shift], [0, 1 / factor, shift]])
        edited = [composite(crop, matrix, small[i], *maps.of(i).composed()) for i, crop in enumerate(crops)]
        image = to_float(np.stack(edited))
    return Maps(flow, attention, texture, aligned, image)


def contenders(models: Sequence[str | Path], parts: bool = False, threads: int | None = None) -> list[Contender]:
    """Copy-input, then every model (a directory or a shipped name); `parts` adds each one's single paths."""
    found = [Contender(COPY, None)]
    for model in models:
        session = GeneratorSession(model, threads=threads)
        directory = session.directory
        name = directory.parent.name if directory.name == "model" else directory.name
        taken = {contender.name for contender in found}
        name = name if name not in taken else f"{name} ({sum(t.startswith(name) for t in taken) + 1})"
        found.append(Contender(name, session))
        if parts:
            found += [Contender(f"{name}, {text}", session, part) for part, text in PARTS.items()]
    return found


def describe(contender: Contender) -> dict:
    """Name, sha256 of the graph, parameters and bytes of a contender's files, for the result."""
    if contender.session is None:
        return {"name": contender.name}
    directory = contender.session.directory
    graph, weights = directory / "generator.onnx", directory / "generator.safetensors"
    about = {
        "name": contender.name,
        "directory": str(directory),
        "sha256": file_sha256(graph),
        "units": len(contender.units),
        "graph_bytes": graph.stat().st_size,
        "images_seen": contender.session.config.get("provenance", {}).get("images_seen"),
    }
    if weights.exists():
        about |= {"weights_bytes": weights.stat().st_size, "parameters": parameter_count(weights)}
    return about


def parameter_count(path: str | Path) -> int:
    """Numbers in a .safetensors file, from its header."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(int(np.prod(entry["shape"])) for name, entry in header.items() if name != "__metadata__")
