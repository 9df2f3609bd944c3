"""Pictures for experiments: each face with each Action Unit at each level, and a table of what was asked and measured.

    make_stimuli(editor, ["faces/"], Conditions(units=["AU04", "AU12"], levels=[0, 0.5, 1]), "stimuli")

The table, `manifest.csv`, has one row a picture: `manifest.py`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dftnet.au_sources.people import FolderPeople, open_people
from dftnet.au_sources.source import AUSource
from dftnet.editing.conditions import MEASURED, Conditions, Presentation, in_oval
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.editing.fights import fights
from dftnet.editing.landing import units_asked
from dftnet.editing.manifest import (
    MANIFEST,
    Shown,
    header_of,
    known_rows,
    levels_of,
    model_name,
    write_lists,
    write_table,
)
from dftnet.editing.matching import Match, match
from dftnet.editing.options import THERE, Progress, Report, SaveOptions, silent
from dftnet.editing.request import Request
from dftnet.editing.wording import describe_request, photo_mark
from dftnet.errors import DftnetError, MediaError, ModelError
from dftnet.faces.track import overlap
from dftnet.media.files import check_folder, check_there
from dftnet.media.formats import IMAGE_SUFFIXES
from dftnet.media.photo import Photo, left_out, read_photo, write_photo
from dftnet.media.provenance import mark_edited
from dftnet.media.share import Share, one_at_a_time


def make_stimuli(
    editor: Editor,
    faces: Iterable[str | Path],
    conditions: Conditions,
    output: str | Path,
    *,
    people: str | None = None,
    shown: Presentation = Presentation(),
    judge: AUSource | None = None,
    save: SaveOptions = SaveOptions(),
    tell: Progress = silent,
) -> Report:
    """One picture for each face x unit x level below `output`, and manifest.csv; the same call again goes on.

    faces     photos, or folders of them; the largest face of each, named by its file
    people    whose they are: "folders", or a CSV with the columns path,person; without it a folder in a folder is a person
    save      with a share, only the faces in it, by their names; the table holds the rows of all shares that are done
    judge     who measures the pictures too, besides the editor's own estimator
    Raises RequestError for a bad request, or where `output` holds stimuli of another model or request.
    """
    output = check_folder(output)
    requests = conditions.requests(editor.au_names)
    if conditions.match == MEASURED and not editor.reads_aus:
        raise ModelError("no AU estimator is installed with this model, so nothing can be matched to what it measures")
    persons, warnings = _persons(list(faces), people)
    identities = {p: name for p, name in _identities(list(persons)).items() if save.share.has(name)}
    blind = shown.blind is not None
    done = Report(path=output.with_name(f"{output.name}-key.csv") if blind else output / MANIFEST, many=True)
    header, same = (
        header_of(editor, judge),
        {"model": model_name(editor), "rest": conditions.rest, "match": conditions.match},
    )
    table = _table_of(done.path, save.share)
    known = functools.partial(known_rows, header=header, same=same)
    rows = {} if save.overwrite else known(done.path) | known(table)
    done.warn(*warnings, *[f"{unit}: {words}" for (unit, _), request in requests.items() for words in fights(request)])
    second = Editor(editor.generator, judge, editor.detector) if judge is not None else None
    total, finished = len(identities) * len(requests), 0
    tell("pictures", 0, total)
    for photo, identity in identities.items():
        wanted = {key: _file_name(identity, *key, shown) for key in requests}
        person = persons[photo] or identity
        todo = {key: name for key, name in wanted.items() if name not in rows or not (output / name).is_file()}
        done.skipped |= {name: THERE for key, name in wanted.items() if key not in todo}
        finished += len(wanted) - len(todo)
        try:
            if todo:
                picture = read_photo(photo)
                face = editor.read(picture.pixels)
                done.warn(*[f"{photo}: {note}" for note in (*picture.notes, *left_out(picture, shown.suffix))])
            for key, name in todo.items():
                goal, doubt = editor.goal(face, requests[key])
                done.warn(f"{photo}: {doubt}" if doubt else "")
                asked = units_asked(requests[key], editor.au_names)
                found = _found(editor, picture, face, goal, shown, asked if conditions.match == MEASURED else ())
                _write(
                    output / name, _picture(editor, picture, face, found.requested, shown), shown, save, requests[key]
                )
                again = _seen_again(editor, read_photo(output / name).pixels, face, shown)
                made = Shown(face=face, again=again, asked=goal, requested=found.requested, units=asked)
                rows[name] = {
                    "file": name, "identity": identity, "photo": str(photo), "au": key[0], "level": f"{key[1]:g}",
                    "renders": str(found.renders), **same, **levels_of(editor, second, made),
                }  # fmt: skip
                done.written.append(name)
                finished += 1
                tell("pictures", finished, total)
        except (DftnetError, OSError, MemoryError) as error:
            done.failed[str(photo)] = " ".join(str(error).split()) or type(error).__name__
        finally:  # also on Ctrl-C: what is written is told
            for name in wanted.values() & rows.keys():
                rows[name]["person"] = person
            if rows and todo:
                write_table(table, header, rows)
    if rows:
        with one_at_a_time(output):
            if table != done.path:
                rows = known(done.path, strict=not save.overwrite) | rows
            write_table(done.path, header, rows)
            if table != done.path:
                table.unlink(missing_ok=True)
            write_lists(output, rows, blind)
    return done


def _table_of(path: Path, share: Share) -> Path:
    """Where a share of the work notes its rows until it is done and they go into the table of all at `path`."""
    return path if share.whole else path.with_name(f"{path.stem}-{share.index}-of-{share.count}{path.suffix}")


def _found(
    editor: Editor, picture: Photo, face: EditableFace, goal: np.ndarray, shown: Presentation, units: tuple[str, ...]
) -> Match:
    """What to request so that the `units` that can be read are read as in `goal` [K]; the goal itself where there are none."""
    places = [editor.au_names.index(name) for name in editor.reads(units)]
    if not places:
        return Match(requested=goal, read=None, renders=1)

    def read(requested: np.ndarray) -> np.ndarray | None:
        again = _seen_again(editor, _picture(editor, picture, face, requested, shown).pixels, face, shown)
        return editor.read_own_aus([again])[0] if again is not None else None

    return match(face.vector(editor.au_names), goal, places, read)


def _picture(editor: Editor, picture: Photo, face: EditableFace, requested: np.ndarray, shown: Presentation) -> Photo:
    """What is shown of the face with the AUs `requested` [K]."""
    pixels = editor.render_aus(face, requested)
    return Photo(pixels=in_oval(pixels, face, shown)) if shown.oval else replace(picture, pixels=pixels)


def _write(path: Path, photo: Photo, shown: Presentation, save: SaveOptions, request: Request) -> None:
    """One picture; its mark says what was asked, unless it is to be blind."""
    if save.mark:
        photo = mark_edited(photo, *photo_mark("" if shown.blind is not None else describe_request(request)))
    write_photo(path, photo, True, save.quality)


def _seen_again(editor: Editor, pixels: np.ndarray, face: EditableFace, shown: Presentation) -> EditableFace | None:
    """The face found anew in a picture of it, its AUs not read yet; None where it is not found or cannot be read there."""
    found = editor.find(pixels)
    if shown.oval:
        again = found[0] if found else None
    else:
        again = max(found, key=lambda one: overlap(one.box, face.box), default=None)
    return None if again is None or again.trouble else again


def _persons(faces: list[str | Path], people: str | None) -> tuple[dict[Path, str], list[str]]:
    """photo → its person, "" for none; and warnings. DatasetError where `people` names nobody of them."""
    roots = _photos(faces)
    if people is None:
        return {photo: FolderPeople()(photo.relative_to(root).as_posix()) for photo, root in roots.items()}, []
    who = open_people(people)
    named = {Path(one) for one in faces}
    places = {photo: photo.relative_to(root).as_posix() for photo, root in roots.items()}
    for photo, root in roots.items():  # anna/ ben/, or their photos: then the folder itself is the person
        if "/" not in places[photo] and (len(named) > 1 or photo in named):
            places[photo] = f"{root.resolve().name}/{places[photo]}"
    persons = {photo: who(place) for photo, place in places.items()}
    return persons, who.told(list(places.values()), list(persons.values()))


def _photos(faces: Iterable[str | Path]) -> dict[Path, Path]:
    """photo → the folder named that it lies in, or its own where it was named itself."""
    found: dict[Path, Path] = {}
    for path in map(Path, faces):
        check_there(path, "photo or folder")
        inside = sorted(path.rglob("*")) if path.is_dir() else []
        inside = [p for p in inside if p.is_file() and not p.name.startswith(".")]
        found |= {p: path for p in inside if p.suffix.lower() in IMAGE_SUFFIXES}
        found |= {path: path.parent} if not path.is_dir() else {}
    if not found:
        raise MediaError("no photo found there: name photos, or folders that hold some")
    return found


def _identities(photos: list[Path]) -> dict[Path, str]:
    """photo → a name of its own: the file's, with the folder's in front or a number behind where two are the same."""
    names: dict[Path, str] = {}
    for photo in photos:
        twice = sum(other.stem == photo.stem for other in photos) > 1
        name = f"{photo.parent.name}-{photo.stem}" if twice and photo.parent.name else photo.stem
        number, plain = 2, name
        while name in names.values():
            name, number = f"{plain}-{number}", number + 1
        names[photo] = name
    return names


def _file_name(identity: str, unit: str, level: float, shown: Presentation) -> str:
    name = f"{identity}_{unit.strip().replace(' ', '-')}_{level:.2f}"
    if shown.blind is not None:
        name = hashlib.sha256(f"{shown.blind}/{name}".encode()).hexdigest()[:12]
    return f"{name}{shown.suffix}"
