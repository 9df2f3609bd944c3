"""A dataset directory of drawn faces: ellipses whose mouth opens with AU25 and whose eyes close with AU45."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.data.dataset import write_dataset
from dftnet.data.shards import ShardWriter
from dftnet.media.image import encode_image


def draw(size: int, aus: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """One drawn face, uint8 [size, size, 3]."""
    image = np.full((size, size, 3), 60, np.uint8)
    at = lambda x, y: (round(x * size), round(y * size))  # noqa: E731
    cv2.ellipse(image, at(0.5, 0.5), at(0.38, 0.46), 0, 0, 360, colour, -1)
    mouth, eyes = aus[AU_NAMES.index("AU25")], 1 - aus[AU_NAMES.index("AU45")]
    cv2.ellipse(image, at(0.5, 0.76), at(0.16, 0.02 + 0.08 * mouth), 0, 0, 360, (120, 20, 20), -1)
    for x in (0.3, 0.7):
        cv2.ellipse(image, at(x, 0.375), at(0.09, 0.01 + 0.05 * eyes), 0, 0, 360, (250, 250, 250), -1)
    return image


def write_toy_faces(path: Path, size: int = 32, subjects: int = 8, frames: int = 4, per_shard: int = 4096) -> Path:
    """subjects × frames faces; the last two subjects are validation and test."""
    path.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows: dict[str, list] = {k: [] for k in ("key", "subject", "split", "aus")}
    faces: list[bytes] = []
    for s in range(subjects):
        colour = tuple(int(c) for c in rng.integers(90, 255, 3))
        for f in range(frames):
            aus = np.where(rng.random(len(AU_NAMES)) < 0.3, rng.random(len(AU_NAMES)), 0).astype(np.float32)
            faces.append(encode_image(draw(size, aus, colour), ".png"))
            rows["key"].append(f"s{s}-{f}")
            rows["subject"].append(f"s{s}")
            rows["split"].append({subjects - 1: "test", subjects - 2: "validation"}.get(s, "train"))
            rows["aus"].append(aus)
    n = len(faces)
    shards, extent = [], []
    for start in range(0, n, per_shard):
        with ShardWriter(path / f"shard-{len(shards):05d}.tar") as shard:
            extent += [shard.add(rows["key"][i], ".png", faces[i]) for i in range(start, min(n, start + per_shard))]
        shards.append({"name": shard.path.name, "bytes": shard.bytes, "sha256": shard.sha256, "count": shard.count})
    info = {
        "size": size,
        "au_names": list(AU_NAMES),
        "alignment": {"template": "eyes-mouth"},
        "shards": shards,
    }
    arrays = {k: np.array(v) for k, v in rows.items()} | {
        "shard": np.arange(n, dtype=np.int32) // per_shard,
        "extent": np.array(extent, np.int64),
        "source": np.array(["toy"] * n),
        "emotion": np.array([""] * n),
        "landmarks": np.zeros((n, 5, 2), np.float32),
        "crop_from_image": np.zeros((n, 2, 3)),
    }
    write_dataset(path, info, arrays, {})
    return path
