"""Which Action Units there are, on which sides, and how the levels of one vocabulary become those of another.

A model's config.json says which units it has: the 17 of OpenFace, the 40 that know sides, or a user's own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from dftnet.errors import RequestError

AU_NAMES: tuple[str, ...] = (
    "AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12",
    "AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26", "AU45",
)  # fmt: skip
"""The 17 Action Units of OpenFace's intensity regressors, in the order of every label array."""

SIDED: tuple[str, ...] = (
    "AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12", "AU14", "AU15", "AU20", "AU45",
)  # fmt: skip
"""Those of the 17 that FACS knows on sides."""

EYE_TURNS: tuple[str, ...] = ("AU61", "AU62", "AU63", "AU64")
"""Gaze to the person's left and right, up and down: a level is how far the irises go"""

UNITS: tuple[str, ...] = (
    *(name + side for name in SIDED for side in "LR"),
    "AU17", "AU23", "AU25", "AU26", "AU18", "AU22", "AU28", "AU34", "AU30L", "AU30R",
    *EYE_TURNS,
)  # fmt: skip
"""The 40 units of a model that knows sides: AU12L and AU12R are the person's left and right and AU12 their mean; pucker, funnel,
lip suck, cheek puff; the jaw to the left and right; eyes turned left, right, up, down. A model's config.json says which units it
has."""

TURNS: tuple[str, ...] = ("AU51", "AU52", "AU53", "AU54")
"""The head turned left, right, up, down, by 3° to 6° at 1: the last units of models that can (`dftnet export --turns-head`). No
reader reads them; a photo's own are taken as 0."""

TURN_DEGREES = 5.0
"""What a turn of 1 was taught to be"""

READABLE: tuple[str, ...] = (*AU_NAMES, *(name for name in UNITS if name not in AU_NAMES))
"""Every name that a reader may know."""

ALL_UNITS: tuple[str, ...] = (*READABLE, *TURNS)
"""Every name that can be asked for."""


def side_free(name: str) -> str:
    """The unit without its side: "AU12L" → "AU12"."""
    return name[:-1] if name[-1:] in ("L", "R") else name


def whole_unit(name: str) -> str:
    """The unit of which a name is one side, else the name: "AU12L" → "AU12", but "AU30L", which is no side, → "AU30L"."""
    return side_free(name) if side_free(name) in SIDED else name


def mirror_order(names: Sequence[str]) -> np.ndarray:
    """int64 [K]: `levels[..., mirror_order(names)]` are those of the mirrored face."""
    swapped = {"L": "R", "R": "L"}
    turned = {"AU61": "AU62", "AU62": "AU61", "AU51": "AU52", "AU52": "AU51"}
    others = [name[:-1] + swapped[name[-1]] if name[-1] in swapped else turned.get(name, name) for name in names]
    return np.array([names.index(name) for name in others], np.int64)


def in_units(values: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """{unit: level} in the units of a model: a two-sided unit becomes both of its sides where the model has sides; a side that is
    named as well keeps its own value. RequestError for a unit that the model has not."""
    found: dict[str, float] = {}
    for name, value in values.items():
        sides = [side for side in (f"{name}L", f"{name}R") if side in names]
        if name in names:
            found[name] = value
        elif sides:
            found.update({side: value for side in sides if side not in values})
        else:
            both = side_free(name)
            if both != name and both in names:
                why = f": its units have no sides, {both} moves both; say {both}, or take a model that knows sides"
            else:
                why = f"; it knows {', '.join(names)}"
            raise RequestError(f"this model does not know {name}{why}", field="au")
    return found


class Levels(dict[str, float]):
    """{unit: level} that also answers for a two-sided unit of which it has the sides, "AU12" by AU12L and AU12R: their mean."""

    def __missing__(self, name: str) -> float:
        if f"{name}L" not in self or f"{name}R" not in self:
            raise KeyError(name)
        return level_of(self, name)

    def get(self, name, default=None):
        """As of a dict."""
        try:
            return self[name]
        except KeyError:
            return default


def told(levels: Mapping[str, float]) -> Levels:
    """OpenFace's units first, a two-sided one as the mean of its sides where only they are known; then all others."""
    known = Levels(levels)
    first = known_to(tuple(levels))
    return Levels({name: known[name] for name in first} | {n: v for n, v in levels.items() if n not in first})


def level_of(values: Mapping[str, float], name: str) -> float:
    """The level of one unit in {unit: level}: its own, that of the two-sided one, or the mean of its sides; else 0."""
    sides = [values[side] for side in (f"{name}L", f"{name}R") if side in values]
    if name in values:
        return values[name]
    if not sides:
        return values.get(side_free(name), 0.0)
    return sum(sides) / 2


def levels_as(levels: np.ndarray, names: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Levels [..., K] of `names` → [..., len(wanted)] of others: a two-sided unit is the mean of its sides, a side of which only
    the two-sided unit is known has its level, and what is not known at all is 0."""
    sources = _sources(tuple(names), tuple(wanted))
    if all(len(places) == 1 for places in sources):
        return levels[..., [place for (place,) in sources]]
    found = np.zeros((*levels.shape[:-1], len(wanted)), levels.dtype)
    for column, places in enumerate(sources):
        if places:
            found[..., column] = levels[..., list(places)].mean(-1)
    return found


def known_to(names: Sequence[str], wanted: Sequence[str] = AU_NAMES) -> tuple[str, ...]:
    """Those of the units `wanted` of which levels of `names` tell something, as `levels_as` takes them."""
    sources = _sources(tuple(names), tuple(wanted))
    return tuple(name for name, places in zip(wanted, sources, strict=True) if places)


def told_by(names: Sequence[str], units: Sequence[str]) -> tuple[str, ...]:
    """Those of the `units` that changed together of which levels of `names` tell what became of each: a side alone is not told
    by the unit of both, the two sides are."""
    return tuple(
        name
        for name in known_to(names, units)
        if name in names or name == side_free(name) or {f"{side_free(name)}{side}" for side in "LR"} <= set(units)
    )


@functools.lru_cache(maxsize=16)
def _sources(names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """For each unit wanted the places in `names` whose mean it is; () for one that is not known."""
    ways = ([[name], [f"{name}L", f"{name}R"], [side_free(name)]] for name in wanted)
    found = (next((way for way in some if all(name in names for name in way)), []) for some in ways)
    return tuple(tuple(names.index(name) for name in way) for way in found)
