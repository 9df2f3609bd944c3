"""Pictures for experiments: each face with each Action Unit at each level, and a table of what was asked and measured.

    make_stimuli(editor, ["faces/"], Conditions(units=["AU04", "AU12"], levels=[0, 0.5, 1]), "stimuli")

`manifest.csv` has one row a picture: file, identity, person, photo, unit, level, model, who measured, whether the units asked
for landed, and for every Action Unit its value in the photo, the value requested and the value measured in the picture written.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dftnet.au_sources.source import AUSource
from dftnet.aus import as_dict
from dftnet.editing.conditions import Conditions, Presentation, in_oval
from dftnet.editing.editor import Editor
from dftnet.editing.fights import fights
from dftnet.editing.options import THERE, FaceEdit, Progress, Report, SaveOptions, silent
from dftnet.editing.wording import describe_request, photo_mark
from dftnet.errors import DftnetError, MediaError, RequestError
from dftnet.faces.track import overlap
from dftnet.media.files import write_file
from dftnet.media.formats import IMAGE_SUFFIXES
from dftnet.media.photo import Photo, left_out, read_photo, write_photo
from dftnet.media.provenance import mark_edited
from dftnet.media.share import Share, one_at_a_time

LANDED = 0.2
"""A unit landed where it is measured no further than this from what was requested: one of FACS' levels."""
MANIFEST = "manifest.csv"


def make_stimuli(
    editor: Editor,
    faces: Iterable[str | Path],
    conditions: Conditions,
    output: str | Path,
    *,
    shown: Presentation = Presentation(),
    judge: AUSource | None = None,
    save: SaveOptions = SaveOptions(),
    tell: Progress = silent,
) -> Report:
    """One picture for each face x unit x level below `output`, and manifest.csv; the same call again goes on.

    faces     photos, or folders of them; the largest face of each, named by its file; a folder in a folder is a person
    save      with a share, only the faces in it, by their names; the table holds the rows of all shares that are done
    judge     who measures the pictures too, besides the editor's own estimator
    Raises RequestError for a bad request, or where `output` holds stimuli of another model or request.
    """
    output = Path(output)
    requests = conditions.requests(editor.au_names)
    photos = _photos(faces)
    identities = {p: name for p, name in _identities(list(photos)).items() if save.share.has(name)}
    blind = shown.blind is not None
    done = Report(path=output.with_name(f"{output.name}-key.csv") if blind else output / MANIFEST, many=True)
    header, model = _header(editor, judge), model_name(editor)
    table = _table_of(done.path, save.share)
    known = functools.partial(_known_rows, header=header, model=model, rest=conditions.rest)
    rows = {} if save.overwrite else known(done.path) | known(table)
    done.warn(*[f"{unit}: {words}" for (unit, _), request in requests.items() for words in fights(request)])
    second = Editor(editor.generator, judge, editor.detector) if judge is not None else None
    total, finished = len(identities) * len(requests), 0
    tell("pictures", 0, total)
    for photo, identity in identities.items():
        wanted = {key: _file_name(identity, *key, shown) for key in requests}
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
                made = FaceEdit(face=face, goal=goal, file=str(output / name))
                _write(editor, picture, made, shown, save, describe_request(requests[key]))
                rows[name] = {
                    "file": name, "identity": identity, "person": photos[photo] or identity, "photo": str(photo),
                    "au": key[0], "level": f"{key[1]:g}", "rest": conditions.rest, "model": model,
                    **_measured(editor, second, made, requests[key].units, shown),
                }  # fmt: skip
                done.written.append(name)
                finished += 1
                tell("pictures", finished, total)
        except (DftnetError, OSError, MemoryError) as error:
            done.failed[str(photo)] = " ".join(str(error).split()) or type(error).__name__
        finally:  # also on Ctrl-C: what is written is told
            if rows and todo:
                _write_csv(table, header, [rows[name] for name in sorted(rows)])
    if rows:
        with one_at_a_time(output):
            if table != done.path:
                rows = known(done.path, strict=not save.overwrite) | rows
                _write_csv(done.path, header, [rows[name] for name in sorted(rows)])
                table.unlink(missing_ok=True)
            _write_lists(output, rows, blind)
    return done


def _table_of(path: Path, share: Share) -> Path:
    """Where a share of the work notes its rows until it is done and they go into the table of all at `path`."""
    return path if share.whole else path.with_name(f"{path.stem}-{share.index}-of-{share.count}{path.suffix}")


def model_name(editor: Editor) -> str:
    """The generator's folder and the start of its SHA-256."""
    path = editor.generator.directory / editor.generator.graph
    return f"{path.parent.name}@{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def measurer(editor: Editor) -> str:
    """Who measures, in a few words; "nobody" without an estimator."""
    return editor.estimator.note if editor.estimator is not None else "nobody"


def _write(editor: Editor, picture: Photo, made: FaceEdit, shown: Presentation, save: SaveOptions, words: str) -> None:
    """One picture; `words` say in its mark what was asked, unless it is to be blind."""
    face, path = made.face, Path(made.file)
    pixels = editor.render_aus(face, made.goal)
    photo = Photo(pixels=in_oval(pixels, face, shown)) if shown.oval else replace(picture, pixels=pixels)
    if save.mark:
        photo = mark_edited(photo, *photo_mark("" if shown.blind is not None else words))
    write_photo(path, photo, True, save.quality)


def _measured(
    editor: Editor, second: Editor | None, made: FaceEdit, asked: Sequence[str], shown: Presentation
) -> dict[str, str]:
    """The columns of AUs: in the photo, requested, and measured in what is in the file, found anew; and whether the units
    `asked` for landed."""
    face = made.face
    measured: dict[str, float] = {}
    judged: dict[str, float] = {}
    if editor.reads_aus or second is not None:
        found = editor.find(read_photo(made.file).pixels)
        again = (
            found[0] if found and shown.oval else max(found, key=lambda one: overlap(one.box, face.box), default=None)
        )
        if again is not None and not again.trouble:
            measured = editor.with_aus([again])[0].aus if editor.reads_aus else {}
            judged = second.with_aus([again])[0].aus if second is not None else {}
    columns = {"measured_by": measurer(editor), "landed": ""}
    wanted = as_dict(made.goal, editor.au_names)
    if measured:
        columns["landed"] = "yes" if all(abs(measured[name] - wanted[name]) <= LANDED for name in asked) else "no"
    for name in editor.au_names:
        columns[f"photo_{name}"] = f"{face.aus[name]:.4f}" if editor.reads_aus else ""
        columns[f"requested_{name}"] = f"{wanted[name]:.4f}"
        columns[f"measured_{name}"] = f"{measured[name]:.4f}" if measured else ""
    if second is not None and second.estimator is not None:
        columns["judged_by"] = second.estimator.note
        names = [name for name in editor.au_names if name in second.estimator.names]
        columns |= {f"judged_{name}": f"{judged[name]:.4f}" if judged else "" for name in names}
    return columns


def _header(editor: Editor, judge: AUSource | None) -> list[str]:
    kinds = ("photo", "requested", "measured")
    values = [f"{kind}_{name}" for kind in kinds for name in editor.au_names]
    if judge is not None:
        values += ["judged_by", *[f"judged_{name}" for name in editor.au_names if name in judge.names]]
    first = ["file", "identity", "person", "photo", "au", "level", "rest", "model", "measured_by", "landed"]
    return [*first, *values]


def _known_rows(path: Path, header: list[str], model: str, rest: str, strict: bool = True) -> dict[str, dict[str, str]]:
    """The rows of an earlier run by file; RequestError, or none where not `strict`, where they are of another kind."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        rows = {row["file"]: row for row in reader if row.get("file")}
        same = list(reader.fieldnames or []) == header
    if not same or any(row["model"] != model or row["rest"] != rest for row in rows.values()):
        if not strict:
            return {}
        raise RequestError(
            f"{path} tells of stimuli made with another model or request: name another -o, or --overwrite"
        )
    return rows


def _write_csv(path: Path, header: list[str], rows: Sequence[Mapping[str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, buffer.getvalue(), overwrite=True)


def _write_lists(output: Path, rows: Mapping[str, Mapping[str, str]], blind: bool) -> None:
    """conditions.csv for PsychoPy's loops, preload.json for jsPsych's preload plugin; the latter names files only."""
    header = ["file"] if blind else ["file", "person", "au", "level"]
    _write_csv(output / "conditions.csv", header, [rows[name] for name in sorted(rows)])
    write_file(output / "preload.json", json.dumps({"images": sorted(rows)}, indent=1) + "\n", overwrite=True)


def _photos(faces: Iterable[str | Path]) -> dict[Path, str]:
    """photo → the folder in the folder named that it lies in, its person; "" for none."""
    found: dict[Path, str] = {}
    for path in map(Path, faces):
        if not path.exists():
            raise FileNotFoundError(f"no such photo or folder: {path}")
        inside = (
            sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")) if path.is_dir() else []
        )
        found |= {
            p: p.relative_to(path).parts[0] for p in inside if p.suffix.lower() in IMAGE_SUFFIXES and p.parent != path
        }
        found |= {p: "" for p in inside if p.suffix.lower() in IMAGE_SUFFIXES and p.parent == path}
        found |= {path: ""} if not path.is_dir() else {}
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
