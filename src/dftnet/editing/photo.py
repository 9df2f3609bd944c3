"""A photo file in, a photo file out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dftnet.aus import check_values
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace, pick
from dftnet.editing.maps import check_maps, maps_written
from dftnet.editing.options import FaceEdit, Report, SaveOptions
from dftnet.editing.outputs import check_output, original_kept
from dftnet.editing.plan import Asked, EditPlan, as_plan
from dftnet.editing.request import same
from dftnet.editing.wording import UNKNOWN, describe, describe_plan, fell_short, photo_mark
from dftnet.errors import ModelError, UnfitFaceError
from dftnet.inference.sessions import Maps
from dftnet.media.files import atomic_file, beside, check_file, check_folder
from dftnet.media.image import first_alone, read_image
from dftnet.media.photo import Photo, encode_photo, left_out, read_photo, write_photo
from dftnet.media.provenance import mark_edited


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A photo's pixels with all chosen faces edited."""

    pixels: np.ndarray
    """uint8 or uint16 [H, W, 3]."""
    maps: list[tuple[EditableFace, Maps]]
    """Of each face edited, where they were wanted."""


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
    plan, path = as_plan(asked), check_output(photo, output, save.overwrite)
    compared = beside(path, f"-compare{path.suffix}")
    if save.compare:
        check_file(compared, save.overwrite)
    if maps is not None:
        check_folder(maps)
    picture = read_photo(photo)
    found = editor.find(picture.pixels, plan.every)
    chosen = editor.with_aus(chosen_faces(found, plan, picture.pixels.shape), own_aus)
    prefixes = {face.index: f"face-{face.index}-" if len(chosen) > 1 else "" for face in chosen}
    if maps is not None:
        check_maps(maps, prefixes.values(), save.overwrite)
    done = Report(path=path, dry=save.dry)
    done.warn(*picture.notes)
    if plan.face == "largest" and len(found) > 1 and not plan.each:
        done.warn(*[f"{face.trouble}; left alone" for face in found[: chosen[0].index]])
        done.warn(f"{len(found)} faces found, editing the largest; --face all or a number for others")
    pixels = picture.pixels.copy() if save.compare else picture.pixels  # a large photo is held once
    rendered = _render(editor, chosen, plan, pixels, done, maps is not None)
    done.lines = [describe(one, editor.au_names, len(found)) for one in done.faces]
    if editor.reads_aus:
        again = [editor.read_again(one.face, rendered.pixels) for one in done.faces]
        names = editor.au_names
        done.warn(*[fell_short(one, read, names, editor.reads) for one, read in zip(done.faces, again, strict=True)])
    done.faces = [replace(one, face=one.face.without_pixels()) for one in done.faces]
    if save.dry:
        return done
    edited = _marked(replace(picture, pixels=rendered.pixels), plan, save)
    done.warn(*left_out(edited, path.suffix))
    sets = [(prefixes[face.index], face, shown) for face, shown in rendered.maps]
    with original_kept(photo, path), maps_written(maps, sets, save.overwrite, picture.readers) as written:
        if save.compare:
            both = _marked(side_by_side(picture, rendered.pixels), plan, save)
            with atomic_file(compared, save.overwrite, picture.readers) as temporary:
                temporary.write_bytes(encode_photo(both, path.suffix, save.quality))
                write_photo(path, edited, save.overwrite, save.quality)
        else:
            write_photo(path, edited, save.overwrite, save.quality)
    done.written = [str(path), *([str(compared)] if save.compare else []), *map(str, written)]
    return done


def side_by_side(before: Photo, after: np.ndarray) -> Photo:
    """A photo with its edit, pixels of the same size and type, to its right."""
    gap = np.full_like(after, np.iinfo(after.dtype).max)[:, : max(2, after.shape[1] // 100)]
    return replace(before, pixels=np.hstack([before.pixels, gap, after]), alpha=None)


def _render(
    editor: Editor, chosen: Sequence[EditableFace], plan: EditPlan, pixels: np.ndarray, done: Report, with_maps: bool
) -> Rendered:
    """All chosen faces edited one after another in `pixels` itself, and told in the report."""
    rendered: list[tuple[EditableFace, Maps]] = []
    for face in chosen:
        if face.trouble:
            done.warn(f"{face.trouble}; left alone")
            continue
        request = plan.of(face.index).request
        done.warn(face.note)
        if face.aus_from == "nowhere" and not request.empty:
            done.warn(UNKNOWN)
        own = face.vector(editor.au_names)
        goal, doubt = editor.goal(face, request)
        done.warn(doubt)
        done.faces.append(FaceEdit(face=face, goal=goal))
        if not with_maps:
            editor.patch_aus(face, goal, onto=pixels).put(pixels)
            continue
        shown = editor.maps_of(face, goal)
        rendered.append((face, shown))
        pixels = pixels if same(goal, own) else editor.render_maps(face, shown, onto=pixels)
    return Rendered(pixels=pixels, maps=rendered)


def _marked(picture: Photo, plan: EditPlan, save: SaveOptions) -> Photo:
    words = describe_plan(plan)
    return mark_edited(picture, *photo_mark(words)) if save.mark and words else picture


def chosen_faces(found: Sequence[EditableFace], plan: EditPlan, shape: Sequence[int]) -> list[EditableFace]:
    """The faces of a picture of `shape` that a plan is about; NoFaceError where one is not there, UnfitFaceError where none
    of them can be edited."""
    one = plan.face if plan.face != "all" else "largest"
    named = [pick(found, which, shape) for which in plan.each or [one]]
    if plan.face == "all":
        named = [face for face in found if face in named or not plan.common.empty]
    if named and all(face.trouble for face in named):
        raise UnfitFaceError(named[0].trouble)
    return named


def like_photo(editor: Editor, photo: str | Path) -> tuple[dict[str, float], list[str]]:
    """The AUs of the largest face in a photo, for Request(like=…), and warnings; ModelError where nothing can read them."""
    if not editor.reads_aus:
        raise ModelError(
            "no AU estimator is installed with this model, so the expression of another photo cannot be read; "
            "ask for it with --au or --emotion"
        )
    image = read_image(photo)
    found = editor.find(image)
    chosen = pick(found, "largest", image.shape)
    if chosen.trouble:
        raise UnfitFaceError(chosen.trouble)
    others = f"{len(found)} faces found, taking the expression of the largest" if len(found) > 1 else ""
    told = [f"{photo}: {note}" for note in (first_alone(Path(photo)), others, chosen.note) if note]
    return check_values(editor.with_aus([chosen])[0].aus), told
