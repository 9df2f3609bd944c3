"""A folder of photos in, a folder of edited photos out: in parallel, resumable, failures told at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from dftnet.aus import Request
from dftnet.editing.editor import Editor
from dftnet.editing.photo import edit_photo
from dftnet.media.formats import IMAGE_SUFFIXES, PHOTO_SUFFIXES


@dataclass
class FolderEdited:
    """What `edit_folder` did, paths relative to the folders."""

    written: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Written by an earlier run."""
    failed: dict[str, str] = field(default_factory=dict)
    """photo → why it was left out."""


def edit_folder(
    editor: Editor,
    folder: str | Path,
    request: Request | Mapping[str, float],
    output: str | Path,
    *,
    face: int | str = "largest",
    overwrite: bool = False,
    quality: int = 95,
    mark: bool = True,
    workers: int | None = None,
    on_photo: Callable[[int, int], None] = lambda done, count: None,
) -> FolderEdited:
    """Edit every photo below `folder` into the same place below `output`, in its own format (PNG where that cannot be
    written). Photos already there are skipped, so the same command goes on where it was; `overwrite` edits them again.

    `on_photo` is told (done, of how many) after each. Raises ValueError where the folder holds no photo; a photo
    that cannot be edited is listed in the result and never stops the others.
    """
    folder, output = Path(folder), Path(output)
    if output.resolve() == folder.resolve():
        raise ValueError(f"the edited photos cannot go to the folder they come from ({folder}): name another with -o")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; for a folder of photos name a folder with -o")
    photos = [path for path in _photos(folder) if output.resolve() not in path.resolve().parents]
    if not photos:
        raise ValueError(f"no photo found below {folder} (looked for {', '.join(IMAGE_SUFFIXES)})")
    done = FolderEdited()

    def one(photo: Path) -> None:
        edit_photo(
            editor, photo, request, _target(photo, folder, output),
            face=face, overwrite=overwrite, quality=quality, mark=mark,
        )  # fmt: skip

    todo = iter(photos)
    running: dict[Future[None], Path] = {}
    limit = workers or os.cpu_count() or 1
    finished = 0
    with ThreadPoolExecutor(limit) as pool:
        while True:
            for photo in todo:
                if _target(photo, folder, output).exists() and not overwrite:
                    done.skipped.append(str(photo.relative_to(folder)))
                    finished += 1
                    continue
                running[pool.submit(one, photo)] = photo
                if len(running) >= 2 * limit:
                    break
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = str(running.pop(future).relative_to(folder))
                error = future.exception()
                if error is None:
                    done.written.append(name)
                elif isinstance(error, ValueError | OSError | MemoryError):
                    done.failed[name] = " ".join(str(error).split()) or type(error).__name__
                else:
                    raise error
                finished += 1
                on_photo(finished, len(photos))
    on_photo(len(photos), len(photos))
    return done


def _photos(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith("."):
            yield path


def _target(photo: Path, folder: Path, output: Path) -> Path:
    """Where the edited photo goes; a format that cannot be written becomes PNG."""
    place = output / photo.relative_to(folder)
    return place if place.suffix.lower() in PHOTO_SUFFIXES else place.with_name(place.name + ".png")
