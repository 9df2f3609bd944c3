"""A folder of photos in, a folder of edited photos out: in parallel, resumable, failures told at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dftnet.editing.editor import Editor
from dftnet.editing.options import THERE, Progress, Report, SaveOptions, silent
from dftnet.editing.parallel import in_order
from dftnet.editing.photo import edit_photo
from dftnet.editing.plan import Asked, as_plan
from dftnet.errors import MediaError, RequestError
from dftnet.media.formats import IMAGE_SUFFIXES, PHOTO_SUFFIXES


def check_folder_output(folder: Path, output: str | Path | None) -> Path:
    """Where the edited photos go; RequestError or NotADirectoryError before any work where they cannot."""
    if output is None:
        raise RequestError(f"{folder} is a folder: name another folder with -o for the edited photos", field="output")
    output = Path(output)
    if output.resolve() == folder.resolve():
        raise RequestError(
            f"the edited photos cannot go to the folder they come from ({folder}): name another with -o", field="output"
        )
    if output.exists() and not output.is_dir():
        raise RequestError(f"{output} is a file; for a folder of photos name a folder with -o", field="output")
    return output


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
    edits them again.

    Raises MediaError where the folder holds no photo; a photo that cannot be edited is listed in the report and never
    stops the others. Names in the report are relative to the folders.
    """
    plan, folder = as_plan(asked), Path(folder)
    output = check_folder_output(folder, output)
    photos = [path for path in _photos(folder) if output.resolve() not in path.resolve().parents]
    if not photos:
        raise MediaError(f"no photo found below {folder} (looked for {', '.join(IMAGE_SUFFIXES)})")
    done = Report(path=output, many=True)
    todo = [photo for photo in photos if save.overwrite or not _target(photo, folder, output).exists()]
    done.skipped = {str(photo.relative_to(folder)): THERE for photo in photos if photo not in set(todo)}

    def one(photo: Path) -> Report | Exception:
        try:
            return edit_photo(editor, photo, plan, _target(photo, folder, output), save=save)
        except (ValueError, OSError, MemoryError) as error:
            return error

    for count, (photo, made) in enumerate(in_order(one, todo, workers), len(photos) - len(todo) + 1):
        name = str(photo.relative_to(folder))
        if isinstance(made, Report):
            done.written.append(name)
            done.lines += [f"{name}: {line}" for line in made.lines]
            done.warn(*[f"{name}: {warning}" for warning in made.warnings])
        else:
            done.failed[name] = " ".join(str(made).split()) or type(made).__name__
        tell("photos", count, len(photos))
    return done


def _photos(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith("."):
            yield path


def _target(photo: Path, folder: Path, output: Path) -> Path:
    """Where the edited photo goes; a format that cannot be written becomes PNG."""
    place = output / photo.relative_to(folder)
    return place if place.suffix.lower() in PHOTO_SUFFIXES else place.with_name(place.name + ".png")
