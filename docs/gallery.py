"""Run the commands of docs/gallery.md and draw its pictures anew, on faces that may be shown.

    pip install -e ".[dev]" openpeople==0.1.2
    python docs/gallery.py

Faces: Eileen Collins (NASA, public domain), synthetic people of openpeople (MIT licence).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from pictures import FOLDER, close_up, person

from dftnet.cli import app as cli
from dftnet.drawing import sheet
from dftnet.editing.demo import make_demo, moving_clip
from dftnet.editing.editor import Editor
from dftnet.editing.options import SaveOptions
from dftnet.media.image import read_image, write_image
from dftnet.media.video import open_clip

PAGE = Path(__file__).parent / "gallery.md"
PEOPLE = ("a", "b", "c")
"""In people/: Eileen Collins, P001 and P005."""
DEMO = "dftnet demo try"
"""The page's first command; the photos that it writes are replaced by `materials`."""
SIDE = 1024
"""Of the portraits, pixels: openpeople's are twice as large, which takes four times as long."""


def smaller(image: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def materials() -> None:
    """The photos and the clip that the page's commands start from, in the working folder: the demo's, some with other people."""
    make_demo(".")
    anna, ben, carla, dan = (smaller(person(name), SIDE, SIDE) for name in ("P001", "P005", "P004", "P007"))
    turn = cv2.getRotationMatrix2D((1024, 860), -40, 0.64)
    turn[:, 2] += 384 - 1024, 384 - 860
    others = {
        "people/b.jpg": anna,
        "people/c.jpg": ben,
        "portrait.jpg": person("P001"),
        "tilted.jpg": cv2.warpAffine(person("P010"), turn, (768, 768), flags=cv2.INTER_AREA),
        "cut-off.jpg": np.ascontiguousarray(dan[300:750, 430:880]),
        "selfie.jpg": np.ascontiguousarray(person("P004", "amateur_selfie")[200:1352, 160:1312]),
        "group.jpg": np.hstack([smaller(one, 560, 560)[:, 80:480] for one in (carla, anna, dan)]),
    }
    for name, image in others.items():
        write_image(name, image, overwrite=True)
    moving_clip(Path("clip.mp4"), person("P004"), SaveOptions(overwrite=True))


def run_commands() -> None:
    """Every command of the page, in order, in the working folder, but for those that make it."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.S):
        for line in block.splitlines():
            if line in (DEMO, "cd try"):
                continue
            words = shlex.split(line, comments=True)
            print("$", line, flush=True)
            if words[0] == "dftnet":
                sys.argv = words
                cli.main()
            else:
                words[1] = str(PAGE.parent.parent / words[1])
                subprocess.run([sys.executable, *words[1:]], check=True)


def frames(clip: str, times: list[float], box: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Frames of a clip at some times, cut to left, top, right, bottom."""
    found = list(open_clip(clip).frames())
    chosen = [min(found, key=lambda frame: abs(frame.time - time)).image for time in times]
    return [np.ascontiguousarray(image[box[1] : box[3], box[0] : box[2]]) for image in chosen]


def expressions(editor: Editor) -> np.ndarray:
    """People in rows, folders in columns."""
    folders = ("people", "happy", "surprised", "dreaming", "stern", "relaxed", "like-a")
    captions = ("photo", "happiness", "surprise 0.8", "eyes closed, smile", "AU04 + 0.8", "neutral", "like the first")
    rows = []
    for name in PEOPLE:
        face = editor.read(read_image(f"people/{name}.jpg"))
        rows.append([close_up(read_image(f"{folder}/{name}.jpg"), face, 168) for folder in folders])
    return sheet(rows, captions)


def native() -> np.ndarray:
    """Above: the whole face. Below: an eye and the cheek at the photo's own pixels."""
    views = np.split(read_image("native.png"), 3, axis=1)
    height, width = views[0].shape[:2]
    whole = [view[int(0.2 * height) : int(0.8 * height), int(0.2 * width) : int(0.8 * width)] for view in views]
    y, x = int(0.4 * height), int(0.52 * width)
    close = [np.ascontiguousarray(view[y : y + 400, x : x + 400]) for view in views]
    return sheet([[smaller(view, 400, 400) for view in whole], close], ["photo", "crop edited and pasted", "dftnet"])


def poses() -> np.ndarray:
    """The photos above their edits."""
    names = ("tilted", "cut-off", "selfie")
    return sheet([[smaller(read_image(name + end), 384, 384) for name in names] for end in (".jpg", "-edited.png")])


def video() -> np.ndarray:
    """Frames of the clip above frames of its edit."""
    times, box = [0.2, 0.6, 1.0, 1.4, 1.8, 2.2], (130, 70, 510, 420)
    rows = [[smaller(one, 190, 175) for one in frames(clip, times, box)] for clip in ("clip.mp4", "smiling.mp4")]
    return sheet(rows, [f"{time:g} s" for time in times])


def driven(editor: Editor) -> np.ndarray:
    """The photo that moves, and the one that follows it."""
    times, rows = [0.0, 0.6, 1.1, 1.5, 2.1], []
    for clip in ("alive.mp4", "driven.mp4"):
        x, y, w, h = (round(float(v)) for v in editor.read(next(iter(open_clip(clip).frames())).image).box)
        box = (x - w // 4, max(0, y - h // 5), x + w + w // 4, y + h + h // 8)
        rows.append([smaller(one, 190, 220) for one in frames(clip, times, box)])
    return sheet(rows, [f"{time:g} s" for time in times])


def stimuli(editor: Editor) -> np.ndarray:
    """Units in rows, levels in columns."""
    face = editor.read(read_image("people/b.jpg"))
    levels = ("0.00", "0.25", "0.50", "0.75", "1.00")
    pictures = [[f"stimuli/b_{unit}_{level}.png" for level in levels] for unit in ("AU12", "AU04", "AU45")]
    rows = [[close_up(read_image(name), face, 200) for name in row] for row in pictures]
    return sheet(rows, [f"level {level}" for level in ("0", "0.25", "0.5", "0.75", "1")])


def main() -> None:
    """Write the pictures to FOLDER."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        materials()
        run_commands()
        editor = Editor.from_pretrained()
        group = np.vstack([read_image("group.jpg"), read_image("group-edited.png")])
        pictures = {
            "expressions": expressions(editor),
            "native": native(),
            "poses": poses(),
            "group": smaller(group, group.shape[1] * 3 // 4, group.shape[0] * 3 // 4),
            "sweep": smaller(read_image("blink.png"), 1160, 1160 * 274 // 2048),
            "video": video(),
            "driven": driven(editor),
            "stimuli": stimuli(editor),
        }
        for name, picture in pictures.items():
            print(write_image(FOLDER / f"{name}.jpg", picture, overwrite=True, quality=88))
        os.chdir(FOLDER)


if __name__ == "__main__":
    main()
