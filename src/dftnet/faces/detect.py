"""Find faces and their five landmarks: YuNet (MIT, Shiqi Yu).

The first look finds boxes in the image scaled to at most `max_side` pixels; a portrait's are found at 320, in a quarter of the
time. A large picture that is no portrait is
then searched tile by tile at a finer scale, for the faces that were too small. If none was found there is another look
with a border around (faces that fill the frame), a lower threshold, and quarter turns. The last pass
looks at each face again in a window of fixed size, mirrored too, so that the landmarks depend neither on the
size of the photo nor on the tilt of the head, and are steadier. A face that looks doubtful is also tried
lying and upside down: YuNet reports turned faces with upright landmarks.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import cv2
import numpy as np

from dftnet.errors import MediaError, RequestError
from dftnet.faces.yunet_network import YuNet

_MIRRORED = [1, 0, 2, 4, 3]
_WINDOW = 160
_FACE_IN_WINDOW = 72.0
_SURE = 0.9
_LOOKS = 6
_FOLLOWED = 0.5
_PORTRAIT = 8
"""A face of at least this part of the picture's longer side makes it a portrait."""
_COARSE = 320
"""Pixels a side at which a portrait is looked at first."""
_CONFIRMED = 0.6
"""Score that the look at a face again has to give, of one found at the finer scale."""
_TILE, _OVERLAP = 640, 128
"""Of the finer look, pixels there."""

MAX_SIDE, LEAST = 640, 12
"""Pixels a side at which a picture is looked at first, and that a face needs there."""
SMALLEST_FOUND = 40
"""Pixels a face has to measure to be found, however large the picture is."""


class Face(NamedTuple):
    """One face: `box` float32 [4] x, y, width, height; `landmarks` float32 [5, 2] right eye, left eye, nose,
    right mouth corner, left mouth corner (the person's right first), image pixels; `score` in [0, 1]."""

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class _Surroundings(NamedTuple):
    """The part of an image around a face, for looks at it again."""

    part: np.ndarray
    """uint8 [h, w, 3], shrunk where it is large."""
    image_from_part: np.ndarray
    """float64 [2, 3]."""


class FaceDetector:
    """`FaceDetector()(image)` → the faces of a uint8 [h, w, 3] RGB image, the largest first. One serves many threads.

    `max_side`: the image's longer side is scaled down to this before looking (a face needs 12 pixels there).
    `finer`: search pictures in which a face of 40 pixels has fewer than 12 there at a finer scale too, unless a
    larger face makes them a portrait and not every face is asked for.
    `score`: threshold of the first look; the looks after a failure use `low_score`.
    `refine`: look at each face again for better landmarks (about 3 ms a face).
    """

    def __init__(
        self,
        max_side: int = MAX_SIDE,
        score: float = 0.7,
        low_score: float = 0.5,
        refine: bool = True,
        finer: bool = True,
    ):
        if max_side < 64:
            raise RequestError(f"max_side must be at least 64 pixels, got {max_side}")
        self.max_side, self.score, self.low_score = max_side, score, low_score
        self.refine, self.finer = refine, finer
        self._boxes = YuNet(low_score, 0.3)
        self._opinions = YuNet(0.3, 1.0)  # every anchor's opinion on the landmarks, to be averaged

    def __call__(self, image: np.ndarray, max_side: int | None = None, every: bool = False) -> list[Face]:
        """Faces of uint8 [h, w, 3], largest box first; an empty list where there is none.

        `max_side` for this picture alone, which is then searched at no finer scale. `every`: the small faces beside a portrait
        are wanted too (which takes a portrait of 24 megapixels three times as long).
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise MediaError(f"expected a uint8 RGB image [h, w, 3], got {image.dtype} {list(image.shape)}")
        if min(image.shape[:2]) < 8:
            return []
        image, side = np.ascontiguousarray(image), max_side or self.max_side
        faces = self._first_look(image, side, every)
        if self.finer and max_side is None:
            faces = [*faces, *self._finer_look(image, faces, every)]
        faces = faces or self._last_look(image, side)
        if self.refine:
            faces = _distinct([self._second_look(image, face) for face in faces])
        return sorted(faces, key=lambda face: -float(face.box[2] * face.box[3]))

    def follow(self, image: np.ndarray, face: Face) -> Face | None:
        """The face of the previous frame of a clip in this one, looked for near its old place; None if it is not there.

        `image` is uint8 [h, w, 3]. About 2 ms, whatever the size of the image.
        """
        near, angle = _surroundings(image, face), _roll(face.landmarks)
        seen = None
        for _ in range(2):
            seen = self._in_window(near, face, angle)
            if seen is None or seen.score < _FOLLOWED:
                return None
            left = (_roll(seen.landmarks) - angle + np.pi) % (2 * np.pi) - np.pi
            if abs(left) < 0.02:
                break
            angle += float(np.clip(2.0 * left, -0.6, 0.6))
        assert seen is not None
        return seen._replace(box=_moved_box(face, seen.landmarks))

    def _first_look(self, image: np.ndarray, side: int, every: bool) -> list[Face]:
        """A portrait's faces as a coarse look shows them, the small ones beside them only where `every` face is wanted; else those
        of a look at `side` pixels."""
        longest = max(image.shape[:2])
        if min(side, longest) <= _COARSE:
            return self._scaled(image, side, 0.0, self.score)
        seen = self._scaled(image, _COARSE, 0.0, self.score)
        large = [face for face in seen if max(face.box[2:]) * _PORTRAIT >= longest]
        if large and not every:
            return seen
        closer = self._scaled(image, side, 0.0, self.score)
        return [*large, *(face for face in closer if not any(_same_place(face, other) for other in large))]

    def _last_look(self, image: np.ndarray, side: int) -> list[Face]:
        """Where nothing was found: faces that fill the frame, are hard to see, or lie on the side or upside down."""
        faces = self._scaled(image, min(side, 320), 0.25, self.low_score)
        if not faces and side > 320:
            faces = self._scaled(image, side, 0.1, self.low_score)
        for turns in (1, 3, 2):
            if faces:
                break
            turned = np.ascontiguousarray(np.rot90(image, turns))
            faces = [_turn_back(f, turns, image.shape) for f in self._scaled(turned, 320, 0.25, self.score)]
        return faces

    def _scaled(self, image: np.ndarray, side: int, border: float, score: float) -> list[Face]:
        """Detect in `image` scaled so that its longer side, with a border (a fraction of it), fits `side`."""
        height, width = image.shape[:2]
        scale = min(1.0, side / (max(height, width) * (1 + 2 * border)))
        if max(height, width) < 96:
            scale = 96 / max(height, width)
        small = image
        if scale != 1.0:
            small = _resized(image, (max(1, round(width * scale)), max(1, round(height * scale))))
        pad = round(border * max(small.shape[:2]))
        if pad:
            small = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        ratio = np.array([width / (small.shape[1] - 2 * pad), height / (small.shape[0] - 2 * pad)], np.float32)
        return [_face(row, np.full(2, -pad, np.float32), ratio) for row in self._boxes(small) if row[14] >= score]

    def _finer_look(self, image: np.ndarray, known: list[Face], every: bool) -> list[Face]:
        """The faces beside those `known` that show only at a finer scale, where the picture may hold some; a portrait is
        passed over, unless `every` face is wanted."""
        height, width = image.shape[:2]
        longest, scale = max(height, width), LEAST / SMALLEST_FOUND
        portrait = any(max(face.box[2:]) * _PORTRAIT >= longest for face in known)
        if (portrait and not every) or self.max_side / longest >= scale:
            return []
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = _resized(image, size)
        ratio = np.array([width / size[0], height / size[1]], np.float32)
        found: list[Face] = []
        for x, y in itertools.product(_starts(size[0]), _starts(size[1])):
            tile = np.ascontiguousarray(small[y : y + _TILE, x : x + _TILE])
            found += [
                _face(row, np.array([x, y], np.float32), ratio) for row in self._boxes(tile) if row[14] >= self.score
            ]
        new: list[Face] = []
        for face in sorted(found, key=lambda face: -face.score):
            small_enough = max(face.box[2:]) * scale <= _OVERLAP  # a larger one would have been seen before
            if small_enough and not any(_same_place(face, other) for other in (*known, *new)):
                new.append(face)
        again = [(face, self._upright(_surroundings(image, face), face, _roll(face.landmarks))) for face in new]
        return [face for face, seen in again if seen is not None and seen.score >= _CONFIRMED]

    def _second_look(self, image: np.ndarray, face: Face) -> Face:
        """The same face with landmarks averaged over a window of fixed size and its mirror image."""
        near = _surroundings(image, face)
        best = self._upright(near, face, _roll(face.landmarks))
        if best is None or best.score < _SURE:
            for turn in (0.5 * np.pi, -0.5 * np.pi, np.pi):
                other = self._in_window(near, face, turn)
                if other is not None and (best is None or other.score > best.score + 0.02):
                    best = self._upright(near, face, turn) or best
        return face if best is None else best

    def _upright(self, near: _Surroundings, face: Face, angle: float) -> Face | None:
        """Turns the window until the face in it looks upright.

        Of a tilted face YuNet reports only about half the tilt, so each look corrects by twice what it sees.
        """
        best = None
        for look in range(_LOOKS):
            seen = self._in_window(near, face, angle)
            if seen is None:
                return best
            best = seen
            left = (_roll(seen.landmarks) - angle + np.pi) % (2 * np.pi) - np.pi
            if abs(left) < (0.004 if look < 2 else 0.08):
                break
            angle += float(np.clip(2.0 * left, -0.6, 0.6))
        return best

    def _in_window(self, near: _Surroundings, face: Face, angle: float) -> Face | None:
        """What a window turned by `angle` (radians) and its mirror image show of `face`; None if nothing."""
        window_from_image = _upright_window(_centre(face), angle, _window_scale(face))
        matrix = window_from_image @ np.vstack([near.image_from_part, [0, 0, 1]])
        window = cv2.warpAffine(
            near.part, matrix, (_WINDOW, _WINDOW), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        found, scores = [], []
        for mirror in (False, True):
            view = cv2.flip(window, 1) if mirror else window
            seen = _consensus(self._opinions(view))
            if seen is None:
                continue
            points = seen.landmarks.astype(np.float64)
            if mirror:
                points = points[_MIRRORED]
                points[:, 0] = _WINDOW - 1 - points[:, 0]
            found.append(points)
            scores.append(seen.score)
        if not found:
            return None
        linear = np.linalg.inv(window_from_image[:, :2])
        landmarks = (np.mean(found, axis=0) - window_from_image[:, 2]) @ linear.T
        return Face(face.box, landmarks.astype(np.float32), float(np.mean(scores)))


def _face(row: np.ndarray, offset: np.ndarray, ratio: np.ndarray) -> Face:
    """A row of YuNet's, found in a part that begins at `offset` of a picture scaled by 1 / `ratio` (x, y)."""
    landmarks = (row[4:14].reshape(5, 2) + offset + 0.5) * ratio - 0.5
    box = np.concatenate([(row[:2] + offset + 0.5) * ratio - 0.5, row[2:4] * ratio])
    return Face(box.astype(np.float32), landmarks.astype(np.float32), float(row[14]))


def _starts(side: int) -> list[int]:
    """Where the tiles of a side begin: evenly, overlapping by _OVERLAP or more."""
    count = max(1, math.ceil((side - _OVERLAP) / (_TILE - _OVERLAP)))
    return [round(start) for start in np.linspace(0, max(0, side - _TILE), count)]


def _same_place(face: Face, other: Face) -> bool:
    """Whether the middle of one lies in the box of the other."""
    for one, two in ((face, other), (other, face)):
        middle = one.box[:2] + one.box[2:] / 2
        if bool((middle >= two.box[:2]).all() and (middle <= two.box[:2] + two.box[2:]).all()):
            return True
    return False


def _moved_box(face: Face, landmarks: np.ndarray) -> np.ndarray:
    """The box of `face` moved and scaled as its landmarks went to `landmarks`."""
    before, after = face.landmarks.astype(np.float64), landmarks.astype(np.float64)
    spread = [float(np.linalg.norm(points - points.mean(0))) for points in (before, after)]
    scale = float(np.clip(spread[1] / max(spread[0], 1e-6), 0.8, 1.25))
    corner = after.mean(0) + scale * (face.box[:2] - before.mean(0))
    return np.concatenate([corner, scale * face.box[2:]]).astype(np.float32)


def _roll(landmarks: np.ndarray) -> float:
    """How far a face is turned (radians, clockwise in the image): mean of eye line and eyes-to-mouth line."""
    points = landmarks.astype(np.float64)
    across = points[1] - points[0]
    down = (points[3] + points[4]) / 2 - (points[0] + points[1]) / 2
    total = across + np.array([down[1], -down[0]])
    return float(np.arctan2(total[1], total[0]))


def _upright_window(centre: np.ndarray, angle: float, scale: float) -> np.ndarray:
    """window_from_image, float64 [2, 3]: turned by -angle (radians), scaled, `centre` in the middle."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, s], [-s, c]])
    middle = np.full(2, (_WINDOW - 1) / 2)
    return np.hstack([linear, (middle - linear @ centre.astype(np.float64))[:, None]])


def _centre(face: Face) -> np.ndarray:
    """The middle of its box, [2]."""
    return face.box[:2] + face.box[2:] / 2


def _window_scale(face: Face) -> float:
    """Pixels of the window for each of the image."""
    return _FACE_IN_WINDOW / max(1.0, float(np.sqrt(face.box[2] * face.box[3])))


def _surroundings(image: np.ndarray, face: Face) -> _Surroundings:
    """What windows around a face can show, however turned; shrunk once for all of them where it is large."""
    scale = _window_scale(face)
    reach = 0.75 * _WINDOW / scale
    low = np.maximum(np.floor(_centre(face) - reach).astype(int), 0)
    high = np.ceil(_centre(face) + reach).astype(int) + 1
    part = image[low[1] : high[1], low[0] : high[0]]
    fx = fy = 1.0
    if scale < 0.7:
        size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
        fx, fy = part.shape[1] / size[0], part.shape[0] / size[1]
        part = _resized(part, size)
    image_from_part = np.array([[fx, 0, 0.5 * fx - 0.5 + low[0]], [0, fy, 0.5 * fy - 0.5 + low[1]]])
    return _Surroundings(np.ascontiguousarray(part), image_from_part)


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [h, w, 3] at another size (width, height): shrunk by a whole number, by means, and linearly by what is left, which
    takes a fifth of the time of means alone."""
    (height, width), k = image.shape[:2], max(1, min(image.shape[1] // size[0], image.shape[0] // size[1]))
    if k > 1:
        whole = image[: height // k * k, : width // k * k]
        image = cv2.resize(whole, (width // k, height // k), interpolation=cv2.INTER_AREA)
    fx, fy = width / (k * size[0]), height / (k * size[1])
    back = np.array([[fx, 0, 0.5 * fx - 0.5], [0, fy, 0.5 * fy - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, back, size, flags=how, borderMode=cv2.BORDER_REPLICATE)


def _consensus(rows: np.ndarray) -> Face | None:
    """The face in the middle of the window: the mean, weighted by score, of all anchors that agree on its box."""
    off_centre = np.abs(rows[:, :2] + rows[:, 2:4] / 2 - (_WINDOW - 1) / 2).max(1)
    height = rows[:, 3] / _FACE_IN_WINDOW
    rows = rows[(off_centre < 0.35 * _FACE_IN_WINDOW) & (height > 0.5) & (height < 2.0)]
    if len(rows) == 0:
        return None
    best = rows[np.argmax(rows[:, 14])]
    low = np.maximum(rows[:, :2], best[:2])
    high = np.minimum(rows[:, :2] + rows[:, 2:4], best[:2] + best[2:4])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    union = rows[:, 2] * rows[:, 3] + best[2] * best[3] - common
    agreeing = rows[common > 0.5 * union]
    mean = np.average(agreeing, axis=0, weights=agreeing[:, 14])
    return Face(mean[:4], mean[4:14].reshape(5, 2), float(best[14]))


def _distinct(faces: list[Face]) -> list[Face]:
    """Drops a face whose refined landmarks coincide with those of a better one."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        reach = 0.25 * float(max(face.box[2:]))
        if all(np.abs(face.landmarks - other.landmarks).max() > reach for other in kept):
            kept.append(face)
    return kept


def _turn_back(face: Face, turns: int, shape: tuple[int, ...]) -> Face:
    """A face found in np.rot90(image, turns), in pixels of the image of `shape`."""
    height, width = shape[:2]
    corners = np.stack([face.box[:2], face.box[:2] + face.box[2:]])

    def back(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        if turns == 1:
            return np.stack([width - 1 - y, x], 1)
        if turns == 2:
            return np.stack([width - 1 - x, height - 1 - y], 1)
        return np.stack([y, height - 1 - x], 1)

    turned = back(corners)
    low, high = turned.min(0), turned.max(0)
    return Face(
        np.concatenate([low, high - low]).astype(np.float32),
        back(face.landmarks).astype(np.float32),
        face.score,
    )
