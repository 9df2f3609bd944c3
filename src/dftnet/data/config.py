"""What `dftnet prepare` makes of photos: one declaration, from which the command takes its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dftnet.errors import RequestError

ENCODINGS = {"jpeg": ".jpg", "webp": ".webp", "lossless": ".webp"}
"""Name → ending of the faces in a shard."""
CHOICES = {
    "faces": ("largest", "all"),
    "landmarks": ("detect", "csv"),
    "grey": ("skip", "keep"),
    "encoding": tuple(ENCODINGS),
}

CROPPING = (
    *("size", "faces", "landmarks", "encoding", "quality", "grey", "min_face", "min_sharpness", "every_seconds"),
    *("detector_side", "pixel_source"),
)


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Everything that decides which faces come out of photos, how, and with which labels."""

    labels: Path | None = None
    """AU labels: a CSV (.csv, .csv.gz) or a folder of them. Without: read from the faces (--au-source)."""
    labels_format: str = "auto"
    """auto, generic, openface, pyfeat, libreface or blendshapes."""
    au_range: tuple[float, float] | None = None
    """The scale of the labels, e.g. 0 5. Default: the format's own."""
    au_source: str = "estimator"
    """Where AUs come from without --labels: estimator or mediapipe."""
    people: str | None = None
    """Whose faces these are: folders (one folder a person), or a CSV with the columns path,person. Default: the labels'
    column subject, else every photo and every video is a person of its own."""
    size: int = 128
    """Edge of the square faces in pixels."""
    faces: str = "largest"
    """largest or all faces of a photo."""
    landmarks: str = "detect"
    """detect, or csv: columns eye_r_x ... mouth_l_y of the labels."""
    encoding: str = "jpeg"
    """jpeg, webp or lossless."""
    quality: int = 95
    """Of jpeg and webp, 1 to 100."""
    grey: str = "skip"
    """skip or keep colourless photos."""
    min_face: int = 48
    """Least width of a face square in photo pixels."""
    min_sharpness: float = 0.0
    """Least variance of the Laplacian; 0 takes all."""
    every_seconds: float = 1.0
    """Seconds between the frames taken of a video."""
    validation: float = 0.05
    """Share of the people, where the labels give no split."""
    test: float = 0.05
    """Share of the people, where the labels give no split."""
    detector_side: int = 640
    """Photos are scaled down to so many pixels, at most, before faces are looked for."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", Path(self.labels) if self.labels is not None else None)
        if not 16 <= self.size <= 1024:
            raise RequestError(f"size must be 16 to 1024 pixels, got {self.size}", field="size")
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise RequestError(f"{name} must be one of {', '.join(allowed)}, got {value!r}", field=name)
        if self.labels is None and (self.labels_format != "auto" or self.au_range is not None):
            name = "labels_format" if self.labels_format != "auto" else "au_range"
            raise RequestError(
                f"{name} is about a table of labels: name it too (--labels), or leave this out", field=name
            )
        if not 1 <= self.quality <= 100:
            raise RequestError(f"quality must be 1 to 100, got {self.quality}", field="quality")
        if self.every_seconds <= 0:
            raise RequestError(f"every_seconds must be positive, got {self.every_seconds}", field="every_seconds")
        if self.validation < 0 or self.test < 0 or self.validation + self.test >= 1:
            raise RequestError("validation and test are shares of the people: 0 or more, together below 1")

        if self.people is not None and self.faces == "all":
            raise RequestError(
                "people says whose photo it is, not whose face of several: use faces=largest", field="people"
            )

    @property
    def pixel_source(self) -> str:
        """The source that looks at the faces, "" where labels are given."""
        return "" if self.labels is not None else self.au_source

    def cropping(self) -> dict[str, object]:
        """What decides the faces themselves: kept in dataset.json and part of a run's fingerprint."""
        return {name: getattr(self, name) for name in CROPPING}
