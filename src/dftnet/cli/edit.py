"""The command `dftnet edit`: its options, and how several values may follow one --au."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from dftnet.cli.options import GeneratorModel, Threads, progress_bars

EXAMPLES = """
Examples:

  dftnet edit photo.jpg --au AU12=0.8 AU04=0 -o out.png

  dftnet edit photo.jpg --au smile=0.7 "close eyes"=1

  dftnet edit photo.jpg --add AU12=+0.3 AU04=-0.2

  dftnet edit photo.jpg --emotion happiness --strength 0.7

  dftnet edit photo.jpg --like other.jpg --strength 0.75

  dftnet edit group.jpg --face all --neutral --maps maps

  dftnet edit photo.jpg --sweep AU45 0:1:8 -o blink.gif

  dftnet edit photos/ --au smile=0.6 -o smiling/

  dftnet edit group.jpg --au 0:smile=0.8 1:AU04=1 --emotion 2:surprise

  dftnet edit clip.mp4 --au AU12=0.6 -o out.mp4

  dftnet edit clip.mp4 --au AU12=0@0s,1@1.5s -o out.mp4

  dftnet edit photo.jpg --drive actor.mp4 -o moving.mp4
"""


class SeveralValues(TyperCommand):
    """A command where `--au A=1 B=0` means `--au A=1 --au B=0`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))


def spread(arguments: list[str]) -> list[str]:
    """Repeat --au, --add and --emotion before each value that follows one of them.

    The word right after the option is always its value; later words are as long as they read like NAME=VALUE or
    are a plain word of the AU vocabulary or an emotion (also after the number of a face, `1:smile`), and are not a
    file. `--sweep NAME A:B:N` becomes `--sweep NAME=A:B:N`.
    """
    from dftnet.aus import EMOTION_WORDS, EMOTIONS, WORDS

    known: dict[str, Mapping[str, Any]] = {"--au": WORDS, "--add": WORDS, "--emotion": {**EMOTIONS, **EMOTION_WORDS}}
    result: list[str] = []
    option, fresh = "", False
    for place, word in enumerate(arguments):
        if word == "--":
            return result + arguments[place:]
        if place > 1 and arguments[place - 2] == "--sweep" and ":" in word and "=" not in arguments[place - 1]:
            result[-1] += f"={word}"
            continue
        if word in known:
            option, fresh = word, True
        elif fresh:
            result += [option, word]
            fresh = False
        elif word.startswith("-") and len(word) > 1:
            option = ""
            result.append(word)
        elif option and _is_value(option, word, known[option]) and not Path(word).exists():
            result += [option, word]
        else:
            option = ""
            result.append(word)
    return [*result, option] if fresh else result


def _is_value(option: str, word: str, known: Mapping[str, Any]) -> bool:
    """Whether a word reads like NAME=VALUE (which emotions do not take) or one of the option's `known` words, perhaps after
    the number of a face."""
    return (option != "--emotion" and "=" in word) or word.rpartition(":")[2].lower() in known


def edit(
    photo: Annotated[
        Path,
        typer.Argument(
            help="A photo (JPEG, PNG, WebP, TIFF …), a folder of them, a video, or an animated GIF or WebP.",
            show_default=False,
        ),
    ],
    au: Annotated[
        list[str] | None,
        typer.Option(
            help="Set an Action Unit, 0 (absent) to 1 (strongest): AU12=0.8, or in words: smile=0.8. "
            "Several may follow. Over time: AU12=0@0s,1@1.5s. For face 1 of several: 1:AU12=0.8.",
            metavar="NAME=VALUE …",
            show_default=False,
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            help="Change an Action Unit by -1 to 1: AU12=+0.3. Several may follow.",
            metavar="NAME=CHANGE …",
            show_default=False,
        ),
    ] = None,
    neutral: Annotated[bool, typer.Option("--neutral", help="Relax the whole face.")] = False,
    emotion: Annotated[
        list[str] | None,
        typer.Option(
            help="happiness, sadness, surprise, fear, anger, disgust, contempt or neutral; for face 1: 1:anger.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="Take the expression of the face in this photo.", show_default=False)
    ] = None,
    drive: Annotated[
        Path | None,
        typer.Option(
            help="Copy the expression frame by frame from the face in this video, or from a CSV with OpenFace's "
            "columns; moves a photo too.",
            show_default=False,
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="How far to go with --neutral, --emotion, --like and --drive, 0 to 1.")
    ] = 1.0,
    sweep: Annotated[
        str | None,
        typer.Option(
            help="Take one Action Unit from A to B in N steps. -o ending in .png: a strip; .gif, .mp4: an "
            "animation; no ending: a folder.",
            metavar="NAME A:B:N",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write; its ending says the format. (default: PHOTO-edited.png, VIDEO-edited.mp4)",
            show_default=False,
        ),
    ] = None,
    face: Annotated[
        str,
        typer.Option(
            help="largest, all, a number (0 is the largest, 1 the next …), a point X,Y in it, or a box X,Y,WIDTH,HEIGHT."
        ),
    ] = "largest",
    model: GeneratorModel = None,
    maps: Annotated[
        Path | None,
        typer.Option(help="A folder for pictures of flow, attention, texture and aligned face.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    quality: Annotated[int, typer.Option(help="Of JPEG, WebP and videos, 1 to 100.", min=1, max=100)] = 95,
    mark: Annotated[
        bool, typer.Option("--mark/--no-mark", help="Tell in the picture's metadata that it was edited.")
    ] = True,
    threads: Threads = None,
) -> None:
    """Edit the expression of a face in a photo; everything else stays as it is.

    What a face does is said in Action Units, 0 (absent) to 1 (strongest), by name or in words:

    AU01 raise inner brows, AU02 raise outer brows, AU04 lower brows,
    AU05 widen eyes, AU06 raise cheeks, AU07 squint, AU45 close eyes,
    AU09 wrinkle nose, AU10 raise upper lip, AU12 pull up the lip corners, AU14 dimples,
    AU15 pull down lip corners, AU17 raise chin, AU20 stretch lips, AU23 press lips,
    AU25 part lips, AU26 drop jaw; also smile, grin, frown, raise brows, open mouth, blink.
    """
    from dftnet.editing.plan import is_clip, parse_requests

    if not any((au, add, neutral, emotion, like, sweep, drive)):
        raise ValueError(
            "nothing is asked for; say --au AU12=0.8, --add, --neutral, --emotion, --like, --drive or --sweep"
        )
    asked = parse_requests(au or [], add or [], emotion or [], neutral, strength)

    from dftnet.editing.editor import Editor
    from dftnet.editing.photo import check_output, edit_photo, like_photo

    if not photo.exists():
        raise FileNotFoundError(f"no such image: {photo}")
    swept = _sweep_output(photo, sweep, output)
    moving = is_clip(photo, output)
    timed = asked.timed or drive is not None
    if photo.is_dir():
        _refuse_for_folders(photo, output, maps, sweep)
    if sweep is not None and (timed or moving or asked.each):
        raise ValueError(
            "--sweep is for one face of a photo: leave out keyframes, --drive and requests for single faces"
        )
    if timed and photo.is_dir():
        raise ValueError("keyframes and --drive are for a photo or a clip, not for a folder")
    if moving or timed:
        from dftnet.cli.clips import edit_clip

        if maps is not None:
            raise ValueError("--maps is for photos")
        edit_clip(photo, asked, output, drive, like, face, model, threads, overwrite, quality, mark)
        return
    if not photo.is_dir() and swept is None:
        output = check_output(photo, output, overwrite)
    editor = Editor.from_pretrained(model, threads=threads)
    if like is not None:
        asked = asked.with_like(like_photo(editor, like))
    request = asked.common.request
    if photo.is_dir():
        if asked.each:
            raise ValueError("requests for single faces (1:AU12=0.8) are for one photo, not for a folder")
        _edit_folder(editor, photo, request, output, face, overwrite, quality, mark)
        return
    if swept is not None and sweep is not None:
        _sweep(editor, photo, sweep, swept, request, face, overwrite, mark)
        return
    done = edit_photo(
        editor, photo, request, output, face=face, overwrite=overwrite, maps=maps, quality=quality, mark=mark,
        each={index: course.request for index, course in asked.each.items()},
    )  # fmt: skip
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for line in done.lines:
        print(f"{done.path}: {line}")


def _sweep_output(photo: Path, sweep: str | None, output: Path | None) -> Path | None:
    """Where a sweep goes (PHOTO-sweep.png beside the photo), checked as far as it can be before the work."""
    if sweep is None:
        return None
    from dftnet.editing.sweep import parse_sweep

    parse_sweep(sweep)
    return output if output is not None else photo.with_name(f"{photo.stem}-sweep.png")


def _sweep(
    editor: Any, photo: Path, sweep: str, output: Path, request: Any, face: str, overwrite: bool, mark: bool
) -> None:
    from dftnet.editing import sweep as sweeping
    from dftnet.media.image import read_image
    from dftnet.media.photo import Photo, read_photo

    if face == "all":
        raise ValueError("a sweep shows one face: say --face largest or a number")
    name, levels = sweeping.parse_sweep(sweep)
    picture = Photo(pixels=read_image(photo)) if sweeping.is_animated(output) else read_photo(photo)
    chosen = editor.read(picture.pixels, face)
    path = sweeping.sweep(
        editor, picture, chosen, name, levels, output, request=request, overwrite=overwrite, mark=mark
    )
    print(f"{path}: face {chosen.index}, {name} at {', '.join(f'{level:.3g}' for level in levels)}")


def _refuse_for_folders(photo: Path, output: Path | None, maps: Path | None, sweep: str | None) -> None:
    if output is None:
        raise ValueError(f"{photo} is a folder: name another folder with -o for the edited photos")
    if maps is not None or sweep is not None:
        raise ValueError("--maps and --sweep are for one photo, not for a folder")


def _edit_folder(
    editor: Any,
    folder: Path,
    request: Any,
    output: Path | None,
    face: str,
    overwrite: bool,
    quality: int,
    mark: bool,
) -> None:
    """Progress while it runs, failures at the end with exit code 1."""
    from dftnet.editing.folder import edit_folder

    assert output is not None
    with progress_bars() as tell:
        done = edit_folder(
            editor, folder, request, output, face=face, overwrite=overwrite, quality=quality, mark=mark,
            on_photo=lambda count, total: tell("photos", count, total),
        )  # fmt: skip
    skipped = f", {len(done.skipped)} were there already" if done.skipped else ""
    print(f"{output}: {len(done.written)} photos edited{skipped}")
    for name, reason in sorted(done.failed.items()):
        print(f"failed: {name}: {reason}", file=sys.stderr)
    if done.failed:
        print(f"{len(done.failed)} photos could not be edited", file=sys.stderr)
        raise typer.Exit(1)
