"""A face followed through a clip: where it is in each frame, and what its own Action Units are there; and a drive read in
the same way.

The clip is read once from start to end. Knowing past and future, places and AUs are then smoothed without lag, and each
frame's faces come out as `EditableFace`, faded in and out where a face comes or goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dftnet.au_sources.over_time import read_over_time
from dftnet.aus import as_dict
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace, choose, count_faces
from dftnet.editing.options import Progress, silent
from dftnet.editing.own_aus import OwnAus
from dftnet.editing.parallel import ahead
from dftnet.editing.plan import EditPlan
from dftnet.editing.timeline import Drive
from dftnet.errors import ModelError, NoFaceError, RequestError
from dftnet.faces.align import warp_to_crop
from dftnet.faces.detect import Face
from dftnet.faces.fitness import doubts
from dftnet.faces.track import Track, Tracker, matrix_of, smooth, steady_places
from dftnet.media.files import check_there
from dftnet.media.video import Clip, is_animation, is_video, open_clip

FADE = 0.2
"""Seconds over which an edit comes and goes where the face appears or is lost within a shot."""
AU_WINDOW = 0.08
"""Standard deviation of the smoothing of a face's own AUs, seconds: a blink (0.3 s) stays a blink."""
WAITING, DECODED = 64, 4
"""Faces that wait for their AUs to be read, and frames for the tracker, at most."""

Chooser = Callable[[list[Face]], list[int]]
"""Faces found (the largest first) → the positions of those to follow."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The faces of a clip, each from where it was found to where it was lost."""

    tracks: list[Track]
    aus: list[np.ndarray]
    """Of each track the AUs of its faces, float32 [n, K]."""
    count: int
    """Frames of the clip."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One face in one frame, all smoothed."""

    place: np.ndarray
    """float64 [4], see `faces.track.place_of`."""
    aus: np.ndarray
    """float32 [K]."""
    share: float
    """How much of the edit is shown, 0 to 1."""
    face: Face
    index: int

    def on(self, image: np.ndarray, size: int, names: tuple[str, ...]) -> EditableFace:
        """This face in its frame, uint8 [H, W, 3], with a crop of `size` pixels and the AUs `names`."""
        matrix = matrix_of(self.place, size)
        return EditableFace(
            image=image, index=self.index, box=self.face.box, landmarks=self.face.landmarks, score=self.face.score,
            crop=warp_to_crop(image, matrix, size), crop_from_image=matrix,
            aus=as_dict(self.aus, names), aus_from="clip",
        )  # fmt: skip


def follow(
    editor: Editor, clip: Clip, plan: EditPlan, tell: Progress = silent, what: str = "following the face"
) -> Followed:
    """The faces of a clip and their own AUs; NoFaceError where there is none, or not the one that is meant."""
    most, chosen = 0, chooser(plan)

    def choose_seen(faces: list[Face]) -> list[int]:
        nonlocal most
        most = max(most, len(faces))
        return chosen(faces)

    tracker = Tracker(editor.detector, choose_seen, plan.every)
    own: list[OwnAus] = []
    waiting: deque[Future[None]] = deque()
    count = 0
    tell(what, 0, clip.count)
    with ThreadPoolExecutor(1) as pool:
        for frame in ahead(clip.frames(), DECODED):
            for track, found in tracker(frame.number, frame.time, frame.image):
                own += [OwnAus(editor) for _ in tracker.tracks[len(own) :]]
                reader = own[next(i for i, other in enumerate(tracker.tracks) if other is track)]
                waiting.append(pool.submit(reader.read, reader.crop(frame.image, found), found, frame.time))
                if len(waiting) > WAITING:
                    waiting.popleft().result()
            count += 1
            tell(what, count, clip.count)
        tracks = tracker.finish()
        if not tracks and most:
            raise NoFaceError(
                f"the face asked for is not in {clip.path}: its frames show at most {count_faces(most)}", field="face"
            )
        if not tracks:
            raise NoFaceError(
                f"no face found in {clip.path} ({count} frames): it needs a face that looks to the camera"
            )
        for future in waiting:
            future.result()
    return Followed(tracks=tracks, aus=[one.levels for one in own], count=count)


def moments(followed: Followed) -> dict[int, list[Moment]]:
    """Frame number → the faces to edit there: smoothed places and AUs, faded where a face comes or goes."""
    found: dict[int, list[Moment]] = {}
    for track, own in zip(followed.tracks, followed.aus, strict=True):
        times = np.array(track.times)
        usable = np.array([not doubts(face, 0)[0] for face in track.faces])
        if not usable.any():
            continue
        places = steady_places(track)
        aus = np.clip(smooth(times, own, AU_WINDOW), 0, 1).astype(np.float32)
        shares = _shares(times, usable, track)
        for i, number in enumerate(track.frames):
            last = i + 1 == len(track.frames)
            gap = 1 if last else track.frames[i + 1] - number  # frames in which the face was missed are bridged
            for step in range(gap):
                t, j = step / gap, i if last else i + 1
                moment = Moment(
                    place=(1 - t) * places[i] + t * places[j] if step else places[i],
                    aus=(1 - t) * aus[i] + t * aus[j] if step else aus[i],
                    share=float((1 - t) * shares[i] + t * shares[j]) if step else float(shares[i]),
                    face=track.faces[i],
                    index=track.index,
                )
                found.setdefault(number + step, []).append(moment)
    return found


def chooser(plan: EditPlan) -> Chooser:
    """Which of the faces found a plan wants to follow."""

    def chosen(faces: list[Face]) -> list[int]:
        if plan.face == "all":
            return list(range(len(faces)))
        if plan.each:
            return [number for number in plan.each if number < len(faces)]
        fit = [not doubts(face, i)[0] for i, face in enumerate(faces)]
        place = choose(plan.face, [face.box for face in faces], fit)
        return [] if place is None else [place]

    return chosen


def read_drive(editor: Editor, path: str | Path, tell: Progress = silent) -> tuple[Drive, list[str]]:
    """The AUs of the largest face of a clip, or of a CSV (OpenFace's columns), over time; and warnings."""
    path = check_there(path, "file to be driven by")
    if path.name.lower().endswith((".csv", ".csv.gz", ".tsv", ".txt")):
        table = read_over_time(path)
        return Drive(times=table.times, aus=table.aus, names=table.names, name=path.name), table.warnings
    if not is_video(path) and not is_animation(path):
        raise RequestError(
            f"{path} is neither a video nor a CSV of Action Units; for a photo say --like", field="drive"
        )
    if not editor.reads_aus:
        raise ModelError("no AU estimator is installed with this model: drive by a CSV with OpenFace's columns")
    clip = open_clip(path)
    seen = follow(editor, clip, EditPlan(), tell, "reading the drive")
    times = np.concatenate([track.times for track in seen.tracks])
    aus = np.concatenate([smooth(np.array(t.times), a, AU_WINDOW) for t, a in zip(seen.tracks, seen.aus, strict=True)])
    order = np.argsort(times, kind="stable")
    keep = np.concatenate([[True], np.diff(times[order]) > 0])
    found = len({number for track in seen.tracks for number in track.frames})
    notes = [
        *clip.notes,
        *([f"no face in {seen.count - found} of {seen.count} frames, bridged"] * (found < seen.count)),
    ]
    drive = Drive(
        times=times[order][keep],
        aus=np.clip(aus[order][keep], 0, 1).astype(np.float32),
        names=editor.au_names,
        name=path.name,
    )
    return drive, [f"{path}: {note}" for note in notes]


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
