"""Frames a second of `dftnet edit clip.mp4`, start to end, CPU time a frame, and how much the edit flickers.

    python benchmarks/video_speed.py

The clip is made here: skimage's astronaut moving before the camera, 640x480 at 25 frames a second, with grain and sound.
Real time is 25. CPU time is that of the whole process, all threads of all libraries: two busy cores have 2000 ms of it a
second, and where a machine does other things besides it is the steadier measure. Flicker is the mean second difference over
time of the face held still by its true motion, as a ratio to the unedited clip; "frame by frame" is the same edit without
following and smoothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

from dftnet.editing.editor import Editor
from dftnet.editing.options import SaveOptions
from dftnet.editing.plan import as_plan
from dftnet.editing.video import edit_video
from dftnet.faces.align import crop_from_image
from dftnet.faces.detect import FaceDetector
from dftnet.media.video import open_clip
from dftnet.metrics import FLICKER_SIDE, flicker

RATE = 25


def frame_from_photo(seconds: float) -> np.ndarray:
    """float64 [2, 3]: a head that sways, nods and comes nearer."""
    scale = 1.6 * (1 + 0.05 * np.sin(1.9 * seconds))
    angle = np.radians(7) * np.sin(1.3 * seconds)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    middle = np.array([320 + 45 * np.sin(1.6 * seconds), 230 + 15 * np.sin(2.3 * seconds)])
    return np.hstack([linear, (middle - linear @ np.array([224.0, 115.0]))[:, None]])


def make_clip(path: Path, count: int) -> None:
    """640x480, 25 frames a second, a tone of 440 Hz."""
    rng = np.random.default_rng(0)
    photo = skimage.data.astronaut()
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt, video.options = 640, 480, "yuv420p", {"crf": "18"}
        sound = container.add_stream("aac", rate=48000)
        for number in range(count):
            image = cv2.warpAffine(
                photo,
                frame_from_photo(number / RATE),
                (640, 480),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
            grain = rng.normal(0, 2, image.shape)
            frame = av.VideoFrame.from_ndarray(np.clip(np.rint(image + grain), 0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        at = np.arange(48000 * count // RATE // 1024 * 1024)
        tone = (0.2 * np.sin(2 * np.pi * 440 * at / 48000)).astype(np.float32)
        for start in range(0, len(tone), 1024):
            block = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def now() -> np.ndarray:
    """float64 [2]: seconds by the clock, and of CPU time that this process has taken."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    """Print frames a second and CPU time a frame of each pass and of the whole, and flicker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    editor = Editor.from_pretrained(arguments.model, threads=1)
    asked = {"AU12": 0.2, "AU04": 0.7}
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        make_clip(source, arguments.frames)
        for _ in range(arguments.repeats):
            marks: dict[str, np.ndarray] = {}
            start = now()

            def tell(what: str, done: int, count: int, marks: dict[str, np.ndarray] = marks) -> None:
                marks[what] = now()

            edit_video(editor, source, as_plan(asked), output, save=SaveOptions(overwrite=True), tell=tell)
            total, first = (now() - start) / arguments.frames, (marks["following the face"] - start) / arguments.frames
            parts = zip(("in all", "following", "editing and coding"), (total, first, total - first), strict=True)
            told = [
                f"{what} {1 / wall:.1f} frames a second, {1000 * cpu:.1f} ms CPU a frame" for what, (wall, cpu) in parts
            ]
            print("; ".join(told))
        n = min(arguments.frames, 75)
        frames = [frame.image for _, frame in zip(range(n), open_clip(source).frames(), strict=False)]
        edited = [frame.image for _, frame in zip(range(n), open_clip(output).frames(), strict=False)]
    single = [editor.edit(image, asked) for image in frames]
    landmarks = FaceDetector()(skimage.data.astronaut())[0].landmarks
    to_crop = crop_from_image(landmarks, FLICKER_SIDE)
    back = [np.vstack([cv2.invertAffineTransform(frame_from_photo(i / RATE)), [0, 0, 1]]) for i in range(n)]
    held = [to_crop @ matrix for matrix in back]
    before, after, naive = (flicker(pictures, held) for pictures in (frames, edited, single))
    print(f"flicker, ratio to the unedited clip: {after / before:.2f} (frame by frame {naive / before:.2f})")


if __name__ == "__main__":
    main()
