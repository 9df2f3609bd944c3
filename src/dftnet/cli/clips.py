"""What `dftnet edit` does with clips, and with photos that are to move: files, progress, what is told."""

from __future__ import annotations

import sys
from pathlib import Path

from dftnet.cli.options import progress_bars
from dftnet.editing.plan import Asked, is_clip


def default_clip_output(path: Path) -> Path:
    """clip.mov → clip-edited.mov; .mp4 for what cannot be written and for photos."""
    from dftnet.media.formats import format_of
    from dftnet.media.video import is_animation

    suffix, form = path.suffix.lower(), format_of(path)
    keep = form is not None and form.clip and (form.video or is_animation(path))
    return path.with_name(f"{path.stem}-edited{suffix if keep else '.mp4'}")


def edit_clip(
    path: Path,
    asked: Asked,
    output: Path | None,
    drive: Path | None,
    like: Path | None,
    face: str,
    model: str | None,
    threads: int | None,
    overwrite: bool,
    quality: int,
    mark: bool,
) -> None:
    """Edit a clip, or animate a photo, and tell what was done."""
    from dftnet.editing.editor import Editor
    from dftnet.editing.photo import like_photo
    from dftnet.editing.video import animate_photo, edit_video, read_drive
    from dftnet.media.video_writer import check_clip_output

    if drive is not None and like is not None:
        raise ValueError("a face can be like one photo or follow one clip, not both: leave out --like or --drive")
    output = check_clip_output(output if output is not None else default_clip_output(path), overwrite)
    if drive is not None and not drive.exists():
        raise FileNotFoundError(f"no such file to be driven by: {drive}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; give 1 or more, or nothing for one per core")
    moving = is_clip(path, output)
    if not moving and asked.each:
        raise ValueError("requests for single faces (1:AU12=0.8) do not animate photos; choose one with --face 1")
    editor = Editor.from_pretrained(model, threads=1)
    if like is not None:
        asked = asked.with_like(like_photo(editor, like))
    warnings: list[str] = []
    with progress_bars() as on_frame:
        if drive is not None:
            driven, warnings = read_drive(editor, drive, on_frame)
            asked = asked.with_drive(driven)
        if moving:
            done = edit_video(
                editor, path, asked.common, output, face=face, each=asked.each, overwrite=overwrite,
                quality=quality, mark=mark, workers=threads, on_frame=on_frame,
            )  # fmt: skip
        else:
            done = animate_photo(
                editor, path, asked.common, output, face=face, overwrite=overwrite, quality=quality,
                mark=mark, workers=threads, on_frame=on_frame,
            )  # fmt: skip
    for warning in [*warnings, *done.warnings]:
        print(f"warning: {warning}", file=sys.stderr)
    for line in done.lines:
        print(f"{done.path}: {line}")
