"""Means of the labels over acted clips: the numbers of `dftnet.editing.emotions.EMOTIONS` that are measured.

    python benchmarks/emotion_presets.py DATA

DATA is a dataset directory whose labels have a column `emotion`. Of each actor the quarter of the frames counts in which
the emotion's EMFACS units are strongest (mean over them), because clips begin and end at rest; then the mean over actors.
Prints AU values, actors and frames.
"""

from __future__ import annotations

import argparse

import numpy as np

from dftnet.data.dataset import FaceData

UNITS = {
    "angry": ("AU04", "AU05", "AU07", "AU23"),
    "contempt": ("AU12", "AU14"),
    "disgusted": ("AU09", "AU10"),
    "happy": ("AU06", "AU12"),
    "surprised": ("AU01", "AU02", "AU05"),
}
"""Label → EMFACS units by which frames are chosen"""
SHARE = 0.25


def strongest(aus: np.ndarray, columns: list[int]) -> np.ndarray:
    """The frames [m, K] of one actor's [n, K] whose mean over `columns` is in the highest SHARE."""
    strength = aus[:, columns].mean(1)
    return aus[strength >= np.quantile(strength, 1 - SHARE)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--labels", default="labels")
    arguments = parser.parse_args()
    data = FaceData.open(arguments.data)
    aus = data.labels(arguments.labels)
    for emotion, units in UNITS.items():
        columns = [data.au_names.index(unit) for unit in units]
        shown = data.emotion == emotion
        frames = [strongest(aus[shown & (data.subject == s)], columns) for s in np.unique(data.subject[shown])]
        mean = np.mean([f.mean(0) for f in frames], 0)
        values = "  ".join(
            f"{name} {value:.2f}" for name, value in zip(data.au_names, mean, strict=True) if value >= 0.1
        )
        print(f"{emotion}: {len(frames)} actors, {sum(map(len, frames))} of {int(shown.sum())} frames: {values}")


if __name__ == "__main__":
    main()
