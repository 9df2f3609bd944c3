"""Action Units by name, from label files: reading, checking, finding a face's row. The formats: `table_formats.py`.

`read_table` reads one CSV (.csv or .csv.gz); `LabelTable` checks it, scales it to [0, 1] and finds a row by name. What is
wrong is either an error (nothing sensible can be done) or an entry of `warnings`; both say the remedy.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dftnet.aus import AU_NAMES
from dftnet.errors import DatasetError
from dftnet.units import ALL_UNITS

KEY_COLUMNS = (
    *("key", "file", "filename", "file_name", "image", "image_path", "input_image_path", "img_path"),
    *("input", "path", "name"),
)
LANDMARK_COLUMNS = tuple(f"{p}_{c}" for p in ("eye_r", "eye_l", "nose", "mouth_r", "mouth_l") for c in "xy")
TEXT_COLUMNS = {"subject": "subject", "split": "split", "emotion": "emotion", "set": "source", "source": "source"}
AU_COLUMN = re.compile(r"au_?0*(\d+)([lr]?)$", re.IGNORECASE)

SEPARATORS = (",", ";", "\t")
SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?$", re.IGNORECASE)
"""A first line by which Excel is told the separator."""
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?$", re.IGNORECASE)

Columns = dict[str, np.ndarray]


def read_table(path: Path, most: int | None = None) -> Columns:
    """A table with a header as columns: float64 [m] where every cell is a number or empty (NaN), else str [m].

    Columns are separated by commas, semicolons or tabs, numbers may have decimal commas, the text is UTF-8 or UTF-16:
    what the spreadsheets of all countries write. `most`: read only that many rows.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as binary:
            encoding = "utf-16" if binary.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with opener(path, "rt", newline="", encoding=encoding) as file:
            first = file.readline()
            separator = _separator(first)
            lines = file if SEPARATOR_LINE.match(first) else itertools.chain([first], file)
            reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
            header = [name.strip() for name in next(reader, [])]
            columns = _read_columns(itertools.islice(reader, most), header, path)
    except FileNotFoundError:
        raise FileNotFoundError(f"no such label file: {path}") from None
    except (gzip.BadGzipFile, EOFError, UnicodeError, csv.Error) as error:
        raise DatasetError(f"{path} is not a readable CSV ({error}): export it again as UTF-8") from None
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DatasetError(f"{path} has two columns called {', '.join(twice)}: rename one")
    if not header or not len(next(iter(columns.values()), [])):
        raise DatasetError(f"{path} has no rows: export it again")
    return columns


def _read_columns(reader: Iterator[list[str]], header: list[str], path: Path) -> Columns:
    parts: list[list[np.ndarray]] = [[] for _ in header]
    rows: list[list[str]] = []

    def flush() -> None:
        for i, cells in enumerate(zip(*rows, strict=True)):
            parts[i].append(_typed(np.array([cell.strip() for cell in cells])))
        rows.clear()

    for line, row in enumerate(reader, 2):
        if not row:
            continue
        if len(row) != len(header):
            cells = f"{len(row)} cells, the header {len(header)}"
            commas = " (decimal commas need semicolons or tabs between the columns)" if len(row) > len(header) else ""
            raise DatasetError(f"{path} line {line} has {cells}: the file is damaged{commas}, export it again")
        rows.append(row)
        if len(rows) == 4096:
            flush()
    if rows:
        flush()
    columns = {}
    for name, blocks in zip(header, parts, strict=True):
        if any(block.dtype.kind == "U" for block in blocks):
            blocks = [block if block.dtype.kind == "U" else _as_text(block) for block in blocks]
        columns[name] = np.concatenate(blocks) if blocks else np.zeros(0)
    return columns


def _separator(first: str) -> str:
    """What separates the columns, by a table's first line: what occurs most in it outside quotes."""
    told = SEPARATOR_LINE.match(first)
    if told:
        return told[1]
    bare = re.sub(r'"[^"]*"', "", first)
    return max(SEPARATORS, key=bare.count)


def _typed(cells: np.ndarray) -> np.ndarray:
    try:
        return np.where(cells == "", "nan", cells).astype(np.float64)
    except ValueError:
        pass
    with_comma = [cell for cell in cells.tolist() if "," in cell]
    if not with_comma or not all(DECIMAL_COMMA.match(cell) for cell in with_comma):
        return cells
    try:
        return np.array([cell.replace(",", ".") or "nan" for cell in cells.tolist()]).astype(np.float64)
    except ValueError:
        return cells


def _as_text(numbers: np.ndarray) -> np.ndarray:
    """Numbers of a column that turns out to be text; whole numbers lose the decimal point, NaN is empty."""
    return np.array(["" if np.isnan(x) else (str(int(x)) if x == int(x) else repr(float(x))) for x in numbers])


def as_strings(values: np.ndarray) -> list[str]:
    """Cells as text; a column of plain numbers ("17") loses the decimal point."""
    return (values if values.dtype.kind == "U" else _as_text(values)).tolist()


def normal(name: str) -> str:
    """A file name as label files spell it: forward slashes, no leading './'."""
    return name.strip().replace("\\", "/").removeprefix("./")


class LabelTable:
    """A table of labels, checked and scaled: `aus` float32 [m, K] in [0, 1], columns `names`; `row_of` finds a face's row.

    Besides AUs it holds, per row: `text` (subject, split, emotion, source where given), `extras` (other numeric
    columns), `landmarks` [m, 5, 2] or None, `centres` [m, 2], the eyes' middle in the photo, or None.
    """

    kind: str = ""
    """The name of the format."""
    raw_range: tuple[float, float] = (0.0, 1.0)
    """The scale of its raw values, mapped to 0 and 1."""
    note: str = ""
    """One sentence for dataset.json: what these numbers are."""

    def __init__(self, path: str | Path, au_range: tuple[float, float] | None = None):
        self.path = Path(path)
        self.warnings: list[str] = []
        self.text: dict[str, np.ndarray] = {}
        self.extras: dict[str, np.ndarray] = {}
        self.landmarks: np.ndarray | None = None
        self.centres: np.ndarray | None = None
        self.declared = au_range is not None
        self.raw_range = (float(au_range[0]), float(au_range[1])) if au_range else type(self).raw_range
        if not self.raw_range[0] < self.raw_range[1]:
            raise DatasetError(f"the AU range must rise, got {self.raw_range[0]:g} {self.raw_range[1]:g}")
        keys, raw = self._load()
        self._check_and_scale(raw)
        self._index(keys)

    # ---- to be given by each format -------------------------------------------------------------------------

    def _load(self) -> tuple[list[str], dict[str, np.ndarray]]:
        """Reads the file(s); returns the row keys and the raw AU columns by vocabulary name."""
        raise NotImplementedError

    # ---- what all formats share -----------------------------------------------------------------------------

    def _check_and_scale(self, raw: dict[str, np.ndarray]) -> None:
        """Leaves out empty and all-zero columns, refuses a wrong scale, clips to the range; sets `names`, `aus`."""
        columns = {name: raw[name] for name in ALL_UNITS if name in raw}
        if not columns:
            raise DatasetError(f"{self.path} has no AU column that this project knows ({', '.join(AU_NAMES)})")
        self._refuse_text(columns)
        for name in list(columns):
            values = columns[name]
            if np.isnan(values).mean() > 0.5:
                self._leave_out(columns, name, "is empty (NaN) in most rows")
            elif not np.nan_to_num(values).any():
                self._leave_out(columns, name, "is zero in every row (the tool did not measure it)")
        if not columns:
            raise DatasetError(f"{self.path}: every AU column is empty or zero: run the tool that wrote it again")
        self._check_range(columns)
        low, high = self.raw_range
        self.names = tuple(columns)
        table = np.stack(list(columns.values()), 1)
        self.bad_rows = ~np.isfinite(table).all(1)
        if self.bad_rows.any():
            self.warnings.append(
                f"{int(self.bad_rows.sum())} of {len(table)} rows have an AU that is not a number: left out"
            )
        self.aus = np.clip((table - low) / (high - low), 0, 1).astype(np.float32)

    def _refuse_text(self, columns: dict[str, np.ndarray]) -> None:
        for name, values in columns.items():
            if values.dtype.kind == "U":
                odd = next(cell for cell in values.tolist() if _typed(np.array([cell])).dtype.kind == "U")
                raise DatasetError(f"{self.path}: {name} holds {odd!r}, which is no number: correct or empty the cell")

    def _leave_out(self, columns: dict[str, np.ndarray], name: str, why: str) -> None:
        del columns[name]
        self.warnings.append(f"{name} {why}: left out of the set")

    def _check_range(self, columns: dict[str, np.ndarray]) -> None:
        """Values a little outside are clipped and told; many outside, or all far too small, are a wrong scale."""
        low, high = self.raw_range
        slack = 0.02 * (high - low)
        advice = "declare the true scale, e.g. --au-range 0 5 (OpenFace, LibreFace) or --au-range 0 1 (py-feat)"
        for name, values in columns.items():
            known = values[np.isfinite(values)]
            outside = (known < low - slack) | (known > high + slack)
            below = int((known < low - slack).sum())
            if outside.mean() > 0.05 and len(known) >= 5:
                raise DatasetError(
                    f"{self.path}: {name} goes from {known.min():g} to {known.max():g}, "
                    f"{int(outside.sum())} of {len(known)} values lie outside {low:g} to {high:g}: {advice}"
                )
            if outside.any():
                what = f"{below} negative" if low == 0 and below else f"{below} below {low:g}"
                self.warnings.append(
                    f"{name}: {int(outside.sum())} values outside {low:g} to {high:g} ({what}) are clipped"
                )
        top = max(float(np.nanmax(values)) for values in columns.values())
        rows = len(next(iter(columns.values())))
        if not self.declared and rows >= 20 and high - low > 1.5 and top <= low + 0.25 * (high - low):
            raise DatasetError(
                f"{self.path}: no AU exceeds {top:g} though the scale is {low:g} to {high:g}, as if it were "
                f"0 to 1 already: {advice}"
            )

    def _index(self, keys: list[str]) -> None:
        """Rows by exact key, and by base name and stem where those are unambiguous."""
        self.keys = [normal(key) for key in keys]
        self._rows: dict[str, list[int]] = {}
        for row, key in enumerate(self.keys):
            self._rows.setdefault(key, []).append(row)
        if self.centres is None:
            repeated = sum(len(rows) - 1 for rows in self._rows.values())
            if repeated:
                example = next(key for key, rows in self._rows.items() if len(rows) > 1)
                self.warnings.append(
                    f"{repeated} rows repeat a key (such as {example!r}): the first is used; remove the others"
                )
                self._rows = {key: rows[:1] for key, rows in self._rows.items()}
        self._short: dict[str, str | None] = {}
        for key in self._rows:
            for short in {_stem(key), key.rsplit("/", 1)[-1], _stem(key.rsplit("/", 1)[-1])} - {key}:
                self._short[short] = None if short in self._short else key

    def key_of(self, names: Sequence[str]) -> str | None:
        """The key under which this file knows a photo (its names, most exact first); None if it does not."""
        for name in names:
            if name in self._rows:
                return name
        for name in names:
            key = self._short.get(name)
            if key is not None:
                return key
        return None

    def row_of(self, names: Sequence[str], landmarks: np.ndarray | None = None) -> int | None:
        """The row of a face: among the rows of its photo the one whose face is nearest; None if there is none."""
        key = self.key_of(names)
        rows = [] if key is None else [row for row in self._rows[key] if not self.bad_rows[row]]
        if not rows:
            return None
        if self.centres is None or landmarks is None or (len(rows) == 1 and np.isnan(self.centres[rows[0]]).any()):
            return rows[0]
        centre = landmarks[:2].mean(0)
        reach = 1.5 * float(np.linalg.norm(landmarks[1] - landmarks[0]))
        distance = np.linalg.norm(self.centres[rows] - centre, axis=1)
        best = int(np.nanargmin(distance)) if np.isfinite(distance).any() else 0
        return rows[best] if not distance[best] > reach else None


def _stem(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    frame = ""
    if "#" in base:
        base, _, number = base.rpartition("#")
        frame = "#" + number
    stem, dot, suffix = base.rpartition(".")
    known = dot and 2 <= len(suffix) <= 4 and suffix.isalnum() and not suffix.isdigit()
    return folder + slash + (stem if known else base) + frame
