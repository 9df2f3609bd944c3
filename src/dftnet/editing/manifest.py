"""The table of an experiment's pictures, manifest.csv: what each shows, what was asked of it, and what is read in it.

One row a picture: file, identity, person, photo, unit, level, what was done (rest, match, renders, model), who measured, whether
the units asked for landed, and for every Action Unit its value in the photo (photo_AU12), the one that the picture shall show
(asked_AU12), the one requested of the network (requested_AU12; the same unless it was searched for) and the one measured in the
file (measured_AU12).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dftnet.au_sources.source import AUSource
from dftnet.aus import as_dict
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace
from dftnet.editing.landing import all_landed
from dftnet.errors import RequestError
from dftnet.media.files import write_file
from dftnet.units import known_to

MANIFEST = "manifest.csv"
FIRST = (
    *("file", "identity", "person", "photo", "au", "level"),
    *("rest", "match", "renders", "model", "measured_by", "landed"),
)
"""The columns that are not levels of units."""
Rows = dict[str, dict[str, str]]
"""File → its row."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One picture that was written."""

    face: EditableFace
    """As it is in the photo."""
    again: EditableFace | None
    """Found in the picture; None where it was not."""
    asked: np.ndarray
    """float32 [K]: what the picture shall show."""
    requested: np.ndarray
    """float32 [K]: what was requested of the network."""
    units: tuple[str, ...]
    """Those asked for."""


def header_of(editor: Editor, judge: AUSource | None) -> list[str]:
    """The names of the columns."""
    kinds = ("photo", "asked", "requested", "measured")
    values = [f"{kind}_{name}" for kind in kinds for name in editor.au_names]
    if judge is not None:
        values += ["judged_by", *[f"judged_{name}" for name in known_to(judge.names, editor.au_names)]]
    return [*FIRST, *values]


def levels_of(editor: Editor, second: Editor | None, made: Shown) -> dict[str, str]:
    """The columns of AUs: in the photo, asked, requested, measured and judged; units that nobody reads are left empty."""
    measured = _read(editor, made.again)
    told = {name: measured[name] for name in editor.reads(made.units) if name in measured}
    landed = all_landed(told, as_dict(made.asked, editor.au_names), made.units)
    columns = {"measured_by": measurer(editor), "landed": {None: "", True: "yes", False: "no"}[landed]}
    for k, name in enumerate(editor.au_names):
        read = name in editor.read_units
        columns[f"photo_{name}"] = f"{made.face.aus[name]:.4f}" if read else ""
        columns[f"asked_{name}"] = f"{made.asked[k]:.4f}"
        columns[f"requested_{name}"] = f"{made.requested[k]:.4f}"
        columns[f"measured_{name}"] = f"{measured[name]:.4f}" if name in measured else ""
    if second is not None and second.estimator is not None:
        judged = _read(second, made.again)
        columns["judged_by"] = second.estimator.note
        columns |= {f"judged_{name}": f"{judged[name]:.4f}" if judged else "" for name in second.read_units}
    return columns


def _read(editor: Editor, again: EditableFace | None) -> dict[str, float]:
    """The units of a face found again that can be read; {} where it was not, or nothing reads."""
    if again is None or not editor.reads_aus:
        return {}
    aus = editor.with_aus([again])[0].aus
    return {name: aus[name] for name in editor.read_units}


def model_name(editor: Editor) -> str:
    """The generator's folder and the start of its SHA-256."""
    path = editor.generator.graph
    return f"{path.resolve().parent.name}@{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def measurer(editor: Editor) -> str:
    """Who measures, in a few words; "nobody" without an estimator."""
    return editor.estimator.note if editor.estimator is not None else "nobody"


def known_rows(path: Path, header: list[str], same: Mapping[str, str], strict: bool = True) -> Rows:
    """The rows of an earlier run by file; RequestError, or none where not `strict`, where their columns `same` say other things."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        rows = {row["file"]: row for row in reader if row.get("file")}
        fits = list(reader.fieldnames or []) == header
    if fits and all(row[name] == value for row in rows.values() for name, value in same.items()):
        return rows
    if not strict:
        return {}
    raise RequestError(f"{path} tells of stimuli made with another model or request: name another -o, or --overwrite")


def write_table(path: Path, header: list[str], rows: Rows) -> None:
    """The table of these rows, in order of their files."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    write_file(path, buffer.getvalue(), overwrite=True)


def write_lists(output: Path, rows: Rows, blind: bool) -> None:
    """conditions.csv for PsychoPy's loops, preload.json for jsPsych's preload plugin; the latter names files only."""
    write_table(output / "conditions.csv", ["file"] if blind else ["file", "person", "au", "level"], rows)
    write_file(output / "preload.json", json.dumps({"images": sorted(rows)}, indent=1) + "\n", overwrite=True)
