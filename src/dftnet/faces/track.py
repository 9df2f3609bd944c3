"""Follow faces through a clip, and smooth where they were seen without lag.

    tracker = Tracker(FaceDetector())
    for frame in clip.frames():
        tracker(frame.number, frame.time, frame.image)
    for track in tracker.tracks:
        places = steady_places(track)        # float64 [n, 4]: x, y, log of the size, angle

Landmarks of single frames tremble by about one percent of the face. Smoothing looks at the past and the future alike
(local polynomials in time, any frame rate, gaps too), so that a moving head is not left behind; a head at rest is held
still by a wide window, a moving one is followed by a narrow window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from dftnet.faces.align import crop_from_image
from dftnet.faces.detect import Face, FaceDetector
from dftnet.faces.template import TRACKED

LOOK_EVERY = 12
"""Frames after which the whole picture is searched again."""
SAME = 0.3
"""Intersection over union from which a found face is the followed one."""
MISSES = 5
"""Frames without the face until it counts as lost; shorter gaps are bridged."""
CUT, CUT_RATIO = 0.09, 4.0
"""A cut: the picture changes by more than this share of white, and so many times more than it did lately."""
NARROW, WIDE = 0.06, 0.22
"""Standard deviations of the smoothing windows, seconds."""
TREMBLE = np.array([0.006, 0.006, 0.008, 0.008])
"""What counts as trembling: x and y in face sizes, log of the size, angle in radians."""
MIDDLE = np.array(TRACKED)
"""The place of the crop whose position is smoothed, as a fraction."""


@dataclass
class Track:
    """One face in consecutive frames of one shot (frames where it was not seen for a moment are left out)."""

    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    from_cut: bool = False
    """It begins with a shot (or the clip), not in the middle of one."""
    to_cut: bool = False
    """It ends with a shot (or the clip)."""
    index: int = 0
    """Its number among the faces of the frame where it was found, 0 the largest."""
    misses: int = 0


class Tracker:
    """Give it all frames in order; `tracks` grows.

    choose   which of the faces found (largest first) to follow when none is followed: their positions in the list
    every    whether small faces beside a large one are looked for too
    """

    def __init__(
        self,
        detector: FaceDetector,
        choose: Callable[[list[Face]], list[int]] = lambda faces: [0],
        every: bool = False,
    ) -> None:
        self.detector, self.choose, self.every = detector, choose, every
        self.tracks: list[Track] = []
        self._active: list[Track] = []
        self._last: np.ndarray | None = None
        self._usual = 0.0
        self._looked = -LOOK_EVERY
        self._fresh = True
        """No frame of the shot was searched yet."""

    def __call__(self, number: int, time: float, image: np.ndarray) -> list[tuple[Track, Face]]:
        """The followed faces of this frame."""
        if self._is_cut(image):
            for track in self._active:
                track.to_cut = track.misses == 0
            self._active, self._fresh = [], True
        seen: dict[int, Face] = {}
        for place, track in enumerate(self._active):
            found = self.detector.follow(image, track.faces[-1]) if track.misses == 0 else None
            if found is not None:
                seen[place] = found
        waiting = len(seen) < len(self._active)
        if waiting or number - self._looked >= (LOOK_EVERY if self._active else 3) or self._fresh:
            seen = self._look(number, time, image, seen)
        self._fresh = False
        for place, face in seen.items():
            track = self._active[place]
            track.frames.append(number)
            track.times.append(time)
            track.faces.append(face)
        for place, track in enumerate(self._active):
            track.misses = 0 if place in seen else track.misses + 1
        result = [(self._active[place], face) for place, face in seen.items()]
        self._active = [track for track in self._active if track.misses <= MISSES]
        return result

    def finish(self) -> list[Track]:
        """All tracks, the clip being over."""
        for track in self._active:
            track.to_cut = track.misses == 0
        self._active = []
        return self.tracks

    def _look(self, number: int, time: float, image: np.ndarray, seen: dict[int, Face]) -> dict[int, Face]:
        """Search the whole picture: confirm the faces followed, find those that are missing, take up new ones."""
        self._looked = number
        faces = self.detector(image, every=self.every)
        free = set(range(len(faces)))
        kept: dict[int, Face] = {}
        for place, track in enumerate(self._active):
            box = (seen.get(place) or track.faces[-1]).box
            best = max(free, key=lambda i: overlap(box, faces[i].box), default=None)
            if best is not None and overlap(box, faces[best].box) >= SAME:
                free.discard(best)
                kept[place] = seen.get(place) or faces[best]
        if faces:
            for index in self.choose(faces):
                several = len(self.choose(faces)) > 1
                if index in free and (several or not self._active):
                    self._active.append(Track(from_cut=self._fresh, index=index))
                    self.tracks.append(self._active[-1])
                    kept[len(self._active) - 1] = faces[index]
        return kept

    def _is_cut(self, image: np.ndarray) -> bool:
        height, width = image.shape[:2]
        step = max(1, min(height, width) // 120)
        small = cv2.resize(np.ascontiguousarray(image[::step, ::step]), (32, 24), interpolation=cv2.INTER_AREA)
        now, before = small.astype(np.float32) / 255, self._last
        self._last = now
        if before is None:
            return False
        change = float(np.abs(now - before).mean())
        cut = change > CUT and change > CUT_RATIO * self._usual
        self._usual = self._usual if cut else 0.8 * self._usual + 0.2 * change
        return cut


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    return common / max(float(np.prod(a[2:]) + np.prod(b[2:])) - common, 1e-9)


def place_of(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks [5, 2] → float64 [4]: x, y of the crop's middle, log of the crop's size in pixels, angle (radians)."""
    matrix = crop_from_image(landmarks, 1)
    linear = np.linalg.inv(matrix[:, :2])
    middle = linear @ (MIDDLE - 0.5 - matrix[:, 2])
    return np.array([*middle, np.log(np.hypot(*linear[:, 0])), np.arctan2(linear[1, 0], linear[0, 0])])


def matrix_of(place: np.ndarray, size: int) -> np.ndarray:
    """crop_from_image, float64 [2, 3], of a place (see `place_of`) for a crop of `size` pixels."""
    scale, angle = size * np.exp(-place[2]), -place[3]
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.hstack([linear, (MIDDLE * size - 0.5 - linear @ place[:2])[:, None]])


def steady_places(track: Track) -> np.ndarray:
    """Where the crop is in each frame of the track, smoothed: float64 [n, 4], see `place_of`."""
    places = np.stack([place_of(face.landmarks) for face in track.faces])
    places[:, 3] = np.unwrap(places[:, 3])
    size = float(np.exp(np.median(places[:, 2])))
    unit = TREMBLE * np.array([size, size, 1, 1])
    return steady(np.array(track.times), places / unit) * unit


def steady(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """values [n, c] in units of their trembling, at times [n] in seconds → smoothed, float64 [n, c].

    The wide window where it differs by no more than trembling from the narrow one, else the narrow one.
    """
    narrow = smooth(times, values, NARROW, robust=True)
    wide = smooth(times, narrow, WIDE)
    away = smooth(times, np.abs(wide - narrow), NARROW, order=0)
    share = np.clip((away - 0.7) / 1.3, 0, 1)
    share = share * share * (3 - 2 * share)
    return wide + share * (narrow - wide)


def smooth(times: np.ndarray, values: np.ndarray, sigma: float, order: int = 2, robust: bool = False) -> np.ndarray:
    """Local polynomials of `order` with Gaussian weights of `sigma` seconds: values [n, c] → float64 [n, c].

    No lag, and a motion of constant acceleration passes unchanged. `robust` gives single outliers little weight.
    """
    times, values = np.asarray(times, np.float64), np.asarray(values, np.float64)
    n = len(times)
    low = np.searchsorted(times, times - 3 * sigma, "left")
    high = np.searchsorted(times, times + 3 * sigma, "right")
    at = low[:, None] + np.arange(int((high - low).max()))[None, :]
    inside = at < high[:, None]
    at = np.minimum(at, n - 1)
    step = (times[at] - times[:, None]) / sigma
    weight = np.where(inside, np.exp(-0.5 * step**2), 0.0)
    basis = step[..., None] ** np.arange(order + 1)
    trust = np.ones(n)
    for turn in range(2 if robust else 1):
        weighted = basis * (weight * trust[at])[..., None]
        normal = np.einsum("nmp,nmq->npq", weighted, basis) + 1e-3 * np.diag([1e-6] + [1.0] * order)
        right = np.einsum("nmp,nmc->npc", weighted, values[at])
        fit = np.linalg.solve(normal, right)[:, 0]
        if robust and turn == 0:
            off = np.abs(values - fit).max(1)
            limit = max(4.0, 6 * 1.4826 * float(np.median(off)))
            trust = np.clip(1 - (off / limit) ** 2, 0.05, 1) ** 2
    return fit
