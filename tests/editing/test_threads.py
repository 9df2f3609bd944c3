"""One editor serves many threads, with the detector that it was given: on photos, in folders, in clips."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from dftnet.editing.editor import Editor
from dftnet.editing.folder import edit_folder
from dftnet.editing.following import read_drive
from dftnet.editing.photo import edit_photo
from dftnet.editing.video import edit_video
from dftnet.faces.detect import Face, FaceDetector
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.image import read_image, write_image
from tests.moving_face import picture, write_clip
from tests.synthetic_model import write_estimator, write_generator

THREADS, CALLS = 8, 50


class Counting(FaceDetector):
    """Counts the calls of the detector that an editor was given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __call__(self, image: np.ndarray, max_side: int | None = None, every: bool = False) -> list[Face]:
        self.calls += 1
        return super().__call__(image, max_side, every)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[GeneratorSession, EstimatorSession]:
    folder = tmp_path_factory.mktemp("models")
    return (
        GeneratorSession(write_generator(folder / "g", size=64), threads=1),
        EstimatorSession(write_estimator(folder / "e", size=64), threads=1),
    )


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """One face, two faces, none; of different sizes, so that the network changes its shape from call to call."""
    face = skimage.data.astronaut()[:200, 120:320]
    pair = np.hstack([face, cv2.resize(face, (150, 200))[:, :120]])
    return [np.ascontiguousarray(face), np.ascontiguousarray(pair), np.full((60, 90, 3), 120, np.uint8)]


def test_eight_threads_give_what_one_gives(models, pictures) -> None:
    editor = Editor(*models)
    faces = [editor.faces(image) for image in pictures]
    assert [len(found) for found in faces] == [1, 2, 0]
    edited = [
        editor.edit(image, {"AU12": 1}, "all") if found else None for image, found in zip(pictures, faces, strict=True)
    ]

    def work(seed: int) -> None:
        for place in np.random.default_rng(seed).choice(len(pictures), CALLS, p=[0.45, 0.45, 0.1]):
            image = pictures[place]
            found = editor.faces(image)
            assert len(found) == len(faces[place])
            for one, right in zip(found, faces[place], strict=True):
                assert np.array_equal(one.landmarks, right.landmarks)
                assert np.array_equal(one.box, right.box)
                assert np.array_equal(one.crop, right.crop)
                assert (one.score, one.aus) == (right.score, right.aus)
            if found:
                assert np.array_equal(editor.render(found[-1], {}, onto=image), image)
                both = image
                for one in found:
                    both = editor.render(one, {"AU12": 1}, onto=both)
                assert np.array_equal(both, edited[place])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def test_the_editors_own_detector_is_used(models, pictures, tmp_path: Path) -> None:
    detector = Counting()
    editor = Editor(*models, detector=detector)
    for name in "abc":
        write_image(tmp_path / "in" / f"{name}.png", pictures[0])
    edit_photo(editor, tmp_path / "in" / "a.png", {"AU12": 1}, tmp_path / "one.png")
    assert detector.calls == 1
    done = edit_folder(editor, tmp_path / "in", {"AU12": 1}, tmp_path / "out", workers=3)
    assert (detector.calls, len(done.written)) == (4, 3)
    for name in "abc":
        assert np.array_equal(read_image(tmp_path / "out" / f"{name}.png"), read_image(tmp_path / "one.png"))
    clip = write_clip(tmp_path / "in.mp4", [0, 0.04], [picture(0.0), picture(0.04)], sound=False)
    edit_video(editor, clip, {"AU12": 1}, tmp_path / "out.mp4", workers=2)
    assert detector.calls > 4
    before = detector.calls
    read_drive(editor, clip)
    assert detector.calls > before


def test_a_folder_of_many_threads_is_that_of_one(models, pictures, tmp_path: Path) -> None:
    editor = Editor(*models)
    for i in range(CALLS):
        write_image(tmp_path / "in" / f"{i:02d}.png", pictures[i % 2])
    for workers in (1, THREADS):
        done = edit_folder(editor, tmp_path / "in", {"AU12": 1}, tmp_path / f"by-{workers}", workers=workers)
        assert len(done.written) == CALLS
    for path in sorted((tmp_path / "by-1").iterdir()):
        assert path.read_bytes() == (tmp_path / f"by-{THREADS}" / path.name).read_bytes()


def test_videos_of_many_threads_are_those_of_one(models, tmp_path: Path) -> None:
    """As GIF: the video codec's own threads do not always give the same bytes."""
    editor = Editor(*models)
    times = [0.0, 0.04, 0.08]
    clip = write_clip(tmp_path / "in.mp4", times, [picture(time) for time in times], sound=False)

    def work(number: int) -> bytes:
        edit_video(editor, clip, {"AU12": 1}, tmp_path / f"{number}.gif", workers=1)
        return (tmp_path / f"{number}.gif").read_bytes()

    alone = work(0)
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(work, range(1, THREADS + 1))) == [alone] * THREADS
