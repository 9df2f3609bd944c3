"""What a photo's edit writes, all of it or nothing; and what a folder's report carries."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from dftnet.editing import photo as module
from dftnet.editing.edit import edit
from dftnet.editing.editor import Editor
from dftnet.editing.folder import edit_folder
from dftnet.editing.options import Report, SaveOptions
from dftnet.editing.photo import edit_photo
from dftnet.editing.plan import EditPlan
from dftnet.errors import UnfitFaceError
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


def doubts(done: Report) -> list[str]:
    """Its warnings but for units that did not land: the stand-in for an estimator reads the same of every face."""
    return [warning for warning in done.warnings if "did not land" not in warning]


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
    assert doubts(done) == ["two.png: 2 faces found, editing the largest; --face all or a number for others"]
    assert [line.partition(" (")[0] for line in done.lines] == ["one.avif: face 0 of 1", "two.png: face 0 of 2"]
    assert (done.written, done.failed) == (["one.avif", "two.png"], {})
    assert files(tmp_path / "out") == ["one.avif", "two.png"]
    assert told == [("photos", 0, 2), ("photos", 1, 2), ("photos", 2, 2)]


def save(path: Path, **how: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(FACE).save(path, **how)


def test_a_folder_says_what_it_leaves_alone(editor: Editor, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jfif", "c.jpe", ".hidden.jpg"):
        save(tmp_path / "in" / name, format="JPEG")
    for name in ("d.cr2", "e.mp4", "notes.txt"):
        (tmp_path / "in" / name).write_text("x")
    save(tmp_path / "other" / "f.jpg")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "other")
    turned = [Image.fromarray(np.rot90(FACE, k)) for k in (0, 1, 2)]
    turned[0].save(tmp_path / "in" / "g.webp", save_all=True, append_images=turned[1:], duration=100)
    done = edit_folder(editor, tmp_path / "in", {"AU12": 1}, tmp_path / "out")
    assert done.written == ["a.jpg", "b.jfif", "c.jpe", "g.webp"]
    assert done.skipped == {
        "d.cr2": "a raw file: develop it first",
        "e.mp4": "a clip: edit it by itself",
        "link": "a linked folder: name it by itself",
    }
    assert doubts(done) == ["g.webp: only the first of its 3 pictures is taken, the others are left out"]


def test_a_folder_goes_on_with_the_same_request_only(editor: Editor, tmp_path: Path) -> None:
    """Another request kept the old pictures without a word."""
    for name in ("a.jpg", "b.png"):
        save(tmp_path / "in" / name)
    out = tmp_path / "out"
    edit_folder(editor, tmp_path / "in", {"AU12": 1}, out)
    (out / "b.png").unlink()
    before = (out / "a.jpg").read_bytes()
    with pytest.raises(ValueError, match=r"a\.jpg was made by another edit \(expression edited: AU12=1\)"):
        edit_folder(editor, tmp_path / "in", {"AU12": 0.5}, out)
    assert files(out) == ["a.jpg"]
    done = edit_folder(editor, tmp_path / "in", {"AU12": 1}, out)
    assert (done.written, done.skipped) == (["b.png"], {"a.jpg": "there already"})
    edit_folder(editor, tmp_path / "in", {"AU12": 0.5}, out, save=SaveOptions(overwrite=True))
    assert (out / "a.jpg").read_bytes() != before


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_folder_of_photos_with_descriptions_compares_all_the_same(
    editor: Editor, tmp_path: Path, suffix: str
) -> None:
    """Their own ImageDescription stays, and another request kept the old pictures without a word."""
    exif = Image.Exif()
    exif[0x010E] = "Grandma, 1962"
    (tmp_path / "in").mkdir()
    Image.fromarray(FACE).save(tmp_path / "in" / f"a{suffix}", exif=exif)
    other = tmp_path / "Zoë.png"
    Image.fromarray(FACE).save(other)

    def run(plan: EditPlan) -> Report:
        return edit(tmp_path / "in", plan, tmp_path / "out", editor=editor)

    first = EditPlan(like=other, face="all")
    assert run(first).written == [f"a{suffix}"]
    with Image.open(tmp_path / "out" / f"a{suffix}") as image:
        assert image.getexif()[0x010E] == "Grandma, 1962"
    assert run(first).skipped == {f"a{suffix}": "there already"}
    with pytest.raises(
        ValueError, match=r"made by another edit \(expression edited: all faces: like Zoë\.png \(AU01 0\.25"
    ):
        run(EditPlan(like=other))


def test_several_photos(editor: Editor, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "deep/a.jpg"):
        save(tmp_path / name)
    a, b, other = tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "deep" / "a.jpg"
    done = edit([a, b], {"AU12": 1}, tmp_path / "out", editor=editor)
    assert files(tmp_path / "out") == ["a.jpg", "b.png"]
    assert done.written == [str(a), str(b)]
    edit([a, b], {"AU12": 1}, editor=editor)
    assert (tmp_path / "a-edited.png").exists()
    assert (tmp_path / "b-edited.png").exists()
    with pytest.raises(ValueError, match="the same name"):
        edit([a, other], {"AU12": 1}, tmp_path / "out2", editor=editor)
    with pytest.raises(ValueError, match="is no photo"):
        edit([a, tmp_path / "deep"], {"AU12": 1}, tmp_path / "out2", editor=editor)
    assert not (tmp_path / "out2").exists()


def test_a_second_try_gets_its_own_name(editor: Editor, photo: Path, tmp_path: Path) -> None:
    for _ in range(3):
        edit_photo(editor, photo, {"AU12": 1})
    assert files(tmp_path) == ["photo-edited-2.png", "photo-edited-3.png", "photo-edited.png", "photo.png"]


def test_the_original_is_kept_once(
    editor: Editor, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = photo.read_bytes()
    for level in (1, 0.5):
        edit_photo(editor, photo, {"AU12": level}, photo, save=SaveOptions(overwrite=True))
    assert (tmp_path / "photo-original.png").read_bytes() == before
    assert photo.read_bytes() != before
    assert files(tmp_path) == ["photo-original.png", "photo.png"]
    (tmp_path / "photo-original.png").unlink()

    def full(*given: object, **more: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "write_photo", full)
    with pytest.raises(OSError, match="Input"):
        edit_photo(editor, photo, {"AU12": 1}, photo, save=SaveOptions(overwrite=True))
    assert files(tmp_path) == ["photo.png"]


def test_before_and_after_side_by_side(editor: Editor, photo: Path, tmp_path: Path) -> None:
    done = edit_photo(editor, photo, {"AU12": 1}, tmp_path / "out.png", save=SaveOptions(compare=True))
    assert done.written == [str(tmp_path / "out.png"), str(tmp_path / "out-compare.png")]
    both = read_image(tmp_path / "out-compare.png")
    assert np.array_equal(both[:, :240], FACE)
    assert np.array_equal(both[:, -240:], read_image(tmp_path / "out.png"))
    (tmp_path / "out.png").unlink()
    with pytest.raises(FileExistsError, match="out-compare"):
        edit_photo(editor, photo, {"AU12": 1}, tmp_path / "out.png", save=SaveOptions(compare=True))


def test_a_dry_run_writes_nothing(editor: Editor, photo: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    done = edit(tmp_path, {"AU12": 1}, tmp_path / "out", editor=editor, save=SaveOptions(dry=True))
    assert (done.dry, done.written, len(done.lines)) == (True, [], 2)
    assert done.lines[0] == "asked: AU12=1"
    done = edit(photo, {"AU12": 1}, editor=editor, save=SaveOptions(dry=True))
    assert files(tmp_path) == before
    assert done.as_json()["faces"][0]["aus"] == {"AU12": [0.25, 1.0]}
    with pytest.raises(ValueError, match="for photos"):
        edit(photo, EditPlan.parse(au=["AU12=0@0s,1@1s"]), editor=editor, save=SaveOptions(dry=True))


def test_closed_eyes_are_not_opened(tmp_path: Path, photo: Path) -> None:
    """What lids hide cannot be painted yet: it was a grey smear, told as success."""
    generator = GeneratorSession(write_generator(tmp_path / "g", size=64), threads=1)
    editor = Editor(generator, EstimatorSession(write_estimator(tmp_path / "e", value=0.8), threads=1))
    for asked in (["AU45=0"], ["open eyes"], ["AU45=0.3"]):
        with pytest.raises(UnfitFaceError, match=r"read closed \(AU45 0\.80\)"):
            edit_photo(editor, photo, EditPlan.parse(au=asked), tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()
    for plan in (EditPlan.parse(neutral=True), EditPlan.parse(emotion=["surprise"])):
        done = edit_photo(editor, photo, plan, tmp_path / "out.png", save=SaveOptions(overwrite=True))
        assert "stay so" in done.warnings[0]
        assert "AU45" not in done.faces[0].as_json()["aus"]
    edit_photo(editor, photo, {"AU45": 1}, tmp_path / "out.png", save=SaveOptions(overwrite=True))


def test_a_report_holds_no_pixels(editor: Editor, photo: Path, tmp_path: Path) -> None:
    """That of a folder held every photo of it."""
    face = edit(photo, {"AU12": 1}, tmp_path / "out.png", editor=editor).faces[0].face
    assert (face.image.size, face.crop.size) == (0, 0)


def test_units_that_fight_get_a_word(editor: Editor, photo: Path, tmp_path: Path) -> None:
    done = edit(photo, {"AU05": 0.5, "AU45": 1}, tmp_path / "out.png", editor=editor)
    assert doubts(done) == ["AU05 (upper lid raiser) and AU45 (blink) work against each other"]


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


def test_a_unit_that_did_not_land_is_told(editor: Editor, photo: Path, tmp_path: Path) -> None:
    done = edit(photo, {"AU12": 1}, tmp_path / "out.png", editor=editor)
    assert done.warnings == ["face 0: did not land: AU12 0.25 → 1.00 asked, 0.25 read"]
