"""The verb `edit`: one photo or several, a folder of them, a clip, a photo that is to move, or a sweep; decided here, once.

What makes the others is imported where it is asked for: one photo does not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dftnet.editing.editor import Editor
from dftnet.editing.fights import fights_over_time
from dftnet.editing.options import Progress, Report, SaveOptions, silent
from dftnet.editing.outputs import check_moving_output, check_output
from dftnet.editing.photo import edit_photo, like_photo
from dftnet.editing.plan import Asked, EditPlan, as_plan
from dftnet.editing.timeline import Drive
from dftnet.editing.wording import describe_plan
from dftnet.errors import RequestError
from dftnet.media.files import check_there, is_address, refuse_address
from dftnet.media.formats import CLIP_SUFFIXES
from dftnet.media.video import is_animation, is_video

Kind = Literal["photo", "photos", "folder", "clip", "moving photo", "sweep"]


def edit(
    source: str | Path | Sequence[str | Path],
    asked: Asked,
    output: str | Path | None = None,
    *,
    editor: Editor | str | Path | None = None,
    save: SaveOptions = SaveOptions(),
    maps: str | Path | None = None,
    threads: int | None = None,
    tell: Progress = silent,
) -> Report:
    """Edit a photo, several, a folder of photos, or a clip, and write `output` (by default beside it, NAME-edited.…).

        edit("photo.jpg", {"AU12": 0.8}, "out.png")
        edit("photos/", Request(emotion="happiness"), "happy/")            # or "s3://bucket/photos"
        edit("clip.mp4", Timeline(keys={"AU12": [(0, 0), (1.5, 1)]}), "out.mp4")

    asked    what the largest face shall show, or an EditPlan: which faces, and what each of them
    editor   an Editor, or the model directory (or shipped name) of one; by default the shipped weights
    maps     a folder for pictures of flow, attention and texture; for single photos
    threads  by default one a core

    Raises DftnetError or OSError, with the remedy; then nothing is written.
    """
    plan = as_plan(asked)
    if plan.empty:
        raise RequestError(
            "nothing is asked for; say --au AU12=0.8, --add, --neutral, --emotion, --like, --drive or --sweep"
        )
    if threads is not None and threads < 1:
        raise RequestError(f"threads is {threads}; give 1 or more, or nothing for one per core", field="threads")
    given = [source] if isinstance(source, str | Path) else source
    sources = [str(one) if is_address(one) else Path(one) for one in given]
    refuse_address(output)
    kind = kind_of(sources, plan, output)
    _refuse(kind, plan, save, maps)
    path = _checked_output(kind, sources[0], plan, output, save)
    if not isinstance(editor, Editor):
        editor = Editor.from_pretrained(editor, threads=threads if kind in ("photo", "sweep") else 1)
    plan.check_units(editor.au_names)
    plan, warnings = _with_sources(editor, plan, tell)
    done = _made(kind, editor, sources, plan, path, save=save, maps=maps, workers=threads, tell=tell)
    if save.dry:
        done.lines.insert(0, f"asked: {describe_plan(plan)}")
    done.warnings = list(dict.fromkeys([*fights_over_time(plan.timelines), *warnings, *done.warnings]))
    return done


def _made(
    kind: Kind,
    editor: Editor,
    sources: Sequence[str | Path],
    plan: EditPlan,
    output: Path | None,
    *,
    save: SaveOptions,
    maps: str | Path | None,
    workers: int | None,
    tell: Progress,
) -> Report:
    """What is asked for, written to the checked `output`."""
    source = sources[0]
    if kind == "photo":
        return edit_photo(editor, source, plan, output, save=save, maps=maps)
    if kind == "sweep":
        from dftnet.editing.sweep import sweep_photo

        return sweep_photo(editor, source, plan, output, save=save)
    if kind == "photos":
        from dftnet.editing.folder import edit_photos

        return edit_photos(editor, [Path(one) for one in sources], plan, output, save=save, workers=workers, tell=tell)
    assert output is not None
    if kind == "folder":
        from dftnet.editing.folder import edit_folder

        return edit_folder(editor, source, plan, output, save=save, workers=workers, tell=tell)
    from dftnet.editing.video import animate_photo, edit_video

    make = edit_video if kind == "clip" else animate_photo
    return make(editor, source, plan, output, save=save, workers=workers, tell=tell)


def kind_of(sources: Sequence[str | Path], plan: EditPlan, output: str | Path | None) -> Kind:
    """What is given, and is to become. An animated picture is a clip, unless a still one is wanted; an address is a folder."""
    for source in sources:
        if not is_address(source):
            check_there(source, "image")
    if not sources:
        raise RequestError("name a photo, a folder of photos, or a clip")
    if len(sources) > 1:
        if strange := [one for one in sources if _is_folder(one) or _is_clip(one)]:
            raise RequestError(f"{strange[0]} is no photo: of several files each is a photo; edit it by itself")
        return "photos"
    source = sources[0]
    if _is_folder(source):
        return "folder"
    still = output is not None and Path(output).suffix.lower() not in CLIP_SUFFIXES
    clip = is_video(source) or (not still and is_animation(source))
    if plan.sweep is not None:
        if clip:
            raise RequestError("--sweep is for one face of a photo, not for a clip", field="sweep")
        return "sweep"
    return "clip" if clip else "moving photo" if plan.timed else "photo"


def _is_clip(source: str | Path) -> bool:
    return is_video(source) or is_animation(source)


def _is_folder(source: str | Path) -> bool:
    return is_address(source) or Path(source).is_dir()


def _refuse(kind: Kind, plan: EditPlan, save: SaveOptions, maps: str | Path | None) -> None:
    """RequestError for what cannot be done with what is given."""
    if maps is not None and kind != "photo":
        raise RequestError("--maps is for one photo, not for a folder, a clip or a sweep", field="maps")
    if (save.compare or save.dry) and kind not in ("photo", "photos", "folder"):
        raise RequestError("--compare and --dry-run are for photos, not for a clip or a sweep", field="compare")
    if not save.share.whole and kind != "folder":
        raise RequestError("--shard is for a folder of photos", field="shard")
    if save.engine != "local" and kind not in ("folder", "photos"):
        raise RequestError(f"--engine {save.engine} is for a folder of photos", field="engine")
    if kind not in ("folder", "photos"):
        return
    if plan.sweep is not None:
        raise RequestError("--sweep is for one photo, not for a folder or several", field="sweep")
    if plan.timed:
        raise RequestError(
            "keyframes and --drive are for a photo or a clip, not for a folder or several photos", field="au"
        )
    if plan.each:
        raise RequestError(
            "requests for single faces (1:AU12=0.8) are for one photo, not for a folder or several", field="au"
        )


def _checked_output(
    kind: Kind, source: str | Path, plan: EditPlan, output: str | Path | None, save: SaveOptions
) -> Path | None:
    """Where it goes, None for several photos beside themselves; an error before any work where it cannot."""
    if kind == "folder" or (kind == "photos" and output is not None):
        from dftnet.editing.folder import check_folder_output

        return check_folder_output(source, output)
    if kind == "photos":
        return None
    if kind == "photo":
        return check_output(source, output, save.overwrite)
    if kind == "sweep":
        from dftnet.editing.sweep import check_sweep_output

        return check_sweep_output(source, output, save.overwrite)
    if isinstance(plan.drive, str | Path):
        check_there(plan.drive, "file to be driven by")
    return check_moving_output(source, output, save.overwrite)


def _with_sources(editor: Editor, plan: EditPlan, tell: Progress) -> tuple[EditPlan, list[str]]:
    """The plan with what its `like` or `drive` shows; and warnings."""
    if plan.like is not None:
        aus, warnings = like_photo(editor, plan.like)
        return plan.towards(aus), warnings
    if plan.drive is None:
        return plan, []
    if isinstance(plan.drive, Drive):
        return plan.following(plan.drive), []
    from dftnet.editing.following import read_drive

    drive, warnings = read_drive(editor, plan.drive, tell)
    return plan.following(drive), warnings
