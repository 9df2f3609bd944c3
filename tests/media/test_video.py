"""Clips read and written."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dftnet.media.video import ClipFrame, open_clip, sampling
from dftnet.media.video_writer import clip_writer
from dftnet.media.yuv import HD_TAGS, to_planes
from tests.moving_face import picture


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


def test_what_is_written_has_the_signal_to_noise_of_the_slower_preset(tmp_path: Path):
    """Quality 95 against x264's veryfast at a rate factor of 16: no noisier, and at most a third larger."""
    pictures = [picture(number / 25) for number in range(16)]
    raw = [
        np.concatenate([plane.ravel() for plane in to_planes(image, HD_TAGS)]).reshape(-1, 320) for image in pictures
    ]
    with clip_writer(tmp_path / "ours.mp4", rate=25) as writer:
        for number, image in enumerate(pictures):
            writer.write(ClipFrame(number, number / 25, image, 0.04))
    with av.open(str(tmp_path / "slower.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"crf": "16", "preset": "veryfast", "profile": "high", "bf": "0"}
        for number, planes in enumerate(raw):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    noise, size = {}, {}
    for name in ("ours", "slower"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            read = [frame.to_ndarray() for frame in container.decode(video=0)]
            size[name] = sum(packet.size for packet in read_packets(tmp_path / f"{name}.mp4"))
        assert len(read) == len(raw)
        noise[name] = float(
            np.mean([(one.astype(np.float32) - other) ** 2 for one, other in zip(read, raw, strict=True)])
        )
    assert noise["ours"] < noise["slower"] * 1.02
    assert size["ours"] < 1.34 * size["slower"]


def read_packets(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as container:
        return list(container.demux(video=0))
