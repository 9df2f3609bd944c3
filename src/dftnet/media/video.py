"""Clips: videos and animated pictures, read frame by frame with their timing, sound and colours, and written again.

    clip = open_clip("clip.mp4")
    with clip_writer(path, clip) as writer:
        for frame in clip.frames(writer.copy):       # as often as needed: each call decodes from the start
            writer.write(frame, edited)              # uint8 [H, W, 3], or None: the frame as it came

Times are seconds from the first frame. Pictures are uint8 [H, W, 3] RGB, upright. Videos go through PyAV, GIF, WebP and
PNG animations through Pillow.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image

from dftnet.errors import MediaError
from dftnet.media.formats import ANIMATION_SUFFIXES, FORMATS
from dftnet.media.image import MAX_PIXELS

ANIMATION_FORMATS = tuple(form.name for form in FORMATS if form.moves and not form.video)
TAGS = ("colorspace", "color_range", "color_primaries", "color_trc")
SHORTEST = 0.02
"""Seconds: browsers show shorter GIF frames for 0.1 s, so that is what they last."""


@dataclasses.dataclass(frozen=True)
class ClipFrame:
    """One frame of a clip."""

    number: int
    time: float
    """Seconds from the first frame."""
    image: np.ndarray
    """uint8 [H, W, 3] RGB."""
    duration: float = 0.0
    """Seconds that it lasts, 0 where the file does not say."""
    alpha: np.ndarray | None = None
    """uint8 [H, W]; animations only."""
    planes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    """Y [H, W], U and V [H / 2, W / 2] uint8 as decoded, upright; videos of even size only."""
    tags: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """FFmpeg's numbers of colorspace, color_range, color_primaries and color_trc."""
    turned: bool = False
    """The file stores it lying: width and height are swapped."""
    pts: int | None = None
    """Its time in units of the stream's time base."""


class VideoFrame(NamedTuple):
    """One decoded frame: `number` counts from 0, `time` is in seconds, `image` is uint8 [h, w, 3] RGB."""

    number: int
    time: float
    image: np.ndarray


class Clip(Protocol):
    """What can be read frame by frame, again and again."""

    path: Path
    count: int
    """Frames, as far as the file tells before it is read; 0 if unknown."""

    def frames(self, other: Callable[[Any], None] | None = None) -> Iterator[ClipFrame]:
        """All frames in order; `other` is given the packets of sound and subtitles as they come."""


def is_animation(path: str | Path) -> bool:
    """Whether a GIF, WebP or PNG holds more than one picture."""
    if Path(path).suffix.lower() not in ANIMATION_SUFFIXES:
        return False
    with contextlib.suppress(Exception), Image.open(path, formats=ANIMATION_FORMATS) as image:
        return getattr(image, "n_frames", 1) > 1
    return False


def open_clip(path: str | Path) -> Clip:
    """The clip in a file. FileNotFoundError, or MediaError with the remedy where there is none."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such video: {path}")
    if path.is_dir():
        raise MediaError(f"{path} is a folder, not a video")
    return Animation(path) if path.suffix.lower() in ANIMATION_SUFFIXES else Video(path)


class Animation:
    """A GIF, WebP or PNG with several pictures."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as image:
            try:
                self.count = int(getattr(image, "n_frames", 1))
            except Exception as error:  # Pillow raises nearly everything at damaged frames
                raise MediaError(f"{path} is damaged ({error}): export it again") from None
            self.loop = int(image.info.get("loop", 0)) if "loop" in image.info or image.format != "GIF" else 1
            self.first = bool(image.info.get("default_image", False))

    def frames(self, other: Callable[[Any], None] | None = None) -> Iterator[ClipFrame]:
        """See Clip."""
        time = 0.0
        with self._open() as image:
            for number in range(self.first, self.count):
                try:
                    image.seek(number)
                    picture = image.convert("RGBA")
                except Exception as error:
                    if number == 0:
                        raise MediaError(f"{self.path} is damaged ({error}): export it again") from None
                    return
                alpha = np.array(picture.getchannel("A"))
                duration = max(float(image.info.get("duration", 0)) / 1000, 0.0) or 0.1
                duration = max(duration, SHORTEST)
                colour = np.array(picture.convert("RGB"))
                opaque = bool((alpha == 255).all())
                yield ClipFrame(number - self.first, time, colour, duration, None if opaque else alpha)
                time += duration

    @contextlib.contextmanager
    def _open(self) -> Iterator[Image.Image]:
        try:
            image = Image.open(self.path, formats=ANIMATION_FORMATS)
        except Exception as error:
            raise MediaError(f"{self.path} is not a readable animation ({error}): export it again") from None
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise MediaError(f"{self.path} has more than {MAX_PIXELS // 1_000_000} million pixels")
            yield image


class Video:
    """A video file; sound and subtitles are handed on as packets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as container:
            stream = container.streams.video[0]
            self.rate = Fraction(stream.average_rate or stream.guessed_rate or 25).limit_denominator(60000)
            self.time_base = Fraction(stream.time_base or Fraction(1, 90000))
            self.aspect = stream.codec_context.sample_aspect_ratio
            seconds = float(container.duration or 0) / 1_000_000
            self.count = int(stream.frames or seconds * self.rate)
            if stream.width * stream.height > MAX_PIXELS:
                raise MediaError(f"{path} has more than {MAX_PIXELS // 1_000_000} million pixels a frame")

    def frames(self, other: Callable[[Any], None] | None = None) -> Iterator[ClipFrame]:
        """See Clip. Frames that do not decode are passed over; MediaError if none decodes."""
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            streams = [stream, *(carried(container) if other is not None else [])]
            first: int | None = None
            last = -1
            for number, frame in enumerate(decoded(container, streams, self.path, other)):
                pts = frame.pts
                if pts is None or (first is not None and pts <= last):
                    pts = last + 1 if first is None else last + max(1, round(1 / (self.rate * self.time_base)))
                first, last = pts if first is None else first, pts
                turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
                image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
                tags = {name: int(getattr(frame, name, 2)) for name in TAGS}
                tags["color_range"] = 2 if frame.format.name.startswith("yuvj") else tags["color_range"]
                time = float((pts - first) * self.time_base)
                lasts = float((getattr(frame, "duration", 0) or 0) * self.time_base)
                yield ClipFrame(number, time, image, lasts, None, _planes(frame, turns), tags, turns % 2 == 1, pts)

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        import av

        try:
            container = av.open(str(self.path), metadata_errors="ignore")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"{self.path} is not a readable video ({error}): convert it to MP4") from None
        with container:
            if not container.streams.video:
                raise MediaError(f"{self.path} holds no video stream")
            if container.streams.video[0].codec_context is None:
                raise MediaError(f"{self.path} is in no known video format: convert it to MP4 (H.264)")
            yield container


def _planes(frame: Any, turns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Y, U, V of a decoded frame, turned by quarters; None for odd sizes."""
    height, width = frame.height, frame.width
    if height % 2 or width % 2:
        return None
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    whole = frame.to_ndarray()
    y, rest = whole[:height], whole[height:].reshape(2, height // 2, width // 2)
    return np.rot90(y, turns), np.rot90(rest[0], turns), np.rot90(rest[1], turns)


def carried(container: Any) -> list[Any]:
    """The streams of sound and subtitles."""
    return [*container.streams.audio, *container.streams.subtitles]


def read_video(path: str | Path, every_frames: int = 1, every_seconds: float | None = None) -> Iterator[VideoFrame]:
    """Frames of a video in order, upright: every n-th frame, or about one every `every_seconds` seconds.

    Frames that do not decode are skipped. Raises FileNotFoundError, and MediaError where there is no video.
    """
    import av

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such video: {path}")
    if every_frames < 1 or (every_seconds is not None and every_seconds <= 0):
        raise MediaError("sample every 1 or more frames, or every positive number of seconds")
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path} is not a readable video ({error}): convert it to MP4") from None
    with container:
        if not container.streams.video:
            raise MediaError(f"{path} holds no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        due = 0.0
        for number, frame in enumerate(decoded(container, [stream], path)):
            time = float(frame.time) if frame.time is not None else number / rate
            if every_seconds is not None:
                if time + 1e-6 < due:
                    continue
                due = max(due + every_seconds, time + 0.5 * every_seconds)
            elif number % every_frames:
                continue
            turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
            image = frame.to_ndarray(format="rgb24")
            yield VideoFrame(number, time, np.ascontiguousarray(np.rot90(image, turns)))


def decoded(container, streams: list, path: Path, other: Callable[[Any], None] | None = None) -> Iterator:
    """Decoded PyAV frames of the first of `streams`; packets of the others are handed to `other`.

    Passes over damage after the first frame, raises MediaError if none decodes.
    """
    import av

    count = 0
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.stream.index != streams[0].index:
                if other is not None:
                    other(packet)
                continue
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            continue
        except av.error.FFmpegError:
            break
        for frame in frames:
            count += 1
            yield frame
    if count == 0:
        raise MediaError(f"{path}: no frame of it can be decoded: convert it to MP4 (H.264)")
