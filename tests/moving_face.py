"""A clip of known motion: a photo that shifts, turns and grows, with camera noise, a tone as sound, and uneven times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

SIZE = (320, 240)
"""Width and height."""


def matrix_at(time: float, motion: float = 1.0) -> np.ndarray:
    """frame_from_photo, float64 [2, 3], at a time in seconds."""
    wave = lambda period, phase=0.0: np.sin(2 * np.pi * time / period + phase)  # noqa: E731
    scale = 0.9 * (1 + 0.06 * motion * wave(1.7))
    angle = np.radians(8 * motion * wave(1.3, 1))
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    middle = np.array([160 + 30 * motion * wave(1.1), 120 + 12 * motion * wave(0.9)])
    return np.hstack([linear, (middle - linear @ np.array([224.0, 115.0]))[:, None]])


def picture(time: float, motion: float = 1.0, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    """uint8 [240, 320, 3]: the astronaut at that time."""
    image = cv2.warpAffine(
        skimage.data.astronaut(), matrix_at(time, motion), SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    grain = np.random.default_rng([seed, round(time * 1e6)]).normal(0, noise, image.shape)
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def uneven_times(count: int) -> list[float]:
    """Frame times in seconds with steps of 0.02 to 0.07."""
    steps = np.random.default_rng(1).choice([20, 40, 40, 70], count)
    return [float(t) / 1000 for t in np.concatenate([[0], np.cumsum(steps)[:-1]])]


def write_clip(
    path: Path, times: list[float], frames: list[np.ndarray], sound: bool = True, codec: str = "libx264", **tags: int
) -> Path:
    """A video with frames at their times and, if `sound`, a tone of 440 Hz for as long."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        video.options = {"crf": "12", "preset": "ultrafast"} if codec == "libx264" else {"deadline": "realtime"}
        for name, value in tags.items():
            setattr(video.codec_context, name, value)
        voice = container.add_stream("aac" if codec == "libx264" else "libopus", rate=48000) if sound else None
        for time, image in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709" if tags else None)
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if voice is not None:
            at = np.arange(int(48000 * (times[-1] + 0.04)) // 1024 * 1024)
            tone = (0.3 * np.sin(2 * np.pi * 440 * at / 48000)).astype(np.float32)
            for start in range(0, len(tone), 1024):
                block = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
                container.mux(voice.encode(block))
            container.mux(voice.encode(None))
    return path
