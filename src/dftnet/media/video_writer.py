"""Write clips: MP4, MOV, MKV, WebM through PyAV, GIF and WebP through Pillow.

A video written from a video keeps its timing (each frame's own time), its sound and subtitles (copied; coded anew only
where the container cannot hold them), its colour description and its metadata.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from dftnet.errors import MediaError
from dftnet.media import xmp
from dftnet.media.files import atomic_file, check_file, readers_of
from dftnet.media.formats import clip_format
from dftnet.media.tracks import Tracks
from dftnet.media.video import Animation, Clip, ClipFrame, Video
from dftnet.media.yuv import HD_TAGS, add_difference, to_planes

TICKS = 90000
GIF_COLOURS = 255
FAST = {"preset": "veryfast", "partitions": "i4x4,i8x8", "motion-est": "dia"}
"""Options of x264, with a third less work than its preset: blocks that move are not divided. What that loses, FINER gives back:
the same signal to noise in files a sixth larger."""
FINER = 0.5
"""Of the rate factor."""
LONGEST_GIF = 1_500_000_000
"""Pixels of all frames of an animation: they are held in memory until the end."""


class ClipWriter(Protocol):
    """What takes frames one by one."""

    notes: list[str]
    """What of the source the file does not hold, complete at the end."""

    def write(self, frame: ClipFrame, edited: np.ndarray | None = None) -> None:
        """`edited` uint8 [H, W, 3] in place of the frame's picture; None: the frame as it came."""

    def copy(self, packet: Any) -> None:
        """A packet of sound or subtitles of the clip that is edited."""


def check_clip_output(output: str | Path, overwrite: bool) -> Path:
    """FileExistsError or MediaError before any work where `output` cannot be written."""
    clip_format(output)
    return check_file(output, overwrite)


@contextlib.contextmanager
def clip_writer(
    output: str | Path,
    source: Clip | None = None,
    *,
    overwrite: bool = False,
    quality: int = 95,
    rate: float = 25,
    comment: str | None = None,
    readers: int | None = None,
) -> Iterator[ClipWriter]:
    """A writer of `output`, the format from its ending; on any exception (Ctrl-C too) there is no file.

    source    the clip whose timing, sound and metadata are kept; without one, frames carry their times at `rate`
    quality   1 to 100; 95 is visually lossless
    readers   permissions that the file may not exceed, by default the source's
    comment   what to tell in the metadata of an edit; a WebP tells IPTC's digital source type instead
    """
    output = check_clip_output(output, overwrite)
    readers = readers_of(source.path) if source is not None else readers
    with atomic_file(output, overwrite, readers) as temporary:
        writer: _VideoWriter | _AnimationWriter
        if clip_format(output).video:
            writer = _VideoWriter(temporary, source, quality, rate, comment)
        else:
            writer = _AnimationWriter(temporary, source, quality, comment)
        try:
            yield writer
            writer.finish()
        finally:
            writer.close()


class _VideoWriter:
    def __init__(self, path: Path, source: Clip | None, quality: int, rate: float, comment: str | None) -> None:
        import av

        self.av, self.path, self.quality = av, path, quality
        form = clip_format(path)
        self.source = source if isinstance(source, Video) else None
        self.rate = self.source.rate if self.source else Fraction(rate).limit_denominator(1001)
        self.time_base = self.source.time_base if self.source else Fraction(1, TICKS)
        options = {"movflags": "+faststart+use_metadata_tags"} if form.name in ("mp4", "mov") else {}
        self.container: Any = av.open(str(path), "w", format=form.name, options=options)
        self.stream: Any = None
        self.notes: list[str] = []
        self.form = form
        self.tracks: Tracks | None = None
        self.waiting: list[Any] = []
        self.durations: dict[int, int] = {}
        self.tags: dict[str, int] = {}
        self.last = -1
        self.size = (0, 0)
        if comment:
            self.container.metadata["comment"] = comment

    def write(self, frame: ClipFrame, edited: np.ndarray | None = None) -> None:
        if self.stream is None:
            self._start(frame)
        pts = frame.pts if self.source and frame.pts is not None else round(frame.time / self.time_base)
        pts, self.last = max(pts, self.last + 1) if self.last >= 0 else pts, max(pts, self.last + 1)
        image = frame.image if edited is None else edited
        planes = frame.planes if self.source else None
        if image.shape[:2] != self.size:  # some streams change their size on the way
            image, planes = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA), None
        if planes is None:
            even = np.pad(image, [(0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)], "edge")
            planes = to_planes(even, self.tags)
        elif edited is not None:
            planes = add_difference(planes, frame.image, edited, self.tags)
        whole = np.concatenate([planes[0].ravel(), planes[1].ravel(), planes[2].ravel()])
        native = self.av.VideoFrame.from_ndarray(whole.reshape(-1, planes[0].shape[1]), format="yuv420p")
        for name, value in self.tags.items():
            with contextlib.suppress(AttributeError, ValueError):
                setattr(native, name, value)
        native.pts, native.time_base = pts, self.time_base
        native.pict_type = 0
        self.durations[pts] = round((frame.duration or 1 / float(self.rate)) / self.time_base)
        self._mux(self.stream.encode(native))

    def copy(self, packet: Any) -> None:
        if self.tracks is None:  # they are known only when the first frame is
            self.waiting.append(packet)
        else:
            self.tracks.copy(packet)

    def finish(self) -> None:
        if self.stream is None:
            raise MediaError("there is no frame to write")
        self._mux(self.stream.encode(None))
        if self.tracks is not None:
            self.tracks.finish()

    def close(self) -> None:
        try:
            self.container.close()
        finally:
            if self.tracks is not None:
                self.tracks.close()

    def _mux(self, packets: list[Any]) -> None:
        """With how long each picture lasts: containers count that of the last one into their length."""
        for packet in packets:
            lasts = self.durations.pop(packet.pts, 0)
            if lasts:
                packet.duration = lasts
            self.container.mux(packet)

    def _start(self, frame: ClipFrame) -> None:
        """Streams for picture, sound and subtitles."""
        form = self.form
        self.size = frame.image.shape[:2]
        height, width = (side + side % 2 for side in self.size)
        self.tags = dict(frame.tags) if self.source else dict(HD_TAGS)
        stream: Any = self.container.add_stream(form.codec, rate=self.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = self.time_base
        if self.source and self.source.aspect:
            with contextlib.suppress(AttributeError, ValueError):
                context.sample_aspect_ratio = 1 / self.source.aspect if frame.turned else self.source.aspect
        for name, value in self.tags.items():
            with contextlib.suppress(AttributeError, ValueError):
                setattr(context, name, value)
        loss = round(np.interp(self.quality, [1, 50, 95, 100], [45, 28, 16, 8]))
        if form.codec == "libx264":
            stream.options = {"crf": str(loss - FINER), **FAST, "profile": "high"} | self._lines(frame)
            if not (self.source and self.source.even):  # MP4 adds up the wrong length of uneven frames out of order
                stream.options = {**stream.options, "bf": "0"}
        else:
            self._lines(frame)
            speed = {"deadline": "realtime", "cpu-used": "5", "row-mt": "1", "b": "0"}
            stream.options = {"crf": str(round(loss * 1.5)), **speed}
        context.thread_type = "AUTO"
        self.stream = stream
        if self.source:
            self.tracks = Tracks(self.source.path, self.container, form, stream)
            self.notes += self.tracks.notes
            for packet in self.waiting:
                self.tracks.copy(packet)
        self.waiting.clear()

    def _lines(self, frame: ClipFrame) -> dict[str, str]:
        """Options of x264 that keep the lines of two moments apart; a note where that cannot be."""
        if not self.source or not frame.interlaced:
            return {}
        if frame.turned or self.form.codec != "libx264":
            self.notes.append(
                f"its interlaced lines are written as whole frames in {self.path.suffix}, which may show combs"
            )
            return {}
        return {"x264-params": "bff=1" if self.source.bottom_first else "tff=1"}


class _AnimationWriter:
    """Holds all pictures until the end: Pillow writes them at once."""

    def __init__(self, path: Path, source: Clip | None, quality: int, comment: str | None) -> None:
        self.path, self.quality, self.comment = path, quality, comment
        self.notes: list[str] = []
        self.source = source
        self.lossless = isinstance(source, Animation) and source.lossless
        self.loop = source.loop if isinstance(source, Animation) else 0
        self.pictures: list[Image.Image] = []
        self.times: list[float] = []
        self.last = 0.0
        self.pixels = 0

    def write(self, frame: ClipFrame, edited: np.ndarray | None = None) -> None:
        image = frame.image if edited is None else edited
        self.pixels += image.shape[0] * image.shape[1]
        if self.pixels > LONGEST_GIF:
            raise MediaError(f"too long for {self.path.suffix}: write .mp4, or cut or shrink the clip first")
        picture = Image.fromarray(np.ascontiguousarray(image))
        if frame.alpha is not None:
            picture.putalpha(Image.fromarray(frame.alpha))
        if self.path.suffix.lower() == ".gif":
            picture = _with_palette(picture)
        self.pictures.append(picture)
        self.times.append(frame.time)
        self.last = frame.duration or 0.04

    def copy(self, packet: Any) -> None:
        pass

    def finish(self) -> None:
        if not self.pictures:
            raise MediaError("there is no frame to write")
        unit = 10 if self.path.suffix.lower() == ".gif" else 1  # milliseconds
        ends = [*self.times[1:], self.times[-1] + self.last]
        marks = [round(1000 * time / unit) * unit for time in [self.times[0], *ends]]
        durations = [max(unit, after - before) for before, after in itertools.pairwise(marks)]
        first, rest = self.pictures[0], self.pictures[1:]
        more: dict[str, Any] = {"save_all": True, "append_images": rest, "duration": durations}
        if self.path.suffix.lower() == ".gif":
            more |= {"disposal": 2} if any("transparency" in p.info for p in self.pictures) else {}
            more |= {"loop": self.loop} if self.loop != 1 else {}
            more |= {"comment": self.comment.encode()} if self.comment else {}
            first.save(self.path, "GIF", **more)
        else:
            kept = self.source if isinstance(self.source, Animation) else None
            packet = kept.xmp if kept else None
            packet = xmp.marked(packet, self.comment) if self.comment else packet
            found = {"xmp": packet, "exif": kept and kept.exif, "icc_profile": kept and kept.profile}
            more |= {name: value for name, value in found.items() if value}
            more |= {"lossless": True, "exact": True, "quality": 20} if self.lossless else {"quality": self.quality}
            first.save(self.path, "WEBP", method=2, loop=self.loop, **more)

    def close(self) -> None:
        self.pictures.clear()


def _with_palette(picture: Image.Image) -> Image.Image:
    """256 colours of its own, without dithering, which would flicker; what is half transparent or more is clear.

    The octree keeps rare colours, such as that of lips, which the median cut turns into skin.
    """
    colours = picture.convert("RGB").quantize(GIF_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    if picture.mode != "RGBA":
        return colours
    clear = np.array(picture.getchannel("A")) < 128
    values = np.array(colours)
    values[clear] = GIF_COLOURS
    palette = (colours.getpalette() or [])[: 3 * GIF_COLOURS]
    result = Image.fromarray(values, "P")
    result.putpalette(palette + [0] * (768 - len(palette)))
    result.info["transparency"] = GIF_COLOURS
    return result
