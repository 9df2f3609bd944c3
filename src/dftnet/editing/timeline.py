"""What a face shall show over time: constant, as keyframes, or copied from somebody else's frames.

    Timeline(Request(set={"AU12": 0.6}))
    Timeline(keys={"AU12": [(0, 0), (1.5, 1)]})              # 0 at the start, 1 after 1.5 s
    Timeline(drive=read_drive("actor.csv"), request=Request(strength=0.8))

On the command line keyframes are `AU12=0@0s,1@1.5s`. Between keyframes values ease in and out, before the first and
after the last they stay.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dftnet.aus import AU_NAMES, check_values, is_name, parse_number, parse_values, split_value
from dftnet.editing.phrases import parse_phrase
from dftnet.editing.request import Request
from dftnet.errors import RequestError

Keys = Sequence[tuple[float, float]]
KEY = re.compile(r"^\s*([+-]?[0-9.eE+-]+\s*%?)\s*@\s*([0-9.]+)\s*(ms|s|)\s*$")


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The AUs of a face over time, to be copied."""

    times: np.ndarray
    """float64 [n], seconds from 0, rising."""
    aus: np.ndarray
    """float32 [n, K] in [0, 1]."""
    names: tuple[str, ...] = AU_NAMES
    """The K units; those not named stay as they are."""
    name: str = ""
    """Whose they are, for the words that tell of the edit: the name of a file."""

    def at(self, time: float) -> dict[str, float]:
        """The AUs at a time, between frames in proportion, after the end as at the end."""
        return {name: float(np.interp(time, self.times, self.aus[:, i])) for i, name in enumerate(self.names)}


@dataclass(frozen=True)
class Timeline:
    """A request for each moment. `keys` and `add_keys`: AU or plain word → (time in seconds, value), times rising."""

    request: Request = field(default_factory=Request)
    keys: Mapping[str, Keys] = field(default_factory=dict)
    add_keys: Mapping[str, Keys] = field(default_factory=dict)
    drive: Drive | None = None

    def __post_init__(self) -> None:
        for keys, low in ((self.keys, 0.0), (self.add_keys, -1.0)):
            for name, points in keys.items():
                _check_keys(name, points, low)
        if self.drive is not None and self.request.like is not None:
            raise RequestError("a face can be like one photo or follow one clip, not both: leave out --like or --drive")

    @property
    def empty(self) -> bool:
        """Nothing is asked for."""
        return self.request.empty and not self.keys and not self.add_keys and self.drive is None

    @property
    def constant(self) -> bool:
        """The same at all times."""
        return not self.keys and not self.add_keys and self.drive is None

    @property
    def seconds(self) -> float:
        """When the last change is over; 0 for a constant timeline."""
        ends = [points[-1][0] for points in (*self.keys.values(), *self.add_keys.values())]
        return max([*ends, float(self.drive.times[-1]) if self.drive else 0.0])

    def at(self, time: float, own: Mapping[str, float]) -> Request:
        """The request at a time in seconds, of a face with its `own` AUs: units that the drive lacks stay."""
        if self.constant:
            return self.request
        values, changes = dict(self.request.set), dict(self.request.add)
        for name, points in self.keys.items():
            values.update(check_values({name: _between(points, time)}))
        for name, points in self.add_keys.items():
            changes.update(check_values({name: _between(points, time)}, -1.0))
        like = {**own, **self.drive.at(time)} if self.drive is not None else self.request.like
        return replace(self.request, set=values, add=changes, like=like)


def as_timeline(asked: Timeline | Request | Mapping[str, float]) -> Timeline:
    """A mapping is short for Request(set=mapping), a request for a constant timeline."""
    if isinstance(asked, Timeline):
        return asked
    return Timeline(asked if isinstance(asked, Request) else Request(set=asked))


def parse_values_over_time(items: Iterable[str], low: float = 0.0) -> tuple[dict[str, float], dict[str, Keys]]:
    """Texts such as "AU12=0.8" and "AU12=0@0s,1@1.5s" → (constant values, keyframes), checked."""
    items = [part for item in items for part in _spoken(item, low)]
    keyed = [item for item in items if "@" in item]
    values = parse_values([item for item in items if "@" not in item], low)
    keys: dict[str, Keys] = {}
    for item in keyed:
        name, sign, text = item.partition("=")
        found = [KEY.match(part) for part in text.split(",")]
        if not sign or not all(found):
            raise RequestError(f"{item!r} is no list of keyframes; write it like AU12=0@0s,1@1.5s (value@time)")
        points = [
            (_number(m[2], item) * (0.001 if m[3] == "ms" else 1), parse_number(m[1], name.strip(), low))
            for m in found
            if m
        ]
        _check_keys(name, points, low)
        keys[name.strip()] = points
    return values, keys


def _spoken(item: str, low: float) -> list[str]:
    """A text that is neither NAME=VALUE nor a name, such as "a slight smile, eyes closed", as texts that are; for `--au`."""
    name, value = split_value(item)
    if value is not None or "@" in item or low < 0 or not name or is_name(name):
        return [item]
    return [f"{word}={share:g}" for word, share in parse_phrase(item).items()]


def _number(text: str, item: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RequestError(f"{item!r}: {text!r} is not a number") from None


def _check_keys(name: str, points: Keys, low: float) -> None:
    if not points:
        raise RequestError(f"{name} has no keyframe; write it like {name}=0@0s,1@1.5s")
    times = [time for time, _ in points]
    if not all(math.isfinite(time) and time >= 0 for time in times) or any(
        b <= a for a, b in itertools.pairwise(times)
    ):
        raise RequestError(f"{name}: the times of keyframes must rise from 0, not {', '.join(f'{t:g}' for t in times)}")
    for _, value in points:
        check_values({name: value}, low)


def _between(points: Keys, time: float) -> float:
    times = [t for t, _ in points]
    place = int(np.searchsorted(times, time, "right"))
    if place == 0 or place == len(points):
        return float(points[min(place, len(points) - 1)][1])
    (t0, v0), (t1, v1) = points[place - 1], points[place]
    share = (time - t0) / (t1 - t0)
    return float(v0 + (v1 - v0) * share * share * (3 - 2 * share))
