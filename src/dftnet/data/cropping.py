"""Photos → aligned faces: the work of one chunk.

A chunk's result is one tar, written whole or not at all: the encoded faces, then `rows.json` with what is known of
each face, every photo that gave none, with the reason, and what was lost in reading a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dftnet.au_sources.source import AUSource, make_source, read_crops
from dftnet.data.config import ENCODINGS, PrepareConfig
from dftnet.data.plan import Chunk, Job
from dftnet.data.shards import ShardWriter, read_tar
from dftnet.errors import DatasetError
from dftnet.faces.align import align, crop_from_image
from dftnet.faces.detect import Face, FaceDetector
from dftnet.media.image import TooLargeError, decode_image, encode_image, first_alone, stored_size
from dftnet.media.video import open_clip, sampling


class Cropper:
    """Holds the detector (and the AU source that looks at pixels) of one process."""

    def __init__(self, config: PrepareConfig):
        cv2.setNumThreads(1)
        self.config = config
        self.detector = FaceDetector(max_side=config.detector_side)
        self.source: AUSource | None = make_source(config.pixel_source) if config.pixel_source else None

    def __call__(self, chunk: Chunk, tell: Callable[[int], None] = lambda count: None) -> None:
        """Crop the faces of one chunk and write it; `tell` hears of every photo that is done (1) or goes on (0)."""
        rows: list[dict] = []
        skipped: list[list[str]] = []
        notes: list[list[str]] = []
        crops: list[np.ndarray] = []
        for job in chunk.jobs:
            source = job.source
            for key, frame, image, ratio in self._images(job, skipped, notes):
                label = source.path if frame is None else f"{source.path}#{frame + 1}"
                for row, crop in self._faces(image, ratio, job.landmarks, label, skipped):
                    row.update(photo=source.path, names=source.names(frame), subject=job.subject, video=source.video)
                    number = row.pop("face")
                    row["key"] = key + (f"-f{number}" if self.config.faces == "all" else "")
                    rows.append(row)
                    crops.append(crop)
                tell(0)
            tell(1)
        if self.source is not None and crops:
            for row, aus in zip(rows, read_crops(self.source, crops), strict=True):
                row["aus"] = [float(value) for value in aus]
        told = {"rows": rows, "skipped": skipped, "notes": notes, "settings": self.config.cropping()}
        self._write(chunk.path, told, crops)

    def _write(self, path: Path, told: dict, crops: list[np.ndarray]) -> None:
        config = self.config
        suffix = ENCODINGS[config.encoding]
        with ShardWriter(path, overwrite=True) as shard:
            for i, crop in enumerate(crops):
                data = encode_image(crop, suffix, config.quality, config.encoding == "lossless")
                shard.add(f"{i:06d}", suffix, data)
            shard.add("rows", ".json", json.dumps(told).encode())

    def _images(
        self, job: Job, skipped: list[list[str]], notes: list[list[str]]
    ) -> Iterator[tuple[str, int | None, np.ndarray, float]]:
        """(key, frame number or None, image, photo pixels per image pixel) of a photo or a video's sampled frames; why there are
        none goes to `skipped`, what was lost in reading them to `notes`."""
        source = job.source
        try:
            if source.video:
                with source.on_disk() as path:
                    clip = open_clip(path)
                    for frame in clip.frames(wanted=sampling(every_seconds=self.config.every_seconds)):
                        yield f"{job.key}_{frame.number:06d}", frame.number, frame.image, 1.0
                    notes += [[source.path, note] for note in clip.notes]
            else:
                # 8 crop sizes across leave a face that fills an eighth of the photo its full resolution; others are smaller
                data = source.read()
                enough = None if self.config.faces == "all" else max(1024, 8 * self.config.size)
                image = decode_image(data, "it", at_least=enough)
                notes += [[source.path, note] for note in [first_alone(data)] if note]
                yield job.key, None, image, max(stored_size(data)) / max(image.shape[:2])
        except ConnectionError:  # the photo may be a good one: the same command goes on when the network is back
            raise
        except TooLargeError as error:
            skipped.append([source.path, "too large", str(error)])
        except (ValueError, OSError) as error:
            skipped.append([source.path, "corrupt", str(error)])

    def _faces(
        self, image: np.ndarray, ratio: float, given: np.ndarray | None, name: str, skipped: list[list[str]]
    ) -> Iterator[tuple[dict, np.ndarray]]:
        """(row, crop) of the faces wanted in an image; what is not wanted goes to `skipped`."""
        config = self.config
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
        for number, face in enumerate(found[:1] if config.faces == "largest" else found):
            label = name if config.faces == "largest" else f"{name} face {number}"
            try:
                crop, _ = align(image, face.landmarks, config.size)
                landmarks = (face.landmarks.astype(np.float64) + 0.5) * ratio - 0.5
                matrix = crop_from_image(landmarks, config.size)
            except ValueError as error:
                skipped.append([label, "no face", str(error)])
                continue
            pixels = config.size / float(np.hypot(matrix[0, 0], matrix[1, 0]))
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
        """Looks at no more pixels than the smallest face wanted needs (20 across its crop); if in vain, or for all, at all."""
        if self.config.faces == "all":
            return self.detector(image, every=True)
        full = self.config.detector_side
        enough = max(320, round(max(image.shape[:2]) * 20 / max(1, self.config.min_face)))
        found = self.detector(image, max_side=min(full, enough))
        if not found and enough < min(full, max(image.shape[:2])):
            found = self.detector(image)
        return found

    def _refuse(self, crop: np.ndarray, pixels: float, sharpness: float) -> tuple[str, str] | None:
        """(reason, detail) where a crop is not fit for training."""
        config = self.config
        if pixels < config.min_face:
            return "face too small", f"{pixels:.0f} pixels across the crop, at least {config.min_face} are asked for"
        if config.grey == "skip" and _colour(crop) < 4.0:
            return "grey", "no colour (grey=keep takes it)"
        if sharpness < config.min_sharpness:
            return "blurred", f"sharpness {sharpness:.0f}, at least {config.min_sharpness:g} is asked for"
        return None


def _sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian of the grey crop."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _colour(crop: np.ndarray) -> float:
    """Mean over the pixels of the largest minus the smallest channel."""
    red, green, blue = cv2.split(crop)
    pairs = ((red, green), (green, blue), (red, blue))
    return sum(cv2.mean(cv2.absdiff(one, other))[0] for one, other in pairs) / 2


class Cropped(NamedTuple):
    """What a chunk's tar holds."""

    rows: list[dict]
    skipped: list[list[str]]
    """[photo, reason, detail] of what gave no face."""
    notes: list[list[str]]
    """[photo, what was lost in reading it]."""
    faces: list[tuple[str, bytes]]
    """(suffix, encoded face) of each row."""


def read_chunk(path: Path) -> Cropped:
    """The content of a chunk's tar; DatasetError if it is not whole."""
    faces = []
    text = b""
    for name, data in read_tar(path):
        if name == "rows.json":
            text = data
        else:
            faces.append((Path(name).suffix, data))
    content = json.loads(text) if text else {}
    if len(content.get("rows", [None])) != len(faces):
        raise DatasetError(f"{path} is damaged: delete it and run the same command again")
    return Cropped(content["rows"], content["skipped"], content.get("notes", []), faces)
