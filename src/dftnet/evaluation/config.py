"""What an evaluation is: which faces, how many, by which chance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dftnet.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much is measured."""

    faces: int
    """Edited towards the AUs of another face."""
    neutral: int
    """The least expressive faces, edited unit by unit, level by level."""
    closed: int
    """Faces whose eyes are shut, asked to open them."""
    pairs: int
    """Two frames of one person."""
    real: int
    """Real faces that the edits are compared with for realism."""
    photos: int
    """Whole photos, for the background."""
    rounds: int
    """Of timing."""


STANDARD = Counts(faces=160, neutral=30, closed=30, pairs=160, real=300, photos=10, rounds=20)
QUICK = Counts(faces=24, neutral=4, closed=4, pairs=24, real=60, photos=2, rounds=5)


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Everything that decides an evaluation but for the models and the dataset."""

    quick: bool = False
    """Few faces: under a minute for one model."""
    split: str = "test"
    """test, validation, train or all."""
    parts: bool = False
    """Also each model's warp alone and texture alone."""
    seed: int = 0
    """Which faces, pairs and requests."""
    reader: Path | None = None
    """An estimator's model directory, which reads the faces' own units and judges. Default: the shipped one."""
    mesh: Path | None = None
    """A face mesh, facs-mesh.npz: units that no blendshape sees are measured along it."""
    counts: Counts | None = None
    """How much is measured, where it is neither the standard nor the quick count."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise RequestError(f"seed must be 0 or more, got {self.seed}", field="seed")

    @property
    def how_many(self) -> Counts:
        """`counts`, else QUICK or STANDARD."""
        return self.counts or (QUICK if self.quick else STANDARD)
