"""Edit the expression of a face in a video or an animated picture, and animate a still photo.

Two passes over the clip: the first follows the face and reads its own AUs, the second, knowing all of it, edits every
frame in the smoothed place. Memory holds a few frames, whatever the length.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from dftnet.aus import Request, as_dict
from dftnet.editing.editor import EditableFace, Editor, face_at
from dftnet.editing.photo import describe_request, mark_text
from dftnet.editing.timeline import Course, Drive, as_course, read_drive_csv
from dftnet.faces.align import align, warp_to_crop
from dftnet.faces.detect import Face
from dftnet.faces.fitness import doubts
from dftnet.faces.track import Track, Tracker, matrix_of, smooth, steady_places
from dftnet.media.formats import VIDEO_SUFFIXES
from dftnet.media.image import read_image
from dftnet.media.video import Clip, ClipFrame, is_animation, open_clip
from dftnet.media.video_writer import check_clip_output, clip_writer

FADE = 0.2
"""Seconds over which an edit comes and goes where the face appears or is lost within a shot."""
AU_WINDOW = 0.08
"""Standard deviation of the smoothing of a face's own AUs, seconds: a blink (0.3 s) stays a blink."""
LONGEST_SIDE = 1920
"""Of the video that a still photo becomes, pixels."""
RATE = 25.0
HOLD = 0.5
"""Seconds that an animation stays after its last keyframe."""

Progress = Callable[[str, int, int], None]
"""Told (what is done, frames done, of how many or 0)."""


@dataclass
class VideoEdited:
    """What was done."""

    path: Path
    frames: int = 0
    edited: int = 0
    """Frames with a face edited; the others came through unchanged."""
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Moment:
    """One face in one frame, all smoothed."""

    place: np.ndarray
    aus: np.ndarray
    share: float
    """How much of the edit is shown, 0 to 1."""
    face: Face
    index: int


def edit_video(
    editor: Editor,
    video: str | Path,
    asked: Course | Request | Mapping[str, float],
    output: str | Path,
    *,
    face: int | str = "largest",
    each: Mapping[int, Course] | None = None,
    overwrite: bool = False,
    quality: int = 95,
    mark: bool = True,
    workers: int | None = None,
    on_frame: Progress = lambda what, done, count: None,
) -> VideoEdited:
    """Edit a clip (video, or animated GIF, WebP, PNG) and write `output`, its format from the ending.

    face   "largest", "all", the number of a face in the frame where it first appears (0 is the largest), or a
           place (see `Editor.read`); the same person is followed until the face is lost or the shot is cut, then chosen anew
    each   number of a face → what it shall show instead of `asked`; others are then left alone, unless `face` is "all"
    workers  threads, by default one per core; give the editor's own networks one each (threads=1)

    Sound and the time of each frame are kept. Frames without a usable face come through unchanged. The file appears
    whole or not at all. Raises ValueError (with the remedy) for a bad clip or request or where there is no face.
    """
    course = as_course(asked)
    output = check_clip_output(output, overwrite)
    clip = open_clip(video)
    courses = dict(each or {})
    tracks, own, count = _follow(editor, clip, _chooser(face, courses), on_frame)
    plan = _plan(tracks, own)
    done = VideoEdited(output, frames=count)
    done.edited = sum(any(moment.share > 0 for moment in moments) for moments in plan.values())
    _tell(done, editor, tracks, plan)
    words = "; ".join([f"{number}: {_in_words(one)}" for number, one in courses.items()]) or _in_words(course)
    comment = mark_text(words) if mark and words else None
    with clip_writer(output, clip, overwrite=overwrite, quality=quality, comment=comment) as writer:

        def render(frame: ClipFrame) -> np.ndarray | None:
            return _render(editor, frame, plan.get(frame.number, []), course, courses)

        for number, (frame, edited) in enumerate(_in_order(render, clip.frames(writer.copy), workers)):
            writer.write(frame, edited)
            on_frame("editing", number + 1, count)
    return done


def animate_photo(
    editor: Editor,
    photo: str | Path,
    asked: Course | Request | Mapping[str, float],
    output: str | Path,
    *,
    face: int | str = "largest",
    overwrite: bool = False,
    quality: int = 95,
    mark: bool = True,
    workers: int | None = None,
    on_frame: Progress = lambda what, done, count: None,
) -> VideoEdited:
    """A still photo moved by keyframes or a drive, for as long as they last; see `edit_video`."""
    course = as_course(asked)
    output = check_clip_output(output, overwrite)
    if course.constant:
        raise ValueError("an animation needs keyframes (--au AU12=0@0s,1@1.5s), --drive FILE or --sweep")
    image = read_image(photo)
    scale = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    if scale < 1:
        width, height = (round(side * scale) for side in image.shape[1::-1])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    chosen = [one for one in editor.faces(image) if not one.trouble] if face == "all" else [editor.read(image, face)]
    if not chosen:
        editor.read(image)  # says why
    if course.drive is not None and not course.keys and not course.add_keys:
        times = course.drive.times
    else:
        times = np.arange(int(np.ceil((course.seconds + HOLD) * RATE)) + 1) / RATE
    done = VideoEdited(output, len(times), len(times), [f"{len(times)} frames, {times[-1] + 1 / RATE:.1f} s"])
    done.warnings += [one.note for one in chosen if one.note]
    lasts = float(np.median(np.diff(times))) if len(times) > 1 else 1 / RATE
    comment = mark_text(_in_words(course)) if mark else None
    frames = (ClipFrame(i, float(time), image, lasts) for i, time in enumerate(times))

    def render(frame: ClipFrame) -> np.ndarray:
        result = image
        for one in chosen:
            result = editor.render(one, course.at(frame.time, one.aus), onto=result)
        return result

    rate = 1 / max(lasts, 1e-3)
    with clip_writer(output, overwrite=overwrite, quality=quality, rate=rate, comment=comment) as writer:
        for number, (frame, edited) in enumerate(_in_order(render, frames, workers)):
            writer.write(frame, edited)
            on_frame("animating", number + 1, len(times))
    return done


def read_drive(
    editor: Editor, path: str | Path, on_frame: Progress = lambda what, done, count: None
) -> tuple[Drive, list[str]]:
    """The AUs of the largest face of a clip, or of a CSV (OpenFace's columns), over time; and warnings."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file to be driven by: {path}")
    if path.name.lower().endswith((".csv", ".csv.gz", ".txt")):
        return read_drive_csv(path), []
    if path.suffix.lower() not in VIDEO_SUFFIXES and not is_animation(path):
        raise ValueError(f"{path} is neither a video nor a CSV of Action Units; for a photo say --like")
    if not editor.reads_aus:
        raise ValueError("no AU estimator is installed with this model: drive by a CSV with OpenFace's columns")
    tracks, own, count = _follow(
        editor, open_clip(path), _chooser("largest"), lambda _, *n: on_frame("reading the drive", *n)
    )
    times = np.concatenate([track.times for track in tracks])
    aus = np.concatenate([smooth(np.array(t.times), a, AU_WINDOW) for t, a in zip(tracks, own, strict=True)])
    order = np.argsort(times, kind="stable")
    keep = np.concatenate([[True], np.diff(times[order]) > 0])
    found = len({number for track in tracks for number in track.frames})
    missing = [f"{path}: no face in {count - found} of {count} frames, bridged"] if found < count else []
    drive = Drive(
        times=times[order][keep], aus=np.clip(aus[order][keep], 0, 1).astype(np.float32), names=editor.au_names
    )
    return drive, missing


def _follow(
    editor: Editor, clip: Clip, choose: Callable[[list[Face]], list[int]], on_frame: Progress
) -> tuple[list[Track], list[np.ndarray], int]:
    """First pass: the tracks, the AUs [n, K] of their faces, and the number of frames."""
    most = 0

    def choose_seen(faces: list[Face]) -> list[int]:
        nonlocal most
        most = max(most, len(faces))
        return choose(faces)

    tracker = Tracker(editor.detector, choose_seen)
    readings: list[list[Future[np.ndarray]]] = []
    count = 0
    with ThreadPoolExecutor(1) as pool:
        for frame in clip.frames():
            for track, found in tracker(frame.number, frame.time, frame.image):
                while len(readings) < len(tracker.tracks):
                    readings.append([])
                place = next(i for i, other in enumerate(tracker.tracks) if other is track)
                readings[place].append(pool.submit(_own_aus, editor, frame.image, found))
                if len(readings[place]) > 64:
                    readings[place][-64].result()  # no more than 64 frames wait
            count += 1
            on_frame("following the face", count, clip.count)
        tracks = tracker.finish()
        if not tracks and most:
            people = "1 face (number 0)" if most == 1 else f"{most} faces (0 to {most - 1}, the largest first)"
            raise ValueError(f"the face asked for is not in {clip.path}: its frames show at most {people}")
        if not tracks:
            raise ValueError(f"no face found in {clip.path} ({count} frames): it needs a face that looks to the camera")
        aus = [np.stack([future.result() for future in futures]) for futures in readings]
    return tracks, aus, count


def _own_aus(editor: Editor, image: np.ndarray, face: Face) -> np.ndarray:
    """float32 [K] in the order of the editor's `au_names`; 0 where nothing reads them."""
    try:
        if editor.read_aus is not None:
            crop = align(image, face.landmarks, editor.generator.size)[0]
            return np.clip(np.asarray(editor.read_aus(crop[None]), np.float32)[0], 0, 1)
        if editor.estimator is not None:
            crop = align(image, face.landmarks, editor.estimator.size)[0]
            read = as_dict(editor.estimator(crop[None])[0], editor.estimator.au_names)
            return np.array([read.get(name, 0.0) for name in editor.au_names], np.float32)
    except ValueError:  # landmarks that span no face: such a frame is not edited
        pass
    return np.zeros(len(editor.au_names), np.float32)


def _plan(tracks: list[Track], own: list[np.ndarray]) -> dict[int, list[_Moment]]:
    """Frame number → the faces to edit there: smoothed places and AUs, faded where a face comes or goes."""
    plan: dict[int, list[_Moment]] = {}
    for track, aus in zip(tracks, own, strict=True):
        times = np.array(track.times)
        usable = np.array([not doubts(face, 0)[0] for face in track.faces])
        if not usable.any():
            continue
        places = steady_places(track)
        aus = np.clip(smooth(times, aus, AU_WINDOW), 0, 1).astype(np.float32)
        shares = _shares(times, usable, track)
        for i, number in enumerate(track.frames):
            moment = _Moment(places[i], aus[i], float(shares[i]), track.faces[i], track.index)
            plan.setdefault(number, []).append(moment)
            if i + 1 < len(track.frames):  # bridge the frames in which the face was missed
                gap = track.frames[i + 1] - number
                for step in range(1, gap):
                    t = step / gap
                    between = _Moment(
                        (1 - t) * places[i] + t * places[i + 1],
                        (1 - t) * aus[i] + t * aus[i + 1],
                        float((1 - t) * shares[i] + t * shares[i + 1]),
                        track.faces[i],
                        track.index,
                    )
                    plan.setdefault(number + step, []).append(between)
    return plan


def _shares(times: np.ndarray, usable: np.ndarray, track: Track) -> np.ndarray:
    """[n] in [0, 1]: 0 where the face is not usable or about to be lost, 1 from FADE seconds away from there."""
    bad = list(times[~usable])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    bad += [] if track.from_cut else [times[0] - step]
    bad += [] if track.to_cut else [times[-1] + step]
    if not bad:
        return np.ones(len(times))
    away = np.abs(times[:, None] - np.array(bad)[None, :]).min(1)
    share = np.clip(away / FADE, 0, 1)
    return np.where(usable, share * share * (3 - 2 * share), 0.0)


def _render(
    editor: Editor, frame: ClipFrame, moments: list[_Moment], course: Course, each: Mapping[int, Course]
) -> np.ndarray | None:
    """The frame edited; None where nothing changes."""
    result: np.ndarray | None = None
    for moment in moments:
        if moment.share <= 0:
            continue
        own = as_dict(moment.aus, editor.au_names)
        matrix = matrix_of(moment.place, editor.generator.size)
        face = EditableFace(
            image=frame.image, index=0, box=moment.face.box, landmarks=moment.face.landmarks,
            score=moment.face.score, crop=warp_to_crop(frame.image, matrix, editor.generator.size),
            crop_from_image=matrix, aus=own, aus_from="clip",
        )  # fmt: skip
        goal = editor.target(face, each.get(moment.index, course).at(frame.time, own))
        if moment.share < 1:
            goal = {name: own[name] + moment.share * (goal[name] - own[name]) for name in goal}
        result = editor.render(face, goal, onto=result)
    return result


def _in_order(
    render: Callable[[ClipFrame], np.ndarray | None], frames: Iterator[ClipFrame], workers: int | None
) -> Iterator[tuple[ClipFrame, np.ndarray | None]]:
    """(frame, rendered) in order, a few frames at once on as many threads as cores."""
    limit = workers or os.cpu_count() or 1
    waiting: deque[tuple[ClipFrame, Future[np.ndarray | None]]] = deque()
    with ThreadPoolExecutor(limit) as pool:
        try:
            for frame in frames:
                waiting.append((frame, pool.submit(render, frame)))
                if len(waiting) > limit + 1:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _chooser(face: int | str, each: Mapping[int, Course] | None = None) -> Callable[[list[Face]], list[int]]:
    """Which of the faces found to follow."""
    text = str(face)
    if text == "all":
        return lambda faces: list(range(len(faces)))
    if each:
        numbers = list(each)
        return lambda faces: [number for number in numbers if number < len(faces)]
    if text == "largest":
        return lambda faces: [next((i for i, one in enumerate(faces) if not doubts(one, i)[0]), 0)]
    if "," in text:
        return lambda faces: [i] if (i := face_at(text, [one.box for one in faces])) is not None else []
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"face {face!r}; choose largest, all, a number from 0 (the largest), or a place X,Y") from None
    return lambda faces: [number] if 0 <= number < len(faces) else []


def _tell(done: VideoEdited, editor: Editor, tracks: list[Track], plan: dict[int, list[_Moment]]) -> None:
    if not plan or not done.edited:
        reasons = [reason for track in tracks for one in track.faces if (reason := doubts(one, 0)[0])]
        raise ValueError(reasons[0] if reasons else "the face is seen too briefly to be edited")
    people = "1 face" if len(tracks) == 1 else f"{len(tracks)} stretches of a face"
    done.lines.append(f"{people} edited in {done.edited} of {done.frames} frames")
    if done.edited < done.frames:
        done.warnings.append(f"no usable face in {done.frames - done.edited} frames; they came through unchanged")
    if not editor.reads_aus:
        done.warnings.append("this face's own AUs are unknown (no AU estimator is installed), taken as 0")


def _in_words(course: Course) -> str:
    parts = [describe_request(course.request)]
    for keys, form in ((course.keys, "{:g}"), (course.add_keys, "{:+g}")):
        for name, points in keys.items():
            values = ",".join(f"{form.format(value)}@{time:g}s" for time, value in points)
            parts.append(f"{name}={values}")
    parts += ["driven by another face"] if course.drive is not None else []
    return " ".join(part for part in parts if part)
