"""`dftnet show`: a card of a dataset directory, contact sheets of its faces, histograms of its Action Units."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from dftnet.aus import AU_DESCRIPTIONS
from dftnet.data.dataset import SPLITS, FaceData
from dftnet.drawing import sheet
from dftnet.errors import DatasetError, RequestError
from dftnet.media.files import check_folder
from dftnet.media.image import write_image

_BARS = " ▁▂▃▄▅▆▇█"
_TILE = 96


PICTURES = ("faces.png", "strongest.png", "histograms.png")


@dataclass(frozen=True)
class Shown:
    """The pictures that `show` wrote."""

    faces: Path
    strongest: Path
    histograms: Path


def show(
    path: str | Path,
    output: str | Path | None = None,
    labels: str = "labels",
    split: str = "all",
    count: int = 120,
    seed: int = 0,
    overwrite: bool = False,
    console: Console | None = None,
) -> Shown:
    """Print the card of the dataset at `path` and write three PNGs into `output` (default: `path`/show).

    `labels`: which AU labels ("labels", or NAME of labels-NAME.npz); `split`: only these faces ("all", "train", ...);
    `count`: faces on the sheet of random ones. Raises DatasetError or OSError with the remedy: FileExistsError where an
    earlier picture lies there and `overwrite` is false.
    """
    if count < 1:
        raise RequestError(f"count must be 1 or more, got {count}", field="count")
    folder = Path(output) if output is not None else Path(path) / "show"
    earlier = [folder / name for name in PICTURES if (folder / name).exists()]
    if earlier and not overwrite:
        raise FileExistsError(f"{earlier[0]} exists: choose another folder or allow overwriting (--overwrite)")
    data = FaceData.open(path)
    check_folder(folder)
    aus, rows = data.labels(labels), data.rows(split)
    if len(rows) == 0:
        raise DatasetError(f"the split {split} of {path} is empty")
    (console or Console(highlight=False)).print(*card(data, aus, rows), sep="\n")
    images = data.images(progress=console is None)
    random = np.sort(np.random.default_rng(seed).permutation(rows)[:count])
    sheets = (faces_sheet(images, random, data.keys), strongest_sheet(images, data, aus, rows))
    pictures = (*sheets, histogram_sheet(data, aus, rows))
    return Shown(
        *(write_image(folder / name, picture, overwrite) for name, picture in zip(PICTURES, pictures, strict=True))
    )


# ---- the card ----------------------------------------------------------------------------------------------------


def card(data: FaceData, aus: np.ndarray, rows: np.ndarray) -> list[str | Table]:
    """What to print: the set in a few lines and a table of its AUs over `rows`."""
    source, alignment, info = data.info["au_source"], data.info["alignment"], data.info
    people = len(set(data.subject[rows].tolist()))
    lines: list[str | Table] = [
        f"[bold]{data.path}[/]  {len(rows)} faces of {people} people, {data.size}x{data.size}, {len(info['shards'])} shards",
        f"AUs     {source['kind']} ({source['note']}), raw {source['raw_range'][0]:g} to {source['raw_range'][1]:g}",
        f"aligned {alignment['template']}, landmarks by {alignment['landmarks']}; stored as {info['encoding']['format']}",
        f"splits  {_counts(data.split[rows], SPLITS)}",
    ]
    if (data.source[rows] != "").any():
        lines.append(f"sources {_counts(data.source[rows])}")
    if (data.emotion[rows] != "").any():
        lines.append(f"emotion {_counts(data.emotion[rows][data.emotion[rows] != ''])}")
    often = [(who, n) for who, n in Counter(data.subject[rows].tolist()).most_common(5) if n > 1]
    if often:
        lines.append("most of " + ", ".join(f"{who} ({n})" for who, n in often))
    if source["absent"]:
        lines.append(f"absent  {', '.join(source['absent'])}")
    skipped = info["prepared"]["skipped"]
    if skipped:
        lines.append("skipped " + ", ".join(f"{n} {reason}" for reason, n in skipped.items()))
    return [*lines, _au_table(data.au_names, aus[rows])]


def _counts(values: np.ndarray, order: tuple[str, ...] = ()) -> str:
    counts = Counter(values.tolist())
    names = [name for name in order if name in counts] or sorted(counts, key=lambda name: -counts[name])
    return ", ".join(f"{name} {counts[name]}" for name in names)


def _au_table(names: tuple[str, ...], aus: np.ndarray) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("AU", "what", "mean", "> 0.5", "0 to 1"):
        table.add_column(title, justify="right" if title in ("mean", "> 0.5") else "left")
    for column, name in enumerate(names):
        values = aus[:, column]
        share = f"{100 * float((values > 0.5).mean()):.1f} %"
        table.add_row(name, AU_DESCRIPTIONS[name], f"{values.mean():.3f}", share, sparkline(values))
    return table


def sparkline(values: np.ndarray, bins: int = 20) -> str:
    """Values in [0, 1] as a histogram of `bins` characters; the heights are square roots, so that tails show."""
    counts = np.histogram(np.clip(values, 0, 1), bins, (0, 1))[0]
    heights = np.sqrt(counts / max(1, counts.max()))
    return "".join(_BARS[int(np.ceil(height * (len(_BARS) - 1)))] for height in heights)


# ---- the sheets --------------------------------------------------------------------------------------------------


def _tile(image: np.ndarray) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(image), (_TILE, _TILE), interpolation=cv2.INTER_AREA)


def _grid(tiles: list[np.ndarray], across: int) -> list[list[np.ndarray]]:
    blank = np.full_like(tiles[0], 255)
    padded = tiles + [blank] * (-len(tiles) % across)
    return [padded[i : i + across] for i in range(0, len(padded), across)]


def faces_sheet(images: np.ndarray, rows: np.ndarray, keys: np.ndarray, across: int = 12) -> np.ndarray:
    """Faces of `rows` in a grid, uint8 [h, w, 3]; each line is labelled with the key of its first face."""
    across = min(across, len(rows))
    tiles = [_tile(images[row]) for row in rows]
    return sheet(_grid(tiles, across), labels=[str(keys[rows[i]]) for i in range(0, len(rows), across)])


def strongest_sheet(
    images: np.ndarray, data: FaceData, aus: np.ndarray, rows: np.ndarray, across: int = 12
) -> np.ndarray:
    """One line an AU: the faces with its strongest labels, at most two a person, strongest first; uint8 [h, w, 3]."""
    lines, labels = [], []
    for column, name in enumerate(data.au_names):
        chosen: list[int] = []
        of_person: Counter[str] = Counter()
        for row in rows[np.argsort(-aus[rows, column], kind="stable")].tolist():
            person = str(data.subject[row])
            if of_person[person] < 2:
                of_person[person] += 1
                chosen.append(row)
            if len(chosen) == across:
                break
        tiles = [_tile(images[row]) for row in chosen]
        lines += _grid(tiles, across)
        first, last = float(aus[chosen[0], column]), float(aus[chosen[-1], column])
        labels.append(f"{name} {first:.2f}..{last:.2f}")
    return sheet(lines, labels=labels)


def histogram_sheet(data: FaceData, aus: np.ndarray, rows: np.ndarray, across: int = 5) -> np.ndarray:
    """A histogram an AU over [0, 1] (height: square root of the share), uint8 [h, w, 3]."""
    tiles = [_histogram(aus[rows, column]) for column in range(len(data.au_names))]
    lines = _grid(tiles, min(across, len(tiles)))
    picture = np.array(sheet(lines))
    height, width = tiles[0].shape[:2]
    for column, name in enumerate(data.au_names):
        x, y = (column % across) * width, (column // across) * height
        text = f"{name} {AU_DESCRIPTIONS[name]}"
        mean = float(aus[rows, column].mean())
        _write(picture, text, (x + 8, y + 16))
        _write(picture, f"mean {mean:.3f}", (x + 8, y + 32))
    return picture


def _histogram(values: np.ndarray, bins: int = 40) -> np.ndarray:
    width, height, base = 220, 150, 128
    picture = np.full((height, width, 3), 255, np.uint8)
    counts = np.histogram(np.clip(values, 0, 1), bins, (0, 1))[0]
    tops = np.sqrt(counts / max(1, counts.max())) * 88
    for i, top in enumerate(tops):
        x = 10 + i * 5
        if top > 0:
            cv2.rectangle(picture, (x, base - max(1, round(float(top)))), (x + 3, base), (70, 110, 170), -1)
    cv2.line(picture, (10, base), (10 + bins * 5, base), (0, 0, 0), 1)
    for at, text in ((10, "0"), (104, "0.5"), (204, "1")):
        _write(picture, text, (at, base + 14))
    return picture


def _write(picture: np.ndarray, text: str, at: tuple[int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
