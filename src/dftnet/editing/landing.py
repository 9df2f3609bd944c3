"""Whether what was asked is what is read: the one rule for it, wherever an edit is looked at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dftnet.editing.request import Request
from dftnet.units import in_units

LANDED = 0.2
"""A unit landed where it is read no further than this from what was asked: one of FACS' five levels."""


def landed(read: float, asked: float) -> bool:
    """Whether a unit that is read so shows what was asked."""
    return round(abs(read - asked), 4) <= LANDED


def units_asked(request: Request, names: Sequence[str]) -> tuple[str, ...]:
    """The units of a model (its `names`) that a request names, itself or by its emotion: both sides for AU12, one for AU12L."""
    known = {side: name for name in request.units for side in (name, f"{name}L", f"{name}R") if side in names}
    return tuple(in_units(dict.fromkeys(known.values(), 0.0), names))


def all_landed(read: Mapping[str, float], asked: Mapping[str, float], units: Sequence[str]) -> bool | None:
    """Whether each of the `units` landed; None where one of them is not read, or there is none."""
    if not units or not set(units) <= set(read):
        return None
    return all(landed(read[name], asked[name]) for name in units)
