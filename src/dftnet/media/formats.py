"""The one table of formats: which endings are read and written, as photo or as clip, and what each can hold.

AVIF is there where the installed Pillow brings it, HEIF where the extra `pillow-heif` is installed.
"""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, features

from dftnet.errors import MediaError

with contextlib.suppress(ImportError):
    import pillow_heif

    pillow_heif.register_heif_opener()
Image.preinit()  # Image.init() would import forty more, and take as long as NumPy
for _name in ("Avif", "Jpeg2K", "Tiff", "WebP"):
    importlib.import_module(f"PIL.{_name}ImagePlugin")


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format, and what is done with it."""

    name: str
    """Pillow's name of a picture format, FFmpeg's of a container."""
    suffixes: tuple[str, ...]
    """Endings, the usual one first; all are read."""
    video: bool = False
    """Goes through FFmpeg, not Pillow."""
    moves: bool = False
    """May hold pictures that follow each other in time."""
    photo: bool = False
    """Still pictures are written in it."""
    clip: bool = False
    """Clips are written in it."""
    deep: bool = False
    """Holds 16 bits a channel."""
    alpha: bool = False
    """Holds transparency."""
    keeps: bool = False
    """Holds colour profile, EXIF and XMP."""
    lossy: bool = False
    """Has a quality from 1 to 100."""
    codec: str = ""
    """For pictures of a video."""
    sound: str = ""
    """Codec for sound that cannot be copied into it."""
    subtitles: str = ""
    """Codec for subtitles of text."""

    def options(self, quality: int, lossless: bool = False) -> dict[str, object]:
        """How Pillow shall save: `quality` for lossy formats, JPEG without chroma subsampling from 90 on."""
        if self.name == "JPEG":
            return {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
        if self.name == "WEBP":
            return {"lossless": True, "quality": 20, "method": 0} if lossless else {"quality": quality, "method": 2}
        if self.name == "PNG":
            return {"compress_level": 4}
        return {"quality": quality} if self.lossy else {}


def _h264(name: str, *suffixes: str, subtitles: str) -> Format:
    return Format(
        name=name, suffixes=suffixes, video=True, moves=True, clip=True, codec="libx264", sound="aac", subtitles=subtitles
    )  # fmt: skip


_KNOWN = (
    Format(name="PNG", suffixes=(".png", ".apng"), photo=True, moves=True, deep=True, alpha=True, keeps=True),
    Format(name="JPEG", suffixes=(".jpg", ".jpeg", ".jfif", ".jpe"), photo=True, keeps=True, lossy=True),
    Format(
        name="WEBP", suffixes=(".webp",), photo=True, clip=True, moves=True, alpha=True, keeps=True, lossy=True
    ),
    Format(name="TIFF", suffixes=(".tif", ".tiff"), photo=True, deep=True, alpha=True, keeps=True),
    Format(name="BMP", suffixes=(".bmp",), photo=True),
    Format(name="AVIF", suffixes=(".avif",), photo=True, alpha=True, keeps=True, lossy=True),
    Format(name="HEIF", suffixes=(".heic", ".heif"), photo=True, alpha=True, keeps=True, lossy=True),
    Format(name="GIF", suffixes=(".gif",), clip=True, moves=True),
    Format(name="JPEG2000", suffixes=(".jp2",)),
    Format(name="PPM", suffixes=(".ppm", ".pgm")),
    _h264("mp4", ".mp4", ".m4v", subtitles="mov_text"),
    _h264("mov", ".mov", subtitles="mov_text"),
    _h264("matroska", ".mkv", subtitles="subrip"),
    Format(
        name="webm", suffixes=(".webm",), video=True, moves=True, clip=True, codec="libvpx-vp9", sound="libopus", subtitles="webvtt"
    ),
    Format(
        name="", video=True, moves=True,
        suffixes=(
            ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".3gp", ".mts", ".m2ts", ".vob", ".m2v", ".ogv", ".asf",
            ".3g2", ".mxf", ".dv",
        ),
    ),
)  # fmt: skip
_ABLE = {"AVIF": features.check("avif"), "HEIF": "HEIF" in Image.OPEN}
FORMATS = tuple(form for form in _KNOWN if _ABLE.get(form.name, True))
"""Formats that this installation reads."""
MISSING = {suffix: form for form in _KNOWN if form not in FORMATS for suffix in form.suffixes}
"""Endings of those that it could read with a further package."""
BY_SUFFIX = {suffix: form for form in FORMATS for suffix in form.suffixes}
IMAGE_SUFFIXES = tuple(suffix for suffix, form in BY_SUFFIX.items() if not form.video)
"""Endings of pictures that are read."""
VIDEO_SUFFIXES = tuple(suffix for suffix, form in BY_SUFFIX.items() if form.video)
"""Endings of videos that are read."""
ANIMATION_SUFFIXES = tuple(suffix for suffix, form in BY_SUFFIX.items() if form.moves and not form.video)
"""Endings of pictures that may move."""
PHOTO_SUFFIXES = tuple(suffix for suffix, form in BY_SUFFIX.items() if form.photo)
"""Endings that a still picture is written with."""
CLIP_SUFFIXES = tuple(suffix for suffix, form in BY_SUFFIX.items() if form.clip)
"""Endings that a clip is written with."""
RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw")
"""Endings of cameras' raw files, which are not read."""
READ = tuple(form.name for form in FORMATS if not form.video)
"""Pillow's names of the formats that are read: plain rasters only, some of its others start external programs."""
INSTALL = {"HEIF": "`pip install pillow-heif` first", "AVIF": "`pip install -U pillow` first"}


def format_of(path: str | Path) -> Format | None:
    """The format that a name's ending stands for, None for an unknown one."""
    path = Path(path)
    return BY_SUFFIX.get((path.suffix or path.name).lower())


def photo_format(path: str | Path) -> Format:
    """The format in which a still picture is written to `path` (or with that ending); MediaError where it cannot be."""
    return _written(path, "photo", PHOTO_SUFFIXES)


def clip_format(path: str | Path) -> Format:
    """The format in which a clip is written to `path`; MediaError where it cannot be."""
    return _written(path, "clip", CLIP_SUFFIXES)


def _written(path: str | Path, kind: str, suffixes: tuple[str, ...]) -> Format:
    path = Path(path)
    form = format_of(path)
    if form is not None and getattr(form, kind):
        return form
    missing = MISSING.get((path.suffix or path.name).lower())
    if missing is not None and getattr(missing, kind):
        raise MediaError(f"cannot write {path.name!r}: {INSTALL[missing.name]}", field="output")
    raise MediaError(
        f"cannot write {path.name!r} as a {kind}: end its name in one of {', '.join(suffixes)}", field="output"
    )
