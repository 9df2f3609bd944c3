"""Readings of Action Units as text: bars, JSON, and CSV with the columns of OpenFace or py-feat."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Iterable

from dftnet.au_sources.reading import Reading
from dftnet.aus import AU_NAMES, describe_unit
from dftnet.errors import RequestError
from dftnet.units import side_free

FORMATS = ("openface", "pyfeat")
SCALES = (1, 5)
"""py-feat's intensities are 0 to 1, OpenFace's 0 to 5."""
BOX = ("box_x", "box_y", "box_width", "box_height")
PYFEAT_BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
UNEVEN = 0.1
"""Sides of a unit that differ by more are told one by one."""
_BAR = 20


def _worth_telling(values: dict[str, float]) -> dict[str, float]:
    """Without the sides of units whose sides are alike: their mean says it."""
    return {
        name: value for name, value in values.items()
        if side_free(name) not in values or side_free(name) == name or abs(value - values[side_free(name)]) > UNEVEN / 2
    }  # fmt: skip


def describe(values: dict[str, float], at_least: float = 0.0) -> list[str]:
    """Lines such as "AU12 lip corner puller    0.83 ████████████████▋", one an AU of `at_least` that intensity, a side where
    the two differ."""
    eighths = " ▏▎▍▌▋▊▉█"
    lines, width = [], max(map(len, _worth_telling(values)), default=0)
    for name, value in _worth_telling(values).items():
        if value < at_least:
            continue
        full, rest = divmod(round(value * _BAR * 8), 8)
        bar = "█" * full + (eighths[rest] if rest else "")
        lines.append(f"{name:<{width}} {_words(name):<21} {value:4.2f} {bar}".rstrip())
    return lines


def brief(values: dict[str, float], count: int = 4, at_least: float = 0.2) -> str:
    """The strongest AUs in one line: "AU12 lip corner puller 0.83, AU06 cheek raiser 0.71", or "neutral"."""
    strong = sorted(_worth_telling(values).items(), key=lambda item: -item[1])[:count]
    told = [f"{name} {_words(name)} {value:.2f}" for name, value in strong if value >= at_least]
    return ", ".join(told) or "neutral"


def _words(name: str) -> str:
    unit = describe_unit(name)
    return f"{unit.description}, {unit.side}" if unit.side else unit.description


def csv_table(readings: Iterable[Reading], form: str = "openface", scale: int | None = None) -> str:
    """One row a face. A picture without a face is a row with success 0 and empty cells, not zeros that spoil a mean.

    openface    file, frame (from 1), face_id, timestamp, confidence, success, box_x …, AU01_r … in 0 to 5; in 0 to 1
                (`scale` 1) the units are called AU01 …, so that no one divides them again; OpenFace's 17, then
                each side (AU01L_r, the person's left) and what else the source reads
    pyfeat      input, frame (from 0), FaceRectX …, FaceScore, AU01 … in 0 to 1; the closed eyes AU45 are its AU43
    """
    if form not in FORMATS:
        raise RequestError(f"format {form!r} is unknown: say {' or '.join(FORMATS)}", field="format")
    if scale not in (None, *SCALES) or (form == "pyfeat" and scale == 5):
        raise RequestError(
            f"format {form} in 0 to {scale}; there are openface (0 to 5, or 0 to 1) and pyfeat (0 to 1)", field="scale"
        )
    row_of = _openface_row if form == "openface" else _pyfeat_row
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for number, reading in enumerate(readings):
        row = row_of(reading, scale or SCALES[form == "openface"])
        if number == 0:
            writer.writerow(row)
        writer.writerow(row.values())
    return buffer.getvalue()


def _openface_row(reading: Reading, scale: int) -> dict[str, str]:
    found = reading.face >= 0
    row = {
        "file": reading.file, "frame": str(reading.frame + 1), "face_id": str(reading.face) if found else "",
        "timestamp": f"{reading.time:.3f}", "confidence": f"{reading.score:.3f}", "success": str(int(found)),
    }  # fmt: skip
    row |= dict(zip(BOX, _box(reading), strict=True))
    return row | {name + ("_r" if scale == 5 else ""): _cell(scale * value) for name, value in reading.aus.items()}


def _pyfeat_row(reading: Reading, scale: int) -> dict[str, str]:
    row = {"input": reading.file, "frame": str(reading.frame)} | dict(zip(PYFEAT_BOX, _box(reading), strict=True))
    row["FaceScore"] = f"{reading.score:.3f}" if reading.face >= 0 else ""
    known = {name: value for name, value in reading.aus.items() if name in AU_NAMES}
    return row | {name.replace("AU45", "AU43"): _cell(scale * value) for name, value in known.items()}


def _box(reading: Reading) -> list[str]:
    return [f"{value:.1f}" if reading.face >= 0 else "" for value in reading.box]


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def json_text(readings: Iterable[Reading], scale: int | None = None) -> str:
    """A JSON list of objects with the fields of Reading; `aus` in 0 to 1, or to `scale`; face null where there is none."""
    rows = []
    for reading in readings:
        row = reading._asdict() | {"aus": {name: round((scale or 1) * value, 4) for name, value in reading.aus.items()}}
        row |= {"score": round(reading.score, 4), "time": round(reading.time, 4)}
        rows.append(row if reading.face >= 0 else row | {"face": None, "box": None, "aus": {}})
    return json.dumps(rows, indent=1)


def print_readings(readings: Iterable[Reading], full: int = 4) -> None:
    """Tables with bars for the first `full` faces, one line each for the rest."""
    from rich.console import Console

    console = Console(highlight=False)
    shown = 0
    for (file, time), group in itertools.groupby(readings, lambda reading: (reading.file, reading.time)):
        where, faces = (f"{file} {time:.2f} s" if time else file), list(group)
        for reading in faces:
            if reading.face < 0:
                console.print(f"{where}: no face", style="yellow", markup=False, soft_wrap=True)
                continue
            title = f"{where}, face {reading.face}" if len(faces) > 1 else where
            shown += 1
            if shown <= full:
                console.print(title, style="bold", markup=False, soft_wrap=True)
                for line in describe(reading.aus):
                    console.print(line, markup=False, soft_wrap=True)
            else:
                console.print(f"{title}: {brief(reading.aus)}", markup=False, soft_wrap=True)
