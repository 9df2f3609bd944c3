"""The one table of formats: what it says of an ending is what the writers do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dftnet.errors import MediaError
from dftnet.media import formats
from dftnet.media.formats import CLIP_SUFFIXES, IMAGE_SUFFIXES, PHOTO_SUFFIXES, VIDEO_SUFFIXES, format_of
from dftnet.media.photo import Photo, read_photo, write_photo
from dftnet.media.video import ClipFrame, open_clip
from dftnet.media.video_writer import clip_writer

PICTURE = np.full((64, 96, 3), 40, np.uint8)
PICTURE[16:48, 24:60] = (200, 120, 90)


@pytest.mark.parametrize("suffix", PHOTO_SUFFIXES)
def test_every_photo_format_is_written_and_read_as_the_table_says(tmp_path: Path, suffix: str) -> None:
    form = format_of(suffix)
    assert form is not None
    alpha = np.where(PICTURE[..., 0] > 100, 255, 0).astype(np.uint8)
    path = write_photo(tmp_path / f"a{suffix}", Photo(pixels=PICTURE.astype(np.uint16) * 257, alpha=alpha))
    photo = read_photo(path)
    assert (photo.pixels.dtype == np.uint16) == form.deep
    assert (photo.alpha is not None) == form.alpha
    values = photo.pixels[32, 40] / (257 if form.deep else 1)
    assert np.abs(values - (200, 120, 90)).max() <= (8 if form.lossy else 0)


@pytest.mark.parametrize("suffix", CLIP_SUFFIXES)
def test_every_clip_format_is_written_and_read(tmp_path: Path, suffix: str) -> None:
    with clip_writer(tmp_path / f"a{suffix}") as writer:
        for i in range(3):
            writer.write(ClipFrame(i, i * 0.1, np.roll(PICTURE, 4 * i, 1), 0.1))
    frames = list(open_clip(tmp_path / f"a{suffix}").frames())
    assert [round(frame.time, 2) for frame in frames] == [0, 0.1, 0.2]
    assert np.abs(frames[2].image[32, 48].astype(int) - (200, 120, 90)).max() < 20


def test_endings_stand_for_one_format_each() -> None:
    every = [suffix for form in formats.FORMATS for suffix in form.suffixes]
    assert len(every) == len(set(every))
    assert not set(IMAGE_SUFFIXES) & set(VIDEO_SUFFIXES)
    assert {".jpg", ".jfif", ".jpe", ".webp", ".tif", ".bmp"} <= set(PHOTO_SUFFIXES) <= set(IMAGE_SUFFIXES)
    assert {".mts", ".m2ts", ".vob", ".mp4", ".webm"} <= set(VIDEO_SUFFIXES)
    assert format_of("A.JPG") is format_of(Path("x/.jpeg"))
    assert format_of("a.txt") is None
    assert format_of("a") is None


def test_what_cannot_be_written_is_told_with_the_endings_that_can(monkeypatch) -> None:
    with pytest.raises(MediaError, match=r"'a\.gif' as a photo.*\.png, "):
        formats.photo_format("a.gif")
    with pytest.raises(MediaError, match=r"'a\.avi' as a clip.*\.mp4, "):
        formats.clip_format("a.avi")
    with pytest.raises(MediaError, match=r"'a' as a photo"):
        formats.photo_format("a")
    heif = formats.Format(name="HEIF", suffixes=(".heic",), photo=True)
    monkeypatch.setattr(formats, "BY_SUFFIX", {})
    monkeypatch.setattr(formats, "MISSING", {".heic": heif})
    with pytest.raises(MediaError, match=r"pip install pillow-heif"):
        formats.photo_format("a.heic")
