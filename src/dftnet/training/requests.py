"""What single faces are asked for while training: a few units up or back, and what has something to teach by being undone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dftnet.faces.mesh import Array
from dftnet.units import SIDED

EXCLUSIVE = (("AU61", "AU62"), ("AU63", "AU64"), ("AU30L", "AU30R"))
"""Units of which at most one is shown"""
MOUTHS_UNDONE, UNDONE, LIDS_UNDONE, BOTH_LIDS = 0.5, 0.6, 0.4, 0.75
"""How often an open mouth is undone, and each of its units of those; how often lids are, and then both"""


class FewUnits:
    """Requests of one to three units on single faces, and back from what they show."""

    def __init__(self, names: tuple[str, ...], focus: Mapping[str, float]) -> None:
        groups: list[tuple[str, ...]] = [(name + "L", name + "R") for name in SIDED if name + "L" in names]
        groups += [pair for pair in EXCLUSIVE if pair[0] in names]
        grouped = {name for group in groups for name in group}
        groups += [(name,) for name in names if name not in grouped]
        self.groups = [tuple(names.index(name) for name in group) for group in groups]
        self.exclusive = [group in EXCLUSIVE for group in groups]
        wanted = np.array([focus.get(group[0], focus.get(group[0][:4], 1.0)) for group in groups])
        self.chances = wanted / wanted.sum()

    def draw(self, rng: np.random.Generator, source: Array) -> Array:
        """The source's levels [n, K] with one to three units set anew."""
        target = source.copy()
        for row in target:
            for g in rng.choice(len(self.groups), rng.integers(1, 4), replace=False, p=self.chances):
                self._ask(rng, row, list(self.groups[g]), self.exclusive[g])
        return target

    @staticmethod
    def _ask(rng: np.random.Generator, row: Array, columns: list[int], exclusive: bool) -> None:
        """Half of what is shown is undone; else a level is asked, half the time a strong one, on both sides or on one."""
        if row[columns].max() > 0.3 and rng.random() < 0.5:
            row[columns] *= 0.0 if rng.random() < 0.7 else rng.uniform(0, 1)
            return
        level = rng.uniform(0.7, 1) if rng.random() < 0.5 else rng.uniform(0, 1)
        one = exclusive or (len(columns) == 2 and rng.random() < 0.4)
        if not one:
            row[columns] = level
            return
        if exclusive:
            row[columns] = 0.0
        row[columns[int(rng.integers(len(columns)))]] = level


class Undoing:
    """Requests whose undoing has something to teach: eyes that close, and mouths that close."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.lids = [k for k, name in enumerate(names) if name[:4] == "AU45"]
        mouth = ("AU10", "AU12", "AU20", "AU22", "AU25", "AU26")
        units = ([k for k, name in enumerate(names) if name[:4] == unit] for unit in mouth)
        self.mouth = [columns for columns in units if columns]

    def draw(self, rng: np.random.Generator, source: Array, asked: Array) -> Array:
        """[n, K] from the sources' levels and other requests for them: in a half some of what a mouth shows is undone, each unit
        or not, so that teeth are learnt of every mixture; of four tenths open eyes close, or shut ones open, a quarter of these
        one alone."""
        asked = asked.copy()
        for row, own in zip(asked, source, strict=True):
            if rng.random() < MOUTHS_UNDONE and max((own[unit].max() for unit in self.mouth), default=0) > 0.3:
                for unit in self.mouth:
                    row[unit] = 0.0 if rng.random() < UNDONE else own[unit]
            if self.lids and rng.random() < LIDS_UNDONE:
                lids = self.lids if rng.random() < BOTH_LIDS else [self.lids[int(rng.integers(len(self.lids)))]]
                row[lids] = 0.0 if own[lids].max(initial=0) > 0.4 else rng.uniform(0.7, 1)
        return asked
