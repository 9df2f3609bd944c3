"""Pictures for experiments: each face with each Action Unit at each level, and a table of what was asked and measured.

    make_stimuli(editor, ["faces/"], Conditions(units=["AU04", "AU12"], levels=[0, 0.5, 1]), "stimuli")

`manifest.csv` has one row a picture: file, identity, photo, unit, level, model, who measured, and for every Action Unit
its value in the photo, the value requested and the value measured in the picture written.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dftnet.aus import check_values
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.editing.options import THERE, Progress, Report, SaveOptions, silent
from dftnet.editing.request import Request
from dftnet.editing.wording import describe_request, photo_mark
from dftnet.errors import MediaError, RequestError
from dftnet.faces.track import overlap
from dftnet.media.files import write_file
from dftnet.media.formats import IMAGE_SUFFIXES, photo_format
from dftnet.media.photo import Photo, left_out, read_photo, write_photo
from dftnet.media.provenance import mark_edited

MANIFEST = "manifest.csv"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is shown of each face."""

    units: Sequence[str]
    """AUs or plain words ("smile")."""
    levels: Sequence[float]
    """In [0, 1]."""
    neutral: bool = False
    """Relax the rest of the face first, instead of leaving it as it is."""

    def requests(self) -> dict[tuple[str, float], Request]:
        """(unit, level) → what is asked; RequestError where there is none."""
        found = {
            (unit, level): Request(set=check_values({unit: level}), neutral=self.neutral)
            for unit in dict.fromkeys(self.units)
            for level in dict.fromkeys(self.levels)
        }
        if not found:
            raise RequestError("name at least one Action Unit and one level: --au AU04,AU12 --levels 0,0.5,1")
        return found

    @property
    def rest(self) -> str:
        """The rest of the face: "neutral" or its "own"."""
        return "neutral" if self.neutral else "own"


def make_stimuli(
    editor: Editor,
    faces: Iterable[str | Path],
    conditions: Conditions,
    output: str | Path,
    *,
    suffix: str = ".png",
    save: SaveOptions = SaveOptions(),
    tell: Progress = silent,
) -> Report:
    """One picture for each face x unit x level below `output`, and manifest.csv; the same call again goes on.

    faces     photos, or folders of them; the largest face of each, named by its file
    Raises RequestError for a bad request, or where `output` holds stimuli of another model or request.
    """
    output = Path(output)
    photo_format(suffix)
    requests = conditions.requests()
    identities = _identities(_photos(faces))
    done = Report(path=output / MANIFEST, many=True)
    header, model = _header(editor), model_name(editor)
    rows = {} if save.overwrite else _known_rows(done.path, header, model, conditions.rest)
    total, finished = len(identities) * len(requests), 0
    tell("pictures", 0, total)
    for photo, identity in identities.items():
        wanted = {key: _file_name(identity, *key, suffix) for key in requests}
        todo = {key: name for key, name in wanted.items() if name not in rows or not (output / name).is_file()}
        done.skipped |= {name: THERE for key, name in wanted.items() if key not in todo}
        finished += len(wanted) - len(todo)
        try:
            if todo:
                picture = read_photo(photo)
                face = editor.read(picture.pixels)
                done.warn(*[f"{photo}: {note}" for note in (*picture.notes, *left_out(picture, suffix))])
            for key, name in todo.items():
                made = _make(editor, picture, face, requests[key], output / name, save)
                rows[name] = {
                    "file": name, "identity": identity, "photo": str(photo), "au": key[0], "level": f"{key[1]:g}",
                    "rest": conditions.rest, "model": model, **made,
                }  # fmt: skip
                done.written.append(name)
                finished += 1
                tell("pictures", finished, total)
        except (ValueError, OSError, MemoryError) as error:
            done.failed[str(photo)] = " ".join(str(error).split()) or type(error).__name__
        finally:  # also on Ctrl-C: what is written is told
            if rows and todo:
                _write_manifest(done.path, header, rows)
    return done


def model_name(editor: Editor) -> str:
    """The generator's folder and the start of its SHA-256."""
    path = editor.generator.directory / editor.generator.graph
    return f"{path.parent.name}@{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def measurer(editor: Editor) -> str:
    """Who measures, in a few words; "nobody" without an estimator."""
    return editor.estimator.note if editor.estimator is not None else "nobody"


def _make(
    editor: Editor, picture: Photo, face: EditableFace, request: Request, path: Path, save: SaveOptions
) -> dict[str, str]:
    """Writes one picture; its columns of AUs."""
    pixels = editor.render(face, request)
    photo = replace(picture, pixels=pixels)
    goal = editor.target(face, request)
    if save.mark:
        photo = mark_edited(photo, *photo_mark(describe_request(request)))
    write_photo(path, photo, True, save.quality)
    measured: dict[str, float] = {}
    if editor.reads_aus:
        found = editor.faces(read_photo(path).pixels)  # what is in the file, found anew
        again = max(found, key=lambda one: overlap(one.box, face.box), default=None)
        measured = again.aus if again is not None and not again.trouble else {}
    columns = {"measured_by": measurer(editor)}
    for name in editor.au_names:
        columns[f"photo_{name}"] = f"{face.aus[name]:.4f}" if editor.reads_aus else ""
        columns[f"requested_{name}"] = f"{goal[name]:.4f}"
        columns[f"measured_{name}"] = f"{measured[name]:.4f}" if measured else ""
    return columns


def _header(editor: Editor) -> list[str]:
    kinds = ("photo", "requested", "measured")
    values = [f"{kind}_{name}" for kind in kinds for name in editor.au_names]
    return ["file", "identity", "photo", "au", "level", "rest", "model", "measured_by", *values]


def _known_rows(path: Path, header: list[str], model: str, rest: str) -> dict[str, dict[str, str]]:
    """The rows of an earlier run by file; RequestError where they are of another kind."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        rows = {row["file"]: row for row in reader if row.get("file")}
        same = list(reader.fieldnames or []) == header
    if not same or any(row["model"] != model or row["rest"] != rest for row in rows.values()):
        raise RequestError(
            f"{path} tells of stimuli made with another model or request: name another -o, or --overwrite"
        )
    return rows


def _write_manifest(path: Path, header: list[str], rows: dict[str, dict[str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    write_file(path, buffer.getvalue(), overwrite=True)


def _photos(faces: Iterable[str | Path]) -> list[Path]:
    found: list[Path] = []
    for path in map(Path, faces):
        if not path.exists():
            raise FileNotFoundError(f"no such photo or folder: {path}")
        inside = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        found += [p for p in inside if p.suffix.lower() in IMAGE_SUFFIXES] if path.is_dir() else [path]
    if not found:
        raise MediaError("no photo found there: name photos, or folders that hold some")
    return list(dict.fromkeys(found))


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


def _file_name(identity: str, unit: str, level: float, suffix: str) -> str:
    return f"{identity}_{unit.strip().replace(' ', '-')}_{level:.2f}{suffix}"
