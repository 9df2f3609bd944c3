"""A photo file in, a photo file out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dftnet.aus import check_values
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace, pick
from dftnet.editing.maps import check_maps, maps_written
from dftnet.editing.options import Report, SaveOptions
from dftnet.editing.plan import Asked, EditPlan, as_plan
from dftnet.editing.request import same, target
from dftnet.editing.wording import describe, describe_plan, photo_mark
from dftnet.errors import ModelError, UnfitFaceError
from dftnet.inference.sessions import Maps
from dftnet.media.formats import photo_format
from dftnet.media.image import read_image
from dftnet.media.photo import read_photo, write_photo
from dftnet.media.provenance import mark_edited


def default_output(photo: str | Path) -> Path:
    """photo.jpg → photo-edited.png beside it."""
    path = Path(photo)
    return path.with_name(f"{path.stem}-edited.png")


def check_output(photo: str | Path, output: str | Path | None, overwrite: bool) -> Path:
    """The file to write; FileExistsError or MediaError before any work where it cannot be."""
    path = Path(output) if output is not None else default_output(photo)
    if path.is_dir():
        path = path / default_output(photo).name
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name with -o, or allow --overwrite")
    photo_format(path)
    return path


def edit_photo(
    editor: Editor,
    photo: str | Path,
    asked: Asked,
    output: str | Path | None = None,
    *,
    save: SaveOptions = SaveOptions(),
    maps: str | Path | None = None,
    own_aus: Mapping[str, float] | None = None,
) -> Report:
    """Edit the photo in a file and write it to `output` (by default photo-edited.png beside it).

    `own_aus` gives the faces' own AUs where they are known. `maps` is a folder for the maps of each face, written
    with the photo: all of it appears or nothing does.
    Raises DftnetError or OSError, with the remedy, and then writes nothing.
    """
    plan = as_plan(asked)
    path = check_output(photo, output, save.overwrite)
    picture = read_photo(photo)
    found = editor.find(picture.pixels)
    chosen = editor.with_aus(chosen_faces(found, plan, picture.pixels.shape), own_aus)
    prefixes = {face.index: f"face-{face.index}-" if len(chosen) > 1 else "" for face in chosen}
    if maps is not None:
        check_maps(maps, prefixes.values(), save.overwrite)
    done = Report(path=path, written=[str(path)])
    if plan.face == "largest" and len(found) > 1 and not plan.each:
        done.warn(*[f"{face.trouble}; left alone" for face in found[: chosen[0].index]])
        done.warn(f"{len(found)} faces found, editing the largest; --face all or a number for others")
    made: list[tuple[str, EditableFace, Maps]] = []
    result = picture.pixels
    for face in chosen:
        if face.trouble:
            done.warn(f"{face.trouble}; left alone")
            continue
        request = plan.of(face.index).request
        done.warn(face.note)
        if face.aus_from == "nowhere" and not request.empty:
            done.warn("this face's own AUs are unknown (no AU estimator is installed), taken as 0")
        own = face.vector(editor.au_names)
        goal = target(own, request, editor.au_names)
        if maps is None:
            result = editor.render_aus(face, goal, onto=result)
        else:
            shown = editor.maps_of(face, goal)
            made.append((prefixes[face.index], face, shown))
            result = result if same(goal, own) else editor.render_maps(face, shown, onto=result)
        done.lines.append(describe(face, goal, editor.au_names, len(found)))
    words = describe_plan(plan)
    picture = replace(picture, pixels=result)
    if save.mark and words:
        picture = mark_edited(picture, *photo_mark(words))
    with maps_written(maps, made, save.overwrite) as written:
        write_photo(path, picture, save.overwrite, save.quality)
    done.written += map(str, written)
    return done


def chosen_faces(found: Sequence[EditableFace], plan: EditPlan, shape: Sequence[int]) -> list[EditableFace]:
    """The faces of a picture of `shape` that a plan is about; NoFaceError where one is not there, UnfitFaceError where none
    of them can be edited."""
    one = plan.face if plan.face != "all" else "largest"
    named = [pick(found, which, shape) for which in plan.each or [one]]
    if plan.face == "all":
        named = [face for face in found if face in named or not plan.common.empty]
    if all(face.trouble for face in named):
        raise UnfitFaceError(named[0].trouble)
    return named


def like_photo(editor: Editor, photo: str | Path) -> dict[str, float]:
    """The AUs of the largest face in a photo, for Request(like=…); ModelError where nothing can read them."""
    if not editor.reads_aus:
        raise ModelError(
            "no AU estimator is installed with this model, so the expression of another photo cannot be read; "
            "ask for it with --au or --emotion"
        )
    return check_values(editor.read(read_image(photo)).aus)
