"""An edit in words: for the lines of a report, and for the mark in the metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import dftnet
from dftnet.editing.landing import landed
from dftnet.editing.options import FaceEdit
from dftnet.editing.plan import EditPlan
from dftnet.editing.request import UNCHANGED, Request
from dftnet.editing.timeline import Timeline
from dftnet.units import whole_unit

LISTED = 8
"""Units named in a line."""
ASKED = 0.25
"""A change of a unit by less is not looked for in the result."""
SAME = 0.005
"""Levels of two sides that differ by less are told as one."""
SHOWN = 0.05
"""Units of another face that are weaker are not named."""
UNKNOWN = "this face's own AUs are unknown (no AU estimator is installed), taken as 0"


def describe(edit: FaceEdit, names: Sequence[str], count: int) -> str:
    """One line: which of `count` faces, its AUs before → asked (`names` in order)."""
    face, goal = edit.face, edit.goal
    where = f"face {face.index} of {count} ({face.where})"
    own = face.vector(names)
    change = np.abs(goal - own)
    moved = _told_together([k for k in np.argsort(-change, kind="stable") if change[k] > UNCHANGED], goal, names)
    if not moved:
        return f"{where}: already as asked, unchanged"
    known = face.aus_from != "nowhere"
    parts = [
        f"{name} {f'{own[places].mean():.2f}' if known else '?'} → {goal[places[0]]:.2f}"
        for name, places in list(moved.items())[:LISTED]
    ]
    more = f" and {len(moved) - LISTED} more" if len(moved) > LISTED else ""
    return f"{where}: {', '.join(parts)}{more}"


def _told_together(places: Sequence[int], goal: np.ndarray, names: Sequence[str]) -> dict[str, list[int]]:
    """Unit → its places in `names`, in the order given: two sides that are to show the same are one unit."""
    found: dict[str, list[int]] = {}
    for k in places:
        name = names[k]
        base = whole_unit(name)
        both = [i for i in places if whole_unit(names[i]) == base]
        same = len(both) == 2 and abs(goal[both[0]] - goal[both[1]]) < SAME
        found.setdefault(base if same else name, both if same else [k])
    return found


def fell_short(
    edit: FaceEdit, read: np.ndarray, names: Sequence[str], told: Callable[[Sequence[str]], Sequence[str]]
) -> str:
    """The units that did not land: "AU14 0.00 → 0.60 asked, 0.12 read", most wanted first; empty where all did.

    read [K]: what the edited face is read to show, in the order of `names`. told: of units asked for, those that are read.
    """
    own = edit.face.vector(names)
    wanted = edit.goal - own
    known = told([name for name, change in zip(names, wanted, strict=True) if abs(change) > UNCHANGED])
    looked_at = [k for k in np.argsort(-np.abs(wanted)) if abs(wanted[k]) >= ASKED and names[k] in known]
    short = [k for k in looked_at if not landed(float(read[k]), float(edit.goal[k]))]
    units = list(_told_together(short, edit.goal, names).items())[:LISTED]
    said = [
        f"{name} {own[places].mean():.2f} → {edit.goal[places[0]]:.2f} asked, {read[places].mean():.2f} read"
        for name, places in units
    ]
    return f"face {edit.face.index}: did not land: {'; '.join(said)}" if said else ""


def describe_request(request: Request) -> str:
    """A request in the words of the command line."""
    parts = ["neutral"] if request.neutral else []
    parts += [request.emotion] if request.emotion else []
    parts += [_like(request)] if request.like is not None else []
    if parts and request.strength != 1:
        parts[-1] += f" at {request.strength:g}"
    parts += [f"{name}={value:g}" for name, value in request.set.items()]
    parts += [f"{name}{value:+g}" for name, value in request.add.items()]
    return " ".join(parts)


def describe_timeline(timeline: Timeline) -> str:
    """What changes over time, in the words of the command line."""
    parts = [describe_request(timeline.request)]
    for keys, form in ((timeline.keys, "{:g}"), (timeline.add_keys, "{:+g}")):
        for name, points in keys.items():
            values = ",".join(f"{form.format(value)}@{time:g}s" for time, value in points)
            parts.append(f"{name}={values}")
    parts += [f"driven by {timeline.drive.name or 'another face'}"] if timeline.drive is not None else []
    return " ".join(part for part in parts if part)


def describe_plan(plan: EditPlan) -> str:
    """What is asked of which face: "smile=0.8" of the largest, "face 2: smile=0.8", "all faces: smile=0.8; face 1: AU04=1"."""
    each = "; ".join(f"face {number}: {describe_timeline(one)}" for number, one in plan.each.items())
    common = " ".join(filter(None, [describe_timeline(plan.common), str(plan.sweep or "")]))
    if common and plan.face != "largest":
        common = f"{_which(plan.face)}: {common}"
    if each and plan.face == "all" and common:
        return f"{common}; {each}"
    return each or common


def _like(request: Request) -> str:
    """ "like other.jpg (AU06 0.41, AU12 0.92)"."""
    shown = ", ".join(f"{name} {value:.2f}" for name, value in (request.like or {}).items() if value >= SHOWN)
    return f"like {request.like_name or 'another face'} ({shown or 'neutral'})"


def _which(face: int | str) -> str:
    """The face or faces of a plan, in words."""
    if isinstance(face, int):
        return f"face {face}"
    if "," in face:
        return f"face {'at' if face.count(',') == 1 else 'in'} {face}"
    return "all faces" if face == "all" else f"{face} face"


def photo_mark(words: str) -> tuple[str, str]:
    """(software, description) of an edit described in `words`, for a photo's metadata."""
    return f"dftnet {dftnet.__version__}", f"expression edited: {words}" if words else "expression edited"


def clip_mark(words: str) -> str:
    """What a clip's metadata tell of an edit described in `words`."""
    kind = "digital source type: compositeWithTrainedAlgorithmicMedia"
    return f"expression edited: {words} (dftnet {dftnet.__version__}; {kind})"
