"""The request whose result reads as was asked: a search for each unit, with few renders.

A network gives less of a unit than it is asked for, or more, and differently for each face. `match` renders, reads what came of
it, and asks anew: between two requests of which one gave too little and one too much by regula falsi, else along the line through
the last two.

    found = match(own, goal, places, read, most=6)
    found.requested      # what to ask the network for
    found.read           # what is then read
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

RENDERS = 6
"""Renders of one search, at most."""
NEAR = 0.02
"""A unit is matched where it is read no further than this from what was asked."""
FLAT = 0.05
"""Slope below which a unit counts as not answering: it is asked for all there is."""
MARGIN = 0.1
"""Share of the bracket that a step stays away from its ends."""

Read = Callable[[np.ndarray], np.ndarray | None]
"""A request [K] → what is read where it is rendered [K]; None where nothing can be read there."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """The best request that was tried."""

    requested: np.ndarray
    """float32 [K] in [0, 1]: what the network is asked for."""
    read: np.ndarray | None
    """float32 [K]: what was read there; None where nothing could be."""
    renders: int
    """Requests that were tried."""


def match(own: np.ndarray, goal: np.ndarray, places: Sequence[int], read: Read, most: int = RENDERS) -> Match:
    """Search requests until the units at `places` read as in `goal` [K], within NEAR, for a face with `own` AUs [K].

    The other units are requested as in `goal`. Ends at `most` renders, or where no unit can be asked for more.
    """
    requested = np.array(goal, np.float32)
    searches = {k: Search(float(own[k]), float(goal[k])) for k in places}
    best: Match | None = None
    least = np.inf
    for renders in range(1, most + 1):
        got = read(requested)
        if got is None:
            return best or Match(requested=requested, read=None, renders=renders)
        away = max((abs(float(got[k]) - float(goal[k])) for k in places), default=0.0)
        if away < least:
            best, least = Match(requested=requested.copy(), read=got, renders=renders), away
        if away <= NEAR:
            break
        following = requested.copy()
        for k, search in searches.items():
            following[k] = search.next(float(requested[k]), float(got[k]))
        if np.abs(following - requested).max() < 1e-3:
            break
        requested = following
    assert best is not None
    return Match(requested=best.requested, read=best.read, renders=renders)


@dataclass
class Search:
    """The requests of one unit that were tried, and the next one."""

    own: float
    """What the face reads as it is, and so about what a request for that gives: for the first step."""
    goal: float
    tried: list[tuple[float, float]] = field(default_factory=list)
    """(request, what was read), the latest last."""

    def next(self, requested: float, got: float) -> float:
        """The request after one that gave `got`, in [0, 1]."""
        self.tried.append((requested, got))
        if abs(got - self.goal) <= NEAR:
            return requested
        known = self.tried if len(self.tried) > 1 else [(self.own, self.own), *self.tried]
        low = max((one for one in known if one[1] < self.goal), default=None)
        high = min((one for one in known if one[1] > self.goal), default=None)
        if low is not None and high is not None and low[0] < high[0]:
            return self._between(low, high)
        (x0, y0), (x1, y1) = known[-2:]
        slope = (y1 - y0) / (x1 - x0) if abs(x1 - x0) > 1e-6 else 1.0
        if slope < FLAT:
            return 1.0 if got < self.goal else 0.0
        return float(np.clip(requested + (self.goal - got) / slope, 0.0, 1.0))

    def _between(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Where the line through two points reaches the goal, a little away from both."""
        width = high[0] - low[0]
        share = (self.goal - low[1]) / (high[1] - low[1])
        return low[0] + width * float(np.clip(share, MARGIN, 1 - MARGIN))
