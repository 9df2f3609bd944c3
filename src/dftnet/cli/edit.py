"""The commands `dftnet edit`, with how several values may follow one --au, `dftnet stimuli` and `dftnet demo`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from dftnet.cli.command import Command
from dftnet.cli.options import Engine, GeneratorModel, Shard, Threads, print_report, progress_bars

EXAMPLES = """
Examples:

  dftnet edit photo.jpg --au AU12=0.8 AU04=0 -o out.png

  dftnet edit photo.jpg --au smile=0.7 "close eyes"=1

  dftnet edit photo.jpg --au "a slight smile, eyes closed" --compare

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


NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)%?")
UNIT = re.compile(r"(?:\d{1,3}:)?au\d{1,2}[lr]?[a-e]?(?::.*)?", re.IGNORECASE)


class SeveralValues(TyperCommand):
    """A command where `--au A=1 B=0` means `--au A=1 --au B=0`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))


def spread(arguments: list[str]) -> list[str]:
    """Repeat --au, --add and --emotion before each value that follows one of them.

    The word right after the option is always its value; later words are as long as they read like NAME=VALUE or
    are a plain word of the AU vocabulary or an emotion (also after the number of a face, `1:smile`), or for --au a phrase
    of such words, and are not a file. `--au NAME VALUE` becomes `--au NAME=VALUE`, `--sweep NAME A:B:N` becomes
    `--sweep NAME=A:B:N`.
    """
    from dftnet.aus import OPPOSITES, WORDS
    from dftnet.editing.emotions import EMOTION_WORDS, EMOTIONS

    words: dict[str, Any] = {**WORDS, **OPPOSITES}
    known: dict[str, Mapping[str, Any]] = {"--au": words, "--add": words, "--emotion": {**EMOTIONS, **EMOTION_WORDS}}
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
        elif option in ("--au", "--add") and NUMBER.fullmatch(word) and "=" not in result[-1]:
            result[-1] += f"={word}"
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
    from dftnet.editing.phrases import is_phrase

    if option == "--emotion":
        return word.rpartition(":")[2].lower() in known
    if "=" in word or word.rpartition(":")[2].lower() in known or UNIT.fullmatch(word) is not None:
        return True
    return option == "--au" and " " in word and is_phrase(word.rpartition(":")[2])


def edit(
    photos: Annotated[
        list[str],
        typer.Argument(
            help="A photo (JPEG, PNG, WebP, TIFF …) or several, a folder of them (also s3://bucket/photos), a video, or an "
            "animated GIF or WebP.",
            show_default=False,
        ),
    ],
    au: Annotated[
        list[str] | None,
        typer.Option(
            help="Set an Action Unit, 0 (absent) to 1 (strongest): AU12=0.8, or in words: smile=0.8. "
            'Several may follow. As one says it: "a slight smile, eyes closed". '
            "Over time: AU12=0@0s,1@1.5s. For face 1 of several: 1:AU12=0.8.",
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
            help="The file to write; its ending says the format. For several photos a folder. "
            "(default: PHOTO-edited.png, VIDEO-edited.mp4)",
            show_default=False,
        ),
    ] = None,
    face: Annotated[
        str,
        typer.Option(
            help="largest, all, left, middle, right, a number (0 is the largest, 1 the next …), a point X,Y in it, "
            "or a box X,Y,WIDTH,HEIGHT."
        ),
    ] = "largest",
    model: GeneratorModel = None,
    maps: Annotated[
        Path | None,
        typer.Option(help="A folder for pictures of flow, attention, texture and aligned face.", show_default=False),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write before and after side by side: NAME-compare.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace files that exist; of the photo itself NAME-original is kept."),
    ] = False,
    quality: Annotated[int, typer.Option(help="Of JPEG, WebP and videos, 1 to 100.", min=1, max=100)] = 95,
    mark: Annotated[
        bool, typer.Option("--mark/--no-mark", help="Tell in the picture's metadata that it was edited.")
    ] = True,
    threads: Threads = None,
    shard: Shard = None,
    engine: Engine = "local",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell which faces there are and what would change; write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Edit the expression of a face in a photo; everything else stays as it is.

    What a face does is said in Action Units, 0 (absent) to 1 (strongest), by name or in words:

    AU01 raise inner brows, AU02 raise outer brows, AU04 lower brows,
    AU05 widen eyes, AU06 raise cheeks, AU07 squint, AU45 close eyes,
    AU09 wrinkle nose, AU10 raise upper lip, AU12 pull up the lip corners, AU14 dimples,
    AU15 pull down lip corners, AU17 raise chin, AU20 stretch lips, AU23 press lips,
    AU25 part lips, AU26 drop jaw; also smile, grin, frown, raise brows, open mouth, blink.

    One side, the person's own left or right: AU12L, AU45R, wink left, smirk right, raise left brow;
    also look left, look up, kiss, puff cheeks, jaw right.
    """
    from dataclasses import replace

    from dftnet.editing.edit import edit as run
    from dftnet.editing.options import SaveOptions, silent
    from dftnet.editing.plan import EditPlan, Sweep
    from dftnet.media.share import Share

    plan = EditPlan.parse(
        au=au or [], add=add or [], emotion=emotion or [], neutral=neutral, strength=strength, face=face
    )
    plan = replace(plan, like=like, drive=drive, sweep=Sweep.parse(sweep) if sweep is not None else None)
    save = SaveOptions(
        overwrite=overwrite,
        quality=quality,
        mark=mark,
        compare=compare,
        dry=dry_run,
        share=Share.parse(shard),
        engine=engine,
    )
    with progress_bars() as bars:
        tell = silent if quiet else bars
        done = run(photos, plan, output, editor=model, save=save, maps=maps, threads=threads, tell=tell)
    print_report(done, as_json=as_json, quiet=quiet)


def stimuli(
    faces: Annotated[list[Path], typer.Argument(help="Photos of faces, or folders of them.", show_default=False)],
    au: Annotated[
        str,
        typer.Option(
            help="Action Units, by name or in words, combinations, emotions, with commas: AU04,AU06+AU12,smile,fear.",
            metavar="NAME,…",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the pictures and manifest.csv.", show_default=False)
    ],
    levels: Annotated[
        str, typer.Option(help="Intensities from 0 to 1, or FACS' A to E, with commas.")
    ] = "0,.25,.5,.75,1",
    people: Annotated[
        str | None,
        typer.Option(
            help="Whose faces these are: folders (one folder a person), or a CSV with the columns path,person.",
            metavar="folders|TABLE.csv",
            show_default=False,
        ),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            help="measured: search the request, up to 6 renders a picture, until what is measured is the level; "
            "requested: a level is what the network is asked for."
        ),
    ] = "requested",
    neutral: Annotated[bool, typer.Option("--neutral", help="Relax the rest of the face first.")] = False,
    oval: Annotated[
        bool, typer.Option("--oval", help="Cut out the upright face in an oval on grey, instead of the whole photo.")
    ] = False,
    size: Annotated[int, typer.Option(help="Side of an oval's picture, pixels.")] = 512,
    luminance: Annotated[
        str, typer.Option(help="match: the same mean and contrast of luminance in all ovals; own: as they are.")
    ] = "own",
    blind: Annotated[
        int | None,
        typer.Option(
            help="Names that say nothing, from this seed; the table is OUTPUT-key.csv.",
            metavar="SEED",
            show_default=False,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="A second measurer: mediapipe.", metavar="SOURCE", show_default=False),
    ] = None,
    ending: Annotated[str, typer.Option(help="Of the pictures' names: .png, .jpg, .webp, .tif.")] = ".png",
    model: GeneratorModel = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make all pictures anew.")] = False,
    quality: Annotated[int, typer.Option(help="Of JPEG and WebP, 1 to 100.", min=1, max=100)] = 95,
    mark: Annotated[
        bool, typer.Option("--mark/--no-mark", help="Tell in the pictures' metadata that they were edited.")
    ] = True,
    threads: Threads = None,
    shard: Shard = None,
) -> None:
    """Make pictures for experiments: each face with each Action Unit at each level.

    OUTPUT/manifest.csv tells for every picture what was requested, what was measured in it, by whom, and whether it landed.

    OUTPUT/conditions.csv is for PsychoPy, OUTPUT/preload.json for jsPsych. The same command again goes on where it was.
    """
    from dftnet.au_sources.source import make_source
    from dftnet.editing.conditions import Conditions, Presentation, parse_level
    from dftnet.editing.editor import Editor
    from dftnet.editing.options import SaveOptions
    from dftnet.editing.stimuli import make_stimuli
    from dftnet.errors import RequestError
    from dftnet.media.share import Share

    if luminance not in ("own", "match"):
        raise RequestError(f"--luminance {luminance}: say match or own", field="luminance")
    units = [unit.strip() for unit in au.split(",") if unit.strip()]
    strengths = [parse_level(level) for level in levels.split(",") if level.strip()]
    conditions = Conditions(units=units, levels=strengths, neutral=neutral, match=match)
    shown = Presentation(suffix=ending.lower(), oval=oval, size=size, matched=luminance == "match", blind=blind)
    save = SaveOptions(overwrite=overwrite, quality=quality, mark=mark, share=Share.parse(shard))
    editor = Editor.from_pretrained(model, threads=threads)
    second = make_source(judge, threads=threads) if judge is not None else None
    with progress_bars() as tell:
        done = make_stimuli(
            editor, faces, conditions, output, people=people, shown=shown, judge=second, save=save, tell=tell
        )
    print_report(done, "pictures made")


def demo(
    folder: Annotated[Path, typer.Argument(help="The folder to write them to.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Write portraits, a group and a clip to try things on, which may be shown: Eileen Collins (NASA, public domain)."""
    from dftnet.editing.demo import make_demo
    from dftnet.editing.options import SaveOptions

    with progress_bars() as tell:
        done = make_demo(folder, save=SaveOptions(overwrite=overwrite), tell=tell)
    print("\n".join([*done.written, "try:", *(f"  {line}" for line in done.lines)]))


COMMANDS = {"edit": Command(edit, EXAMPLES, SeveralValues), "stimuli": Command(stimuli), "demo": Command(demo)}
