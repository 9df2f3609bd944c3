"""Write clips: MP4, MOV, MKV, WebM through PyAV, GIF and WebP through Pillow.

A video written from a video keeps its timing (each frame's own time), its sound and subtitles (copied; coded anew only
where the container cannot hold them), its colour description and its metadata.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from dftnet.errors import MediaError
from dftnet.media import xmp
from dftnet.media.files import atomic_file
from dftnet.media.formats import clip_format
from dftnet.media.video import Animation, Clip, ClipFrame, Video, carried

LUMA = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
"""FFmpeg's numbers of the YUV matrices → the shares of red and blue in Y; BT.601's for all others."""
HD_TAGS = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
"""BT.709: what pictures become when they are made a video."""
OWN_METADATA = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
"""What belongs to the old file, not to its content."""
TICKS = 90000
GIF_COLOURS = 255
LONGEST_GIF = 1_500_000_000
"""Pixels of all frames of an animation: they are held in memory until the end."""


class ClipWriter(Protocol):
    """What takes frames one by one."""

    def write(self, frame: ClipFrame, edited: np.ndarray | None = None) -> None:
        """`edited` uint8 [H, W, 3] in place of the frame's picture; None: the frame as it came."""

    def copy(self, packet: Any) -> None:
        """A packet of sound or subtitles of the clip that is edited."""


def check_clip_output(output: str | Path, overwrite: bool) -> Path:
    """FileExistsError or MediaError before any work where `output` cannot be written."""
    output = Path(output)
    clip_format(output)
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists: choose another name with -o, or allow --overwrite")
    return output


@contextlib.contextmanager
def clip_writer(
    output: str | Path,
    source: Clip | None = None,
    *,
    overwrite: bool = False,
    quality: int = 95,
    rate: float = 25,
    comment: str | None = None,
) -> Iterator[ClipWriter]:
    """A writer of `output`, the format from its ending; on any exception (Ctrl-C too) there is no file.

    source    the clip whose timing, sound and metadata are kept; without one, frames carry their times at `rate`
    quality   1 to 100; 95 is visually lossless
    comment   what to tell in the metadata of an edit; a WebP tells IPTC's digital source type instead
    """
    output = check_clip_output(output, overwrite)
    with atomic_file(output, overwrite) as temporary:
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
        self.codec, self.sound = form.codec, form.sound
        self.source = source if isinstance(source, Video) else None
        self.rate = self.source.rate if self.source else Fraction(rate).limit_denominator(1001)
        self.time_base = self.source.time_base if self.source else Fraction(1, TICKS)
        options = {"movflags": "+faststart+use_metadata_tags"} if form.name in ("mp4", "mov") else {}
        self.container: Any = av.open(str(path), "w", format=form.name, options=options)
        self.stream: Any = None
        self.tracks: dict[int, Any] = {}
        self.coded: set[int] = set()
        self.waiting: list[Any] = []
        self.input: Any = None
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
        with contextlib.suppress(AttributeError):
            native.duration = round(frame.duration / self.time_base)
        self.container.mux(self.stream.encode(native))

    def copy(self, packet: Any) -> None:
        if self.stream is None:  # tracks are known only when the first frame is
            self.waiting.append(packet)
            return
        track = self.tracks.get(packet.stream.index)
        if track is None or (packet.dts is None and packet.stream.index not in self.coded):
            return
        if packet.stream.index in self.coded:
            with contextlib.suppress(self.av.error.InvalidDataError):
                for sound in packet.decode():
                    self.container.mux(track.encode(sound))
            return
        packet.stream = track
        self.container.mux(packet)

    def finish(self) -> None:
        if self.stream is None:
            raise MediaError("there is no frame to write")
        self.container.mux(self.stream.encode(None))
        for index in self.coded:
            self.container.mux(self.tracks[index].encode(None))

    def close(self) -> None:
        try:
            self.container.close()
        finally:
            if self.input is not None:
                self.input.close()

    def _start(self, frame: ClipFrame) -> None:
        """Streams for picture, sound and subtitles."""
        self.size = frame.image.shape[:2]
        height, width = (side + side % 2 for side in self.size)
        self.tags = dict(frame.tags) if self.source else dict(HD_TAGS)
        stream: Any = self.container.add_stream(self.codec, rate=self.rate)
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
        if self.codec == "libx264":
            stream.options = {"crf": str(loss), "preset": "veryfast", "profile": "high"}
        else:
            speed = {"deadline": "realtime", "cpu-used": "5", "row-mt": "1", "b": "0"}
            stream.options = {"crf": str(round(loss * 1.5)), **speed}
        context.thread_type = "AUTO"
        if self.source:
            self._add_tracks()
        self.stream = stream
        for packet in self.waiting:
            self.copy(packet)
        self.waiting.clear()

    def _add_tracks(self) -> None:
        assert self.source is not None
        self.input = self.av.open(str(self.source.path), metadata_errors="ignore")
        for name, value in self.input.metadata.items():
            if name.lower() not in OWN_METADATA:
                self.container.metadata.setdefault(name, value)
        able = self.container.supported_codecs
        for track in carried(self.input):
            name = track.codec_context.name if track.codec_context else ""
            if {name, track.codec_context.codec.canonical_name if name else ""} & able:
                with contextlib.suppress(Exception):
                    add = getattr(self.container, "add_stream_from_template", None)
                    self.tracks[track.index] = (
                        add(track) if add is not None else self.container.add_stream(template=track)
                    )
            elif track.type == "audio" and name:
                self.tracks[track.index] = self.container.add_stream(
                    self.sound, rate=48000 if self.sound == "libopus" else track.rate, layout=track.layout.name
                )
                self.coded.add(track.index)


def to_planes(image: np.ndarray, tags: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """uint8 RGB [H, W, 3] of even size → Y [H, W], U, V [H / 2, W / 2] uint8, rounded without bias."""
    y, u, v = _yuv(image.astype(np.float32), tags)
    dark = 0 if tags.get("color_range") == 2 else 16
    return _bytes(y + dark), _bytes(u + 128), _bytes(v + 128)


def add_difference(
    planes: tuple[np.ndarray, np.ndarray, np.ndarray], image: np.ndarray, edited: np.ndarray, tags: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Y, U, V of the edited frame: the decoded planes plus what the edit changed; elsewhere they are the same bytes."""
    changed = (image != edited).reshape(len(image), -1)
    rows, columns = np.nonzero(changed.any(1))[0], np.nonzero(changed.any(0))[0] // 3
    if len(rows) == 0:
        return planes
    top, left = int(rows[0]) // 2, int(columns[0]) // 2
    bottom, right = int(rows[-1]) // 2 + 1, int(columns[-1]) // 2 + 1
    wide, half = np.s_[2 * top : 2 * bottom, 2 * left : 2 * right], np.s_[top:bottom, left:right]
    change = _yuv(edited[wide].astype(np.float32) - image[wide], tags)
    result = (planes[0].copy(), planes[1].copy(), planes[2].copy())
    for plane, part, delta in zip(result, (wide, half, half), change, strict=True):
        plane[part] = _bytes(plane[part] + delta)
    return result


def _yuv(colour: np.ndarray, tags: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float RGB (or a difference) [h, w, 3] of even size → Y [h, w], U, V [h / 2, w / 2] without offsets."""
    red, blue = LUMA.get(tags.get("colorspace", 2), (0.299, 0.114))
    full = tags.get("color_range") == 2
    y = colour @ np.array([red, 1 - red - blue, blue], np.float32)
    u, v = (colour[..., 2] - y) / (2 - 2 * blue), (colour[..., 0] - y) / (2 - 2 * red)
    small = u.shape[1] // 2, u.shape[0] // 2
    u, v = (cv2.resize(part, small, interpolation=cv2.INTER_AREA) for part in (u, v))
    return (y, u, v) if full else (y * (219 / 255), u * (224 / 255), v * (224 / 255))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


class _AnimationWriter:
    """Holds all pictures until the end: Pillow writes them at once."""

    def __init__(self, path: Path, source: Clip | None, quality: int, comment: str | None) -> None:
        self.path, self.quality, self.comment = path, quality, comment
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
            more |= {"xmp": xmp.marked()} if self.comment else {}
            first.save(self.path, "WEBP", quality=self.quality, method=2, loop=self.loop, **more)

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
