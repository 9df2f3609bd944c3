"""Who is on which photo: one folder a person, or a table of path,person; for a training on pairs, and for experiments.

people = open_people("folders")
people("anna/holiday/2.jpg") == "anna"
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dftnet.au_sources.tables import KEY_COLUMNS, as_strings, normal, read_table
from dftnet.errors import DatasetError, RequestError
from dftnet.media.files import check_there

FOLDERS = "folders"


PERSON_COLUMNS = ("subject", "person")


class People(ABC):
    """A photo or video, by its path relative to the input → its person, "" where nobody is known."""

    @abstractmethod
    def __call__(self, photo: str) -> str:
        """Whose photo it is."""

    @abstractmethod
    def told(self, photos: Sequence[str], subjects: Sequence[str]) -> list[str]:
        """Warnings on what was found. Raises DatasetError where nobody was."""


class FolderPeople(People):
    """The folder right below the input is the person: anna/1.jpg, anna/holiday/2.jpg."""

    def __call__(self, photo: str) -> str:
        first, slash, _ = photo.partition("/")
        return first if slash else ""

    def told(self, photos: Sequence[str], subjects: Sequence[str]) -> list[str]:
        if not any(subjects):
            raise DatasetError(
                f"no photo lies in the folder of a person (such as {photos[0]!r}): put those of each person into one"
            )
        loose = [photo for photo, subject in zip(photos, subjects, strict=True) if not subject]
        if not loose:
            return []
        return [f"{len(loose)} photos lie in no person's folder (such as {loose[0]!r}): each counts as its own person"]


class TablePeople(People):
    """A CSV with a column that names the photo and one of PERSON_COLUMNS."""

    def __init__(self, path: Path) -> None:
        columns = {name.lower(): values for name, values in read_table(path).items()}
        key = next((name for name in KEY_COLUMNS if name in columns), None)
        person = next((name for name in PERSON_COLUMNS if name in columns), None)
        if key is None or person is None:
            raise DatasetError(
                f"{path} needs the columns path and person (or subject); it has {', '.join(list(columns)[:8])}"
            )
        self.path = path
        self._people: dict[str, set[str]] = {}
        self._ends: dict[str, set[str]] = {}
        for name, subject in zip(as_strings(columns[key]), as_strings(columns[person]), strict=True):
            for spelling in (normal(name), _without_suffix(normal(name))):
                self._people.setdefault(spelling, set()).add(subject.strip())
                for end in _ends(spelling)[1:]:
                    self._ends.setdefault(end, set()).add(subject.strip())

    def __call__(self, photo: str) -> str:
        """By as much of the photo's path as the table gives: "anna/1.png", "1.png", "1"; or by a path that ends with it."""
        for end in _ends(photo):
            for spelling in (end, _without_suffix(end)):
                if spelling in self._people:
                    return _only(self._people[spelling])
        return _only(self._ends.get(photo, self._ends.get(_without_suffix(photo), set())))

    def told(self, photos: Sequence[str], subjects: Sequence[str]) -> list[str]:
        if not any(subjects):
            example = next(iter(self._people), "")
            raise DatasetError(
                f"no row of {self.path} names a photo: it has {example!r}, the photos are called {photos[0]!r}: "
                "name them by the path relative to the input"
            )
        missing = [photo for photo, subject in zip(photos, subjects, strict=True) if not subject]
        if not missing:
            return []
        return [
            f"{len(missing)} photos have no person in {self.path} (such as {missing[0]!r}): each counts as its own person"
        ]


def _without_suffix(path: str) -> str:
    return re.sub(r"\.[^./]+$", "", path)


def _ends(path: str) -> list[str]:
    """ "a/b/c.png" → itself, "b/c.png", "c.png"."""
    parts = path.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def _only(people: set[str]) -> str:
    """The one person, "" for none or several."""
    return next(iter(people)) if len(people) == 1 else ""


def open_people(people: str) -> People:
    """`folders`, or the path of a table. Raises RequestError for anything else, FileNotFoundError, DatasetError."""
    if people == FOLDERS:
        return FolderPeople()
    if not Path(people).suffix and not Path(people).exists():
        raise RequestError(f"people is {people!r}: give folders, or a CSV with the columns path,person", field="people")
    return TablePeople(check_there(people, "table of people"))


def without_pairs(subjects: Sequence[str]) -> str:
    """A warning where nobody of these faces is there twice, else ""."""
    if not subjects or max(Counter(subjects).values()) > 1:
        return ""
    return (
        "there are no pairs: every face counts as a person of its own, so that training goes without pictures of one "
        "person to compare; with several photos of a person say who is who (--people folders, or --people people.csv)"
    )
