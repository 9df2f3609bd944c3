"""`dftnet faces`: numbers as `edit --face` takes them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from dftnet.faces.detect import FaceDetector
from dftnet.faces.numbered import COLOUR, number_faces, numbered
from dftnet.media.image import read_image, write_image

HEAD = skimage.data.astronaut()[:200, 120:320]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pair = np.full((220, 420, 3), 90, np.uint8)
    pair[:200, 200:400], pair[40:180, 20:160] = HEAD, HEAD[30:170, 30:170]
    write_image(tmp_path / "pair.png", pair)
    return tmp_path / "pair.png"


def test_boxes_are_listed_and_drawn(photo: Path):
    path, lines = number_faces(photo)
    assert path == photo.with_name("pair-faces.jpg")
    image = read_image(photo)
    found = FaceDetector()(image)
    assert len(found) == len(lines) == 2
    for number, (face, line) in enumerate(zip(found, lines, strict=True)):
        match = re.match(rf"face {number}: box (\d+),(\d+),(\d+),(\d+) \(score 0\.\d\d\)", line)
        assert match
        assert np.abs(np.array([float(text) for text in match.groups()]) - face.box).max() <= 0.5
    picture = numbered(image, found)
    for face in found:
        x, y, width, height = (round(float(value)) for value in face.box)
        assert tuple(picture[y + height // 2, x]) == COLOUR
        assert tuple(picture[y + height, x + width // 2]) == COLOUR
        inside = np.s_[y + height // 2 : y + height - 4, x + width // 2 : x + width - 4]
        assert np.array_equal(picture[inside], image[inside])


def test_doubts_are_told(tmp_path: Path):
    write_image(tmp_path / "small.png", np.ascontiguousarray(HEAD[::3, ::3]))
    (line,) = number_faces(tmp_path / "small.png", tmp_path / "n.png")[1]
    assert "is small" in line


def test_nothing_is_replaced_and_nobody_is_told(photo: Path, tmp_path: Path):
    number_faces(photo)
    with pytest.raises(FileExistsError):
        number_faces(photo)
    number_faces(photo, overwrite=True)
    write_image(tmp_path / "wall.png", np.full((100, 100, 3), 120, np.uint8))
    with pytest.raises(ValueError, match=r"no face found in .* measure 20 pixels"):
        number_faces(tmp_path / "wall.png")
    assert not (tmp_path / "wall-faces.jpg").exists()
