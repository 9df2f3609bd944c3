"""The verb `edit`: a photo, a folder of photos, a clip, a photo that is to move, or a sweep; decided here, once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dftnet.editing.editor import Editor
from dftnet.editing.folder import check_folder_output, edit_folder
from dftnet.editing.following import read_drive
from dftnet.editing.options import Progress, Report, SaveOptions, silent
from dftnet.editing.photo import check_output, edit_photo, like_photo
from dftnet.editing.plan import Asked, EditPlan, as_plan
from dftnet.editing.sweep import check_sweep_output, sweep_photo
from dftnet.editing.timeline import Drive
from dftnet.editing.video import animate_photo, default_clip_output, edit_video
from dftnet.errors import RequestError
from dftnet.media.formats import CLIP_SUFFIXES, VIDEO_SUFFIXES
from dftnet.media.video import is_animation
from dftnet.media.video_writer import check_clip_output

Kind = Literal["photo", "folder", "clip", "moving photo", "sweep"]


def edit(
    source: str | Path,
    asked: Asked,
    output: str | Path | None = None,
    *,
    editor: Editor | str | Path | None = None,
    save: SaveOptions = SaveOptions(),
    maps: str | Path | None = None,
    threads: int | None = None,
    tell: Progress = silent,
) -> Report:
    """Edit a photo, a folder of photos, or a clip, and write `output` (by default beside it, NAME-edited.…).

        edit("photo.jpg", {"AU12": 0.8}, "out.png")
        edit("photos/", Request(emotion="happiness"), "happy/")
        edit("clip.mp4", Timeline(keys={"AU12": [(0, 0), (1.5, 1)]}), "out.mp4")

    asked    what the largest face shall show, or an EditPlan: which faces, and what each of them
    editor   an Editor, or the model directory (or shipped name) of one; by default the shipped weights
    maps     a folder for pictures of flow, attention and texture; for single photos
    threads  by default one a core

    Raises DftnetError or OSError, with the remedy; then nothing is written.
    """
    source, plan = Path(source), as_plan(asked)
    if plan.empty:
        raise RequestError(
            "nothing is asked for; say --au AU12=0.8, --add, --neutral, --emotion, --like, --drive or --sweep"
        )
    if threads is not None and threads < 1:
        raise RequestError(f"threads is {threads}; give 1 or more, or nothing for one per core", field="threads")
    kind = kind_of(source, plan, output)
    _refuse(kind, plan, maps)
    path = _checked_output(kind, source, plan, output, save)
    if not isinstance(editor, Editor):
        editor = Editor.from_pretrained(editor, threads=threads if kind in ("photo", "sweep") else 1)
    plan, warnings = _with_sources(editor, plan, tell)
    if kind == "photo":
        done = edit_photo(editor, source, plan, path, save=save, maps=maps)
    elif kind == "sweep":
        done = sweep_photo(editor, source, plan, path, save=save)
    else:
        make = {"folder": edit_folder, "clip": edit_video, "moving photo": animate_photo}[kind]
        done = make(editor, source, plan, path, save=save, workers=threads, tell=tell)
    done.warnings = [*warnings, *done.warnings]
    return done


def kind_of(source: Path, plan: EditPlan, output: str | Path | None) -> Kind:
    """What a source is, and is to become. An animated picture is a clip, unless a still one is wanted."""
    if not source.exists():
        raise FileNotFoundError(f"no such image: {source}")
    if source.is_dir():
        return "folder"
    wanted = Path(output).suffix.lower() if output is not None else ""
    clip = source.suffix.lower() in VIDEO_SUFFIXES or (
        (output is None or wanted in CLIP_SUFFIXES) and is_animation(source)
    )
    if plan.sweep is not None:
        if clip:
            raise RequestError("--sweep is for one face of a photo, not for a clip", field="sweep")
        return "sweep"
    return "clip" if clip else "moving photo" if plan.timed else "photo"


def _refuse(kind: Kind, plan: EditPlan, maps: str | Path | None) -> None:
    """RequestError for what cannot be done with this kind of source."""
    if maps is not None and kind != "photo":
        raise RequestError("--maps is for one photo, not for a folder, a clip or a sweep", field="maps")
    if kind != "folder":
        return
    if plan.sweep is not None:
        raise RequestError("--sweep is for one photo, not for a folder", field="sweep")
    if plan.timed:
        raise RequestError("keyframes and --drive are for a photo or a clip, not for a folder", field="au")
    if plan.each:
        raise RequestError("requests for single faces (1:AU12=0.8) are for one photo, not for a folder", field="au")


def _checked_output(kind: Kind, source: Path, plan: EditPlan, output: str | Path | None, save: SaveOptions) -> Path:
    """Where it goes; an error before any work where it cannot."""
    if kind == "folder":
        return check_folder_output(source, output)
    if kind == "photo":
        return check_output(source, output, save.overwrite)
    if kind == "sweep":
        return check_sweep_output(source, output, save.overwrite)
    if isinstance(plan.drive, str | Path) and not Path(plan.drive).exists():
        raise FileNotFoundError(f"no such file to be driven by: {plan.drive}")
    return check_clip_output(output if output is not None else default_clip_output(source), save.overwrite)


def _with_sources(editor: Editor, plan: EditPlan, tell: Progress) -> tuple[EditPlan, list[str]]:
    """The plan with what its `like` or `drive` shows; and warnings."""
    if plan.like is not None:
        return plan.towards(like_photo(editor, plan.like)), []
    if plan.drive is None:
        return plan, []
    drive, warnings = (plan.drive, []) if isinstance(plan.drive, Drive) else read_drive(editor, plan.drive, tell)
    return plan.following(drive), warnings
