"""The detector on a real face: landmarks, order, scale, turns, tight crops, and pictures without a face."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from dftnet.faces.align import align, crop_from_image, invert, template_points, transform
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.fitness import smallest_face
from dftnet.faces.yunet_network import WEIGHTS, YuNet

# right eye, left eye, nose, right and left mouth corner of skimage.data.astronaut(), read off by hand
TRUTH = np.array([[201.5, 104.0], [244.0, 105.0], [222.0, 127.0], [203.0, 144.0], [240.0, 145.0]])


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def detect() -> FaceDetector:
    return FaceDetector()


def only(faces: list[Face]) -> Face:
    assert len(faces) == 1
    return faces[0]


def test_landmarks_of_a_face(photo, detect):
    face = only(detect(photo))
    assert face.score > 0.8
    assert face.landmarks.dtype == np.float32
    assert np.abs(face.landmarks - TRUTH).max() < 4
    x, y, w, h = face.box
    assert x < 201 < 244 < x + w
    assert y < 104 < 144 < y + h


@pytest.mark.parametrize("scale", [0.25, 0.5, 2.0, 5.0])
def test_landmarks_do_not_depend_on_the_size_of_the_photo(photo, detect, scale):
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    face = detect(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=flags))[0]
    found = (face.landmarks + 0.5) / scale - 0.5
    assert np.abs(found - detect(photo)[0].landmarks).max() < 3.5


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_photos_give_upright_crops(photo, detect, turns):
    crop, _ = align(photo, detect(photo)[0].landmarks, 64)
    turned = np.ascontiguousarray(np.rot90(photo, turns))
    other, _ = align(turned, detect(turned)[0].landmarks, 64)
    assert np.abs(crop.astype(int) - other).mean() < 14


@pytest.mark.parametrize("degrees", [-40, 25, 60])
def test_tilted_heads(photo, detect, degrees):
    matrix = cv2.getRotationMatrix2D((222, 125), degrees, 1.0)
    tilted = cv2.warpAffine(photo, matrix, (512, 512), borderMode=cv2.BORDER_REFLECT)
    face = detect(tilted)[0]
    truth = crop_from_image(transform(matrix, TRUTH), 128)
    found = crop_from_image(face.landmarks, 128)
    roll, true_roll = (np.degrees(np.arctan2(m[1, 0], m[0, 0])) for m in (found, truth))
    assert abs(roll - true_roll) < 12
    corners = transform(invert(truth), np.array([[38, 48], [90, 48], [64, 98]]))
    assert np.abs(transform(found, corners) - [[38, 48], [90, 48], [64, 98]]).max() < 16


@pytest.mark.parametrize("box", [(170, 60, 275, 165), (185, 80, 262, 160)])
def test_a_face_that_fills_the_frame(photo, detect, box):
    x0, y0, x1, y1 = box
    tight = np.ascontiguousarray(photo[y0:y1, x0:x1])
    for scale in (1, 2, 6):
        face = detect(cv2.resize(tight, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))[0]
        found = (face.landmarks + 0.5) / scale - 0.5 + [x0, y0]
        assert np.abs(found - TRUTH).max() < 7


def test_several_faces_largest_first_and_in_their_places(photo, detect):
    face = photo[40:200, 130:310]
    wall = np.full((400, 700, 3), 128, np.uint8)
    wall[200:280, 40:130] = cv2.resize(face, (90, 80), interpolation=cv2.INTER_AREA)
    wall[100:260, 200:380] = face
    wall[60:300, 400:670] = cv2.resize(face, (270, 240), interpolation=cv2.INTER_LINEAR)
    faces = detect(wall)
    assert len(faces) == 3
    assert [round(float(f.landmarks[2, 0])) // 200 for f in faces] == [2, 1, 0]
    assert faces[0].box[2] > faces[1].box[2] > faces[2].box[2]


def crowd(photo: np.ndarray, width: int, height: int, faces: list[tuple[int, int, int]]) -> np.ndarray:
    """A picture with the astronaut's head at (x, y), the face's box `tall` pixels high: faces = [(x, y, tall), …]."""
    head = photo[20:230, 120:330]
    wall = np.random.default_rng(0).integers(70, 180, (height // 50 + 1, width // 50 + 1, 3), dtype=np.uint8)
    wall = cv2.resize(wall, (width, height), interpolation=cv2.INTER_CUBIC)
    for x, y, tall in faces:
        side = round(210 * tall / 113)
        wall[y : y + side, x : x + side] = cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)
    return wall


@pytest.mark.parametrize("larger", [[], [(5200, 250, 400)]])
def test_small_faces_in_a_wide_picture(photo, detect, larger):
    places = [(300 + 1150 * i, 100 + 90 * i, 90) for i in range(10)]
    faces = detect(crowd(photo, 12000, 1200, places + larger))
    assert len(faces) == 10 + len(larger)
    heights = [float(face.box[3]) for face in faces]
    assert all(60 < height < 120 for height in heights[len(larger) :])
    assert heights[0] == pytest.approx(larger[0][2] if larger else 90, rel=0.2)


def test_small_faces_beside_a_portrait(photo, detect):
    """They were passed over without a word once a face filled an eighth of the picture."""
    places = [(2400 + 620 * (i % 5), 200 + 900 * (i // 5), 90) for i in range(10)]
    image = crowd(photo, 6000, 2000, [(100, 200, 900), *places])
    assert len(detect(image)) == 1  # the portrait alone, in a third of the time
    faces = detect(image, every=True)
    assert len(faces) == 11
    assert faces[0].box[3] > 700
    found = sorted((round((x - 2400) / 620), round((y - 200) / 900)) for x, y in (face.box[:2] for face in faces[1:]))
    assert found == sorted((i % 5, i // 5) for i in range(10))


def test_a_portrait_alone_shows_no_second_face(photo, detect):
    assert len(detect(cv2.resize(photo, (3000, 3000), interpolation=cv2.INTER_CUBIC), every=True)) == 1


def test_a_group_of_forty_at_24_megapixels(photo, detect):
    places = [(150 + 570 * (i % 10), 300 + 900 * (i // 10), 150) for i in range(40)]
    image = crowd(photo, 6000, 4000, places)
    faces = detect(image)
    assert len(faces) == 40
    found = sorted((round((x - 150) / 570), round((y - 300) / 900)) for x, y in (face.box[:2] for face in faces))
    assert found == sorted((i % 10, i // 10) for i in range(40))


def test_a_portrait_is_searched_once(photo, detect, monkeypatch):
    """The finer look costs a large picture about as much as reading its file does; a portrait does not need it."""
    image = cv2.resize(photo, (3000, 3000), interpolation=cv2.INTER_CUBIC)
    monkeypatch.setattr("dftnet.faces.detect._starts", lambda side: pytest.fail("searched tile by tile"))
    assert len(detect(image)) == 1
    assert len(detect(crowd(photo, 3000, 400, [(100, 100, 90)]), 640)) == 1  # told how finely to look


def test_a_portrait_is_found_at_a_coarse_look_and_is_the_same_face_among_all(photo, detect, monkeypatch):
    looked = []
    image = cv2.resize(photo, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    boxes = detect._boxes
    monkeypatch.setattr(detect, "_boxes", lambda small: looked.append(max(small.shape)) or boxes(small))
    (alone,) = detect(image)
    assert looked == [320]
    first = detect(image, every=True)[0]
    assert looked == [320, 320, 640]
    assert all(np.array_equal(*pair) for pair in zip(alone, first, strict=True))
    looked.clear()
    assert len(detect(crowd(photo, 1024, 1024, [(500, 500, 100)]))) == 1
    assert looked == [320, 640], "no portrait: small faces may be beside it"


@pytest.mark.parametrize(("side", "pixels"), [(640, 20), (1067, 21), (2000, 38), (2200, 40), (12000, 40)])
def test_the_limit_that_is_told(photo, side, pixels):
    assert smallest_face(side // 2, side) == pixels
    assert smallest_face(side, side // 2) == pixels


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 7), (8, 8), (30, 2000), (64, 64)])
def test_pictures_without_a_face(detect, shape):
    for _ in range(3):
        _ = [np.full(90_000, 1e6, np.float32) for _ in range(5)]  # freed at once: what a network may read by mistake
        assert detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_noise_has_no_face(detect):
    assert detect(np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)) == []


@pytest.mark.parametrize("bad", [np.zeros((9, 9)), np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8)])
def test_other_layouts_are_refused(detect, bad):
    with pytest.raises(ValueError, match=r"uint8 RGB"):
        detect(bad)


def test_options_are_checked():
    with pytest.raises(ValueError, match=r"max_side"):
        FaceDetector(max_side=10)


def test_nothing_is_printed(photo, capfd):
    FaceDetector()(photo)
    assert capfd.readouterr() == ("", "")


def test_alignment_puts_the_eyes_on_the_template(photo, detect):
    landmarks = detect(photo)[0].landmarks
    matrix = crop_from_image(landmarks, 128)
    eyes = transform(invert(matrix), template_points(128)[:2])
    assert np.abs(eyes - TRUTH[:2]).max() < 6


@pytest.mark.parametrize(("threshold", "overlap"), [(0.5, 0.3), (0.3, 1.0)])
@pytest.mark.parametrize("shape", [(512, 512), (160, 160), (203, 331)])
def test_the_network_gives_what_opencvs_own_wrapper_gives(photo, threshold, overlap, shape):
    bgr = cv2.resize(photo, shape[::-1], interpolation=cv2.INTER_AREA)[:, :, ::-1].copy()
    wrapper = cv2.FaceDetectorYN.create(str(WEIGHTS), "", shape[::-1], threshold, overlap, 5000)
    rows = YuNet(threshold, overlap)(np.ascontiguousarray(bgr[:, :, ::-1]))
    assert len(rows) > 0
    np.testing.assert_allclose(rows, wrapper.detect(bgr)[1], atol=1e-4)


def test_one_network_serves_many_threads(photo):
    sizes = [(512, 512), (160, 160), (203, 331)]
    views = [cv2.resize(photo, size, interpolation=cv2.INTER_AREA) for size in sizes]
    alone = [YuNet(0.5, 0.3)(view) for view in views]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(YuNet(0.5, 0.3), views * 8))
    for index, rows in enumerate(found):
        assert np.array_equal(rows, alone[index % len(views)])


def test_many_threads_leave_stderr_as_it_was():
    """ONNX Runtime and OpenCV warn on stderr, from C++."""
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor; from dftnet.faces.detect import FaceDetector\n"
        "import numpy as np; detect, image = FaceDetector(), np.zeros((90, 90, 3), np.uint8)\n"
        "with ThreadPoolExecutor(6) as pool: list(pool.map(lambda _: detect(image), range(12)))\n"
        "print('told', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "told\n")
