"""The sheets: sizes, what must be equal, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dftnet.drawing import HEADER
from dftnet.editing.editor import Editor
from dftnet.evaluation import figures
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.image import read_image, write_image
from tests.synthetic_model import write_estimator, write_generator

PHOTO = Path(__file__).parent.parent.parent / "docs" / "pictures" / "astronaut.jpg"
SIDE = 64


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return write_generator(folder / "generator", size=128), write_estimator(folder / "estimator")


@pytest.fixture(scope="module")
def editor(models: tuple[Path, Path]) -> Editor:
    return Editor(GeneratorSession(models[0], threads=1), EstimatorSession(models[1], threads=1))


def test_eyelids(editor: Editor) -> None:
    photo = read_image(PHOTO)
    plain = figures.eyelids(editor, [photo], None, SIDE)
    beside = figures.eyelids(editor, [photo, photo], editor, SIDE)
    width = plain.shape[1] // 4
    assert plain.shape[0] == SIDE + HEADER
    assert beside.shape == (2 * SIDE + HEADER, 5 * width, 3)
    final, baseline = (beside[HEADER : HEADER + SIDE, i * width : (i + 1) * width] for i in (3, 4))
    assert np.array_equal(final, baseline)


def test_details_has_a_row_an_emotion(editor: Editor) -> None:
    shown = figures.details(editor, [read_image(PHOTO)], None, ["happiness", "anger"], SIDE)
    assert shown.shape == (2 * SIDE + HEADER, 5 * SIDE, 3)


def test_interpolation_towards_itself_changes_nothing(editor: Editor) -> None:
    photo = read_image(PHOTO)
    shown = figures.interpolation(editor, [(photo, photo)], SIDE)[HEADER:]
    cells = [shown[:, i * SIDE : (i + 1) * SIDE] for i in range(5)]
    assert all(np.array_equal(cell, cells[0]) for cell in cells)


def test_make_figure(models: tuple[Path, Path], tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", read_image(PHOTO))
    photo, shipped = read_image(PHOTO), Editor.from_pretrained(models[0])
    lids = figures.make_figure("eyelids", [PHOTO], models[0], models[0], side=48)
    assert np.array_equal(lids, figures.eyelids(shipped, [photo], shipped, 48))
    shown = figures.make_figure("details", [PHOTO], models[0], emotions=["anger"], side=48)
    assert np.array_equal(shown, figures.details(shipped, [photo], None, ["anger"], 48))
    steps = figures.make_figure("interpolation", [PHOTO, tmp_path / "a.png"], models[0], side=48)
    assert np.array_equal(steps, figures.interpolation(shipped, [(photo, photo)], 48))
    failing = figures.make_figure("interpolation", [PHOTO, PHOTO], models[0], failure=(PHOTO, PHOTO), side=48)
    assert failing.shape == (HEADER + 2 * 48, 5 * 48, 3)
    assert np.array_equal(failing[: HEADER + 48], steps)
    labelled = failing[HEADER + 48 :] != steps[HEADER:]
    assert 0 < labelled[:, :48].mean() < 0.3, "the row of the failure differs by its label alone"
    assert not labelled[:33].any()
    with pytest.raises(ValueError, match="known are eyelids"):
        figures.make_figure("noses", [PHOTO], models[0])
    with pytest.raises(ValueError, match="twos"):
        figures.make_figure("interpolation", [PHOTO], models[0])
