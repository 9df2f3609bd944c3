"""The label file formats: generic CSV, OpenFace 2, py-feat, LibreFace, MediaPipe blendshapes; and which one a file is.

Video frames and numbered sequences have keys "STEM#N", N counting from 1, where a file numbers its rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dftnet.au_sources.mediapipe import BLENDSHAPE_ABSENT, BLENDSHAPE_AUS, aus_from_blendshapes
from dftnet.au_sources.tables import (
    AU_COLUMN,
    KEY_COLUMNS,
    LANDMARK_COLUMNS,
    TEXT_COLUMNS,
    Columns,
    LabelTable,
    as_strings,
    read_table,
)
from dftnet.aus import AU_NAMES
from dftnet.errors import DatasetError, RequestError
from dftnet.media.files import check_there
from dftnet.units import ALL_UNITS

FORMATS: dict[str, type[LabelTable]] = {}
"""Name → class; a new format is one class and the line above it."""


def open_labels(path: str | Path, kind: str = "auto", au_range: tuple[float, float] | None = None) -> LabelTable:
    """The label file (or folder of them) at `path` in format `kind`; "auto" looks at the columns.

    Raises FileNotFoundError or DatasetError, both with the remedy.
    """
    path = Path(path)
    if kind != "auto" and kind not in FORMATS:
        raise RequestError(f"unknown label format {kind!r}: use one of auto, {', '.join(FORMATS)}")
    if kind == "auto":
        kind = guess_format(path)
    return FORMATS[kind](path, au_range)


def guess_format(path: Path) -> str:
    """Which of the formats the columns of a file, or of the first CSV of a folder, belong to."""
    columns = set(read_table(_csv_files(path)[0], most=1))
    if any(name.endswith("_r") and AU_COLUMN.match(name[:-2]) for name in columns):
        return "openface"
    if any(name.lower().endswith("_intensity") for name in columns):
        return "libreface"
    if {"FaceRectX", "FaceScore"} & columns and "input" in columns:
        return "pyfeat"
    if any(AU_COLUMN.match(name) for name in columns):
        return "generic"
    if any(name.removeprefix("mp_") == "browInnerUp" for name in columns):
        return "blendshapes"
    known = ", ".join(FORMATS)
    raise DatasetError(
        f"{path} has none of the columns of the known formats ({known}); a generic CSV has the columns "
        f"key, AU01, AU02, ... (it has {', '.join(sorted(columns)[:8])} ...)"
    )


def _csv_files(path: Path) -> list[Path]:
    check_there(path, "label file")
    if path.is_file():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.name.endswith((".csv", ".csv.gz")))
    if not files:
        raise DatasetError(f"the folder {path} holds no .csv file: point to the folder the AU tool wrote")
    return files


def _csv_stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


def _key_column(columns: Columns) -> str | None:
    lower = {name.lower(): name for name in columns}
    return next((lower[name] for name in KEY_COLUMNS if name in lower), None)


def _numbers(columns: Columns, name: str, default: float = np.nan) -> np.ndarray:
    values = columns.get(name)
    n = len(next(iter(columns.values())))
    return values if values is not None and values.dtype.kind == "f" else np.full(n, default)


def _joined(tables: list[Columns]) -> Columns:
    """Tables of several files as one; all must have the columns of the first."""
    names = list(tables[0])
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


def _vocabulary(name: str) -> str | None:
    match = AU_COLUMN.match(name)
    au = f"AU{int(match.group(1)):02d}{match.group(2).upper()}" if match else ""
    return au if au in ALL_UNITS else None


def au_columns(columns: Columns, suffix: str = "") -> dict[str, np.ndarray]:
    """Columns AU01, AU1, au_1 (+ `suffix`) by vocabulary name; unknown units are passed over."""
    found = {}
    for name, values in columns.items():
        if name.lower().endswith(suffix):
            au = _vocabulary(name[: len(name) - len(suffix)])
            if au:
                found[au] = values
    return found


def _format(table: type[LabelTable]) -> type[LabelTable]:
    FORMATS[table.kind] = table
    return table


class _Tables(LabelTable):
    """A format that may be one CSV or a folder of CSVs named after the photos or videos."""

    def _tables(self, needed: str) -> tuple[Columns, list[str]]:
        """All rows as one table, and for each row the stem of its file; `needed` names a column all must have."""
        tables, stems = [], []
        for file in _csv_files(self.path):
            table = read_table(file)
            if needed not in {name.lower() for name in table}:
                raise DatasetError(f"{file} has no column {needed}: is it another format? (--labels-format)")
            folder = file.parent.relative_to(self.path) if self.path.is_dir() else Path()
            tables.append(table)
            stems += [(folder / _csv_stem(file)).as_posix()] * len(next(iter(table.values())))
        names = set(tables[0]).intersection(*map(set, tables))
        return _joined([{n: t[n] for n in tables[0] if n in names} for t in tables]), stems

    def _keep_text(self, columns: Columns, key: str | None) -> None:
        """Subject, split, emotion and set, whatever tool wrote the other columns."""
        for name, field in TEXT_COLUMNS.items():
            if name in columns and name != key:
                self.text[field] = np.array(as_strings(columns[name]), dtype=np.str_)

    def _drop_rows(self, bad: np.ndarray, columns: Columns, stems: list[str], why: str) -> tuple[Columns, list[str]]:
        if not bad.any():
            return columns, stems
        if bad.all():
            raise DatasetError(f"{self.path}: every row has {why}: run the AU tool again on clearer photos")
        self.warnings.append(f"{int(bad.sum())} of {len(bad)} rows have {why}: left out")
        kept = [stem for stem, out in zip(stems, bad.tolist(), strict=True) if not out]
        return {name: values[~bad] for name, values in columns.items()}, kept


@_format
class GenericCSV(_Tables):
    """key, AU01, AU02, ... in a declared range (0 to 1 unless told); other columns become labels and extras."""

    kind = "generic"
    raw_range = (0.0, 1.0)
    note = "AU columns of a CSV"

    def _load(self) -> tuple[list[str], dict[str, np.ndarray]]:
        tables = [read_table(file) for file in _csv_files(self.path)]
        same = all(set(table) == set(tables[0]) for table in tables)
        if not same:
            raise DatasetError(f"the CSV files of {self.path} have different columns: give them one header")
        columns = _joined(tables)
        key = _key_column(columns)
        if key is None:
            raise DatasetError(
                f"{self.path} has no column that names the image: call it key (known are {', '.join(KEY_COLUMNS)})"
            )
        if any(f"{name}_r" in columns for name in AU_NAMES) and not au_columns(columns):
            raise DatasetError(f"{self.path} has the columns of OpenFace: use --labels-format openface")
        if all(name in columns for name in LANDMARK_COLUMNS):
            points = np.stack([_numbers(columns, name) for name in LANDMARK_COLUMNS], 1)
            self.landmarks = points.reshape(-1, 5, 2)
        self._keep_text(columns, key)
        raw = au_columns(columns)
        for name, values in columns.items():
            special = name == key or name in TEXT_COLUMNS or name in LANDMARK_COLUMNS or _vocabulary(name)
            if not special and values.dtype.kind == "f":
                self.extras[name] = values.astype(np.float32)
        return as_strings(columns[key]), raw


@_format
class OpenFaceCSV(_Tables):
    """OpenFace 2: a CSV a photo (FaceLandmarkImg), a CSV a video or image folder (FeatureExtraction), or one CSV
    with a column that names the image. AU01_r ... 0 to 5; the presence columns AU01_c ... are not used."""

    kind = "openface"
    raw_range = (0.0, 5.0)
    note = "OpenFace 2 intensities AUxx_r"
    least_confidence = 0.5

    def _load(self) -> tuple[list[str], dict[str, np.ndarray]]:
        columns, stems = self._tables("au12_r")
        columns, stems = self._drop_rows(
            _numbers(columns, "success", 1.0) == 0, columns, stems, "success = 0 (OpenFace lost the face)"
        )
        columns, stems = self._drop_rows(
            _numbers(columns, "confidence", 1.0) < self.least_confidence, columns, stems,
            f"a confidence below {self.least_confidence:g}",
        )  # fmt: skip
        key = _key_column(columns)
        if key is not None:
            keys = as_strings(columns[key])
        elif "frame" in columns and columns["frame"].dtype.kind == "f":
            keys = [f"{stem}#{int(n)}" for stem, n in zip(stems, columns["frame"].tolist(), strict=True)]
        else:
            keys = stems
        self._keep_text(columns, key)
        eyes = [*range(36, 48)]
        if all(f"x_{i}" in columns and f"y_{i}" in columns for i in eyes):
            self.centres = np.stack([np.mean([_numbers(columns, f"{c}_{i}") for i in eyes], 0) for c in "xy"], 1)
        for name, column in (("yaw", "pose_Ry"), ("pitch", "pose_Rx"), ("roll", "pose_Rz")):
            if column in columns:
                self.extras[name] = np.degrees(_numbers(columns, column)).astype(np.float32)
        if "confidence" in columns:
            self.extras["confidence"] = _numbers(columns, "confidence").astype(np.float32)
        return keys, au_columns(columns, "_r")


@_format
class PyFeatCSV(_Tables):
    """py-feat: columns AU01 ... AU43 (0 to 1) and `input`, the photo; AU43 (eyes closed) is taken as AU45."""

    kind = "pyfeat"
    raw_range = (0.0, 1.0)
    note = "py-feat AU probabilities; its AU43 stands for AU45"

    def _load(self) -> tuple[list[str], dict[str, np.ndarray]]:
        columns, _ = self._tables("input")
        inputs = as_strings(columns["input"])
        frames = _numbers(columns, "frame")
        distinct: dict[str, set[float]] = {}
        for name, frame in zip(inputs, frames.tolist(), strict=True):
            distinct.setdefault(name, set()).add(frame)
        keys = [
            f"{name}#{int(frame) + 1}" if len(distinct[name]) > 1 and frame == frame else name
            for name, frame in zip(inputs, frames.tolist(), strict=True)
        ]
        self._keep_text(columns, "input")
        rect = [_numbers(columns, "FaceRect" + part) for part in ("X", "Y", "Width", "Height")]
        if np.isfinite(np.stack(rect)).any():
            # the eyes lie about 0.4 of the box below its top
            self.centres = np.stack([rect[0] + rect[2] / 2, rect[1] + 0.4 * rect[3]], 1)
        for name in ("Yaw", "Pitch", "Roll", "FaceScore"):
            if name in columns and columns[name].dtype.kind == "f":
                self.extras[name.lower()] = columns[name].astype(np.float32)
        raw = au_columns(columns)
        if "AU43" in columns and "AU45" not in raw:
            raw["AU45"] = columns["AU43"]
        return keys, raw


@_format
class LibreFaceCSV(_Tables):
    """LibreFace: au_1_intensity ... 0 to 5 (12 units); its presence columns au_7, au_10, ... are not used.

    A row is named by an image column, by frame_idx (from 0) with the stem of the CSV, or by that stem alone.
    """

    kind = "libreface"
    raw_range = (0.0, 5.0)
    note = "LibreFace intensities"

    def _load(self) -> tuple[list[str], dict[str, np.ndarray]]:
        columns, stems = self._tables("au_12_intensity")
        key = _key_column(columns)
        frames = columns.get("frame_idx")
        if frames is not None and frames.dtype.kind == "f":
            names = as_strings(columns[key]) if key else stems
            keys = [f"{name}#{int(n) + 1}" for name, n in zip(names, frames.tolist(), strict=True)]
        else:
            keys = as_strings(columns[key]) if key else stems
        self._keep_text(columns, key)
        for name in ("yaw", "pitch", "roll"):
            if name in columns and columns[name].dtype.kind == "f":
                self.extras[name] = columns[name].astype(np.float32)
        return keys, au_columns(columns, "_intensity")


@_format
class BlendshapeCSV(_Tables):
    """MediaPipe's 52 blendshapes as columns (with or without the prefix mp_) and a column that names the image."""

    kind = "blendshapes"
    raw_range = (0.0, 1.0)
    note = "MediaPipe blendshapes mapped to AUs"

    def _load(self) -> tuple[list[str], dict[str, np.ndarray]]:
        columns, stems = self._tables_any()
        key = _key_column(columns)
        shapes = {name.removeprefix("mp_"): values for name, values in columns.items()}
        texts = [name for name in ("browInnerUp", "jawOpen") if name in shapes and shapes[name].dtype.kind == "U"]
        if texts:
            raise DatasetError(f"{self.path}: {texts[0]} holds cells that are no numbers: correct or empty them")
        mapped = aus_from_blendshapes(shapes)
        self._keep_text(columns, key)
        absent = ", ".join(f"{au} ({why})" for au, why in BLENDSHAPE_ABSENT.items())
        self.warnings.append(f"blendshapes do not measure {absent}: left out of the set")
        raw = {au: mapped[:, i].astype(np.float64) for i, au in enumerate(BLENDSHAPE_AUS)}
        return (as_strings(columns[key]) if key else stems), raw

    def _tables_any(self) -> tuple[Columns, list[str]]:
        first = set(read_table(_csv_files(self.path)[0], most=1))
        return self._tables("mp_jawopen" if "mp_jawOpen" in first else "jawopen")
