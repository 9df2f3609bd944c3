"""Requests as they are typed: over time (`AU12=0@0s,1@1.5s`), and for single faces (`1:AU12=0.8`, `1:anger`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dftnet.aus import Request, emotion_name
from dftnet.editing.timeline import Course, Drive, parse_course_values

FACE = re.compile(r"^\s*(\d{1,3}):(.*)$", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    common: Course
    """For the chosen face or faces."""
    each: dict[int, Course] = field(default_factory=dict)
    """Number of a face → what is asked of it, the common part included."""

    @property
    def timed(self) -> bool:
        """Something changes over time."""
        return not all(course.constant for course in (self.common, *self.each.values()))

    def with_like(self, aus: Mapping[str, float]) -> Asked:
        """The same, towards the expression of another photo."""
        change = lambda course: replace(course, request=replace(course.request, like=aus))  # noqa: E731
        return Asked(change(self.common), {index: change(course) for index, course in self.each.items()})

    def with_drive(self, drive: Drive) -> Asked:
        """The same, following a drive."""
        each = {index: replace(course, drive=drive) for index, course in self.each.items()}
        return Asked(replace(self.common, drive=drive), each)


def parse_requests(
    au: Iterable[str], add: Iterable[str], emotion: Iterable[str], neutral: bool = False, strength: float = 1.0
) -> Asked:
    """The texts of --au, --add and --emotion → Asked; ValueError with the remedy for what cannot be understood."""
    sets, adds, emotions = _by_face(au), _by_face(add), _by_face(emotion)

    def course(*faces: int | None) -> Course:
        values, keys = parse_course_values([item for face in faces for item in sets.get(face, [])])
        changes, add_keys = parse_course_values([item for face in faces for item in adds.get(face, [])], -1.0)
        named = next((emotions[face] for face in reversed(faces) if face in emotions), [])
        if len(named) > 1:
            raise ValueError(f"a face has one emotion, not {len(named)} ({', '.join(named)}); mix them with --au")
        wanted = emotion_name(named[0]) if named else None
        request = Request(set=values, add=changes, neutral=neutral, emotion=wanted, strength=strength)
        return Course(request, keys, add_keys)

    faces = sorted({face for found in (sets, adds, emotions) for face in found if face is not None})
    return Asked(course(None), {face: course(None, face) for face in faces})


def _by_face(items: Iterable[str]) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    for item in items:
        match = FACE.match(item)
        face, text = (int(match[1]), match[2]) if match else (None, item)
        found.setdefault(face, []).append(text)
    return found


def is_clip(path: Path, output: Path | None) -> bool:
    """Whether a file is to be edited frame by frame: a video, or an animated picture unless a still one is wanted."""
    from dftnet.media.formats import CLIP_SUFFIXES, VIDEO_SUFFIXES
    from dftnet.media.video import is_animation

    if path.is_dir():
        return False
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    return (output is None or output.suffix.lower() in CLIP_SUFFIXES) and is_animation(path)
