"""Clips: videos and animated pictures, read frame by frame with their timing, sound and colours, and written again.

    clip = open_clip("clip.mp4")
    with clip_writer(path, clip) as writer:
        for frame in clip.frames(writer.copy):       # as often as needed: each call decodes from the start
            writer.write(frame, edited)              # uint8 [H, W, 3], or None: the frame as it came
    clip.notes, writer.notes                         # what was lost on the way

Times are seconds from the first frame. Pictures are uint8 [H, W, 3] RGB, upright: a video's display matrix (turned and
mirrored, as selfie cameras do) is applied. Videos go through PyAV, GIF, WebP and PNG animations through Pillow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import struct
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from dftnet.errors import MediaError, RequestError
from dftnet.media import exif, xmp
from dftnet.media.files import check_there
from dftnet.media.formats import ANIMATION_SUFFIXES, FORMATS, IMAGE_SUFFIXES, READ, VIDEO_SUFFIXES
from dftnet.media.image import MAX_PIXELS, is_lossless_webp
from dftnet.media.pixels import upright

ANIMATION_FORMATS = tuple(form.name for form in FORMATS if form.moves and not form.video)
TAGS = ("colorspace", "color_range", "color_primaries", "color_trc")
SHORTEST = 0.02
"""Seconds: browsers show shorter GIF frames for 0.1 s, so that is what they last."""
ORIENTATIONS = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""EXIF's number of an orientation → (a, b, c, d) of the display matrix that asks for it: x' = a x + c y, y' = b x + d y."""
COVER = 1024
"""FFmpeg's flag of a stream that is one attached picture."""
NO_CLIPS = ("image2", "tty", "_pipe")
"""FFmpeg's readers of single pictures, and of any text."""


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
    interlaced: bool = False
    """Its even and odd lines show two moments."""


Wanted = Callable[[int, float], bool]
"""Whether the frame with this number and this time (seconds) is wanted."""


def every_frame(number: int, time: float) -> bool:
    """A Wanted that takes all."""
    return True


def sampling(every_frames: int = 1, every_seconds: float | None = None) -> Wanted:
    """A Wanted, for one pass over a clip, that takes every n-th frame, or about one every `every_seconds` seconds."""
    if every_frames < 1 or (every_seconds is not None and every_seconds <= 0):
        raise RequestError("sample every 1 or more frames, or every positive number of seconds")
    due = 0.0

    def wanted(number: int, time: float) -> bool:
        nonlocal due
        if every_seconds is None:
            return number % every_frames == 0
        if time + 1e-6 < due:
            return False
        due = max(due + every_seconds, time + 0.5 * every_seconds)
        return True

    return wanted


class Clip(Protocol):
    """What can be read frame by frame, again and again."""

    path: Path
    count: int
    """Frames, as far as the file tells before it is read; 0 if unknown."""
    notes: list[str]
    """What is lost in reading it, complete when all frames were read."""

    def frames(self, other: Callable[[Any], None] | None = None, wanted: Wanted = every_frame) -> Iterator[ClipFrame]:
        """The frames that are wanted, in order; `other` is given the packets of sound and subtitles as they come."""


def is_animation(path: str | Path) -> bool:
    """Whether a GIF, WebP or PNG holds more than one picture."""
    if Path(path).suffix.lower() not in ANIMATION_SUFFIXES:
        return False
    with contextlib.suppress(Exception), Image.open(path, formats=ANIMATION_FORMATS) as image:
        return getattr(image, "n_frames", 1) > 1
    return False


def is_video(path: str | Path) -> bool:
    """Whether a file is a video: by its ending, or where that says nothing by what FFmpeg finds in it."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES or suffix in IMAGE_SUFFIXES or not path.is_file():
        return suffix in VIDEO_SUFFIXES
    with contextlib.suppress(Exception), Image.open(path, formats=READ):
        return False
    import av

    with contextlib.suppress(Exception), av.open(str(path), metadata_errors="ignore") as container:
        known = not any(word in container.format.name for word in NO_CLIPS)
        return known and bool(pictures(container))
    return False


def open_clip(path: str | Path) -> Clip:
    """The clip in a file. FileNotFoundError, or MediaError with the remedy where there is none."""
    path = check_there(path, "video")
    if path.is_dir():
        raise MediaError(f"{path} is a folder, not a video: name one clip in it")
    return Animation(path) if path.suffix.lower() in ANIMATION_SUFFIXES else Video(path)


class Animation:
    """A GIF, WebP or PNG with several pictures."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        with self._open() as image:
            try:
                self.count = int(getattr(image, "n_frames", 1))
            except Exception as error:  # Pillow raises nearly everything at damaged frames
                raise MediaError(f"{path} is damaged ({error}): export it again") from None
            self.loop = int(image.info.get("loop", 0)) if "loop" in image.info or image.format != "GIF" else 1
            self.first = bool(image.info.get("default_image", False))
            self.lossless = image.format == "WEBP" and is_lossless_webp(path.read_bytes())
            self.profile: bytes | None = image.info.get("icc_profile") or None
            self.exif = exif.still_true(image.getexif())
            self.xmp, gone = xmp.still_true(image.info.get("xmp") or image.info.get(xmp.KEY))
            self._gone = xmp.told(gone)

    def frames(self, other: Callable[[Any], None] | None = None, wanted: Wanted = every_frame) -> Iterator[ClipFrame]:
        """See Clip."""
        time = 0.0
        self.notes = [*self._gone]
        with self._open() as image:
            for number in range(self.first, self.count):
                try:
                    image.seek(number)
                    picture = image.convert("RGBA")
                except Exception as error:
                    if number == 0:
                        raise MediaError(f"{self.path} is damaged ({error}): export it again") from None
                    self.notes.append(f"it is damaged: its last {self.count - number} frames are left out")
                    return
                duration = max(float(image.info.get("duration", 0)) / 1000, 0.0) or 0.1
                duration = max(duration, SHORTEST)
                if wanted(number - self.first, time):
                    alpha = np.array(picture.getchannel("A"))
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
        self.notes: list[str] = []
        with self._open() as container:
            stream = pictures(container)[0]
            context = stream.codec_context
            self.rate = Fraction(stream.average_rate or stream.guessed_rate or 25).limit_denominator(60000)
            self.even = bool(stream.average_rate) and stream.average_rate == stream.base_rate
            self.time_base = Fraction(stream.time_base or Fraction(1, 90000))
            self.aspect = context.sample_aspect_ratio
            self.bottom_first = int(getattr(context, "field_order", 0) or 0) in (3, 5)
            seconds = float(container.duration or 0) / 1_000_000
            self.count = int(stream.frames or seconds * self.rate)
            self._coarser = _coarser(context)
            if stream.width * stream.height > MAX_PIXELS:
                raise MediaError(f"{path} has more than {MAX_PIXELS // 1_000_000} million pixels a frame")

    def frames(self, other: Callable[[Any], None] | None = None, wanted: Wanted = every_frame) -> Iterator[ClipFrame]:
        """See Clip. Frames that do not decode are passed over; MediaError if none decodes."""
        from av.video.reformatter import VideoReformatter

        to_rgb, to_yuv = VideoReformatter(), VideoReformatter()  # each keeps its tables from frame to frame
        with self._open() as container:
            stream = pictures(container)[0]
            stream.thread_type = "AUTO"
            streams = [stream, *(carried(container) if other is not None else [])]
            first: int | None = None
            last = -1
            for number, frame in enumerate(self._decoded(container, streams, other)):
                pts = frame.pts
                if pts is None or (first is not None and pts <= last):
                    pts = last + 1 if first is None else last + max(1, round(1 / (self.rate * self.time_base)))
                first, last = pts if first is None else first, pts
                time = float((pts - first) * self.time_base)
                if not wanted(number, time):
                    continue
                orientation = _orientation(frame)
                tags = {name: int(getattr(frame, name, 2)) for name in TAGS}
                tags["color_range"] = 2 if frame.format.name.startswith("yuvj") else tags["color_range"]
                yield ClipFrame(
                    number, time, upright(to_rgb.reformat(frame, format="rgb24").to_ndarray(), orientation),
                    duration=float((getattr(frame, "duration", 0) or 0) * self.time_base),
                    planes=_planes(frame, orientation, to_yuv), tags=tags, turned=orientation > 4, pts=pts,
                    interlaced=bool(frame.interlaced_frame),
                )  # fmt: skip

    def _decoded(self, container: Any, streams: list[Any], other: Callable[[Any], None] | None) -> Iterator[Any]:
        """Decoded PyAV frames of the first of `streams`; packets of the others are handed to `other`.

        Passes over damage and counts it, raises MediaError if nothing decodes.
        """
        import av

        count = damaged = 0
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
            except av.error.EOFError:
                continue
            except av.error.InvalidDataError:
                damaged += 1
                continue
            except av.error.FFmpegError:
                damaged += 1
                break
            for frame in frames:
                count += 1
                yield frame
        if count == 0:
            raise MediaError(f"{self.path}: no frame of it can be decoded: convert it to MP4 (H.264)")
        self.notes = [self._coarser] if self._coarser else []
        if damaged:
            self.notes.append(f"it is damaged: {damaged} frame{'s' * (damaged > 1)} of it could not be read")

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        import av

        try:
            container = av.open(str(self.path), metadata_errors="ignore")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if not self.path.stat().st_size:
                raise MediaError(f"{self.path} is empty (0 bytes): copy or download it again") from None
            reason = getattr(error, "strerror", None) or error
            raise MediaError(f"{self.path} is not a readable video ({reason}): convert it to MP4") from None
        with container:
            shown = pictures(container)
            if not shown:
                raise MediaError(f"{self.path} holds no video stream")
            if shown[0].codec_context is None:
                raise MediaError(f"{self.path} is in no known video format: convert it to MP4 (H.264)")
            yield container


def pictures(container: Any) -> list[Any]:
    """The streams of moving pictures: no covers."""
    return [stream for stream in container.streams.video if not is_cover(stream)]


def is_cover(stream: Any) -> bool:
    """Whether a stream is one still picture, shown by players in place of the file."""
    return bool(int(getattr(stream, "disposition", 0)) & COVER)


def carried(container: Any) -> list[Any]:
    """The streams of sound and subtitles."""
    return [*container.streams.audio, *container.streams.subtitles]


def _coarser(context: Any) -> str:
    """What 8 bits a channel and colour at half the resolution cannot hold of a video, in words."""
    try:
        bits = max(component.bits for component in context.format.components)
    except (AttributeError, TypeError, ValueError):
        return ""
    if bits <= 8:
        return ""
    high = " (high dynamic range)" if int(getattr(context, "color_trc", 2) or 2) in (16, 18) else ""
    return f"its {bits} bits a channel{high} become 8: smooth areas may show bands"


def _orientation(frame: Any) -> int:
    """EXIF's number 1 to 8 of how a decoded frame is to be shown."""
    try:
        matrix = struct.unpack("9i", bytes(frame.side_data.get("DISPLAYMATRIX")))
    except (TypeError, AttributeError, KeyError, struct.error):
        return (1, 8, 3, 6)[round((getattr(frame, "rotation", 0) or 0) / 90) % 4]
    shown = (matrix[0], matrix[1], matrix[3], matrix[4])
    return max(ORIENTATIONS, key=lambda number: sum(np.multiply(ORIENTATIONS[number], shown).tolist()))


def _planes(frame: Any, orientation: int, to_yuv: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Y, U, V of a decoded frame, upright, by PyAV's reformatter where it has others; None for odd sizes."""
    height, width = frame.height, frame.width
    if height % 2 or width % 2:
        return None
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = to_yuv.reformat(frame, format="yuv420p")
    whole = frame.to_ndarray()
    y, rest = whole[:height], whole[height:].reshape(2, height // 2, width // 2)
    return upright(y, orientation), upright(rest[0], orientation), upright(rest[1], orientation)
