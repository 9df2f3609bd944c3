"""One picture for each face, unit and level, and a table that tells of them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dftnet.aus import AU_NAMES
from dftnet.editing import stimuli
from dftnet.editing.conditions import LUMA, MEAN, SPREAD, Conditions, Presentation, in_oval, matched, parse_level
from dftnet.editing.editor import Editor
from dftnet.editing.manifest import model_name
from dftnet.editing.options import Report, SaveOptions
from dftnet.editing.stimuli import make_stimuli
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.photo import read_photo
from dftnet.media.share import WHOLE, Share
from dftnet.units import UNITS
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


def test_the_model_is_named_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_generator(tmp_path / "mine", size=64)
    monkeypatch.chdir(tmp_path)
    names = [model_name(Editor(GeneratorSession(path, threads=1))) for path in ("mine", "./mine/", tmp_path / "mine")]
    assert len(set(names)) == 1
    assert re.fullmatch("mine@[0-9a-f]{12}", names[0])


def test_bad_requests(editor: Editor, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    for units, levels, more in (
        (["AU13"], [1], {}),
        (["AU12"], [2], {}),
        ([], [1], {}),
    ):
        with pytest.raises(ValueError):
            make_stimuli(editor, [tmp_path / "a.png"], Conditions(units=units, levels=levels), tmp_path / "out", **more)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        make_stimuli(editor, [tmp_path / "none"], Conditions(units=["AU12"], levels=[1]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_combinations_emotions_and_both_notations() -> None:
    asked = Conditions(units=["AU06+AU12", "fear", "smile"], levels=[parse_level("C"), parse_level("20%")]).requests()
    assert asked["AU06+AU12", 0.6].set == {"AU06": 0.6, "AU12": 0.6}
    assert (asked["fear", 0.2].emotion, asked["fear", 0.2].strength) == ("fear", 0.2)
    relaxed = Conditions(units=["fear"], levels=[0.5], neutral=True).requests()["fear", 0.5]
    assert (relaxed.neutral, relaxed.set["AU01"]) == (True, pytest.approx(0.35))
    with pytest.raises(ValueError, match="one side of a face"):
        Conditions(units=["contempt"], levels=[1]).requests()
    with pytest.raises(ValueError, match="level"):
        parse_level("F")


def test_people_landing_a_second_judge_and_lists(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "faces" / "anna").mkdir(parents=True)
    for name in ("one", "two"):
        Image.fromarray(picture(0.0)).save(tmp_path / "faces" / "anna" / f"{name}.png")
    Image.fromarray(picture(0.0)).save(tmp_path / "faces" / "ben.png")
    judge = EstimatorSession(write_estimator(tmp_path / "judge", value=0.75), threads=1)
    out = tmp_path / "out"
    make_stimuli(editor, [tmp_path / "faces"], Conditions(units=["AU12"], levels=[0.4, 0.5]), out, judge=judge)
    rows = {row["file"]: row for row in csv.DictReader((out / "manifest.csv").open())}
    assert {row["person"] for row in rows.values()} == {"anna", "ben"}
    # measured is .25 whatever was asked: within .2 of .4, not of .5
    assert [rows[f"one_AU12_{level}.png"]["landed"] for level in ("0.40", "0.50")] == ["yes", "no"]
    assert {row["judged_AU04"] for row in rows.values()} == {"0.7500"}
    assert json.loads((out / "preload.json").read_text())["images"] == sorted(rows)
    listed = list(csv.DictReader((out / "conditions.csv").open()))
    assert listed[0] == {"file": "ben_AU12_0.40.png", "person": "ben", "au": "AU12", "level": "0.4"}


def test_whose_faces_they_are(editor: Editor, tmp_path: Path) -> None:
    for name in ("anna/1", "anna/2", "ben/1", "loose"):
        path = tmp_path / "faces" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(0.0)).save(path)
    faces, conditions = tmp_path / "faces", Conditions(units=["AU12"], levels=[0.5])

    def persons(out: str, faces: list[Path], people: str | None) -> dict[str, str]:
        done = make_stimuli(editor, faces, conditions, tmp_path / out, people=people)
        told.append(done.warnings)
        return {
            row["photo"].removeprefix(f"{tmp_path}/faces/"): row["person"] for row in csv.DictReader(done.path.open())
        }

    told: list[list[str]] = []
    wanted = {"anna/1.png": "anna", "anna/2.png": "anna", "ben/1.png": "ben", "loose.png": "loose"}
    assert persons("a", [faces], "folders") == persons("b", [faces], None) == wanted
    assert told[0] == ["1 photos lie in no person's folder (such as 'loose.png'): each counts as its own person"]
    del wanted["loose.png"]
    assert persons("c", [faces / "anna", faces / "ben"], "folders") == wanted
    assert persons("d", [faces / "anna" / "1.png"], "folders") == {"anna/1.png": "anna"}
    table = tmp_path / "people.csv"
    table.write_text("path,person\nanna/1.png,P1\nfaces/anna/2.png,P1\nloose,P2\n")
    assert persons("a", [faces], str(table)) == {
        "anna/1.png": "P1", "anna/2.png": "P1", "ben/1.png": "ben-1", "loose.png": "P2",
    }  # fmt: skip
    assert "1 photos have no person in" in told[-1][0]
    with pytest.raises(ValueError, match="no photo lies in the folder of a person"):
        persons("e", [faces / "anna"], "folders")
    with pytest.raises(ValueError, match="give folders, or a CSV"):
        persons("e", [faces], "folder")
    with pytest.raises(FileNotFoundError, match=r"no such table of people: nobody\.csv"):
        persons("e", [faces], "nobody.csv")
    assert not (tmp_path / "e").exists()


class Paint:
    """Reads how much of the face is painted white, as AU45; other units as nothing, and AU61 not at all."""

    kind, size, names, note = "paint", 64, ("AU12", "AU45L", "AU45R"), "how white it is"

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        white = (crops[:, 24:40, 24:40] > 250).all(-1).mean((1, 2))
        grey = crops[:, 24:40, 24:40].mean((1, 2, 3)) / 255
        level = np.where(white > 0.99, 1.0, np.clip(0.6 * (grey - self.base) / (1 - self.base), 0, 1))
        return np.stack([0 * level, level, level], 1)[:, : len(self.names)].astype(np.float32)

    base = 0.0


def test_pictures_that_read_as_asked(tmp_path: Path) -> None:
    directory = write_generator(tmp_path / "g", size=64, contrast=0.0, offset=1.0, names=UNITS)
    reader = Paint()
    editor = Editor(GeneratorSession(directory, threads=1), reader)
    Image.fromarray(picture(0.0)).save(tmp_path / "anna.png")
    reader.base = float(editor.read(picture(0.0)).crop[24:40, 24:40].mean()) / 255
    rows = {}
    for match in ("requested", "measured"):
        conditions = Conditions(units=["AU45", "AU45L", "AU61"], levels=[0.2], match=match)
        done = make_stimuli(editor, [tmp_path / "anna.png"], conditions, tmp_path / match)
        rows[match] = {row["au"]: row for row in csv.DictReader(done.path.open())}
    plain, found = (rows[match]["AU45"] for match in ("requested", "measured"))
    assert plain["requested_AU45L"] == plain["asked_AU45L"] == found["asked_AU45R"] == "0.2000"
    off, near = (abs(float(row["measured_AU45R"]) - 0.2) for row in (plain, found))
    assert near <= 0.03 < off
    assert (found["landed"], found["match"], plain["renders"]) == ("yes", "measured", "1")
    assert 2 <= int(found["renders"]) <= 6
    # one side alone is searched for where one is asked; a unit that nobody reads has no reading, and is asked as it is
    assert rows["measured"]["AU45L"]["requested_AU45R"] == rows["measured"]["AU45L"]["photo_AU45R"]
    # a reader without sides tells of both together, and not of one
    reader.names = ("AU12", "AU45")
    judge = EstimatorSession(write_estimator(tmp_path / "judge", value=0.75), threads=1)
    conditions = Conditions(units=["AU45", "AU45L"], levels=[0.2], match="measured")
    done = make_stimuli(editor, [tmp_path / "anna.png"], conditions, tmp_path / "both", judge=judge)
    left, both = csv.DictReader(done.path.open())
    assert (both["landed"], left["landed"], left["renders"]) == ("yes", "", "1")
    assert both["judged_AU45L"] == left["judged_AU45R"] == "0.7500"
    assert "judged_AU61" not in both
    reader.names = Paint.names
    conditions = Conditions(units=["AU45"], levels=[0.2], match="measured")
    gaze = rows["measured"]["AU61"]
    assert (gaze["measured_AU61"], gaze["landed"], gaze["requested_AU61"]) == ("", "", "0.2000")
    with pytest.raises(ValueError, match="another model or request"):
        make_stimuli(editor, [tmp_path / "anna.png"], conditions, tmp_path / "requested")
    with pytest.raises(ValueError, match="no AU estimator"):
        make_stimuli(Editor(editor.generator), [tmp_path / "anna.png"], conditions, tmp_path / "none")
    with pytest.raises(ValueError, match="say measured or requested"):
        Conditions(units=["AU12"], levels=[1], match="read")


def test_units_that_fight_are_told(editor: Editor, tmp_path: Path) -> None:
    Image.fromarray(picture(0.0)).save(tmp_path / "anna.png")
    conditions = Conditions(units=["AU05+AU45", "AU12"], levels=[0, 0.5, 1])
    done = make_stimuli(editor, [tmp_path / "anna.png"], conditions, tmp_path / "out")
    assert done.warnings == ["AU05+AU45: AU05 (upper lid raiser) and AU45 (blink) work against each other"]


def test_blind(editor: Editor, tmp_path: Path) -> None:
    Image.fromarray(picture(0.0)).save(tmp_path / "anna.png")
    conditions, out = Conditions(units=["AU12"], levels=[0, 1]), tmp_path / "out"
    done = make_stimuli(editor, [tmp_path / "anna.png"], conditions, out, shown=Presentation(blind=3))
    assert done.path == tmp_path / "out-key.csv"
    rows = list(csv.DictReader(done.path.open()))
    for path in out.iterdir():
        assert not any(word in path.name for word in ("anna", "AU12"))
    for row in rows:
        told = (out / row["file"]).read_bytes()
        assert b"AU12" not in told
        assert b"compositeWithTrainedAlgorithmicMedia" in told
    assert (out / "conditions.csv").read_text().splitlines()[0] == "file"
    again = make_stimuli(editor, [tmp_path / "anna.png"], conditions, out, shown=Presentation(blind=3))
    assert (again.written, len(again.skipped)) == ([], 2)
    other = make_stimuli(editor, [tmp_path / "anna.png"], conditions, tmp_path / "b", shown=Presentation(blind=4))
    assert not set(other.written) & {row["file"] for row in rows}


def test_ovals_of_one_size_and_luminance(editor: Editor) -> None:
    face = editor.read(picture(0.0))
    plain = in_oval(face.image, face, Presentation(oval=True, size=128))
    assert plain.shape == (128, 128, 3)
    assert (plain[0] == 128).all()
    assert (plain[:, 0] == 128).all()
    dark, light = (in_oval(image, face, Presentation(oval=True, size=128, matched=True)) for image in (
        (face.image // 2).astype(np.uint8), face.image))  # fmt: skip
    assert np.abs(dark.astype(int) - light).mean() < 2
    even = matched(np.random.default_rng(0).uniform(0, 255, (40, 40, 3)), np.ones((40, 40), bool)) @ LUMA
    assert (even.mean(), even.std()) == (pytest.approx(MEAN), pytest.approx(SPREAD))
    with pytest.raises(ValueError, match="--oval"):
        Presentation(matched=True)


def test_shares_make_the_stimuli_of_one_run(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = tmp_path / "faces"
    faces.mkdir()
    for i in range(4):
        Image.fromarray(picture(0.1 * i)).save(faces / f"face{i}.png")
    conditions = Conditions(units=["AU12"], levels=[0.5, 1])

    def run(out: str, share: Share = WHOLE, **more: bool) -> Report:
        return make_stimuli(editor, [faces], conditions, tmp_path / out, save=SaveOptions(share=share, **more))

    whole = run("whole")
    first = run("shared", Share(0, 2))
    assert 0 < len(first.written) < len(whole.written) == 8
    # the other share is killed in its second face, and run again
    calls, write = [], stimuli._write

    def killed(*args: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(stimuli, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        run("shared", Share(1, 2))
    monkeypatch.undo()
    assert (tmp_path / "shared" / "manifest-1-of-2.csv").exists()
    second = run("shared", Share(1, 2))
    assert (len(second.written), len(second.skipped)) == (7 - len(first.written), 1)
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")
    assert run("shared", Share(0, 2)).written == []
    again = run("shared", Share(0, 2), overwrite=True)
    assert len(again.written) == len(first.written)
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
