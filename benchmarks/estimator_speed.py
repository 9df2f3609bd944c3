"""Speed of the AU estimator in ONNX Runtime on one CPU core, and its size.

    python benchmarks/estimator_speed.py [--model DIR] [--threads 1] [--runs 100]

Prints, per batch size, the median and the 95th percentile of a run in ms and ms a face, the uint8 → float change
included; then the ratio to the face detector that precedes it, measured in the same run.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

import cv2
import numpy as np

from dftnet.faces.detect import FaceDetector
from dftnet.inference.sessions import EstimatorSession


def milliseconds(call: Callable[[], object], runs: int) -> np.ndarray:
    """Time of each of `runs` calls after 5 to warm up, [runs]."""
    for _ in range(5):
        call()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return np.array(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100)
    args = parser.parse_args()
    cv2.setNumThreads(args.threads)
    estimator = EstimatorSession(args.model, threads=args.threads)
    graph = estimator.directory / "estimator.onnx"
    print(f"{graph.stat().st_size / 1e6:.2f} MB on disk, {args.threads} thread(s), median of {args.runs} runs")
    rng = np.random.default_rng(0)
    single = 0.0
    for batch in (1, 8, 16):
        crops = rng.integers(0, 256, (batch, estimator.size, estimator.size, 3), dtype=np.uint8)
        taken = milliseconds(functools.partial(estimator, crops), max(10, args.runs // batch))
        single = single or float(np.median(taken))
        print(
            f"batch {batch:2d}: {np.median(taken):7.2f} ms (95 %: {np.percentile(taken, 95):.2f}), "
            f"{np.median(taken) / batch:.2f} ms a face"
        )
    detector = FaceDetector()
    photo = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    detect = float(np.median(milliseconds(lambda: detector(photo), max(10, args.runs // 5))))
    print(f"ratio to the face detector on a 640 × 480 picture ({detect:.1f} ms): {single / detect:.2f}")


if __name__ == "__main__":
    main()
