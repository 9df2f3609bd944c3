"""Make the paper's figures 3, 4 and 5 with the shipped weights, on faces that may be shown.

    pip install -e ".[dev]" openpeople==0.1.2
    python docs/figures.py

The same as `dftnet figure` on docs/pictures/astronaut.jpg (Eileen Collins, NASA, public domain) and on portraits and cells
of the expression sheets of the package openpeople (synthetic people, MIT licence).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dftnet.editing.editor import Editor
from dftnet.evaluation.bench import openpeople_pictures, sheet_cell
from dftnet.evaluation.figures import details, eyelids, interpolation
from dftnet.media.image import read_image, write_image

FOLDER = Path(__file__).parent / "pictures"
PEOPLE = (0, 3, 6)


def cell(person: int, expression: str) -> np.ndarray:
    """One picture of a person's expression sheet, uint8 RGB."""
    return sheet_cell(read_image(openpeople_pictures("emotions_sheet")[person]), expression)


def main() -> None:
    """Write FOLDER/figure-*.jpg."""
    editor = Editor.from_pretrained()
    portraits = openpeople_pictures("studio_portrait")
    if not portraits:
        raise SystemExit("the pictures are in the package openpeople: pip install openpeople==0.1.2")
    people = [read_image(portraits[i]) for i in PEOPLE]
    astronaut = read_image(FOLDER / "astronaut.jpg")
    pairs = [(people[0], cell(PEOPLE[0], "Happy")), (people[1], cell(PEOPLE[1], "Surprised"))]
    pairs += [(astronaut, cell(PEOPLE[0], "Shocked")), (people[2], cell(PEOPLE[2], "Disgusted"))]
    pictures = {
        "figure-3-eyelids": eyelids(editor, [astronaut, *people], None, 96),
        "figure-4-details": details(editor, people[:1], None, [], 144),
        "figure-5-interpolation": interpolation(editor, pairs, 144, ["", "", "", "failure case"]),
    }
    for name, picture in pictures.items():
        print(write_image(FOLDER / f"{name}.jpg", picture, overwrite=True, quality=88))


if __name__ == "__main__":
    main()
