"""The faces of a photo with their numbers: `dftnet faces`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dftnet.errors import NoFaceError
from dftnet.faces.align import align
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.fitness import doubts, fitness, smallest_face
from dftnet.media.files import beside, check_file
from dftnet.media.formats import photo_format
from dftnet.media.image import first_alone, read_image, write_image

COLOUR = (255, 210, 0)


def number_faces(
    photo: str | Path, output: str | Path | None = None, overwrite: bool = False
) -> tuple[Path, list[str]]:
    """Write the photo with a numbered box around each face (by default NAME-faces.jpg beside it): (the file, a line a face).

    Raises NoFaceError where there is none.
    """
    path = check_file(output if output is not None else beside(photo, "-faces.jpg"), overwrite)
    photo_format(path)
    image = read_image(photo)
    found = FaceDetector()(image, every=True)
    if not found:
        least = smallest_face(*image.shape[:2])
        raise NoFaceError(
            f"no face found in {photo}; a face needs to look towards the camera and measure {least} pixels"
        )
    lines = [_line(image, face, number) for number, face in enumerate(found)]
    write_image(path, numbered(image, found), overwrite=overwrite)
    alone = first_alone(Path(photo))
    return path, [*lines, alone] if alone else lines


def numbered(image: np.ndarray, faces: list[Face]) -> np.ndarray:
    """uint8 [h, w, 3] with a box around each face and its number, from 0, in the box's corner."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    thick = max(2, round(max(image.shape[:2]) / 400))
    for number, face in enumerate(faces):
        x, y, width, height = (round(float(value)) for value in face.box)
        draw.rectangle((x, y, x + width, y + height), outline=COLOUR, width=thick)
        font = ImageFont.load_default(max(14, round(height / 5), 5 * thick))
        plate = draw.textbbox((x, y), str(number), font=font, anchor="lt")
        draw.rectangle((x, y, plate[2] + 2 * thick, plate[3] + 2 * thick), fill=COLOUR)
        draw.text((x + thick, y + thick), str(number), fill="black", font=font, anchor="lt")
    return np.asarray(picture)


def _line(image: np.ndarray, face: Face, number: int) -> str:
    """ "face 0: 187x259 pixels at 320,120 (score 0.93); a doubt"."""
    try:
        found = fitness(face, align(image, face.landmarks, 128)[0], number)
    except ValueError:
        found = doubts(face, number)
    x, y, width, height = (round(float(value)) for value in face.box)
    doubt = found.trouble or found.note
    where = f"face {number}: box {x},{y},{width},{height} (score {face.score:.2f})"
    return f"{where}; {doubt.removeprefix(f'face {number} ')}" if doubt else where
