"""Eyes that read closed: what lids hide has to be painted, which a model can or cannot do.

A model says so itself: `opens_eyes` in its config.json (docs/model-format.md), false where it says nothing. Where it is false,
lids that read closed stay closed, and asking for them to open is refused; where it is true, they are units like the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dftnet.editing.face import EditableFace
from dftnet.editing.request import Request
from dftnet.errors import UnfitFaceError
from dftnet.units import in_units, side_free

LIDS = "AU45"
CLOSED = 0.7
"""AU45 from which eyes count as closed."""
LOWERED = 0.05
"""Lids that are asked to open by no more than this are as asked."""


def closed_lids(own: np.ndarray, names: Sequence[str]) -> list[str]:
    """The lids that read closed, both or one, of a face's own AUs [K] in the order of `names`."""
    return [name for name, level in zip(names, own, strict=True) if side_free(name) == LIDS and level >= CLOSED]


def lids_kept(own: np.ndarray, goal: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """A goal [K] that leaves lids closed which read so in the face's own AUs [K]; and which of them it would have opened."""
    at = {name: names.index(name) for name in closed_lids(own, names)}
    opened = [name for name, k in at.items() if goal[k] < own[k] - LOWERED]
    kept = goal.copy() if opened else goal
    for name in opened:
        kept[at[name]] = own[at[name]]
    return kept, opened


def closed_eyes_kept(
    face: EditableFace, request: Request, goal: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, str]:
    """The goal [K] of a request with lids left closed that read so, and a word about it, for a model that cannot open them.

    UnfitFaceError where the request itself opens them. A face whose own AUs are unknown has no closed lids.
    """
    if face.aus_from == "nowhere":
        return goal, ""
    own = face.vector(names)
    kept, opened = lids_kept(own, goal, names)
    if not opened:
        return goal, ""
    read = ", ".join(f"{name} {own[names.index(name)]:.2f}" for name in opened)
    eyes = f"the eyes of face {face.index} read closed ({read})"
    if asks_to_open(opened, request, names):
        raise UnfitFaceError(
            f"{eyes}, and this model cannot open them: leave {LIDS} out, or take a photo with open eyes", field="au"
        )
    return kept, f"{eyes} and stay so: this model cannot open them"


def asks_to_open(lids: Sequence[str], request: Request, names: Sequence[str]) -> bool:
    """Whether a request names these lids itself, and does not only come upon them on its way to an expression."""
    return bool(set(lids) & set(in_units({**request.add, **request.set}, names)))
