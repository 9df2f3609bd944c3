"""Make the picture of docs/results.md that sets generators of benchmarks/ablations.py side by side, on faces that may be shown.

    pip install -e ".[dev]" openpeople==0.1.2
    python docs/rivals.py RUN [RUN ...]

RUN is the folder of a finished run; a column each, headed by the folder's name. A row is one photo and one request of pictures.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pictures import EDITS, FOLDER, close_up, person

from dftnet.drawing import sheet
from dftnet.editing.editor import Editor
from dftnet.media.image import read_image, write_image

REQUESTS = ("grin 0.9", "close eyes", "open mouth", "raise brows", "neutral")
SIDE = 168


def main() -> None:
    """Write FOLDER/rivals.jpg."""
    runs = [Path(argument) for argument in sys.argv[1:]]
    if not runs:
        raise SystemExit(__doc__)
    editors = [Editor.from_pretrained(run / "model") for run in runs]
    asked = {name: request for name, request in EDITS if name in REQUESTS}
    rows, labels = [], []
    for photo in (read_image(FOLDER / "astronaut.jpg"), person("P004")):
        faces = [editor.read(photo) for editor in editors]
        for name, request in asked.items():
            edits = [
                close_up(editor.render(face, request), face, SIDE) for editor, face in zip(editors, faces, strict=True)
            ]
            rows.append([close_up(photo, faces[0], SIDE), *edits])
            labels.append(name)
    picture = sheet(rows, ["photo", *(run.name for run in runs)], labels)
    print(write_image(FOLDER / "rivals.jpg", picture, overwrite=True, quality=88))


if __name__ == "__main__":
    main()
