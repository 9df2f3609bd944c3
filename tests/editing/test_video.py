"""Clips in and out: timing, sound, colours, a steady edit, lost faces, interruptions, damage."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from dftnet.data.inputs import collect
from dftnet.editing.edit import edit, kind_of
from dftnet.editing.editor import Editor
from dftnet.editing.following import follow, moments, read_drive
from dftnet.editing.outputs import check_moving_output
from dftnet.editing.plan import EditPlan, as_plan
from dftnet.editing.timeline import Timeline
from dftnet.editing.video import animate_photo, edit_video, render_frame
from dftnet.faces.align import crop_from_image
from dftnet.faces.detect import FaceDetector
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.video import ClipFrame, is_animation, open_clip
from dftnet.media.video_writer import clip_writer
from dftnet.metrics import FLICKER_SIDE, flicker
from tests.moving_face import matrix_at, picture, uneven_times, write_clip
from tests.synthetic_model import write_estimator, write_generator

COUNT = 30


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    folder = tmp_path_factory.mktemp("models")
    generator = GeneratorSession(write_generator(folder / "g", size=64, flow_gain=4), threads=1)
    return Editor(generator, EstimatorSession(write_estimator(folder / "e", value=0.2), threads=1))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    times = uneven_times(COUNT)
    return write_clip(tmp_path_factory.mktemp("clip") / "in.mp4", times, [picture(time) for time in times])


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(getattr(container.streams, kind)[0]) if packet.size]


def test_time_sound_and_surroundings_are_kept(editor: Editor, clip: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    out = tmp_path / "out.mp4"
    done = edit_video(editor, clip, as_plan({"AU12": 1}), out, tell=lambda *now: told.append(now))
    assert (done.frames, done.edited) == (COUNT, COUNT)
    assert told[-1] == ("editing", COUNT, COUNT)
    before, after = list(open_clip(clip).frames()), list(open_clip(out).frames())
    assert [frame.time for frame in after] == pytest.approx([frame.time for frame in before], abs=1e-3)
    assert packets(out, "audio") == packets(clip, "audio")
    with av.open(str(clip)) as a, av.open(str(out)) as b:
        for kind in ("audio", "video"):
            ones, others = getattr(a.streams, kind)[0], getattr(b.streams, kind)[0]
            assert float(others.start_time * others.time_base) == pytest.approx(float(ones.start_time * ones.time_base))
        assert b.duration == pytest.approx(a.duration, abs=60_000)
        assert "compositeWithTrainedAlgorithmicMedia" in b.metadata["comment"]
    moved = unmoved = cast = 0.0
    for one, other in zip(before, after, strict=True):
        difference = np.abs(one.image.astype(np.float32) - other.image)
        unmoved += difference[:, :40].mean() / COUNT
        cast += (one.image.astype(np.float32) - other.image)[:, :40].mean() / COUNT
        moved += difference[90:150, 120:200].mean() / COUNT
    assert unmoved < 2.5  # the codec's loss of grain
    assert abs(cast) < 0.5
    assert moved > 2 * unmoved


@pytest.mark.parametrize("matrix", [1, 6])
def test_colours_stay(clip: Path, tmp_path: Path, matrix: int) -> None:
    """Through RGB and back, whatever YUV matrix the file says it has."""
    colours = np.zeros((64, 96, 3), np.uint8)
    colours[:, :32], colours[:, 32:64], colours[:, 64:] = (200, 40, 40), (40, 200, 40), (60, 60, 210)
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 96, 64, "yuv420p", {"crf": "5"}
        stream.codec_context.colorspace = matrix
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(colours, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace={1: "ITU709", 6: "ITU601"}[matrix])
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source, out = open_clip(path), tmp_path / "out.mp4"
    with clip_writer(out, source) as writer:
        for frame in source.frames():
            writer.write(frame, frame.image.copy())
    before, after = next(iter(source.frames())), next(iter(open_clip(out).frames()))
    assert dict(after.tags) == dict(before.tags)
    for left in (8, 40, 72):
        patch = slice(16, 48), slice(left, left + 16)
        assert np.abs(before.image[patch].mean((0, 1)) - after.image[patch].mean((0, 1))).max() < 2


class Frames:
    """A clip in memory."""

    path = Path("in memory")

    def __init__(self, frames: list[np.ndarray]) -> None:
        self.images, self.count = frames, len(frames)

    def frames(self, other: object = None) -> Iterator[ClipFrame]:
        for number, image in enumerate(self.images):
            yield ClipFrame(number, number / 25, image)


def test_the_edit_does_not_flicker(editor: Editor) -> None:
    """Held still by the true motion, the edited face changes hardly more from frame to frame than the unedited one;
    aligned frame by frame it trembles more."""
    times = np.arange(24) / 25
    frames = [picture(float(time), noise=1.5) for time in times]
    photo = FaceDetector()(cv2.warpAffine(frames[0], cv2.invertAffineTransform(matrix_at(0)), (448, 300)))[0]
    to_crop = np.vstack([crop_from_image(photo.landmarks, FLICKER_SIDE), [0, 0, 1]])
    held = [(to_crop @ np.vstack([cv2.invertAffineTransform(matrix_at(float(t))), [0, 0, 1]]))[:2] for t in times]

    plan = as_plan({"AU12": 1, "AU45": 0.6})
    seen = moments(follow(editor, Frames(frames), plan))
    steady = [render_frame(editor, frame, seen[frame.number], plan) for frame in Frames(frames).frames()]
    single = [editor.render(editor.read(image), plan.common.request) for image in frames]
    source = flicker(frames, held)
    assert flicker(steady, held) < 1.15 * source  # type: ignore[arg-type]
    assert flicker(steady, held) < flicker(single, held)  # type: ignore[arg-type]


def test_frames_without_a_face_come_through(editor: Editor, tmp_path: Path) -> None:
    times = [i / 25 for i in range(40)]
    empty = np.full((240, 320, 3), 90, np.uint8)
    frames = [empty if 14 <= i < 26 else picture(0.0, noise=0) for i in range(40)]
    path = write_clip(tmp_path / "in.mp4", times, frames, sound=False)
    done = edit_video(editor, path, as_plan({"AU12": 1}), tmp_path / "out.mkv")
    assert 24 <= done.edited <= 28
    assert any("unchanged" in warning for warning in done.warnings)
    after = [frame.image for frame in open_clip(tmp_path / "out.mkv").frames()]
    assert np.abs(after[20].astype(int) - 90).max() <= 3
    assert len(after) == 40


def test_no_face_and_no_video(editor: Editor, clip: Path, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", [0, 0.04, 0.08], [np.full((240, 320, 3), 90, np.uint8)] * 3, sound=False)
    bad = {"text.mp4": b"hello", "empty.mp4": b"", "cut.mp4": clip.read_bytes()[:3000]}
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    before = sorted(tmp_path.iterdir())
    for name, message in {
        "in.mp4": "no face",
        "text.mp4": "readable",
        "empty.mp4": "is empty",
        "cut.mp4": "video|frame",
    }.items():
        with pytest.raises(ValueError, match=message):
            edit_video(editor, tmp_path / name, as_plan({"AU12": 1}), tmp_path / "out.mp4")
    with pytest.raises(ValueError, match="at most 1 face"):
        edit_video(editor, clip, EditPlan.parse(au=["AU12=1"], face=3), tmp_path / "out.mp4")
    with pytest.raises(ValueError, match="end its name"):
        edit_video(editor, path, as_plan({"AU12": 1}), tmp_path / "out.xyz")
    with pytest.raises(ValueError, match="choose largest"):
        edit_video(editor, path, EditPlan.parse(au=["AU12=1"], face="biggest"), tmp_path / "out.mp4")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("end", [".mp4", ".gif"])
def test_an_interruption_leaves_nothing(editor: Editor, clip: Path, tmp_path: Path, end: str) -> None:
    def stop(what: str, done: int, count: int) -> None:
        if what == "editing" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edit_video(editor, clip, as_plan({"AU12": 1}), tmp_path / f"out{end}", tell=stop)
    assert not list(tmp_path.iterdir())


def test_a_damaged_clip_gives_what_can_be_read(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    write_clip(path, [i / 25 for i in range(12)], [picture(i / 25) for i in range(12)], sound=False)
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data))])
    done = edit_video(editor, path, as_plan({"AU12": 1}), tmp_path / "out.mp4")
    assert 3 < done.frames < 12
    assert len(list(open_clip(tmp_path / "out.mp4").frames())) == done.frames


def test_webm_and_back(editor: Editor, clip: Path, tmp_path: Path) -> None:
    """Sound that the container cannot hold is coded anew."""
    short = tmp_path / "short.mp4"
    write_clip(short, [i / 25 for i in range(6)], [picture(i / 25) for i in range(6)])
    edit_video(editor, short, as_plan({"AU12": 1}), tmp_path / "a.webm")
    with av.open(str(tmp_path / "a.webm")) as container:
        assert container.streams.audio[0].codec_context.name == "opus"
        assert container.streams.video[0].codec_context.name in ("vp9", "libvpx-vp9")
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert 0.15 < np.abs(sound).max() < 0.6


@pytest.mark.parametrize("end", [".gif", ".webp"])
def test_animated_pictures(editor: Editor, tmp_path: Path, end: str) -> None:
    pictures = [Image.fromarray(picture(i / 10)) for i in range(4)]
    path = tmp_path / f"in{end}"
    more = {"lossless": True} if end == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 200, 100, 60], loop=3, **more)
    assert is_animation(path)
    edit_video(editor, path, as_plan({"AU12": 1}), tmp_path / f"out{end}")
    with Image.open(tmp_path / f"out{end}") as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]
        assert image.info["loop"] == 3
        told = image.info.get("comment", image.info.get("xmp", b""))
        assert b"compositeWithTrainedAlgorithmicMedia" in told
    assert [frame.duration for frame in open_clip(tmp_path / f"out{end}").frames()] == [0.1, 0.2, 0.1, 0.06]
    one, other = (next(iter(open_clip(tmp_path / f"{name}{end}").frames())).image for name in ("in", "out"))
    assert np.abs(one.astype(int) - other)[:, :40].mean() < 4


@pytest.mark.parametrize("end", [".gif", ".webp"])
def test_animations_cut_anywhere(tmp_path: Path, end: str) -> None:
    """The frames that are whole, or one line; Pillow raises IndexError and struct.error for some of these."""
    pictures = [Image.new("RGB", (8, 6), (60 * i, 90, 120)) for i in range(4)]
    path = tmp_path / f"a{end}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=80)
    whole = path.read_bytes()
    counts = set()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            counts.add(len(list(open_clip(path).frames())))
        except ValueError as error:
            counts.add(str(error).count("\n"))
    assert counts <= {0, 1, 2, 3, 4}


def test_clear_parts_of_a_gif_stay_clear(tmp_path: Path) -> None:
    alpha = np.zeros((40, 40), np.uint8)
    alpha[10:30, 10:30] = 255
    with clip_writer(tmp_path / "a.gif") as writer:
        for number in range(3):
            image = np.full((40, 40, 3), 60 * number, np.uint8)
            writer.write(ClipFrame(number, 0.1 * number, image, 0.1, alpha))
    frames = list(open_clip(tmp_path / "a.gif").frames())
    assert [int(frame.image[20, 20, 0]) for frame in frames] == [0, 60, 120]
    assert all(frame.alpha is not None and np.array_equal(frame.alpha, alpha) for frame in frames)


def test_a_photo_moves(editor: Editor, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "photo.png")
    plan = as_plan(Timeline(keys={"AU12": [(0, 0.2), (0.4, 1)]}))
    animate_photo(editor, tmp_path / "photo.png", plan, tmp_path / "out.mp4")
    frames = list(open_clip(tmp_path / "out.mp4").frames())
    assert 22 <= len(frames) <= 25
    face = slice(90, 150), slice(120, 200)
    still = np.abs(frames[0].image[face].astype(int) - picture(0)[face]).mean()
    assert np.abs(frames[-1].image[face].astype(int) - picture(0)[face]).mean() > still + 2
    assert np.abs(frames[0].image.mean((0, 1)) - picture(0).mean((0, 1))).max() < 2  # 1.5 of it FFmpeg's way to RGB
    with pytest.raises(ValueError, match="keyframes"):
        animate_photo(editor, tmp_path / "photo.png", as_plan({"AU12": 1}), tmp_path / "b.mp4")


def test_driven_by_a_clip(editor: Editor, clip: Path, tmp_path: Path) -> None:
    drive, warnings = read_drive(editor, clip)
    assert not warnings
    assert drive.at(0.5) == pytest.approx(dict.fromkeys(editor.au_names, 0.2), abs=1e-3)
    assert drive.times[-1] == pytest.approx(uneven_times(COUNT)[-1], abs=1e-3)
    Image.fromarray(picture(0)).save(tmp_path / "photo.jpg")
    animate_photo(editor, tmp_path / "photo.jpg", as_plan(Timeline(drive=drive)), tmp_path / "out.mp4")
    assert [frame.time for frame in open_clip(tmp_path / "out.mp4").frames()] == pytest.approx(drive.times, abs=2e-3)
    with pytest.raises(ValueError, match="--like"):
        read_drive(editor, tmp_path / "photo.jpg")


def test_camcorder_files_are_clips_in_every_verb(editor: Editor, tmp_path: Path) -> None:
    """Named as cameras do, or as nobody does."""
    times = [i / 25 for i in range(12)]
    for name in ("a.mts", "b.m2ts", "c.mod"):
        made = write_clip(tmp_path / "made.ts", times, [picture(time) for time in times], sound=False)
        path = made.rename(tmp_path / name)
        assert kind_of([path], as_plan({"AU12": 1}), None) == "clip"
        assert check_moving_output(path, None, False) == tmp_path / f"{path.stem}-edited.mp4"
        assert [photo.video for photo in collect(path).photos] == [True]
    done = edit(tmp_path / "a.mts", {"AU12": 1}, editor=editor)
    assert (done.frames, done.edited) == (12, 12)
    assert len(list(open_clip(tmp_path / "a-edited.mp4").frames())) == 12


@pytest.mark.skipif(not hasattr(av.VideoStream, "set_display_matrix"), reason="this PyAV writes no display matrix")
def test_what_is_lost_is_in_the_report(editor: Editor, tmp_path: Path) -> None:
    """10 bits, from a camera that mirrors: told once, and the face is found upright."""
    with av.open(str(tmp_path / "in.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width = picture(0).shape[:2]
        stream.pix_fmt = "yuv420p10le"
        stream.set_display_matrix([-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30])
        for i in range(6):
            one = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(i / 25)[:, ::-1]), format="rgb24")
            one.pts = i
            out.mux(stream.encode(one))
        out.mux(stream.encode(None))
    done = edit(tmp_path / "in.mp4", {"AU12": 1}, tmp_path / "out.mp4", editor=editor)
    assert done.edited == 6
    (told,) = (line for line in done.warnings if "bits" in line)
    assert "10 bits" in told
    frame = next(iter(open_clip(tmp_path / "out.mp4").frames()))
    assert np.abs(frame.image[:40].astype(int) - picture(0)[:40]).mean() < 6
