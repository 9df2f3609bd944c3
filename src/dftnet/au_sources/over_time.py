"""Action Units over time, of one face, from a table of any known format: what a face can be driven by.

    found = read_over_time("actor.csv")
    found.times, found.aus, found.names         # [n] seconds, [n, K] in [0, 1]

The time of a row: its timestamp (seconds; LibreFace's frame_time_in_ms), else the number of its frame, else its place
in the table, these at 25 a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dftnet.au_sources.table_formats import FORMATS, au_columns, guess_format, open_labels
from dftnet.au_sources.tables import Columns, read_table
from dftnet.errors import MediaError

RATE = 25.0
"""Frames a second where a table has no times."""
SCALES = ((0.0, 1.0), (0.0, 5.0))
SLACK = 0.05
"""By how much of its scale a table may exceed it."""
SUFFIXES = {"openface": "_r", "libreface": "_intensity"}
"""What a format's AU columns end in."""


@dataclass(frozen=True, kw_only=True)
class AUsOverTime:
    """The AUs of one face."""

    times: np.ndarray
    """float64 [n], seconds, rising."""
    aus: np.ndarray
    """float32 [n, K] in [0, 1]."""
    names: tuple[str, ...]
    """The K units."""
    warnings: list[str] = field(default_factory=list)
    """What had to be guessed."""


def read_over_time(path: str | Path) -> AUsOverTime:
    """Rows without a face or with a gap are left out, so that they are bridged; of several people one is followed.

    Raises MediaError, DatasetError or FileNotFoundError, with the remedy.
    """
    path = Path(path)
    table = read_table(path)
    kind = guess_format(path)
    warnings: list[str] = []
    if kind == "openface":
        names, aus, good, centres = _openface(table, path)
    else:
        found = open_labels(path, kind, _scale(table, kind, path, warnings))
        names, aus, good, centres = list(found.names), found.aus, ~found.bad_rows, found.centres
    times = _times(table, warnings)
    good &= np.isfinite(times)
    if (success := _numbers(table, "success")) is not None:
        good &= success > 0
    if (people := _numbers(table, "face_id")) is not None and np.isfinite(people).any():
        good &= people == np.nanmin(people[good]) if good.any() else good
    if not good.any():
        raise MediaError(f"{path} has no row with a face found (success 1) and all AUs: run the AU tool again")
    rows = _one_a_time(np.flatnonzero(good), times, centres, warnings)
    return AUsOverTime(times=times[rows], aus=aus[rows], names=tuple(names), warnings=warnings)


def _openface(table: Columns, path: Path) -> tuple[list[str], np.ndarray, np.ndarray, None]:
    columns = {name: values for name, values in sorted(au_columns(table, "_r").items())}
    if any(values.dtype.kind != "f" for values in columns.values()):
        raise MediaError(f"{path} has an AU column that holds text: export it again")
    raw = np.stack(list(columns.values()), 1)
    if np.nanmax(raw, initial=0) > 5.5 or np.nanmin(raw, initial=0) < -0.5:
        raise MediaError(f"{path}: OpenFace's intensities (AU12_r) lie in 0 to 5, these do not: export them again")
    return list(columns), np.clip(raw / 5, 0, 1).astype(np.float32), np.isfinite(raw).all(1), None


def _scale(table: Columns, kind: str, path: Path, warnings: list[str]) -> tuple[float, float]:
    """Of the two scales that tools use, 0 to 1 and 0 to 5, the smaller that holds all values."""
    columns = [values for values in au_columns(table, SUFFIXES.get(kind, "")).values() if values.dtype.kind == "f"]
    top = max((float(np.nanmax(values)) for values in columns if np.isfinite(values).any()), default=0.0)
    scale = next((scale for scale in SCALES if top <= scale[1] * (1 + SLACK)), None)
    if scale is None:
        raise MediaError(f"{path} has AUs of up to {top:g}; bring them to 0 to 1, or to 0 to 5 as OpenFace's are")
    if scale != FORMATS[kind].raw_range:
        warnings.append(f"{path}: no AU exceeds {top:g}, so they are taken as 0 to {scale[1]:g}")
    return scale


def _numbers(table: Columns, name: str) -> np.ndarray | None:
    """A column of numbers, whatever the case of its name; None where there is none."""
    for column, values in table.items():
        if column.lower() == name and values.dtype.kind == "f" and np.isfinite(values).any():
            return values
    return None


def _times(table: Columns, warnings: list[str]) -> np.ndarray:
    """float64 [m], seconds."""
    rows = len(next(iter(table.values())))
    for name, unit in (("timestamp", 1.0), ("frame_time_in_ms", 0.001)):
        values = _numbers(table, name)
        if values is not None and (rows == 1 or len(np.unique(values[np.isfinite(values)])) > 1):
            return values * unit - min(0.0, float(np.nanmin(values)) * unit)
    for name in ("frame", "frame_idx"):
        values = _numbers(table, name)
        if values is not None and len(np.unique(values[np.isfinite(values)])) > 1:
            warnings.append(f"the table has frames but no times: {RATE:g} frames a second are assumed")
            return (values - np.nanmin(values)) / RATE
    return np.arange(rows) / RATE


def _one_a_time(rows: np.ndarray, times: np.ndarray, centres: np.ndarray | None, warnings: list[str]) -> np.ndarray:
    """Of the rows of each moment one, in the order of time: the first, then whose place is nearest to the one before."""
    rows = rows[np.argsort(times[rows], kind="stable")]
    moments = np.split(rows, np.flatnonzero(np.diff(times[rows]) > 0) + 1)
    most = max(len(moment) for moment in moments)
    if most > 1:
        warnings.append(f"the table has up to {most} faces at a time; the first one is followed")
    kept = [moments[0][0]]
    for moment in moments[1:]:
        choice = moment[0]
        if len(moment) > 1 and centres is not None:
            distance = np.linalg.norm(centres[moment] - centres[kept[-1]], axis=1)
            choice = moment[int(np.nanargmin(distance))] if np.isfinite(distance).any() else choice
        kept.append(choice)
    return np.array(kept)
