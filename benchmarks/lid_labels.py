"""Write labels-lids.npz: the set's labels with AU45 put right by the geometry of the lids.

    python benchmarks/lid_labels.py DATA [--labels labels] [--name lids] [--overwrite]

The fused AU45 says 0.6 for closed eyes and 0.5 for narrow ones. The set's columns geo_ear_r and geo_ear_l (MediaPipe's opening of
the lids over the eye's width) part the faces judged by hand in eyelids_by_hand.json better, so AU45 becomes

    closure · (0.3 + 0.7 · min(1, AU45 / 0.6)),    closure = (0.26 - ear) / 0.18 in [0, 1],    ear the wider eye's
"""

from __future__ import annotations

import argparse

import numpy as np

from dftnet.data.dataset import FaceData


def lids(aus45: np.ndarray, ear: np.ndarray) -> np.ndarray:
    """AU45 [n] and eye aspect ratios [n] → AU45 [n] in [0, 1]; where no ratio is known the label stays."""
    closure = np.clip((0.26 - ear) / (0.26 - 0.08), 0, 1)
    put_right = closure * (0.3 + 0.7 * np.clip(aus45 / 0.6, 0, 1))
    return np.where(np.isfinite(ear), put_right, aus45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--labels", default="labels")
    parser.add_argument("--name", default="lids")
    parser.add_argument("--overwrite", action="store_true")
    arguments = parser.parse_args()
    data = FaceData.open(arguments.data)
    aus, column = data.labels(arguments.labels).copy(), data.au_names.index("AU45")
    ear = np.maximum(data.extras["geo_ear_r"], data.extras["geo_ear_l"])
    aus[:, column] = lids(aus[:, column], ear)
    note = f"{arguments.labels}, AU45 by the lids' geometry"
    print(data.write_labels(arguments.name, aus.astype(np.float32), note, arguments.overwrite))


if __name__ == "__main__":
    main()
