"""Time of the shipped generator beside GANimation's, in ONNX Runtime on this machine's CPU, in one run.

    pip install torch==2.13.0 && pip install -e ".[train]"
    python benchmarks/generator_speed.py

GANimation runs with random weights, which take the same time. Both are fed the same crops; rounds alternate; the median counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.inference.directory import WEIGHTS
from dftnet.inference.sessions import GeneratorSession
from dftnet.networks import GANimationConfig, build_generator
from dftnet.training.export import export_generator


def main() -> None:
    """Print milliseconds a face and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(WEIGHTS / "dftnet-128"))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        document = {"size": 128, "au_names": list(AU_NAMES), "alignment": {}, "provenance": {}, "results": {}}
        export_generator(Path(folder) / "ganimation", build_generator(GANimationConfig()), document)
        sessions = {
            "GANimation": GeneratorSession(Path(folder) / "ganimation", threads=arguments.threads),
            "DFT-Net": GeneratorSession(arguments.model, threads=arguments.threads),
        }
        times: dict[str, list[float]] = {name: [] for name in sessions}
        rng = np.random.default_rng(0)
        crops = rng.integers(0, 256, (arguments.batch, 128, 128, 3), np.uint8)
        aus = {name: rng.random((2, arguments.batch, len(s.au_names)), np.float32) for name, s in sessions.items()}
        for round_number in range(arguments.rounds + 3):
            for name, session in sessions.items():
                start = time.perf_counter()
                session(crops, *aus[name])
                if round_number >= 3:
                    times[name].append((time.perf_counter() - start) / arguments.batch * 1e3)
    for name, ms in times.items():
        low, middle, high = np.percentile(ms, [5, 50, 95])
        print(
            f"{name:12} median {middle:7.2f} ms a face, 5 to 95 % {low:.2f} to {high:.2f}, {len(ms)} rounds of {arguments.batch}"
        )
    ratio = np.median(times["DFT-Net"]) / np.median(times["GANimation"])
    print(f"DFT-Net / GANimation {ratio:.3f} on {arguments.threads} threads")


if __name__ == "__main__":
    main()
