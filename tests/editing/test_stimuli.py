"""One picture for each face, unit and level, and a table that tells of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dftnet.aus import AU_NAMES
from dftnet.editing.editor import Editor
from dftnet.editing.stimuli import Conditions, make_stimuli
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.photo import read_photo
from tests.moving_face import picture
from tests.synthetic_model import write_estimator, write_generator


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    folder = tmp_path_factory.mktemp("models")
    generator = GeneratorSession(write_generator(folder / "g", size=64), threads=1)
    return Editor(generator, EstimatorSession(write_estimator(folder / "e", value=0.25), threads=1))


def test_stimuli(editor: Editor, tmp_path: Path) -> None:
    faces, out = tmp_path / "faces", tmp_path / "out"
    faces.mkdir()
    for name in ("anna", "ben"):
        Image.fromarray(picture(0.0 if name == "anna" else 0.3)).save(faces / f"{name}.png")
    Image.new("RGB", (60, 60)).save(faces / "nobody.png")
    done = make_stimuli(editor, [faces], Conditions(units=["AU12", "close eyes"], levels=[0.25, 1]), out)
    assert (len(done.written), len(done.skipped)) == (8, 0)
    assert [Path(photo).name for photo in done.failed] == ["nobody.png"]
    rows = list(csv.DictReader((out / "manifest.csv").open()))
    assert {row["file"] for row in rows} == {path.name for path in out.glob("*.png")}
    row = next(row for row in rows if row["file"] == "anna_close-eyes_1.00.png")
    assert (row["identity"], row["au"], row["level"], row["measured_by"]) == (
        "anna",
        "close eyes",
        "1",
        "dftnet AU estimator e",
    )
    assert float(row["requested_AU45"]) == 1
    assert [float(row[f"measured_{name}"]) for name in AU_NAMES] == [0.25] * 17
    assert np.array_equal(read_photo(out / "anna_AU12_0.25.png").pixels, picture(0.0))
    assert not np.array_equal(read_photo(out / "anna_AU12_1.00.png").pixels, picture(0.0))

    (out / "ben_AU12_1.00.png").unlink()
    again = make_stimuli(editor, [faces], Conditions(units=["AU12", "close eyes"], levels=[0.25, 1, 0.5]), out)
    assert (len(again.written), len(again.skipped)) == (5, 7)
    assert len(list(csv.DictReader((out / "manifest.csv").open()))) == 12
    with pytest.raises(ValueError, match="another model or request"):
        make_stimuli(editor, [faces], Conditions(units=["AU12"], levels=[1], neutral=True), out)


def test_bad_requests(editor: Editor, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    for units, levels, more in (
        (["AU13"], [1], {}),
        (["AU12"], [2], {}),
        ([], [1], {}),
        (["AU12"], [1], {"suffix": ".x"}),
    ):
        with pytest.raises(ValueError):
            make_stimuli(editor, [tmp_path / "a.png"], Conditions(units=units, levels=levels), tmp_path / "out", **more)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        make_stimuli(editor, [tmp_path / "none"], Conditions(units=["AU12"], levels=[1]), tmp_path / "out")
    assert not (tmp_path / "out").exists()
