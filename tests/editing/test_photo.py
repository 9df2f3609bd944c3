"""What a photo's edit writes, all of it or nothing; and what a folder's report carries."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from dftnet.editing import photo as module
from dftnet.editing.editor import Editor
from dftnet.editing.folder import edit_folder
from dftnet.editing.options import SaveOptions
from dftnet.editing.photo import edit_photo
from dftnet.editing.plan import EditPlan
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.image import read_image
from tests.synthetic_model import write_estimator, write_generator

FACE = np.ascontiguousarray(skimage.data.astronaut()[:240, 100:340])


class Counted(GeneratorSession):
    """Counts the runs of the graph."""

    runs = 0

    def _run(self, *given, **more):
        self.runs += 1
        return super()._run(*given, **more)


class Seen(EstimatorSession):
    """Notes how many crops each run was given."""

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.given.append(len(crops))
        return super().__call__(crops)


@pytest.fixture
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    folder = tmp_path_factory.mktemp("models")
    estimator = Seen(write_estimator(folder / "e", value=0.25), threads=1)
    estimator.given = []
    return Editor(Counted(write_generator(folder / "g", size=64), threads=1), estimator)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(FACE).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_maps_replace_nothing(editor: Editor, photo: Path, tmp_path: Path) -> None:
    """maps.npz was replaced without being asked."""
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "maps.npz").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(FileExistsError, match=r"maps\.npz exists"):
        edit_photo(editor, photo, {"AU12": 1}, tmp_path / "out.png", maps=tmp_path / "maps")
    assert (tmp_path / "maps" / "maps.npz").read_text() == "mine"
    assert files(tmp_path) == before
    edit_photo(
        editor, photo, {"AU12": 1}, tmp_path / "out.png", maps=tmp_path / "maps", save=SaveOptions(overwrite=True)
    )
    assert np.load(tmp_path / "maps" / "maps.npz")["flow"].shape == (2, 64, 64)


def test_no_photo_no_maps(editor: Editor, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The maps were written first, and stayed when the photo could not be."""
    before = files(tmp_path)

    def full(*given: object, **more: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "write_photo", full)
    with pytest.raises(OSError, match="Input"):
        edit_photo(editor, photo, {"AU12": 1}, tmp_path / "out.png", maps=tmp_path / "maps")
    assert files(tmp_path) == before


def test_maps_take_one_run_and_the_same_edit(editor: Editor, photo: Path, tmp_path: Path) -> None:
    edit_photo(editor, photo, {"AU12": 1}, tmp_path / "a.png")
    edit_photo(editor, photo, {"AU12": 1}, tmp_path / "b.png", maps=tmp_path / "maps")
    assert editor.generator.runs == 2  # type: ignore[attr-defined]
    assert np.array_equal(read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png"))
    done = edit_photo(editor, photo, {"AU12": 0.25}, tmp_path / "c.png", maps=tmp_path / "maps2")
    assert np.array_equal(read_image(tmp_path / "c.png"), FACE)
    assert len(done.written) == 10


def test_the_chosen_faces_alone_are_read_in_one_batch(editor: Editor) -> None:
    """`read` read the units of every face, one by one."""
    small = cv2.resize(FACE, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    pair = np.full((240, 240 + small.shape[1], 3), 90, np.uint8)
    pair[:, :240], pair[: small.shape[0], 240:] = FACE, small
    given = editor.estimator.given  # type: ignore[union-attr]
    assert editor.read(pair).index == 0
    assert given == [1]
    assert len(editor.faces(pair)) == 2
    assert given == [1, 2]
    assert editor.read(pair, "right").index == 1
    assert editor.read(pair, "left").index == 0


def test_a_folder_tells_what_it_doubts(editor: Editor, tmp_path: Path) -> None:
    """Warnings were dropped."""
    (tmp_path / "in").mkdir()
    Image.fromarray(np.hstack([FACE, FACE[:, ::-1]])).save(tmp_path / "in" / "two.png")
    Image.fromarray(FACE).save(tmp_path / "in" / "one.avif")
    told: list[tuple[str, int, int]] = []
    done = edit_folder(editor, tmp_path / "in", {"AU12": 1}, tmp_path / "out", tell=lambda *now: told.append(now))
    assert done.warnings == ["two.png: 2 faces found, editing the largest; --face all or a number for others"]
    assert [line.partition(" (")[0] for line in done.lines] == ["one.avif: face 0 of 1", "two.png: face 0 of 2"]
    assert (done.written, done.failed) == (["one.avif", "two.png"], {})
    assert files(tmp_path / "out") == ["one.avif", "two.png"]
    assert told == [("photos", 1, 2), ("photos", 2, 2)]


def test_a_face_in_one_line(editor: Editor) -> None:
    face = editor.read(FACE)
    assert repr(face).startswith("EditableFace(0: ")
    assert "AU01 0.25" in repr(face)
    assert "\n" not in repr(face)


def test_images_may_be_pil(editor: Editor) -> None:
    asked = {"AU12": 1}
    right = editor.edit(FACE, asked)
    assert np.array_equal(editor.edit(Image.fromarray(FACE), asked), right)
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(FACE)))
    lying.getexif()[0x0112] = 6  # to be turned by a quarter
    assert np.array_equal(editor.edit(lying, asked), right)
    many = editor.edit_many([FACE, Image.fromarray(FACE)] * 3, asked, workers=3)
    assert all(np.array_equal(one, right) for one in many)


def test_a_face_asked_for_by_number_and_by_name(editor: Editor, photo: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no face 1"):
        edit_photo(editor, photo, EditPlan.parse(au=["1:AU12=1"], face=1), tmp_path / "a.png")
