"""How fast `dftnet prepare` is on 500-pixel photos with CSV labels, beside two baselines measured in the same run.

    python benchmarks/prepare_speed.py --photos 600 --workers 2

The photos are variants of skimage.data.astronaut(), JPEG, 500x500. Baselines, one process each:
  decode   only decodes the photos (what no preparation can avoid)
  plain    decodes, detects with YuNet at the photo's size, warps, encodes: the straightforward loop, without labels,
           second look, checks, resume or report
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from dftnet.data.config import PrepareConfig
from dftnet.data.prepare import prepare
from dftnet.faces.align import crop_from_image
from dftnet.faces.yunet_network import WEIGHTS
from dftnet.media.image import encode_image, read_image, write_image


def make_photos(folder: Path, count: int) -> None:
    """`count` JPEGs of 500x500 pixels and labels.csv."""
    photo = cv2.resize(skimage.data.astronaut(), (500, 500), interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(0)
    lines = ["key,AU12,AU45"]
    for i in range(count):
        matrix = cv2.getRotationMatrix2D((218, 122), rng.uniform(-10, 10), rng.uniform(0.8, 1.6))
        matrix = matrix + np.array([[0, 0, 1], [0, 0, 1]]) * rng.uniform(-20, 20, (2, 1))
        image = cv2.warpAffine(photo, matrix, (500, 500), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        image = np.clip(image * rng.uniform(0.7, 1.1), 0, 255).astype(np.uint8)
        write_image(folder / "photos" / f"p{i:05d}.jpg", image, quality=90)
        lines.append(f"p{i:05d},{rng.uniform():.3f},{rng.uniform():.3f}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


class Clock:
    """Seconds by the wall and by the processors (this process and its finished children) since it was made."""

    def __init__(self) -> None:
        self.wall, self.work = time.perf_counter(), self._work()

    def _work(self) -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    def rates(self, photos: int) -> tuple[float, float]:
        """Photos a second, photos a CPU second."""
        return photos / (time.perf_counter() - self.wall), photos / (self._work() - self.work)


def decode_only(files: list[Path]) -> tuple[float, float]:
    """Photos a second and a CPU second."""
    clock = Clock()
    for file in files:
        read_image(file)
    return clock.rates(len(files))


def plain_loop(files: list[Path]) -> tuple[float, float]:
    """Photos a second and a CPU second."""
    net = cv2.FaceDetectorYN.create(str(WEIGHTS), "", (500, 500), 0.7)
    clock = Clock()
    for file in files:
        image = read_image(file)
        _, found = net.detect(np.ascontiguousarray(image[:, :, ::-1]))
        if found is not None:
            matrix = crop_from_image(found[0, 4:14].reshape(5, 2), 128)
            encode_image(cv2.warpAffine(image, matrix, (128, 128), borderMode=cv2.BORDER_REPLICATE), ".jpg")
    return clock.rates(len(files))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photos(folder, options.photos)
        files = sorted((folder / "photos").iterdir())
        decode, plain = decode_only(files[:200]), plain_loop(files[:200])
        clock = Clock()
        config = PrepareConfig(labels=folder / "labels.csv")
        result = prepare(folder / "photos", folder / "set", config, workers=options.workers)
        whole = clock.rates(options.photos)
    print(f"{'':24}{'photos/s':>12}{'photos/CPU-s':>14}")
    rows = (
        ("decode only, 1 process", decode),
        ("plain loop, 1 process", plain),
        (f"prepare, {options.workers} workers", whole),
    )
    for label, rates in rows:
        print(f"{label:24}{rates[0]:12.1f}{rates[1]:14.1f}")
    print(f"prepare / plain: {whole[0] / plain[0]:.2f} by the wall, {whole[1] / plain[1]:.2f} by CPU time")
    print(*result.lines, "photos/CPU-s x cores is what idle cores would do by the wall", sep="\n")


if __name__ == "__main__":
    main()
