"""Clips read and written."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dftnet.media.video import open_clip, sampling


def make_video(path: Path, frames: int = 20, rate: int = 10) -> Path:
    """An MPEG-4 video whose brightness rises from frame to frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 2_000_000
        for i in range(frames):
            picture = np.full((48, 64, 3), (10 + 10 * i) % 250, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_video_frames_and_sampling(tmp_path: Path):
    path = make_video(tmp_path / "a.mp4")
    frames = list(open_clip(path).frames())
    assert [frame.number for frame in frames] == list(range(20))
    assert frames[7].image.shape == (48, 64, 3)
    assert abs(float(frames[7].image.mean()) - 80) < 4
    assert abs(frames[7].time - 0.7) < 1e-3
    for wanted, numbers in ((sampling(6), [0, 6, 12, 18]), (sampling(every_seconds=0.5), [0, 5, 10, 15])):
        assert [frame.number for frame in open_clip(path).frames(wanted=wanted)] == numbers


def test_animations_are_sampled_alike(tmp_path: Path):
    pictures = [Image.new("RGB", (32, 24), (10 * i, 0, 0)) for i in range(8)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    frames = list(open_clip(tmp_path / "a.gif").frames(wanted=sampling(3)))
    assert [frame.number for frame in frames] == [0, 3, 6]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.3, 0.6])


def test_video_errors(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no such video"):
        open_clip(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("this is no video")
    with pytest.raises(ValueError, match=r"MP4"):
        open_clip(tmp_path / "text.mp4")
    whole = make_video(tmp_path / "b.avi", frames=40).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 3 // 4])
    assert 0 < len(list(open_clip(tmp_path / "cut.avi").frames())) < 40
    with pytest.raises(ValueError, match=r"positive"):
        sampling(every_seconds=0)
