"""Photos → aligned faces: the work of one chunk, run in worker processes.

A chunk's result is one tar, written whole or not at all: the encoded faces, then `rows.json` with what is known of
each face and every photo that gave none, with the reason.
"""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from dftnet.au_sources.source import AUSource, FaceInput, make_source
from dftnet.data.inputs import Photo
from dftnet.data.shards import ShardWriter, read_tar
from dftnet.faces.align import align, crop_from_image
from dftnet.faces.detect import Face, FaceDetector
from dftnet.media.image import decode_image, encode_image, stored_size
from dftnet.media.video import read_video

ENCODINGS = {"jpeg": ".jpg", "webp": ".webp", "lossless": ".webp"}


@dataclass(frozen=True)
class CutSettings:
    """What decides which faces come out and how; part of the fingerprint of a run."""

    size: int = 128
    faces: str = "largest"
    landmarks: str = "detect"
    encoding: str = "jpeg"
    quality: int = 95
    grey: str = "skip"
    min_face: int = 48
    min_sharpness: float = 0.0
    every_seconds: float = 1.0
    detector_side: int = 640
    pixel_source: str = ""

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:
            raise ValueError(f"size must be 16 to 1024 pixels, got {self.size}")
        choices = {
            "faces": ("largest", "all"), "landmarks": ("detect", "csv"), "grey": ("skip", "keep"),
            "encoding": tuple(ENCODINGS),
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality must be 1 to 100, got {self.quality}")
        if self.every_seconds <= 0:
            raise ValueError(f"every_seconds must be positive, got {self.every_seconds}")


@dataclass(frozen=True)
class Chunk:
    """One unit of work: photos with their keys, and landmarks [5, 2] where they come from the label file."""

    path: Path
    photos: list[Photo]
    keys: list[str]
    landmarks: list[np.ndarray | None]


class Cutter:
    """Holds the detector (and the AU source that looks at pixels) of one process."""

    def __init__(self, settings: CutSettings):
        cv2.setNumThreads(1)
        self.settings = settings
        self.detector = FaceDetector(max_side=settings.detector_side)
        self.source: AUSource | None = make_source(settings.pixel_source) if settings.pixel_source else None

    def __call__(self, chunk: Chunk) -> tuple[int, int]:
        """Cut one chunk and write it; (photos, faces) done."""
        rows: list[dict] = []
        skipped: list[list[str]] = []
        crops: list[np.ndarray] = []
        for position, photo in enumerate(chunk.photos):
            for key, frame, image, ratio in self._images(photo, chunk.keys[position], skipped):
                label = photo.path if frame is None else f"{photo.path}#{frame + 1}"
                for row, crop in self._faces(image, ratio, chunk.landmarks[position], label, skipped):
                    row.update(photo=photo.path, names=photo.names(frame), subject=photo.path if photo.video else "")
                    row["key"] = key + (f"-f{row.pop('face')}" if self.settings.faces == "all" else "")
                    row.pop("face", None)
                    rows.append(row)
                    crops.append(crop)
        if self.source is not None and crops:
            inputs = [
                FaceInput(tuple(row["names"]), crop, np.array(row["landmarks"]))
                for row, crop in zip(rows, crops, strict=True)
            ]
            for row, aus in zip(rows, self.source(inputs), strict=True):
                row["aus"] = [float(value) for value in aus]
        self._write(chunk.path, rows, crops, skipped)
        return len(chunk.photos), len(rows)

    def _write(self, path: Path, rows: list[dict], crops: list[np.ndarray], skipped: list[list[str]]) -> None:
        settings = self.settings
        suffix = ENCODINGS[settings.encoding]
        with ShardWriter(path, overwrite=True) as shard:
            for i, crop in enumerate(crops):
                data = encode_image(crop, suffix, settings.quality, settings.encoding == "lossless")
                shard.add(f"{i:06d}", suffix, data)
            text = json.dumps({"rows": rows, "skipped": skipped, "settings": asdict(settings)})
            shard.add("rows", ".json", text.encode())

    def _images(
        self, photo: Photo, key: str, skipped: list[list[str]]
    ) -> Iterator[tuple[str, int | None, np.ndarray, float]]:
        """(key, frame number or None, image, photo pixels per image pixel) of a photo or a video's sampled frames."""
        try:
            if photo.video:
                for frame in read_video(photo.file, every_seconds=self.settings.every_seconds):
                    yield f"{key}_{frame.number:06d}", frame.number, frame.image, 1.0
            else:
                # 8 crop sizes across leave a face that fills an eighth of the photo its full resolution
                data = photo.read()
                image = decode_image(data, "it", at_least=max(1024, 8 * self.settings.size))
                yield key, None, image, max(stored_size(data)) / max(image.shape[:2])
        except (ValueError, OSError) as error:
            reason = "too large" if "million pixels" in str(error) else "corrupt"
            skipped.append([photo.path, reason, str(error)])

    def _faces(
        self, image: np.ndarray, ratio: float, given: np.ndarray | None, name: str, skipped: list[list[str]]
    ) -> Iterator[tuple[dict, np.ndarray]]:
        """(row, crop) of the faces wanted in an image; what is not wanted goes to `skipped`."""
        settings = self.settings
        height, width = image.shape[:2]
        if min(height, width) < 24:
            skipped.append([name, "tiny", f"{width}x{height} pixels"])
            return
        if given is not None:
            points = ((given + 0.5) / ratio - 0.5).astype(np.float32)
            found = [Face(np.array([0, 0, width, height], np.float32), points, 1.0)]
        else:
            found = self._detect(image)
        if not found:
            skipped.append([name, "no face", f"none found in {width}x{height} pixels"])
        for number, face in enumerate(found[:1] if settings.faces == "largest" else found):
            label = name if settings.faces == "largest" else f"{name} face {number}"
            try:
                crop, _ = align(image, face.landmarks, settings.size)
                landmarks = (face.landmarks.astype(np.float64) + 0.5) * ratio - 0.5
                matrix = crop_from_image(landmarks, settings.size)
            except ValueError as error:
                skipped.append([label, "no face", str(error)])
                continue
            pixels = settings.size / float(np.hypot(matrix[0, 0], matrix[1, 0]))
            sharpness = _sharpness(crop)
            reason = self._refuse(crop, pixels, sharpness)
            if reason:
                skipped.append([label, *reason])
                continue
            yield {
                "face": number, "landmarks": np.round(landmarks, 3).tolist(), "score": face.score,
                "crop_from_image": matrix.tolist(), "face_pixels": pixels, "sharpness": sharpness,
            }, crop  # fmt: skip

    def _detect(self, image: np.ndarray) -> list[Face]:
        """Looks at no more pixels than the smallest face wanted needs (20 across its crop); if in vain, at all."""
        full = self.settings.detector_side
        enough = max(320, round(max(image.shape[:2]) * 20 / max(1, self.settings.min_face)))
        found = self.detector(image, min(full, enough))
        if not found and enough < min(full, max(image.shape[:2])):
            found = self.detector(image, full)
        return found

    def _refuse(self, crop: np.ndarray, pixels: float, sharpness: float) -> tuple[str, str] | None:
        """(reason, detail) where a crop is not fit for training."""
        settings = self.settings
        if pixels < settings.min_face:
            return "face too small", f"{pixels:.0f} pixels across the crop, at least {settings.min_face} are asked for"
        if settings.grey == "skip" and _colour(crop) < 4.0:
            return "grey", "no colour (grey=keep takes it)"
        if sharpness < settings.min_sharpness:
            return "blurred", f"sharpness {sharpness:.0f}, at least {settings.min_sharpness:g} is asked for"
        return None


def _sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian of the grey crop."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _colour(crop: np.ndarray) -> float:
    """Mean over the pixels of the largest minus the smallest channel."""
    red, green, blue = cv2.split(crop)
    pairs = ((red, green), (green, blue), (red, blue))
    return sum(cv2.mean(cv2.absdiff(one, other))[0] for one, other in pairs) / 2


def read_chunk(path: Path) -> tuple[list[dict], list[list[str]], list[tuple[str, bytes]]]:
    """(rows, skipped, faces as (suffix, bytes)) of a chunk's tar; ValueError if it is not whole."""
    faces = []
    text = b""
    for name, data in read_tar(path):
        if name == "rows.json":
            text = data
        else:
            faces.append((Path(name).suffix, data))
    content = json.loads(text) if text else {}
    if len(content.get("rows", [None])) != len(faces):
        raise ValueError(f"{path} is damaged: delete it and run the same command again")
    return content["rows"], content["skipped"], faces


# ---- in a worker process -----------------------------------------------------------------------------------------

_cutter: Cutter | None = None


def start_worker(settings: CutSettings, parent: int) -> None:
    """Initialises a worker process; it ends itself when its parent is gone, and leaves Ctrl-C to the parent."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module=r"PIL\.")

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    global _cutter
    _cutter = Cutter(settings)


def cut_in_worker(chunk: Chunk) -> tuple[int, int]:
    """`Cutter.__call__` of this process's cutter."""
    assert _cutter is not None
    return _cutter(chunk)
