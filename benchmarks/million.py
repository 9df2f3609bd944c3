"""What a million photos cost: CPU seconds a photo of `dftnet edit FOLDER` and `dftnet prepare`, one thread, and what that is on
machines that share the work (`--shard`, `--engine ray`).

    pip install -e . openpeople==0.1.2
    OMP_NUM_THREADS=1 python benchmarks/million.py

A portrait of openpeople (P001) as JPEG of 1,024 pixels, turned a little each time. CPU time counts (user and system), so that a
busy machine does not matter much, and twice as many photos less the single number, so that starting does not: the least of
--rounds. Not counted are fetching the photos, the disk, and what a machine with several busy cores loses to memory and clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import cv2
from PIL import Image

from dftnet.data.config import PrepareConfig
from dftnet.data.prepare import prepare
from dftnet.editing.editor import Editor
from dftnet.editing.folder import edit_folder

CORES = 16
"""Of a machine"""


def photos(folder: Path, count: int, side: int) -> Path:
    """So many photos, and labels.csv beside the folder."""
    path = str(resources.files("openpeople") / "data/curated/P001/assets/studio_portrait.jpg")
    with Image.open(path) as image:
        portrait = image.convert("RGB")
        portrait.thumbnail((side, side))
    folder.mkdir()
    rows = ["key,AU12,AU45"]
    for number in range(count):
        portrait.rotate(number % 7 - 3).save(folder / f"p{number:04d}.jpg", quality=92)
        rows.append(f"p{number:04d},{number / count},0.5")
    folder.with_suffix(".csv").write_text("\n".join(rows))
    return folder


def a_photo(work: Callable[[Path, Path], object], some: Path, more: Path, count: int, rounds: int) -> float:
    """CPU seconds a photo."""
    found = []
    for number in range(rounds):
        taken = []
        for folder in (some, more):
            clock = time.process_time()
            work(folder, folder.with_name(f"{folder.name}-{work.__name__}-{number}"))
            taken.append(time.process_time() - clock)
        found.append((taken[1] - taken[0]) / count)
    return min(found)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    editor = Editor.from_pretrained(threads=1)

    def edit(folder: Path, output: Path) -> None:
        edit_folder(editor, folder, {"AU12": 0.8}, output, workers=1)

    def labelled(folder: Path, output: Path) -> None:
        prepare(folder, output, PrepareConfig(labels=folder.with_suffix(".csv")), workers=1)

    def read(folder: Path, output: Path) -> None:
        prepare(folder, output, PrepareConfig(), workers=1)

    print("| | CPU s a photo | core hours a million | 1 machine of 16 cores | 10 | 100 |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        some = photos(Path(name) / "some", arguments.count, arguments.side)
        more = photos(Path(name) / "more", 2 * arguments.count, arguments.side)
        for title, work in (("edit", edit), ("prepare, labels given", labelled), ("prepare, units read", read)):
            seconds = a_photo(work, some, more, arguments.count, arguments.rounds)
            hours = seconds * 1e6 / 3600
            machines = " | ".join(f"{hours / CORES / n:.2g} h" for n in (1, 10, 100))
            print(f"| {title} | {seconds:.3f} | {hours:.0f} | {machines} |")


if __name__ == "__main__":
    main()
