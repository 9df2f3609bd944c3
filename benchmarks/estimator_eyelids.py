"""AU45 on faces judged by hand: closed eyes have to read 0.7 or more, open ones 0.2 or less.

    python benchmarks/estimator_eyelids.py DATA [--model DIR] [--split test] [--sheet SHEET.png]

DATA is the dataset directory whose keys benchmarks/eyelids_by_hand.json lists. --sheet draws every face with its reading,
closed ones first: look at it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from dftnet.data.dataset import FaceData
from dftnet.inference.sessions import EstimatorSession
from dftnet.media.image import write_image
from dftnet.units import levels_as

BY_HAND = Path(__file__).with_name("eyelids_by_hand.json")
CLOSED, OPEN = 0.7, 0.2
ACROSS, SIDE = 12, 128


def draw(crops: np.ndarray, texts: list[str]) -> np.ndarray:
    """Crops uint8 [n, S, S, 3] with a text each, ACROSS to a row, as one picture uint8 [h, w, 3]."""
    tiles = []
    for crop, text in zip(crops, texts, strict=True):
        tile = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for colour, width in (((0, 0, 0), 3), ((255, 255, 0), 1)):
            cv2.putText(tile, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.zeros((SIDE, SIDE, 3), np.uint8)] * (-len(tiles) % ACROSS)
    return np.vstack([np.hstack(tiles[i : i + ACROSS]) for i in range(0, len(tiles), ACROSS)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--model")
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    parser.add_argument("--sheet")
    args = parser.parse_args()
    data, estimator = FaceData.open(args.data), EstimatorSession(args.model, threads=1)
    images, rows = data.images(), {key: row for row, key in enumerate(data.keys.tolist())}
    shown, texts = [], []
    for state, keys in json.loads(BY_HAND.read_text())[args.split].items():
        crops = np.stack([images[rows[key]] for key in keys])
        read = levels_as(estimator(crops), estimator.au_names, ["AU45"])[:, 0]
        good = read >= CLOSED if state == "closed" else read <= OPEN
        people = len({str(data.subject[rows[key]]) for key in keys})
        bound = f"at least {CLOSED}" if state == "closed" else f"at most {OPEN}"
        print(f"{state}: {good.sum()} of {len(keys)} faces ({people} people) read {bound}; mean {read.mean():.2f}")
        for key, value, right in zip(keys, read, good, strict=True):
            if not right:
                print(f"  {key} reads {value:.2f}")
        shown.append(crops)
        texts += [f"{state[0]} {value:.2f}" for value in read]
    if args.sheet:
        print(write_image(args.sheet, draw(np.concatenate(shown), texts), overwrite=True))


if __name__ == "__main__":
    main()
