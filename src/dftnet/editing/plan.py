"""What is to be done with a picture or a clip: which faces, and what of each.

EditPlan(common=Timeline(Request(set={"AU12": 0.8})), face="all")
EditPlan.parse(au=["AU12=0.8", "1:AU04=1"], emotion=["2:anger"])            # as typed on the command line
EditPlan.parse(au=["AU12=0@0s,1@1.5s"])                                     # over time
EditPlan.from_json({"au": {"AU12": 0.8}, "faces": {"1": {"emotion": "anger"}}})
as_plan({"AU12": 0.8})                                                      # also of a Request or a Timeline
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dftnet.aus import check_values
from dftnet.editing.emotions import preset
from dftnet.editing.face import check_choice
from dftnet.editing.request import Request
from dftnet.editing.timeline import Drive, Keys, Timeline, as_timeline, parse_values_over_time
from dftnet.errors import RequestError
from dftnet.units import in_units

FACE = re.compile(r"^\s*(\d{1,3}):(.*)$", re.DOTALL)
JSON_KEYS = ("au", "add", "neutral", "emotion", "strength", "like", "drive", "sweep", "face", "faces")
MOST_LEVELS = 1000


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One unit through a range of values."""

    name: str
    """AU or plain word."""
    levels: Sequence[float]
    """2 to 1000 values in [0, 1]."""

    @classmethod
    def parse(cls, text: str) -> Sweep:
        """ "AU45=0:1:8" → AU45 at 8 values from 0 to 1; the name may be a plain word; RequestError otherwise."""
        name, sign, span = text.partition("=")
        parts = span.split(":")
        wrong = f"--sweep {text.replace('=', ' ')}: write it like AU45 0:1:8, for 8 values from 0 to 1"
        if not sign or len(parts) != 3:
            raise RequestError(wrong, field="sweep")
        try:
            first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
        except ValueError:
            raise RequestError(wrong, field="sweep") from None
        check_values({name: first})
        check_values({name: last})
        if not 2 <= count <= MOST_LEVELS:
            raise RequestError(f"a sweep has 2 to {MOST_LEVELS} values, not {count}; {wrong}", field="sweep")
        return cls(name=name, levels=[round(float(value), 4) for value in np.linspace(first, last, count)])

    def __str__(self) -> str:
        return f"{self.name} at {', '.join(f'{level:.3g}' for level in self.levels)}"


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """Which faces are edited, and what each of them shall show."""

    common: Timeline = field(default_factory=Timeline)
    """What is asked of the chosen face or faces."""
    face: int | str = "largest"
    """Which: "largest", "all", "left", "middle", "right", a number from 0 (the largest), "X,Y", a point in it, or
    "X,Y,WIDTH,HEIGHT", a box around it, in pixels."""
    each: Mapping[int, Timeline] = field(default_factory=dict)
    """Number of a face → what is asked of it in place of `common`; other faces are then left alone, unless `face` is "all"."""
    like: str | Path | None = None
    """A photo whose largest face is taken as the expression."""
    drive: str | Path | Drive | None = None
    """A clip or a CSV of Action Units whose expression is followed frame by frame."""
    sweep: Sweep | None = None
    """One unit through a range of values, on top of `common`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "face", check_choice(self.face))
        named = ", ".join(map(str, self.each))
        if self.each and self.face not in ("largest", "all") and [*self.each] != [self.face]:
            raise RequestError(
                f"face {self.face} is chosen, and what is asked is for face {named}: leave out --face, or say --face all",
                field="face",
            )
        if self.like is not None and self.drive is not None:
            raise RequestError(
                "a face can be like one photo or follow one clip, not both: leave out --like or --drive", field="like"
            )
        if self.sweep is not None and (self.timed or self.each):
            raise RequestError(
                "--sweep is for one face of a photo: leave out keyframes, --drive and requests for single faces",
                field="sweep",
            )
        if self.sweep is not None and self.face == "all":
            raise RequestError("a sweep shows one face: say --face largest or a number", field="face")

    @classmethod
    def parse(
        cls,
        *,
        au: Iterable[str] = (),
        add: Iterable[str] = (),
        emotion: Iterable[str] = (),
        neutral: bool = False,
        strength: float = 1.0,
        face: int | str = "largest",
    ) -> EditPlan:
        """The plan of texts as typed: "AU12=0.8", "smile", "AU12=0@0s,1@1.5s", for one face "1:AU12=0.8"; RequestError,
        with the remedy, for what cannot be understood."""
        sets, adds, emotions = _by_face(au), _by_face(add), _by_face(emotion)

        def timeline(*faces: int | None) -> Timeline:
            values, keys = parse_values_over_time([item for face in faces for item in sets.get(face, [])])
            changes, add_keys = parse_values_over_time([item for face in faces for item in adds.get(face, [])], -1.0)
            named = next((emotions[face] for face in reversed(faces) if face in emotions), [])
            if len(named) > 1:
                raise RequestError(
                    f"a face has one emotion, not {len(named)} ({', '.join(named)}); mix them with --au",
                    field="emotion",
                )
            wanted = named[0] if named else None
            request = Request(set=values, add=changes, neutral=neutral, emotion=wanted, strength=strength)
            return Timeline(request, keys, add_keys)

        named = sorted({face for found in (sets, adds, emotions) for face in found if face is not None})
        return cls(common=timeline(None), each={face: timeline(None, face) for face in named}, face=face)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EditPlan:
        """The plan of a JSON object: `au` and `add` (name → value, or [[seconds, value], …]), `neutral`, `emotion`,
        `strength`, `like`, `drive` (paths), `sweep` ("AU45=0:1:8"), `face`; `faces`: number → au, add and emotion of its own."""
        _check_keys(data, JSON_KEYS)
        common = _timeline(data)
        each = {}
        for number, own in _mapping(data.get("faces", {}), "faces").items():
            if not str(number).isdigit():
                raise RequestError(f"faces: {number!r} is no number of a face, counted from 0", field="faces")
            _check_keys(_mapping(own, f"faces.{number}"), ("au", "add", "emotion"))
            merged = {
                key: {**_mapping(data.get(key, {}), key), **_mapping(own.get(key, {}), key)} for key in ("au", "add")
            }
            each[int(number)] = _timeline({**data, **merged, "emotion": own.get("emotion", data.get("emotion"))})
        sweep = data.get("sweep")
        return cls(
            common=common, each=each, face=data.get("face", "largest"), like=data.get("like"), drive=data.get("drive"),
            sweep=Sweep.parse(str(sweep)) if sweep is not None else None,
        )  # fmt: skip

    @property
    def timelines(self) -> tuple[Timeline, ...]:
        """All that is asked, of whichever face."""
        return (self.common, *self.each.values())

    def check_units(self, names: Sequence[str]) -> None:
        """RequestError, before any work, where a model with the units `names` cannot be asked for this."""
        for one in self.timelines:
            words = {*one.keys, *one.add_keys, *([self.sweep.name] if self.sweep is not None else [])}
            in_units({**one.request.set, **one.request.add, **check_values(dict.fromkeys(words, 0.0))}, names)
            if one.request.emotion is not None:
                preset(one.request.emotion, names)

    @property
    def timed(self) -> bool:
        """Something changes over time."""
        return self.drive is not None or not all(one.constant for one in self.timelines)

    @property
    def empty(self) -> bool:
        """Nothing is asked for."""
        return (
            all(one.empty for one in self.timelines) and self.like is None and self.drive is None and self.sweep is None
        )

    @property
    def every(self) -> bool:
        """Not the largest face alone is meant: small ones beside it count too."""
        return self.face != "largest" or bool(self.each)

    def of(self, index: int) -> Timeline:
        """What is asked of the face with this number."""
        return self.each.get(index, self.common)

    def towards(self, aus: Mapping[str, float]) -> EditPlan:
        """The same, towards the expression `aus` of another face, read from `like`."""
        name = Path(self.like).name if self.like is not None else ""
        return self._changed(
            lambda one: replace(one, request=replace(one.request, like=aus, like_name=name)), like=None
        )

    def following(self, drive: Drive) -> EditPlan:
        """The same, following what was read from `drive`."""
        return self._changed(lambda one: replace(one, drive=drive), drive=None)

    def _changed(self, change: Any, **fields: Any) -> EditPlan:
        each = {index: change(one) for index, one in self.each.items()}
        return replace(self, common=change(self.common), each=each, **fields)


Asked = EditPlan | Timeline | Request | Mapping[str, float]
"""A plan, or what the largest face shall show."""


def as_plan(asked: Asked) -> EditPlan:
    """The plan of what is asked of the largest face."""
    return asked if isinstance(asked, EditPlan) else EditPlan(common=as_timeline(asked))


def _by_face(items: Iterable[str]) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    for item in items:
        match = FACE.match(item)
        face, text = (int(match[1]), match[2]) if match else (None, item)
        found.setdefault(face, []).append(text)
    return found


def _timeline(data: Mapping[str, Any]) -> Timeline:
    values, keys = _values_and_keys(data, "au")
    changes, add_keys = _values_and_keys(data, "add")
    strength = data.get("strength", 1.0)
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        raise RequestError(f"strength is {strength!r}; give a number from 0 to 1", field="strength")
    request = Request(
        set=values,
        add=changes,
        neutral=bool(data.get("neutral", False)),
        emotion=data.get("emotion"),
        strength=strength,
    )
    return Timeline(request, keys, add_keys)


def _values_and_keys(data: Mapping[str, Any], key: str) -> tuple[dict[str, float], dict[str, Keys]]:
    given = _mapping(data.get(key, {}), key)
    keys = {str(name): value for name, value in given.items() if isinstance(value, list | tuple)}
    try:
        points: dict[str, Keys] = {
            name: [(float(time), float(value)) for time, value in value] for name, value in keys.items()
        }
    except (TypeError, ValueError):
        raise RequestError(f"{key}: keyframes are [[seconds, value], …]", field=key) from None
    constant = {name: value for name, value in given.items() if name not in keys}
    return check_values(constant, -1.0 if key == "add" else 0.0), points


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RequestError(f"{key} is {value!r}; give an object with names and values", field=key)
    return value


def _check_keys(data: Mapping[str, Any], known: Sequence[str]) -> None:
    if strange := sorted(set(data) - set(known)):
        raise RequestError(f"unknown field {strange[0]!r}; known: {', '.join(known)}", field=strange[0])
