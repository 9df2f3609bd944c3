"""Units that are asked for together and pull against each other: a word about each two, for whoever asks.

fights(Request(set={"AU05": 1, "AU45": 0.8}))
# ["AU05 (upper lid raiser) and AU45 (blink) work against each other"]
"""

from __future__ import annotations

from collections.abc import Iterable

from dftnet.aus import AU_DESCRIPTIONS
from dftnet.editing.request import Request
from dftnet.editing.timeline import Timeline
from dftnet.units import level_of

FIGHTS = (
    ("AU05", "AU45"), ("AU12", "AU15"), ("AU07", "AU05"), ("AU23", "AU26"),
    ("AU61", "AU62"), ("AU63", "AU64"), ("AU51", "AU52"), ("AU53", "AU54"),
)  # fmt: skip
"""Units whose muscles pull against each other, on the same side of a face, and turns of eyes or head to opposite sides."""
FELT = 0.2
"""Two units fight where more than this is asked of both."""


def fights(request: Request) -> list[str]:
    """A word about each two units asked for that work against each other, on both sides of the face or on one."""
    asked = {**request.add, **request.set}
    words = []
    for one, other in FIGHTS:
        sides = [side for side in "LR" if min(level_of(asked, one + side), level_of(asked, other + side)) > FELT]
        if sides:
            where = "" if len(sides) == 2 else " on the person's left" if sides == ["L"] else " on the person's right"
            pair = " and ".join(f"{name} ({AU_DESCRIPTIONS[name]})" for name in (one, other))
            words.append(f"{pair} work against each other{where}")
    return words


def fights_over_time(timelines: Iterable[Timeline]) -> list[str]:
    """The same of what is asked at each keyframe, each word once."""
    found: list[str] = []
    for one in timelines:
        keys = [*one.keys.values(), *one.add_keys.values()]
        times = sorted({time for points in keys for time, _ in points}) or [0.0]
        found += [words for time in times for words in fights(one.at(time, {}))]
    return list(dict.fromkeys(found))
