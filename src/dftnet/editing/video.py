"""Edit the expression of a face in a video or an animated picture, and animate a still photo.

Two passes over the clip: the first follows the face and reads its own AUs, the second, knowing all of it, edits every
frame in the smoothed place. Memory holds a few frames, whatever the length.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dftnet.aus import as_dict
from dftnet.editing.editor import Editor, as_pixels
from dftnet.editing.eyes import asks_to_open, lids_kept
from dftnet.editing.following import Followed, Moment, follow, moments
from dftnet.editing.options import Progress, Report, SaveOptions, silent
from dftnet.editing.outputs import original_kept
from dftnet.editing.parallel import in_order
from dftnet.editing.photo import chosen_faces
from dftnet.editing.plan import Asked, EditPlan, as_plan
from dftnet.editing.request import Request, target
from dftnet.editing.wording import clip_mark, describe_plan
from dftnet.errors import RequestError, UnfitFaceError
from dftnet.faces.fitness import doubts
from dftnet.media.files import readers_of
from dftnet.media.image import first_alone, read_image
from dftnet.media.video import ClipFrame, Wanted, every_frame, open_clip
from dftnet.media.video_writer import check_clip_output, clip_writer

LONGEST_SIDE = 1920
"""Of the video that a still photo becomes, pixels."""
RATE = 25.0
HOLD = 0.5
"""Seconds that an animation stays after its last keyframe."""


def edit_video(
    editor: Editor,
    video: str | Path,
    asked: Asked,
    output: str | Path,
    *,
    save: SaveOptions = SaveOptions(),
    workers: int | None = None,
    tell: Progress = silent,
) -> Report:
    """Edit a clip (video, or animated GIF, WebP, PNG) and write `output`, its format from the ending.

    The same person is followed until the face is lost or the shot is cut, then chosen anew; a number means the face in the
    frame where it first appears. `workers`: threads, by default one per core; give the editor's own networks one each.

    Sound and the time of each frame are kept. Frames without a usable face come through unchanged. The file appears
    whole or not at all. Raises DftnetError (with the remedy) for a bad clip or request or where there is no face.
    """
    plan, output = as_plan(asked), check_clip_output(output, save.overwrite)
    clip = open_clip(video)
    followed = follow(editor, clip, plan, tell)
    seen = moments(followed)
    done = Report(path=output, written=[str(output)], frames=followed.count)
    done.edited = sum(any(moment.share > 0 for moment in one) for one in seen.values())
    _describe(done, editor, followed, seen)
    _tell_of_closed_eyes(done, editor, followed, seen, plan)
    words = describe_plan(plan)
    comment = clip_mark(words) if save.mark and words else None
    with (
        original_kept(video, output),
        clip_writer(output, clip, overwrite=save.overwrite, quality=save.quality, comment=comment) as writer,
    ):

        def render(frame: ClipFrame) -> np.ndarray | None:
            return render_frame(editor, frame, seen.get(frame.number, []), plan)

        tell("editing", 0, followed.count)
        for number, (frame, edited) in enumerate(in_order(render, clip.frames(writer.copy), workers)):
            writer.write(frame, edited)
            tell("editing", number + 1, followed.count)
    done.warn(*clip.notes, *writer.notes)
    return done


class Frames:
    """Pictures in memory as a Clip."""

    path = Path("these frames")

    def __init__(self, images: Sequence[np.ndarray], rate: float) -> None:
        self.images, self.rate, self.count = images, rate, len(images)
        self.notes: list[str] = []

    def frames(self, other: Callable[[Any], None] | None = None, wanted: Wanted = every_frame) -> Iterator[ClipFrame]:
        """See Clip."""
        for number, image in enumerate(self.images):
            if wanted(number, number / self.rate):
                yield ClipFrame(number, number / self.rate, image, 1 / self.rate)


def edit_frames(
    images: Sequence[np.ndarray],
    asked: Asked,
    *,
    editor: Editor,
    rate: float = RATE,
    workers: int | None = None,
    tell: Progress = silent,
) -> Iterator[np.ndarray]:
    """The frames of a clip that is in memory, uint8 RGB [H, W, 3], edited as `edit` does with a file: the face is followed
    through all of them and smoothed; `rate` is frames a second. Frames without a usable face come through as they are.

    Raises NoFaceError where none shows the face.
    """
    if not (np.isfinite(rate) and rate > 0):
        raise RequestError(f"{rate:g} frames a second; give a number above 0", field="rate")
    plan, clip = as_plan(asked), Frames([as_pixels(image) for image in images], rate)
    plan.check_units(editor.au_names)
    seen = moments(follow(editor, clip, plan, tell))

    def render(frame: ClipFrame) -> np.ndarray | None:
        return render_frame(editor, frame, seen.get(frame.number, []), plan)

    for number, (frame, edited) in enumerate(in_order(render, clip.frames(), workers)):
        yield frame.image.copy() if edited is None else edited
        tell("editing", number + 1, clip.count)


def animate_photo(
    editor: Editor,
    photo: str | Path,
    asked: Asked,
    output: str | Path,
    *,
    save: SaveOptions = SaveOptions(),
    workers: int | None = None,
    tell: Progress = silent,
) -> Report:
    """A still photo moved by keyframes or a drive, for as long as they last; see `edit_video`."""
    plan, output = as_plan(asked), check_clip_output(output, save.overwrite)
    if not plan.timed:
        raise RequestError("an animation needs keyframes (--au AU12=0@0s,1@1.5s), --drive FILE or --sweep")
    image = read_image(photo)
    scale = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    if scale < 1:
        width, height = (round(side * scale) for side in image.shape[1::-1])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    chosen = [
        face
        for face in editor.with_aus(chosen_faces(editor.find(image, plan.every), plan, image.shape))
        if not face.trouble
    ]
    times = _times(plan)
    requests = {face.index: [plan.of(face.index).at(time, face.aus) for time in times] for face in chosen}
    done = Report(path=output, written=[str(output)], frames=len(times), edited=len(times))
    done.lines.append(f"{len(times)} frames, {times[-1] + 1 / RATE:.1f} s")
    done.warn(first_alone(Path(photo)), *[face.note for face in chosen])
    done.warn(*[editor.goal(face, asked)[1] for face in chosen for asked in requests[face.index]])
    lasts = float(np.median(np.diff(times))) if len(times) > 1 else 1 / RATE
    comment = clip_mark(describe_plan(plan)) if save.mark else None
    frames = (ClipFrame(i, float(time), image, lasts) for i, time in enumerate(times))

    def render(frame: ClipFrame) -> np.ndarray:
        result = image.copy()
        for face in chosen:
            editor.render_patch(face, requests[face.index][frame.number], onto=result).put(result)
        return result

    rate = 1 / max(lasts, 1e-3)
    with clip_writer(
        output, overwrite=save.overwrite, quality=save.quality, rate=rate, comment=comment, readers=readers_of(photo)
    ) as writer:
        tell("animating", 0, len(times))
        for number, (frame, edited) in enumerate(in_order(render, frames, workers)):
            writer.write(frame, edited)
            tell("animating", number + 1, len(times))
    return done


def render_frame(editor: Editor, frame: ClipFrame, faces: Sequence[Moment], plan: EditPlan) -> np.ndarray | None:
    """The frame edited; None where nothing changes."""
    result: np.ndarray | None = None
    for moment in faces:
        if moment.share <= 0:
            continue
        face = moment.on(frame.image, editor.generator.size, editor.au_names)
        goal, _ = _goal(editor, moment, _request(editor, moment, frame.time, plan))
        if moment.share < 1:
            goal = (moment.aus + moment.share * (goal.astype(np.float64) - moment.aus)).astype(np.float32)
        result = frame.image.copy() if result is None else result
        editor.patch_aus(face, goal, onto=result).put(result)
    return result


def _request(editor: Editor, moment: Moment, time: float, plan: EditPlan) -> Request:
    """What is asked of a face at a time in seconds."""
    return plan.of(moment.index).at(time, as_dict(moment.aus, editor.au_names))


def _goal(editor: Editor, moment: Moment, asked: Request) -> tuple[np.ndarray, list[str]]:
    """The AUs to aim at in a frame, float32 [K], and the closed lids that it leaves as they are."""
    goal = target(moment.aus, asked, editor.au_names)
    return (goal, []) if editor.opens_eyes else lids_kept(moment.aus, goal, editor.au_names)


def _times(plan: EditPlan) -> np.ndarray:
    """float64 [n], seconds: the frames of a photo that moves; a drive's own where nothing else does."""
    timelines = [plan.common, *plan.each.values()]
    drive = plan.common.drive
    if drive is not None and not any(one.keys or one.add_keys for one in timelines):
        return drive.times
    seconds = max(one.seconds for one in timelines)
    return np.arange(int(np.ceil((seconds + HOLD) * RATE)) + 1) / RATE


def _tell_of_closed_eyes(
    done: Report, editor: Editor, followed: Followed, seen: dict[int, list[Moment]], plan: EditPlan
) -> None:
    """A warning where eyes stay closed in some frames; UnfitFaceError where they are asked to open and are closed in all."""
    times = {n: t for track in followed.tracks for n, t in zip(track.frames, track.times, strict=True)}
    kept = refused = 0
    for number, faces in seen.items():
        shown = [moment for moment in faces if moment.share > 0]
        asked = [_request(editor, moment, times.get(number, 0.0), plan) for moment in shown]
        lids = [_goal(editor, moment, request)[1] for moment, request in zip(shown, asked, strict=True)]
        kept += any(lids)
        refused += bool(shown) and all(map(functools.partial(asks_to_open, names=editor.au_names), lids, asked))
    if kept and refused == done.edited:
        raise UnfitFaceError(
            "the eyes read closed in all frames, and this model cannot open them: leave AU45 out, or take a clip with open eyes",
            field="au",
        )
    if kept:
        done.warn(
            f"the eyes read closed in {kept} of {done.edited} frames and stay so there: this model cannot open them"
        )


def _describe(done: Report, editor: Editor, followed: Followed, seen: dict[int, list[Moment]]) -> None:
    if not seen or not done.edited:
        reasons = [reason for track in followed.tracks for one in track.faces if (reason := doubts(one, 0)[0])]
        raise UnfitFaceError(reasons[0] if reasons else "the face is seen too briefly to be edited")
    people = "1 face" if len(followed.tracks) == 1 else f"{len(followed.tracks)} stretches of a face"
    done.lines.append(f"{people} edited in {done.edited} of {done.frames} frames")
    if done.edited < done.frames:
        done.warn(f"no usable face in {done.frames - done.edited} frames; they came through unchanged")
    if not editor.reads_aus:
        done.warn("this face's own AUs are unknown (no AU estimator is installed), taken as 0")
