"""Where Action Unit labels come from: one interface, one registry.

    source = make_source("openface", "openface_output/")
    source(faces) → float32 [n, K] in [0, 1], columns source.names, NaN rows where it knows nothing

A new source is one class and one `register` line. Sources that read label files are in `tables.py` and `table_formats.py`;
sources that look at pixels get the aligned crop.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dftnet.aus import AU_NAMES


class FaceInput(NamedTuple):
    """What a source may look at for one face."""

    names: tuple[str, ...] = ()
    """How a label file may call the photo, the most exact first: path, path without suffix, base name, stem."""
    crop: np.ndarray | None = None
    """The aligned face, uint8 [S, S, 3] RGB."""
    landmarks: np.ndarray | None = None
    """float [5, 2] in pixels of the photo; tells the faces of one photo apart."""


class AUSource(ABC):
    """Gives faces their Action Units."""

    kind: str = ""
    """The name in the registry."""
    names: tuple[str, ...] = ()
    """The K units it measures, a subset of `AU_NAMES` in that order."""
    raw_range: tuple[float, float] = (0.0, 1.0)
    """The scale of its raw values, mapped to 0 and 1."""
    needs_pixels: bool = False
    """True if it looks at `FaceInput.crop`, False if it looks the names up in a file."""
    note: str = ""
    """One sentence for dataset.json: what these numbers are."""

    @abstractmethod
    def __call__(self, faces: Sequence[FaceInput]) -> np.ndarray:
        """float32 [n, K] in [0, 1]; a row of NaN for a face it knows nothing of."""

    @property
    def absent(self) -> tuple[str, ...]:
        """The units of the vocabulary that it does not measure."""
        return tuple(name for name in AU_NAMES if name not in self.names)


AU_SOURCES: dict[str, Callable[..., AUSource]] = {}
"""name → factory. File formats take (path, au_range=None); sources that look at pixels take no argument."""

LIVE_SOURCES: dict[str, str] = {
    "estimator": "dftnet.au_sources.estimator",
    "mediapipe": "dftnet.au_sources.mediapipe",
}
"""Sources that look at pixels → the module that enters them, imported when first asked for: they stand on higher levels."""

FILE_FORMATS = "dftnet.au_sources.table_formats"
"""The module that enters the label file formats."""


def register(name: str) -> Callable[[Callable[..., AUSource]], Callable[..., AUSource]]:
    """Class decorator: enters a source under `name`."""

    def enter(factory: Callable[..., AUSource]) -> Callable[..., AUSource]:
        AU_SOURCES[name] = factory
        return factory

    return enter


def make_source(name: str, *args, **options) -> AUSource:
    """The registered source `name`; an unknown name is a ValueError that lists the known ones."""
    if name not in AU_SOURCES:
        importlib.import_module(LIVE_SOURCES.get(name, FILE_FORMATS))
    if name not in AU_SOURCES:
        known = ", ".join(sorted({*AU_SOURCES, *LIVE_SOURCES}))
        raise ValueError(f"unknown AU source {name!r}; known: {known}")
    return AU_SOURCES[name](*args, **options)


BLENDSHAPE_ABSENT: dict[str, str] = {
    "AU05": "eyeWide hardly moves",
    "AU06": "cheekSquint is always zero",
    "AU09": "noseSneer is always zero",
    "AU14": "mouthDimple hardly moves",
}
"""Units that MediaPipe's blendshapes do not measure, and why."""

BLENDSHAPE_AUS = tuple(name for name in AU_NAMES if name not in BLENDSHAPE_ABSENT)


def aus_from_blendshapes(shapes: Mapping[str, np.ndarray]) -> np.ndarray:
    """MediaPipe's 52 blendshapes by name, each float [n] in [0, 1] → float32 [n, 13], columns `BLENDSHAPE_AUS`.

    Left and right are averaged, except AU45, which needs both eyes closed (the smaller). The numbers are
    blendshape weights, not FACS intensities: their order within a unit is meaningful, their scale is MediaPipe's.
    Raises ValueError listing the channels that are missing.
    """
    missing: list[str] = []

    def get(name: str) -> np.ndarray:
        if name not in shapes:
            missing.append(name)
            return np.zeros(1)
        return np.asarray(shapes[name], np.float64)

    def both(name: str) -> np.ndarray:
        return (get(name + "Left") + get(name + "Right")) / 2

    values = {
        "AU01": get("browInnerUp"),
        "AU02": both("browOuterUp"),
        "AU04": both("browDown"),
        "AU07": both("eyeSquint"),
        "AU10": both("mouthUpperUp"),
        "AU12": both("mouthSmile"),
        "AU15": both("mouthFrown"),
        "AU17": get("mouthShrugLower"),
        "AU20": both("mouthStretch"),
        "AU23": both("mouthPress"),
        "AU25": np.maximum(get("jawOpen") - get("mouthClose"), both("mouthLowerDown")),
        "AU26": get("jawOpen"),
        "AU45": np.minimum(get("eyeBlinkLeft"), get("eyeBlinkRight")),
    }
    if missing:
        raise ValueError(f"blendshapes lack {', '.join(missing)}: export all 52 of MediaPipe's face landmarker")
    return np.clip(np.stack([values[name] for name in BLENDSHAPE_AUS], 1), 0, 1).astype(np.float32)
