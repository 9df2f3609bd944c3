"""Following faces: smoothing without lag, cuts, lost faces."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.faces.align import crop_from_image
from dftnet.faces.detect import Face, FaceDetector, _surroundings
from dftnet.faces.track import Track, Tracker, matrix_of, place_of, smooth, steady, steady_places
from tests.moving_face import picture

FACE = np.array([[40, 50], [80, 50], [60, 70], [46, 92], [74, 92]], np.float32)


def test_place_and_matrix_are_inverse() -> None:
    angle = np.radians(20)
    turn = 1.4 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = FACE @ turn.T + [30, -10]
    assert np.allclose(matrix_of(place_of(points), 128), crop_from_image(points, 128), atol=1e-9)


@pytest.mark.parametrize("even", [True, False])
def test_smoothing_has_no_lag(even: bool) -> None:
    times = np.arange(60) / 25 if even else np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.07], 60))
    moving = np.stack([3 + 2 * times, 1 - times + 4 * times**2], 1)
    assert np.abs(smooth(times, moving, 0.1) - moving).max() < 0.02
    assert smooth(np.array([1.0]), np.array([[5.0]]), 0.1) == pytest.approx(5)


def test_a_head_at_rest_is_held_still_and_a_moving_one_followed() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(100) / 25
    still = rng.normal(0, 0.6, (100, 1))
    still[40] += 30  # a glitch of the detector
    held = steady(times, still)
    assert np.abs(np.diff(held[5:-5], axis=0)).max() < 0.12
    assert np.abs(np.diff(held[5:-5], 2, axis=0)).mean() < 0.05 * np.abs(np.diff(still[5:-5], 2, axis=0)).mean()
    swing = 40 * np.sin(2 * np.pi * 1.2 * times)[:, None]
    followed = steady(times, swing + rng.normal(0, 0.6, (100, 1)))
    assert np.abs(followed - swing)[5:-5].max() < 3.0


def test_steady_places_of_a_track() -> None:
    rng = np.random.default_rng(1)
    faces = [Face(np.array([30, 30, 60, 70], np.float32), FACE + rng.normal(0, 0.5, (5, 2)), 0.9) for _ in range(50)]
    places = steady_places(Track(list(range(50)), [i / 25 for i in range(50)], faces))
    raw = np.stack([place_of(face.landmarks) for face in faces])
    assert np.abs(np.diff(places, axis=0)).mean(0).max() < 0.2 * np.abs(np.diff(raw, axis=0)).mean(0).max()


class Script:
    """A detector that reads faces from a list, one entry a call."""

    def __init__(self, seen: list[list[float]]) -> None:
        self.seen, self.now = seen, -1

    def at(self, number: int) -> list[Face]:
        return [
            Face(np.array([x, 20, 40, 50], np.float32), FACE + np.array([x, 0], np.float32), 0.9)
            for x in self.seen[number]
        ]

    def __call__(self, image: np.ndarray, every: bool = False) -> list[Face]:
        return self.at(self.now)

    def follow(self, image: np.ndarray, face: Face) -> Face | None:
        return next((one for one in self.at(self.now) if abs(one.box[0] - face.box[0]) < 20), None)


def run(seen: list[list[float]], pictures: list[np.ndarray] | None = None, everybody: bool = False) -> list[Track]:
    script = Script(seen)
    tracker = Tracker(script, (lambda faces: list(range(len(faces)))) if everybody else (lambda faces: [0]))  # type: ignore[arg-type]
    for number in range(len(seen)):
        script.now = number
        tracker(number, number / 25, pictures[number] if pictures else np.zeros((60, 80, 3), np.uint8))
    return tracker.finish()


def test_the_same_person_is_followed() -> None:
    (track,) = run([[x, 200 - 0.5 * x] if x < 20 else [200 - 0.5 * x, x] for x in range(0, 40)])
    assert [face.box[0] for face in track.faces] == list(range(0, 40))
    assert (track.from_cut, track.to_cut) == (True, True)


def test_gaps_are_bridged_and_long_ones_end_a_track() -> None:
    (track,) = run([[5.0]] * 10 + [[]] * 3 + [[6.0]] * 10)
    assert len(track.frames) == 20
    first, second = run([[5.0]] * 10 + [[]] * 12 + [[6.0]] * 10)
    assert (first.frames[-1], first.to_cut, second.from_cut, second.to_cut) == (9, False, False, True)
    assert 22 <= second.frames[0] <= 24


def test_everybody() -> None:
    assert len(run([[5.0, 200.0, 400.0]] * 5, everybody=True)) == 3
    assert len(run([[5.0, 200.0]] * 30, everybody=False)) == 1


def test_a_cut_ends_a_track() -> None:
    rng = np.random.default_rng(0)
    shots = [rng.integers(0, 256, (6, 8, 3)).astype(np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(2)]
    first, second = run([[5.0]] * 20, [shots[number // 10] for number in range(20)])
    assert (first.frames[-1], first.to_cut, second.frames[0], second.from_cut) == (9, True, 10, True)


def test_following_a_real_face() -> None:
    """The detector follows the astronaut's moving head, and says no where there is none."""
    detector = FaceDetector()
    face = detector(picture(0))[0]
    for number in range(1, 6):
        image = picture(number / 25)
        following = detector.follow(image, face)
        assert following is not None
        face = following
    fresh = detector(image)[0]
    assert np.abs(face.landmarks - fresh.landmarks).max() < 2.5
    assert detector.follow(np.full((240, 320, 3), 90, np.uint8), face) is None


@pytest.mark.parametrize("side", [60, 90, 150, 200, 330])
def test_what_is_shrunk_around_a_face_stays_in_its_place(side: int) -> None:
    """A picture whose values are its columns and rows, shrunk around a face of any size, tells where each pixel came from, but for
    means that are rounded up by a half and rounded again."""
    rows, columns = np.mgrid[:255, :255]
    image = np.stack([columns, rows, rows], 2).astype(np.uint8)
    face = Face(np.array([30, 41, side, side], np.float32), np.zeros((5, 2), np.float32), 1.0)
    part, matrix = _surroundings(image, face)
    at_rows, at_columns = np.mgrid[: part.shape[0], : part.shape[1]]
    for axis, at in enumerate((at_columns, at_rows)):
        away = part[2:-2, 2:-2, axis] - (matrix[axis, axis] * at + matrix[axis, 2])[2:-2, 2:-2]
        assert away.min() > -0.1
        assert away.max() < 1.1
