"""What a written clip keeps of the one that it was made from, and what it says it does not."""

from __future__ import annotations

import socket
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from dftnet.errors import MediaError
from dftnet.media.video import Clip, ClipFrame, is_video, open_clip
from dftnet.media.video_writer import clip_writer

SIZE = (64, 96)
VIDEOS = (".mp4", ".mov", ".mkv", ".webm")


def picture(i: int = 0) -> np.ndarray:
    """uint8 [64, 96, 3]: four corners that differ, brighter with each i."""
    made = np.zeros((*SIZE, 3), np.uint8)
    made[:32, :48], made[:32, 48:], made[32:, :48], made[32:, 48:] = (200, 40, 40), (40, 180, 40), (40, 40, 190), 128
    return np.minimum(made + i, 255).astype(np.uint8)


def make_clip(path: Path, times: list[float], lasts: list[float] | None = None, pictures=None, **stream) -> Path:
    """A silent H.264 clip of frames at these times, each lasting as long as said."""
    options = stream.pop("options", {})
    matrix = stream.pop("matrix", None)
    pix_fmt = stream.pop("pix_fmt", "yuv420p")
    pictures = pictures or [picture(i) for i in range(len(times))]
    with av.open(str(path), "w", format=stream.pop("format", None)) as out:
        track = out.add_stream("libx264", rate=25)
        track.height, track.width = pictures[0].shape[:2]
        track.pix_fmt, track.options = pix_fmt, {"bf": "0", "crf": "8", **options}
        track.codec_context.time_base = Fraction(1, 90000)
        if matrix is not None:
            track.set_display_matrix(matrix)
        packets = []
        for i, time in enumerate(times):
            one = av.VideoFrame.from_ndarray(pictures[i], format="rgb24")
            one.pts, one.time_base = round(time * 90000), Fraction(1, 90000)
            packets += track.encode(one)
        for i, packet in enumerate([*packets, *track.encode(None)]):
            if lasts:
                packet.duration = round(lasts[i] * 90000)
            out.mux(packet)
    return path


def copy_clip(source: Path, output: Path, quality: int = 95) -> tuple[Clip, list[str]]:
    """The clip written again, unedited; it and the writer's notes."""
    clip = open_clip(source)
    with clip_writer(output, clip, quality=quality) as writer:
        for frame in clip.frames(writer.copy):
            writer.write(frame)
    return clip, [*clip.notes, *writer.notes]


def end_of_last(path: Path) -> tuple[float, float]:
    """Seconds from the start at which the last picture ends: as the container says, and as its packets do."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        packets = [packet for packet in file.demux(stream) if packet.size]
        first = min(packet.pts for packet in packets)
        last = max(packets, key=lambda packet: int(packet.pts or 0))
        return file.duration / 1e6, float((last.pts - first + (last.duration or 0)) * stream.time_base)


MATRICES = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
    5: (0, 1, 1, 0), 6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip


@pytest.mark.skipif(not hasattr(av.VideoStream, "set_display_matrix"), reason="this PyAV writes no display matrix")
@pytest.mark.parametrize("orientation", MATRICES)
def test_all_eight_display_matrices_give_the_same_upright_picture(tmp_path: Path, orientation: int) -> None:
    """Stored as a camera that is held (and mirrors) so would store it; the inverse of EXIF's turn makes that picture."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    image = Image.fromarray(picture())
    image.getexif()[0x0112] = inverse
    stored = np.asarray(ImageOps.exif_transpose(image))
    a, b, c, d = (65536 * value for value in MATRICES[orientation])
    path = make_clip(tmp_path / "in.mp4", [0, 0.04], pictures=[stored] * 2, matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30])
    frame = next(iter(open_clip(path).frames()))
    assert frame.image.shape == (*SIZE, 3)
    assert np.abs(frame.image.astype(int) - picture()).mean() < 4
    assert frame.planes is not None
    assert frame.planes[0].shape == SIZE
    assert frame.turned == (orientation > 4)
    assert np.abs(next(open_clip(path).frames()).image.astype(int) - picture()).mean() < 4
    copy_clip(path, tmp_path / "out.mp4")
    again = next(iter(open_clip(tmp_path / "out.mp4").frames()))
    assert np.abs(again.image.astype(int) - picture()).mean() < 6
    assert not again.turned


@pytest.mark.parametrize("suffix", VIDEOS)
def test_the_last_picture_of_a_silent_clip_lasts_as_long_as_before(tmp_path: Path, suffix: str) -> None:
    path = make_clip(tmp_path / "in.mp4", [0, 0.04, 0.08, 0.5, 1.0], [0.04, 0.04, 0.42, 0.5, 0.5])
    copy_clip(path, tmp_path / f"out{suffix}")
    for end in end_of_last(tmp_path / f"out{suffix}"):
        assert end == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_an_animation_lasts_as_long_as_a_video(tmp_path: Path, suffix: str) -> None:
    pictures = [Image.fromarray(picture(20 * i)) for i in range(6)]
    lasts = [50, 100, 150, 200, 250, 1000]
    pictures[0].save(tmp_path / "in.gif", save_all=True, append_images=pictures[1:], duration=lasts, loop=0)
    copy_clip(tmp_path / "in.gif", tmp_path / f"out{suffix}")
    for end in end_of_last(tmp_path / f"out{suffix}"):
        assert end == pytest.approx(1.75, abs=0.05)
    times = [frame.time for frame in open_clip(tmp_path / f"out{suffix}").frames()]
    assert times == pytest.approx([0, 0.05, 0.15, 0.3, 0.5, 0.75], abs=0.002)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_pictures_without_a_source_last_as_they_say(tmp_path: Path, suffix: str) -> None:
    """Photos that are driven: the last frame is held."""
    with clip_writer(tmp_path / f"out{suffix}", rate=10) as writer:
        for i, (time, lasts) in enumerate(((0.0, 0.1), (0.1, 0.3), (0.4, 0.6))):
            writer.write(ClipFrame(i, time, picture(i), lasts))
    for end in end_of_last(tmp_path / f"out{suffix}"):
        assert end == pytest.approx(1.0, abs=0.05)


def make_tracks(path: Path, words: Path) -> Path:
    """A clip with sound in two languages, of which the second plays, subtitles and a chapter."""
    words.write_text("1\n00:00:00,100 --> 00:00:00,300\nhello\n")
    with av.open(str(path), "w") as out, av.open(str(words)) as text:
        shown = out.add_stream("libx264", rate=25)
        shown.height, shown.width, shown.pix_fmt = *SIZE, "yuv420p"
        tracks = []
        for language, title in (("eng", "room"), ("deu", "headset")):
            track = out.add_stream("aac", rate=44100)
            track.layout = "mono"
            track.metadata.update({"language": language, "title": title})
            tracks.append(track)
        tracks[0].disposition, tracks[1].disposition = av.stream.Disposition(0), av.stream.Disposition.default
        spoken = out.add_stream_from_template(text.streams[0])
        spoken.metadata["language"] = "eng"
        millisecond = Fraction(1, 1000)
        out.set_chapters(
            [{"id": 1, "start": 0, "end": 400, "time_base": millisecond, "metadata": {"title": "neutral"}}]
        )
        packets = []
        for i in range(12):
            one = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            one.pts = i
            packets += shown.encode(one)
        packets += shown.encode(None)
        for track in tracks:
            for start in range(0, 20480, 1024):
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                sound.sample_rate, sound.pts = 44100, start
                packets += track.encode(sound)
            packets += track.encode(None)
        for packet in text.demux():
            if packet.size:
                packet.stream = spoken
                packets.append(packet)
        for packet in packets:
            out.mux(packet)
    return path


@pytest.mark.skipif(not hasattr(av.container.OutputContainer, "set_chapters"), reason="this PyAV writes no chapters")
@pytest.mark.parametrize("suffix", VIDEOS)
def test_tracks_keep_language_name_and_which_of_them_plays(tmp_path: Path, suffix: str) -> None:
    source = make_tracks(tmp_path / "source.mkv", tmp_path / "s.srt")
    for step, name in ((source, "one"), (tmp_path / f"one{suffix}", "two")):  # also what was written once
        _, notes = copy_clip(step, tmp_path / f"{name}{suffix}")
        assert notes == []
        with av.open(str(tmp_path / f"{name}{suffix}")) as file:
            sounds = file.streams.audio
            german = "ger" if suffix == ".mov" else "deu"  # the same language in QuickTime's own list
            assert [s.metadata.get("language") for s in sounds] == ["eng", german]
            assert [bool(s.disposition & av.stream.Disposition.default) for s in sounds] == [False, True]
            title = "title" if suffix in (".mkv", ".webm") else "handler_name"
            assert [s.metadata.get(title) for s in sounds] == ["room", "headset"]
            assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["neutral"]
            (words,) = file.streams.subtitles
            assert words.metadata.get("language") == "eng"
            spoken = [packet for packet in file.demux(words) if b"hello" in bytes(packet)]
            assert [float(packet.pts * packet.time_base) for packet in spoken] == [pytest.approx(0.1, abs=0.002)]
            assert [float(packet.duration * packet.time_base) for packet in spoken] == [pytest.approx(0.2, abs=0.002)]


def test_what_a_container_cannot_hold_is_told(tmp_path: Path) -> None:
    """A cover, and a track of data (as action cameras write)."""
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        shown = out.add_stream("libx264", rate=25)
        shown.height, shown.width, shown.pix_fmt = *SIZE, "yuv420p"
        if not hasattr(out, "add_attachment"):
            pytest.skip("this PyAV writes no attachments")
        cover = tmp_path / "cover.png"
        Image.fromarray(picture()).save(cover)
        out.add_attachment("cover.png", "image/png", cover.read_bytes())
        for i in range(3):
            one = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            one.pts = i
            out.mux(shown.encode(one))
        out.mux(shown.encode(None))
    _, notes = copy_clip(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert len(notes) == 1
    assert "cover picture is left out" in notes[0]


@pytest.mark.parametrize("suffix", [".mts", ".m2ts", ".vob", ".ts", ".anything", ""])
def test_camcorder_files_are_videos_whatever_their_names(tmp_path: Path, suffix: str) -> None:
    path = make_clip(tmp_path / f"a{suffix}", [i * 0.04 for i in range(20)], format="mpegts")
    assert is_video(path)
    assert len(list(open_clip(path).frames())) == 20


def test_other_files_are_no_videos(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.unknown")
    Image.fromarray(picture()).save(tmp_path / "b.jpg")
    (tmp_path / "c.txt").write_text("hello")
    (tmp_path / "d").write_bytes(bytes(3000))
    for path in (*tmp_path.iterdir(), tmp_path, tmp_path / "none"):
        assert not is_video(path)


def test_a_list_of_addresses_reaches_nobody(tmp_path: Path) -> None:
    """Playlists are text that names other files, on the net too; nothing leaves the machine for them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        for name in ("a.mp4", "a.ts", "a.m3u8", "a"):
            (tmp_path / name).write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n")
            is_video(tmp_path / name)
            with pytest.raises(MediaError):
                open_clip(tmp_path / name)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_stays_interlaced_or_is_told(tmp_path: Path, order: str) -> None:
    path = make_clip(tmp_path / "in.ts", [i * 0.04 for i in range(6)], options={"x264-params": f"{order}=1"})
    _, notes = copy_clip(path, tmp_path / "out.mp4")
    assert notes == []
    with av.open(str(path)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        frames = [next(file.decode(video=0)) for file in (before, after)]
        assert [frame.interlaced_frame for frame in frames] == [True, True]
        contexts = [file.streams.video[0].codec_context for file in (before, after)]
        assert str(getattr(contexts[0], "field_order", "")) == str(getattr(contexts[1], "field_order", ""))
    _, notes = copy_clip(path, tmp_path / "out.webm")
    assert len(notes) == 1
    assert "interlaced" in notes[0]


def test_ten_bits_that_become_eight_are_told(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", [0, 0.04], pix_fmt="yuv420p10le")
    _, notes = copy_clip(path, tmp_path / "out.mp4")
    assert len(notes) == 1
    assert "10 bits" in notes[0]


def test_damaged_frames_are_counted(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mkv", [i * 0.04 for i in range(20)], options={"g": "1"})
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    for pos, size in (packets[7], packets[12]):
        data[pos + 4 : pos + size] = b"\xff" * (size - 4)
    path.write_bytes(bytes(data))
    _, notes = copy_clip(path, tmp_path / "out.mp4")
    assert len(list(open_clip(tmp_path / "out.mp4").frames())) == 18
    assert len(notes) == 1
    assert "2 frames" in notes[0]


def test_a_lossless_webp_animation_stays_so(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(9 * i)) for i in range(3)]
    for name, lossless in (("a.webp", True), ("b.webp", False)):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=100, lossless=lossless)
        copy_clip(tmp_path / name, tmp_path / f"out-{name}")
        before, after = (list(open_clip(tmp_path / one).frames()) for one in (name, f"out-{name}"))
        worst = max(np.abs(x.image.astype(int) - y.image).max() for x, y in zip(before, after, strict=True))
        assert (worst == 0) == lossless


def test_an_animation_keeps_profile_and_metadata(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x8298] = "by someone"
    pictures = [Image.fromarray(picture(9 * i)) for i in range(3)]
    more = {"icc_profile": profile, "exif": exif.tobytes(), "xmp": b'<rdf:Description rdf:about="" dc:format="kept"/>'}
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=100, **more)
    clip = open_clip(tmp_path / "a.webp")
    with clip_writer(tmp_path / "b.webp", clip, comment="smile") as writer:
        for frame in clip.frames():
            writer.write(frame)
    with Image.open(tmp_path / "b.webp") as again:
        assert again.info["icc_profile"] == profile
        assert again.getexif()[0x8298] == "by someone"
        assert b'dc:format="kept"' in again.info["xmp"]
        assert b"compositeWithTrainedAlgorithmicMedia" in again.info["xmp"]
