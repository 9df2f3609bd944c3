"""CPU time of what an edit does around its network: reading, rendering, the page's slider, and the whole process.

    python benchmarks/editing_speed.py -o now.json
    git worktree add ../before SOME_COMMIT
    python benchmarks/editing_speed.py --against ../before/src -o both.json      # the same with other sources, in turn

CPU time (user and system) of one thread where no other number is said, the least of --rounds: what a busy machine does to the
clock is left out. The photo is docs/pictures/astronaut.jpg, scaled; the page's is a 1024-pixel portrait (openpeople's P001), of
which a patch is 496 x 600 pixels.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

import dftnet
from dftnet.app import schema, work
from dftnet.app.photos import Photos
from dftnet.app.settings import Settings

PHOTO = Path(__file__).parent.parent / "docs" / "pictures" / "astronaut.jpg"
ASKED = {"smile": {"AU12": 0.8}, "closed eyes": {"AU45": 1.0}}
LAUNCH = """
import os, subprocess, sys
_, status, used = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(status != 0)
"""
"""Runs a command from a small process: the memory of the one that starts it counts as the command's own."""
Row = dict[str, float]


def least(work_once: Callable[[], object], rounds: int) -> float:
    """Milliseconds of CPU."""
    work_once()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work_once()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def scaled(image: np.ndarray, side: int) -> np.ndarray:
    """The picture with a longer side of `side` pixels."""
    scale = side / max(image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)


def of_editor(editor: dftnet.Editor, sides: list[int], rounds: int) -> Row:
    """Reading and rendering, and of these the networks alone."""
    rows: Row = {}
    for side in sides:
        image = scaled(dftnet.read_image(PHOTO), side)
        face = editor.read(image)
        own = face.vector(editor.au_names)[None]
        rows[f"read, {side} px"] = least(functools.partial(editor.read, image), rounds)
        for name, asked in ASKED.items():
            rows[f"render, {name}, {side} px"] = least(functools.partial(editor.render, face, asked), rounds)
            rows[f"patch, {name}, {side} px"] = least(functools.partial(editor.render_patch, face, asked), rounds)
    rows["generator alone"] = least(lambda: editor.generator.parts(face.crop[None], own, 1 - own), rounds)
    return rows


def of_page(editor: dftnet.Editor, rounds: int, word: str = "") -> Row:
    """One answer to a slider, without HTTP: exact, of half the size, and with the units read again."""
    portrait = resources.files("openpeople") / "data/curated/P001/assets/studio_portrait.jpg"
    data = dftnet.encode_image(scaled(dftnet.read_image(str(portrait)), 1024), ".jpg")
    chosen = Settings()
    photos = Photos(
        editor, most=1, most_pixels=chosen.kept_pixels, max_pixels=chosen.max_pixels, preview=chosen.preview
    )
    photo = photos.read(data, "portrait.jpg")
    rows: Row = {}
    plain = {"photo": photo.id, "face": 0, "faces": {"0": {"au": ASKED["smile"]}}}
    for name, how in (("exact", {}), ("draft", {"draft": True}), ("read again", {"measure": True})):
        asked = schema.PatchRequest.model_validate({**plain, **how})
        rows[f"slider, {name}{word}"] = least(functools.partial(work.PatchMade, photo, asked), rounds)
    return rows


def of_process(side: int, suffix: str, rounds: int) -> Row:
    """`dftnet edit`, start to end: CPU, and the most memory it held."""
    with tempfile.TemporaryDirectory() as folder:
        photo = dftnet.write_image(Path(folder) / f"photo{suffix}", scaled(dftnet.read_image(PHOTO), side))
        command = [sys.executable, "-m", "dftnet", "edit", str(photo), "--au", "AU12=0.8", "--threads", "1"]
        command += ["-o", str(Path(folder) / f"out{suffix}"), "--overwrite", "--quiet"]
        told = [
            subprocess.run([sys.executable, "-c", LAUNCH, *command], stdout=subprocess.PIPE, check=True).stdout
            for _ in range(rounds + 1)
        ]
    used = np.array([line.split() for line in told[1:]], np.float64)  # the first finds cold files
    return {f"dftnet edit, {side} px": 1e3 * used[:, 0].min(), f"dftnet edit, {side} px, MB": used[:, 1].max() / 1e3}


def measured(arguments: argparse.Namespace) -> Row:
    """All rows with the sources that are imported here."""
    cv2.setNumThreads(1)
    editor = dftnet.Editor.from_pretrained(arguments.model, threads=1)
    rows = of_editor(editor, [int(side) for side in arguments.sides.split(",")], arguments.rounds)
    rows |= of_page(editor, arguments.rounds)
    rows |= of_page(dftnet.Editor.from_pretrained(arguments.model, threads=2), arguments.rounds, ", 2 threads")
    for side, suffix in ((512, ".png"), (6000, ".jpg")):
        rows |= of_process(side, suffix, min(arguments.rounds, 4))
    return rows


def other(sources: str) -> Row:
    """The same, measured by a process that imports other sources."""
    command = [sys.executable, __file__, *(part for part in sys.argv[1:] if part not in ("--against", sources))]
    paths = os.pathsep.join([sources, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, "--plain"], env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print a table, in milliseconds but where MB is said; with --output also as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--sides", default="512,1024,2048")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--against", metavar="SRC", help="a src folder of another version, measured in the same run")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plain:
        print(json.dumps(measured(arguments)))
        return
    before = other(arguments.against) if arguments.against else {}
    rows = measured(arguments)
    for name, value in rows.items():
        print(f"{name:32}" + (f"{before[name]:8.1f} → " if name in before else "") + f"{value:8.1f}")
    if arguments.output:
        found = {"before": before, "now": rows, "threads": 1, "rounds": arguments.rounds}
        arguments.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
