"""Many photos: a folder in and a folder out, or several files; in parallel, resumable, failures told at the end."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dftnet.cluster import on_ray
from dftnet.editing.editor import Editor
from dftnet.editing.options import THERE, Progress, Report, SaveOptions, first_of, silent
from dftnet.editing.outputs import check_output
from dftnet.editing.parallel import in_order
from dftnet.editing.photo import edit_photo
from dftnet.editing.plan import Asked, EditPlan, as_plan
from dftnet.editing.wording import describe_plan, photo_mark
from dftnet.errors import DftnetError, MediaError, RequestError
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.address import FarFile, Place
from dftnet.media.files import check_folder, is_address, make_folder
from dftnet.media.formats import IMAGE_SUFFIXES, INSTALL, MISSING, PHOTO_SUFFIXES, RAW_SUFFIXES, VIDEO_SUFFIXES
from dftnet.media.provenance import read_mark
from dftnet.media.xmp import plain

File = Path | FarFile
Job = tuple[File, Path]
"""A photo, and where its edit goes."""


def check_folder_output(folder: str | Path, output: str | Path | None) -> Path:
    """Where the edited photos go; RequestError before any work where they cannot."""
    if output is None:
        raise RequestError(f"{folder} is a folder: name another folder with -o for the edited photos", field="output")
    output = Path(output)
    if not is_address(folder) and output.resolve() == Path(folder).resolve():
        raise RequestError(
            f"the edited photos cannot go to the folder they come from ({folder}): name another with -o", field="output"
        )
    return check_folder(output)


def edit_folder(
    editor: Editor,
    folder: str | Path,
    asked: Asked,
    output: str | Path,
    *,
    save: SaveOptions = SaveOptions(),
    workers: int | None = None,
    tell: Progress = silent,
) -> Report:
    """Edit every photo below `folder` into the same place below `output`, in its own format (PNG where that cannot be
    written), several at once. Photos already there are skipped, so the same call goes on where it was; `save.overwrite`
    edits them again, `save.share` takes one share of them. The folder may be at an address (s3://bucket/photos).

    Raises MediaError where the folder holds no photo, RequestError where `output` holds another edit of one; a photo
    that cannot be edited is listed in the report and never stops the others. Names in the report are relative to the folders.
    """
    plan, output = as_plan(asked), check_folder_output(folder, output)
    inside = _inside_far(Place(str(folder))) if is_address(folder) else _inside(Path(folder), output)
    photos = {name: file for name, file in inside.items() if _is_photo(file)}
    done = Report(path=output, many=True, dry=save.dry)
    done.skipped = {name: why for name, file in inside.items() if (why := why_left_alone(file))}
    if not photos:
        raise MediaError(f"no photo found below {folder} (looked for {', '.join(IMAGE_SUFFIXES)})")
    mine = {name: photo for name, photo in photos.items() if save.share.has(Path(name))}
    pairs = {name: (photo, _target(output / name)) for name, photo in mine.items()}
    if not save.overwrite:
        _refuse_another_edit(output, pairs, plan)
        done.skipped |= {name: THERE for name, (_, target) in pairs.items() if target.exists()}
    if not save.dry:
        output.parent.mkdir(parents=True, exist_ok=True)
        for inner in sorted({parent for name in pairs for parent in Path(name).parents}):
            if is_address(folder):
                (output / inner).mkdir(exist_ok=True)
            else:
                make_folder(output / inner, like=Path(folder) / inner)
    _edit_all(editor, pairs, plan, done, save, workers, tell)
    return done


def edit_photos(
    editor: Editor,
    photos: Sequence[Path],
    asked: Asked,
    output: str | Path | None = None,
    *,
    save: SaveOptions = SaveOptions(),
    workers: int | None = None,
    tell: Progress = silent,
) -> Report:
    """Edit several photos, each into the folder `output`, or beside itself; as `edit_folder` otherwise."""
    plan = as_plan(asked)
    done = Report(path=Path(output) if output is not None else photos[0].parent, many=True, dry=save.dry)
    files = {str(photo): photo for photo in photos}
    pairs: dict[str, Job]
    if output is None:
        pairs = {name: (photo, check_output(photo, None, save.overwrite)) for name, photo in files.items()}
    else:
        pairs = {name: (photo, _target(done.path / photo.name)) for name, photo in files.items()}
        if len({target for _, target in pairs.values()}) < len(pairs):
            raise RequestError(
                "two of these photos have the same name: edit them into different folders", field="output"
            )
        if not save.overwrite:
            _refuse_another_edit(done.path, pairs, plan)
            done.skipped |= {name: THERE for name, (_, target) in pairs.items() if target.exists()}
    _edit_all(editor, pairs, plan, done, save, workers, tell)
    return done


def _inside(folder: Path, output: Path) -> dict[str, File]:
    """What a folder holds, but for hidden things and the output, by its name relative to the folder."""
    inside = [path for path in sorted(folder.rglob("*")) if not _hidden(path.relative_to(folder))]
    inside = [path for path in inside if output.resolve() not in (path.resolve(), *path.resolve().parents)]
    return {str(path.relative_to(folder)): path for path in inside}


def _inside_far(place: Place) -> dict[str, File]:
    """The same of a folder at an address."""
    return {name: FarFile(place, name) for name in place.files() if not _hidden(Path(name))}


def _is_photo(file: File) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and (isinstance(file, FarFile) or file.is_file())


def why_left_alone(path: File) -> str:
    """Why a file of a folder is no photo to edit, with the remedy; empty for photos, and for what is no picture at all."""
    suffix = path.suffix.lower()
    if isinstance(path, Path) and path.is_dir():
        return "a linked folder: name it by itself" if path.is_symlink() else ""
    if suffix in VIDEO_SUFFIXES:
        return "a clip: edit it by itself"
    if suffix in MISSING:
        return INSTALL[MISSING[suffix].name]
    return "a raw file: develop it first" if suffix in RAW_SUFFIXES else ""


def _edit_all(
    editor: Editor,
    pairs: Mapping[str, Job],
    plan: EditPlan,
    done: Report,
    save: SaveOptions,
    workers: int | None,
    tell: Progress,
) -> None:
    """Edits (photo, where to) that are not skipped, and tells of each by its name in the report."""
    todo = [name for name in pairs if name not in done.skipped]
    places = [pairs[name] for name in todo]
    tell("photos", len(pairs) - len(todo), len(pairs))
    if save.engine == "ray":
        made_of = on_ray(functools.partial(_elsewhere, *_models(editor), plan, save), places, workers)
    else:
        made_of = in_order(PhotoEditor(editor, plan, save), places, workers)
    for count, (name, (_, made)) in enumerate(zip(todo, made_of, strict=True), len(pairs) - len(todo) + 1):
        if isinstance(made, Report):
            done.written += [] if save.dry else [name]
            done.lines += [f"{name}: {line}" for line in made.lines]
            done.faces += [replace(face, file=name) for face in made.faces]
            done.warn(*[f"{name}: {warning}" for warning in made.warnings])
        else:
            done.failed[name] = " ".join(str(made).split()) or type(made).__name__
        tell("photos", count, len(pairs))


@dataclass(frozen=True)
class PhotoEditor:
    """(photo, where to) → the report, or why it could not be edited."""

    editor: Editor
    plan: EditPlan
    save: SaveOptions

    def __call__(self, job: Job) -> Report | Exception:
        photo, output = job
        try:
            if isinstance(photo, Path):
                return edit_photo(self.editor, photo, self.plan, output, save=self.save)
            with photo.fetched() as copy, _called(photo, copy):
                return edit_photo(self.editor, copy, self.plan, output, save=self.save)
        except (DftnetError, OSError, MemoryError) as error:
            return error


@contextlib.contextmanager
def _called(photo: FarFile, copy: Path) -> Iterator[None]:
    """Errors name the photo where they name its copy."""
    try:
        yield
    except (DftnetError, OSError) as error:
        error.args = (str(error).replace(str(copy), str(photo)),)
        raise


def _models(editor: Editor) -> tuple[Path, Path | None]:
    """The directories of an editor's models, which other machines open for themselves."""
    estimator = editor.estimator
    if estimator is not None and not isinstance(estimator, EstimatorSession):
        raise RequestError("a source of Action Units of your own cannot go to a cluster: use the engine local")
    return editor.generator.directory, estimator.directory if estimator is not None else None


def _elsewhere(
    generator: Path, estimator: Path | None, plan: EditPlan, save: SaveOptions
) -> Callable[[Job], Report | Exception]:
    """A PhotoEditor on another machine."""
    reads = EstimatorSession(estimator, threads=1) if estimator is not None else None
    return PhotoEditor(Editor(GeneratorSession(generator, threads=1), reads), plan, save)


def _refuse_another_edit(output: Path, pairs: Mapping[str, Job], plan: EditPlan) -> None:
    """RequestError where photos of an earlier run say that something else was asked."""
    right = plain(photo_mark(describe_plan(plan))[1])
    marks = {name: read_mark(target) for name, (_, target) in pairs.items() if target.exists()}
    others = [name for name, mark in marks.items() if mark is not None and mark != right]
    if others:
        were = "were" if len(others) > 1 else "was"
        raise RequestError(
            f"{output / first_of(others)} {were} made by another edit ({marks[others[0]]}): name another folder with -o, "
            "or allow --overwrite",
            field="output",
        )


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _target(place: Path) -> Path:
    """Where the edited photo goes; a format that cannot be written becomes PNG."""
    return place if place.suffix.lower() in PHOTO_SUFFIXES else place.with_name(place.name + ".png")
