"""How near a unit is read to what is asked, on neutral faces of the test split: asked once, and with the request searched for.

    python benchmarks/matched.py DATA

As `dftnet stimuli --match requested` and `--match measured` do it, on aligned crops, for units that the reader and the labels' two
sources agree on. Both sides are asked together and read as their mean. "reach": what the reader sees at 1, so that no search finds
more. The estimator searches and judges.
"""

from __future__ import annotations

import argparse

import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.editing.matching import match
from dftnet.evaluation.bench import asked, neutral_faces
from dftnet.evaluation.doses import LEVELS
from dftnet.evaluation.judges import AuJudge
from dftnet.evaluation.methods import Contender
from dftnet.inference.sessions import EstimatorSession, GeneratorSession

UNITS = ("AU07", "AU10", "AU12", "AU25", "AU26", "AU45")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--model")
    parser.add_argument("--faces", type=int, default=30)
    options = parser.parse_args()
    faces = FaceData.open(options.data)
    judge = AuJudge(EstimatorSession(threads=1))
    rival = Contender("model", GeneratorSession(options.model, threads=1))
    crops = faces.images()[neutral_faces(faces, faces.rows("test"), options.faces)]
    own = judge(crops, rival.units)
    print(
        "| unit | reach | "
        + " | ".join(f"{way} {level:g}" for way in ("once", "searched") for level in LEVELS[1:])
        + " |"
    )
    for unit in UNITS:
        errors, reach = np.zeros((2, len(crops), len(LEVELS) - 1)), np.zeros(len(crops))
        for i, (crop, levels) in enumerate(zip(crops, own, strict=True)):

            def read(requested: np.ndarray, crop: np.ndarray = crop, levels: np.ndarray = levels) -> np.ndarray:
                return judge(rival(crop[None], levels[None], requested[None])[0], rival.units)[0]

            for j, level in enumerate(LEVELS[1:]):
                goal = asked(levels[None], rival.units, **{unit: level})[0]
                places = [k for k, name in enumerate(rival.units) if name[:4] == unit]
                once = read(goal)
                found = match(levels, goal, places, read)
                searched = once if found.read is None else found.read
                errors[:, i, j] = [abs(got[places].mean() - level) for got in (once, searched)]
                reach[i] = once[places].mean()
        cells = [f"{reach.mean():.2f}", *(f"{error:.3f}" for error in errors.mean(1).ravel())]
        print(f"| {unit} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
