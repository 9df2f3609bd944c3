"""Where an edit goes: names by default, names that are free, and the original that is kept where it would be replaced."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dftnet.media.files import beside, check_file
from dftnet.media.formats import format_of, photo_format
from dftnet.media.video import is_animation
from dftnet.media.video_writer import check_clip_output


def check_output(photo: str | Path, output: str | Path | None, overwrite: bool) -> Path:
    """The file to write, by default photo-edited.png beside the photo, or the next free name; FileExistsError or MediaError
    before any work where it cannot be."""
    photo = Path(photo)
    usual = beside(photo, "-edited.png")
    if output is None:
        return free_name(usual, overwrite)
    path = Path(output)
    if path.is_dir():
        path = path / usual.name
    photo_format(path)
    return check_file(path, overwrite)


def check_moving_output(source: str | Path, output: str | Path | None, overwrite: bool) -> Path:
    """The clip to write, by default clip-edited.mov beside clip.mov; .mp4 for what cannot be written and for photos."""
    if output is not None:
        return check_clip_output(output, overwrite)
    path = Path(source)
    suffix, form = path.suffix.lower(), format_of(path)
    keep = form is not None and form.clip and (form.video or is_animation(path))
    return free_name(beside(path, f"-edited{suffix if keep else '.mp4'}"), overwrite)


def free_name(path: Path, overwrite: bool = False) -> Path:
    """The path, or where it is taken path-2, path-3 …: a second try does not end the first."""
    others = (beside(path, f"-{number}{path.suffix}") for number in itertools.count(2))
    free = path if overwrite or not path.exists() else next(other for other in others if not other.exists())
    return check_file(free, overwrite)


@contextlib.contextmanager
def original_kept(source: str | Path, output: Path) -> Iterator[None]:
    """Where `output` is to replace its own source: a copy NAME-original beside it, once; none if that fails."""
    if not (output.exists() and os.path.samefile(source, output)):
        yield
        return
    copy = beside(output, f"-original{output.suffix}")
    made = not copy.exists()
    if made:
        shutil.copy2(source, copy)
    try:
        yield
    except BaseException:
        if made:
            copy.unlink(missing_ok=True)
        raise
