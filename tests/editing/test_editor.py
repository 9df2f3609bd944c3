"""The editor on a real face, with a generator whose maps are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from dftnet.aus import AU_NAMES
from dftnet.editing.editor import Editor
from dftnet.editing.plan import EditPlan
from dftnet.editing.request import Request
from dftnet.faces.detect import Face
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from tests.synthetic_model import write_estimator, write_generator

SIZE = 64


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    image = skimage.data.astronaut()
    image.flags.writeable = False
    return image


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    model = write_generator(tmp_path_factory.mktemp("model"), size=SIZE)
    return Editor(GeneratorSession(model, threads=1))


@pytest.fixture(scope="module")
def reading_editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    folder = tmp_path_factory.mktemp("models")
    model, estimator = write_generator(folder / "g", size=SIZE), write_estimator(folder / "e", value=0.25)
    return Editor.from_pretrained(model, estimator=estimator, threads=1)


class Half:
    """Somebody else's AUSource, of one unit and a size of its own."""

    kind, names, size, note = "half", ("AU12",), 96, "always a half"

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        assert crops.shape[1:] == (96, 96, 3)
        return np.full((len(crops), 1), 0.5, np.float32)


def two_faces(photo: np.ndarray) -> np.ndarray:
    """The astronaut twice, the second smaller."""
    small = cv2.resize(photo, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    canvas = np.full((512, 512 + small.shape[1], 3), 90, np.uint8)
    canvas[:, :512], canvas[: small.shape[0], 512:] = photo, small
    return canvas


def test_read_gives_the_face(editor: Editor, photo: np.ndarray) -> None:
    face = editor.read(photo)
    x, y, width, height = face.box
    assert 150 < x < 200
    assert 40 < y < 80
    assert 70 < width < 120
    assert 80 < height < 140
    assert face.crop.shape == (SIZE, SIZE, 3)
    assert face.image is photo
    assert not face.trouble
    eyes = face.landmarks[:2].astype(np.float64) @ face.crop_from_image[:, :2].T + face.crop_from_image[:, 2]
    assert np.allclose(eyes / SIZE, [[0.3, 0.375], [0.7, 0.375]], atol=0.05)


def test_edit_keeps_size_and_everything_outside(editor: Editor, photo: np.ndarray) -> None:
    before = photo.copy()
    result = editor.edit(photo, {"AU12": 1, "AU45": 0.5})
    assert result.dtype == np.uint8
    assert result.shape == photo.shape
    assert np.array_equal(photo, before)
    ys, xs = np.nonzero((result != photo).any(2))
    assert len(ys) > 500
    assert xs.min() > 150
    assert xs.max() < 300
    assert ys.min() > 40
    assert ys.max() < 200


def test_a_patch_is_that_part_of_the_photo(reading_editor: Editor, photo: np.ndarray) -> None:
    face = reading_editor.read(photo)
    for request in (Request(), Request(set={"AU12": 1}), Request(set={"AU26": 1, "AU45": 0.5})):
        whole, patch = reading_editor.render(face, request), reading_editor.render_patch(face, request)
        height, width = patch.pixels.shape[:2]
        assert height * width < photo.size / 3 / 4
        there = np.s_[patch.y : patch.y + height, patch.x : patch.x + width]
        assert np.array_equal(patch.pixels, whole[there])
        whole[there] = photo[there]
        assert np.array_equal(whole, photo)
    other = np.flip(photo, 0).copy()
    onto = reading_editor.render_patch(face, {"AU12": 1}, onto=other)
    there = np.s_[onto.y : onto.y + onto.pixels.shape[0], onto.x : onto.x + onto.pixels.shape[1]]
    assert np.array_equal(onto.pixels, reading_editor.render(face, {"AU12": 1}, onto=other)[there])


@pytest.mark.parametrize("grow", [(0.5, 0.5), (0.25, 0.5), (1.5, 1.5)])
def test_a_face_in_a_resized_photo_lies_at_the_same_place(
    reading_editor: Editor, photo: np.ndarray, grow: tuple[float, float]
) -> None:
    face = reading_editor.read(photo)
    small = cv2.resize(photo, None, fx=grow[0], fy=grow[1], interpolation=cv2.INTER_AREA)
    moved = face.resized(small)
    assert moved.image is small
    assert moved.aus == face.aus
    # the middle of a pixel, in shares of the picture, is the same point of the crop
    for x, y in ((0, 0), (200, 100), (511, 511)):
        sx, sy = (x + 0.5) * grow[0] - 0.5, (y + 0.5) * grow[1] - 0.5
        assert np.allclose(moved.crop_from_image @ [sx, sy, 1], face.crop_from_image @ [x, y, 1])
    eyes = [m.landmarks[:2] @ m.crop_from_image[:, :2].T + m.crop_from_image[:, 2] for m in (face, moved)]
    assert np.allclose(*eyes, atol=0.01)
    assert np.allclose((moved.box[:2] + 0.5) / grow, face.box[:2] + 0.5, atol=0.01)


def test_what_the_flow_says_happens(editor: Editor, photo: np.ndarray) -> None:
    """In the window of constant flow the result is the photo's own pixels, shifted."""
    face = editor.read(photo)
    result = editor.render(face, {"AU12": 1})
    dx, dy = np.linalg.inv(face.crop_from_image[:, :2]) @ np.array([6.0, 0])
    y, x = np.mgrid[:512, :512].astype(np.float32)
    shifted = cv2.remap(photo.astype(np.float32), x + np.float32(dx), y + np.float32(dy), cv2.INTER_LANCZOS4).clip(
        0, 255
    )
    middle = np.linalg.inv(face.crop_from_image[:, :2]) @ (31.5 - face.crop_from_image[:, 2])
    near = np.hypot(x - middle[0], y - middle[1]) < 0.18 * SIZE / np.hypot(*face.crop_from_image[0, :2])
    assert near.sum() > 300
    assert np.abs(shifted - result)[near].mean() < 0.5


def test_a_request_already_met_returns_the_input(reading_editor: Editor, photo: np.ndarray) -> None:
    face = reading_editor.read(photo)
    assert face.aus == dict.fromkeys(AU_NAMES, 0.25)
    assert face.aus_from == "estimator"
    for request in ({}, Request(), face.aus, {"AU12": 0.25}, Request(like=face.aus)):
        result = reading_editor.render(face, request)
        assert np.array_equal(result, photo)
        assert result is not photo
    assert not np.array_equal(reading_editor.render(face, Request(neutral=True)), photo)


def test_own_aus_from_elsewhere(editor: Editor, photo: np.ndarray) -> None:
    assert editor.read(photo).aus_from == "nowhere"
    assert set(editor.read(photo).aus.values()) == {0.0}
    given = editor.read(photo, aus={"smile": 1})
    assert (given.aus["AU12"], given.aus["AU04"], given.aus_from) == (1, 0, "given")
    assert given.aus["AU06"] == pytest.approx(0.6)
    half = Editor(editor.generator, Half())
    face = half.read(photo)
    assert (face.aus_from, face.aus["AU12"], face.aus["AU01"]) == ("half", 0.5, 0.0)


def test_maps_are_of_one_crop(editor: Editor, photo: np.ndarray) -> None:
    maps = editor.maps(editor.read(photo), {"AU26": 0.5})
    assert maps.flow.shape == (2, SIZE, SIZE)
    assert maps.attention.shape == (1, SIZE, SIZE)
    assert maps.image.shape == (3, SIZE, SIZE)
    assert maps.flow[1].max() == pytest.approx(3, abs=1e-4)


def test_target_combines(reading_editor: Editor, photo: np.ndarray) -> None:
    face = reading_editor.read(photo)
    goal = reading_editor.target(face, Request(add={"AU12": 0.5}, set={"AU04": 0}))
    assert (goal["AU12"], goal["AU04"], goal["AU01"]) == (0.75, 0, 0.25)


def test_several_faces(editor: Editor, photo: np.ndarray) -> None:
    image = two_faces(photo)
    faces = editor.faces(image)
    assert [face.index for face in faces] == [0, 1]
    assert faces[0].box[2] > faces[1].box[2]
    largest, second = editor.edit(image, {"AU12": 1}), editor.edit(image, {"AU12": 1}, face=1)
    assert np.array_equal(largest[:, 512:], image[:, 512:])
    assert np.array_equal(second[:, :512], image[:, :512])
    both = editor.edit(image, {"AU12": 1}, face="all")
    assert np.array_equal(both[:, :512], largest[:, :512])
    assert np.array_equal(both[:, 512:], second[:, 512:])
    x, y, width, height = faces[1].box
    for place in (f"{x + width / 2},{y + height / 2}", f"{x - 9},{y + 9},{width},{height}", "512,0,512,512"):
        assert editor.read(image, place).index == 1
    for place in ("1,1", "1,1,2,2"):
        with pytest.raises(ValueError, match="faces found: 0 at"):
            editor.read(image, place)
    for place in ("1,", "1,2,3", "nan,nan"):
        with pytest.raises(ValueError, match="X,Y,WIDTH,HEIGHT"):
            editor.read(image, place)
    with pytest.raises(ValueError, match="no face 2: the image has 2 faces"):
        editor.edit(image, {"AU12": 1}, face=2)
    with pytest.raises(ValueError, match="choose largest"):
        editor.edit(image, {"AU12": 1}, face="biggest")


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (200, 200)])
def test_no_face(editor: Editor, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 120, np.uint8)
    assert editor.faces(image) == []
    with pytest.raises(ValueError, match="no face found"):
        editor.edit(image, {"AU12": 1})
    with pytest.raises(ValueError, match="no face found"):
        editor.edit(image, {"AU12": 1}, face="all")


def test_faces_that_cannot_be_edited(editor: Editor, photo: np.ndarray) -> None:
    class Fixed:
        def __init__(self, points: np.ndarray) -> None:
            self.points = np.asarray(points, np.float32)

        def __call__(self, image: np.ndarray, every: bool = False) -> list[Face]:
            return [Face(np.array([0, 0, 12, 14], np.float32), self.points, 0.9)]

    frontal = np.array([[0, 0], [40, 0], [20, 20], [8, 40], [32, 40]])
    profile = frontal * [0.3, 1] + [60, 60]
    nose_beyond = frontal + np.array([[0, 0], [0, 0], [40, 0], [0, 0], [0, 0]]) + 60
    point = frontal * 0 + 50
    for points, message in ((frontal * 0.1 + 50, "too small"), (profile, "turned"), (nose_beyond, "turned")):
        blocked = Editor(editor.generator, detector=Fixed(points))  # type: ignore[arg-type]
        (face,) = blocked.faces(photo)
        assert message in face.trouble
        for action in (blocked.read, lambda image, e=blocked: e.edit(image, {"AU12": 1}, face="all")):
            with pytest.raises(ValueError, match=message):
                action(photo)
        with pytest.raises(ValueError, match=message):
            blocked.render(face, {"AU12": 1})
    assert Editor(editor.generator, detector=Fixed(point)).faces(photo)[0].trouble  # type: ignore[arg-type]
    turned = frontal * [0.62, 1] + 60
    assert "side" in Editor(editor.generator, detector=Fixed(turned)).faces(photo)[0].note  # type: ignore[arg-type]


def test_covered_faces(editor: Editor, photo: np.ndarray) -> None:
    """Dark glasses are told and left; with a mask besides nothing of an expression is to be seen."""
    right, left, _, mouth, other = editor.read(photo).landmarks
    assert not editor.read(photo).note
    assert not editor.read(cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)).note.count("covers")
    glasses = photo.copy()
    for x, y in (right, left):
        cv2.ellipse(glasses, (round(float(x)), round(float(y))), (22, 14), 0, 0, 360, (20, 20, 20), -1)
    face = editor.read(glasses)
    assert "covers the right eye and left eye of face 0" in face.note
    x, y = (mouth + other) / 2
    cv2.ellipse(glasses, (round(float(x)), round(float(y))), (26, 20), 0, 0, 360, (150, 190, 210), -1)
    with pytest.raises(ValueError, match="half hidden"):
        editor.read(glasses)


def test_rotated_and_cut_off_heads(editor: Editor, photo: np.ndarray) -> None:
    matrix = cv2.getRotationMatrix2D((224, 120), 40, 1)
    turned = cv2.warpAffine(photo, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    cut = np.ascontiguousarray(photo[75:, 185:])
    for image in (turned, cut):
        result = editor.edit(image, {"AU12": 1, "AU45": 0.5})
        changed = (result != image).any(2)
        assert 300 < changed.sum() < 40000


def test_sixteen_bits(editor: Editor, photo: np.ndarray) -> None:
    deep = photo.astype(np.uint16) * 257
    result = editor.edit(deep, {"AU12": 1})
    assert result.dtype == np.uint16
    assert np.abs(result / 257.0 - editor.edit(photo, {"AU12": 1})).max() < 1


def test_wrong_images(editor: Editor, photo: np.ndarray) -> None:
    for bad in (photo[..., 0], photo.astype(np.float32), photo[:, :, :2], photo[:0], "photo.jpg"):
        with pytest.raises(ValueError, match="RGB"):
            editor.edit(bad, {"AU12": 1})  # type: ignore[arg-type]


def test_unknown_au(editor: Editor, photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="did you mean AU"):
        editor.edit(photo, {"AU13": 1})


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="model"):
        Editor.from_pretrained(tmp_path / "none")
    with pytest.raises(ValueError, match="estimator"):
        EstimatorSession(write_generator(tmp_path / "g", size=SIZE))


def test_small_faces_beside_a_portrait_are_there_when_they_are_asked_for(editor, photo):
    """`--face all` found one of two, and a number, a side or a place the large one alone."""
    image = np.full((2000, 4000, 3), 128, np.uint8)
    head = photo[20:230, 120:330]
    image[200:1800, 200:1800] = cv2.resize(head, (1600, 1600), interpolation=cv2.INTER_CUBIC)
    image[800:970, 3000:3170] = cv2.resize(head, (170, 170), interpolation=cv2.INTER_AREA)
    assert len(editor.find(image)) == 1
    assert len(editor.faces(image)) == 2
    for which in (1, "right", "3088,880"):
        assert 2990 < editor.read(image, which).box[0] < 3170, which
    plans = [EditPlan.parse(au=["AU12=1"], face=face) for face in ("all", 1, "left")]
    assert [plan.every for plan in (EditPlan(), *plans, EditPlan.parse(au=["1:AU12=1"]))] == [
        False,
        True,
        True,
        True,
        True,
    ]
