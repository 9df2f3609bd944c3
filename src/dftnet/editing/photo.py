"""The verb `edit`: a photo file in, a photo file out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dftnet.aus import Request, check_values
from dftnet.editing.editor import UNCHANGED, EditableFace, Editor, pick
from dftnet.editing.maps import write_maps
from dftnet.media.formats import photo_format
from dftnet.media.image import read_image
from dftnet.media.photo import mark_edited, read_photo, write_photo


@dataclass
class Edited:
    """What `edit_photo` did: the file written, a line for each face edited, and what is worth a warning."""

    path: Path
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def default_output(photo: str | Path) -> Path:
    """photo.jpg → photo-edited.png beside it."""
    path = Path(photo)
    return path.with_name(f"{path.stem}-edited.png")


def edit_photo(
    editor: Editor,
    photo: str | Path,
    request: Request | Mapping[str, float],
    output: str | Path | None = None,
    *,
    face: int | str = "largest",
    each: Mapping[int, Request] | None = None,
    own_aus: Mapping[str, float] | None = None,
    overwrite: bool = False,
    maps: str | Path | None = None,
    quality: int = 95,
    mark: bool = True,
) -> Edited:
    """Edit the photo in a file and write it to `output` (by default photo-edited.png beside it).

    `face` is "largest", "all", an index from 0, the largest, or a place, see `Editor.read`. `each`: index of a face →
    what it shall show instead of `request`; other faces are then left alone, unless `face` is "all". `own_aus` gives
    the faces' own AUs where they are known. `maps` is a folder for the maps of each face. `mark` writes software and
    request into the metadata.
    Raises ValueError or OSError, with the remedy, and then writes nothing.
    """
    request = request if isinstance(request, Request) else Request(set=request)
    path = check_output(photo, output, overwrite)
    picture = read_photo(photo)
    found = editor.faces(picture.pixels, own_aus)
    named = [pick(found, index, picture.pixels) for index in each or [face if face != "all" else "largest"]]
    chosen = named if face != "all" else [one for one in found if one in named or not request.empty]
    if all(one.trouble for one in chosen):
        raise ValueError(chosen[0].trouble)
    done = Edited(path)
    if face == "largest" and len(found) > 1 and not each:
        done.warnings += [f"{one.trouble}; left alone" for one in found[: chosen[0].index]]
        done.warnings.append(f"{len(found)} faces found, editing the largest; --face all or a number for others")
    result = picture.pixels
    for one in chosen:
        if one.trouble:
            done.warnings.append(f"{one.trouble}; left alone")
            continue
        asked = (each or {}).get(one.index, request)
        done.warnings += [one.note] if one.note else []
        if one.aus_from == "nowhere" and not asked.empty:
            done.warnings.append("this face's own AUs are unknown (no AU estimator is installed), taken as 0")
        result = editor.render(one, asked, onto=result)
        done.lines.append(describe(editor, one, asked, len(found)))
        if maps is not None:
            prefix = f"face-{one.index}-" if len(chosen) > 1 else ""
            write_maps(maps, one.crop, editor.maps(one, asked), overwrite, prefix)
    picture.pixels = result
    words = "; ".join(f"face {i}: {describe_request(one)}" for i, one in (each or {}).items())
    words = words or describe_request(request)
    if mark and words:
        mark_edited(picture, f"dftnet {version_text()}", f"expression edited: {words}")
    write_photo(path, picture, overwrite, quality)
    done.warnings = list(dict.fromkeys(done.warnings))
    return done


def check_output(photo: str | Path, output: str | Path | None, overwrite: bool) -> Path:
    """The file to write; FileExistsError or ValueError before any work where it cannot be."""
    path = Path(output) if output is not None else default_output(photo)
    if path.is_dir():
        path = path / default_output(photo).name
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name with -o, or allow --overwrite")
    photo_format(path)
    return path


def like_photo(editor: Editor, photo: str | Path) -> dict[str, float]:
    """The AUs of the largest face in a photo, for Request(like=…); ValueError where nothing can read them."""
    if not editor.reads_aus:
        raise ValueError(
            "no AU estimator is installed with this model, so the expression of another photo cannot be read; "
            "ask for it with --au or --emotion"
        )
    return check_values(editor.read(read_image(photo)).aus)


def describe(editor: Editor, face: EditableFace, request: Request, count: int) -> str:
    """One line: which face, its AUs before → asked."""
    x, y, width, height = (round(float(value)) for value in face.box)
    where = f"face {face.index} of {count} ({width}x{height} pixels at {x},{y})"
    goal = editor.target(face, request)
    change = {name: goal[name] - face.aus[name] for name in goal}
    moved = sorted((name for name in goal if abs(change[name]) > UNCHANGED), key=lambda name: -abs(change[name]))
    if not moved:
        return f"{where}: already as asked, unchanged"
    known = face.aus_from != "nowhere"
    parts = [f"{name} {f'{face.aus[name]:.2f}' if known else '?'} → {goal[name]:.2f}" for name in moved[:8]]
    more = f" and {len(moved) - 8} more" if len(moved) > 8 else ""
    return f"{where}: {', '.join(parts)}{more}"


def describe_request(request: Request) -> str:
    """A request in the words of the command line."""
    parts = ["neutral"] if request.neutral else []
    parts += [request.emotion] if request.emotion else []
    parts += ["like another photo"] if request.like is not None else []
    if parts and request.strength != 1:
        parts[-1] += f" at {request.strength:g}"
    parts += [f"{name}={value:g}" for name, value in request.set.items()]
    parts += [f"{name}{value:+g}" for name, value in request.add.items()]
    return " ".join(parts)


def mark_text(words: str) -> str:
    """What a clip's metadata tell of an edit described in `words`."""
    kind = "digital source type: compositeWithTrainedAlgorithmicMedia"
    return f"expression edited: {words} (dftnet {version_text()}; {kind})"


def version_text() -> str:
    """dftnet's version."""
    try:
        return version("dftnet")
    except PackageNotFoundError:
        return "(not installed)"
