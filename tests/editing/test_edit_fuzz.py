"""Whatever the bytes, sizes and requests are: a result, or a ValueError with one sentence; never anything else.

DFTNET_FUZZ=1000 pytest tests/test_edit_fuzz.py         # so many examples of each test instead of a few
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dftnet.au_sources.over_time import read_over_time
from dftnet.aus import AU_NAMES, WORDS, parse_values
from dftnet.cli import app as cli
from dftnet.cli.edit import spread
from dftnet.editing.compositing import composite
from dftnet.editing.editor import Editor
from dftnet.editing.emotions import EMOTIONS
from dftnet.editing.plan import as_plan
from dftnet.editing.request import Request, target
from dftnet.editing.timeline import Drive, parse_values_over_time
from dftnet.editing.video import edit_video
from dftnet.inference.sessions import GeneratorSession
from dftnet.media.photo import Photo, decode_photo, encode_photo
from tests.moving_face import picture, write_clip
from tests.synthetic_model import write_generator

QUICK = settings(
    max_examples=int(os.environ.get("DFTNET_FUZZ", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)
SMALL = skimage.data.astronaut()[40:200:2, 150:310:2]


def encoded(form: str, mode: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(SMALL).convert(mode).save(buffer, form)
    return buffer.getvalue()


FILES = [encoded("JPEG", "RGB"), encoded("PNG", "RGBA"), encoded("WEBP", "RGB"), encoded("TIFF", "RGB")]
FILES += [encode_photo(Photo(pixels=SMALL.astype(np.uint16) * 257), suffix) for suffix in (".png", ".tif")]


@QUICK
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"RIFF"])
)
def test_any_bytes(data: bytes, start: bytes) -> None:
    with pytest.raises(ValueError, match="image"):
        decode_photo(start + data)


@QUICK
@given(st.sampled_from(FILES), st.data())
def test_damaged_files(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, min(len(damaged), 600) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = decode_photo(bytes(damaged))
    except ValueError:
        return
    assert photo.pixels.ndim == 3
    assert photo.pixels.dtype in (np.uint8, np.uint16)


@QUICK
@given(
    st.lists(st.text(max_size=6) | st.sampled_from([*AU_NAMES, *WORDS, "=", "0.5", "AU12=1", "smile=0"]), max_size=4)
)
def test_any_request(items: list[str]) -> None:
    try:
        goal = target(np.full(17, 0.3), Request(set=parse_values(items), add=parse_values(items, -1)))
    except ValueError:
        return
    assert goal.min() >= 0
    assert goal.max() <= 1


@QUICK
@given(st.lists(st.sampled_from(["--au", "--add", "--sweep", "AU12=1", "AU45", "0:1:3", "p.jpg", "-o", "--", "smile"])))
def test_spreading_loses_no_word(words: list[str]) -> None:
    result = spread(words)
    joined = " ".join(result).replace("=0:1:3", " 0:1:3").split()
    assert [word for word in joined if word not in ("--au", "--add")] == [
        word for word in words if word not in ("--au", "--add")
    ]


@QUICK
@given(
    st.integers(1, 90), st.integers(1, 90), st.floats(-180, 180), st.floats(0.05, 20), st.floats(-50, 150),
    st.floats(-50, 150), st.floats(-200, 200), st.floats(0, 1),
)  # fmt: skip
def test_any_place_and_flow(
    height: int, width: int, angle: float, scale: float, x: float, y: float, flow: float, attention: float
) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    linear = np.array([[c, -s], [s, c]])
    matrix = np.hstack([linear, (15.5 - linear @ np.array([x, y]))[:, None]])
    crop = np.full((32, 32, 3), 100, np.uint8)
    maps = np.full((2, 32, 32), flow), np.full((1, 32, 32), attention), np.zeros((3, 32, 32))
    assert composite(photo, matrix, crop, *maps).shape == photo.shape


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    return Editor(GeneratorSession(write_generator(tmp_path_factory.mktemp("model"), size=64), threads=1))


@QUICK
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 7), st.booleans())
def test_any_size(editor: Editor, height: int, width: int, turn: int, deep: bool) -> None:
    image = np.asarray(Image.fromarray(SMALL).resize((width, height)))
    image = np.ascontiguousarray(np.rot90(image, turn % 4)[:: -1 if turn > 3 else 1])
    image = image.astype(np.uint16) * 257 if deep else image
    try:
        result = editor.edit(image, {"AU12": 1, "AU45": 0.4})
    except ValueError as error:
        if "face" not in str(error):
            raise
        return
    assert result.shape == image.shape
    assert result.dtype == image.dtype


@QUICK
@given(
    st.lists(st.text("AU124=@,.0s -+enm", max_size=14) | st.sampled_from(["AU12=0@0s,1@1s", "smile=1@0"]), max_size=3)
)
def test_any_keyframes(items: list[str]) -> None:
    try:
        values, keys = parse_values_over_time(items)
    except ValueError:
        return
    assert all(0 <= value <= 1 for value in values.values())
    assert all(time >= 0 and 0 <= value <= 1 for points in keys.values() for time, value in points)


TABLE = "frame,timestamp,success,AU12_r,AU45_r\n" + "".join(f"{i},{i / 25},1,{i / 4},0.5\n" for i in range(12))


@QUICK
@given(st.data())
def test_any_drive(data: st.DataObject) -> None:
    damaged = bytearray(TABLE.encode()[: data.draw(st.integers(0, len(TABLE)))])
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + 1] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b",", b"\n", b"nan", b"-9", b"1e99"])
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drive.csv"
        path.write_bytes(damaged)
        try:
            found = read_over_time(path)
            drive = Drive(times=found.times, aus=found.aus, names=found.names)
        except ValueError:
            return
    assert np.isfinite(list(drive.at(0.3).values())).all()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    frames = [np.asarray(Image.fromarray(picture(i / 10)).resize((160, 120))) for i in range(4)]
    write_clip(folder / "a.mp4", [0, 0.1, 0.2, 0.3], frames)
    write_clip(folder / "a.mkv", [0, 0.1, 0.2, 0.3], frames)
    pictures = [Image.fromarray(frame) for frame in frames]
    for end in (".gif", ".webp"):
        pictures[0].save(folder / f"a{end}", save_all=True, append_images=pictures[1:], duration=80)
    return {path.suffix: path.read_bytes() for path in sorted(folder.iterdir())}


@QUICK
@given(st.data())
def test_damaged_clips(editor: Editor, clips: dict[str, bytes], data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(sorted(clips)))
    whole = clips[suffix]
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 6)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / f"in{suffix}", Path(folder) / "out.mp4"
        path.write_bytes(damaged)
        try:
            done = edit_video(editor, path, as_plan({"AU12": 1}), output, workers=1)
        except (ValueError, OSError):
            assert [entry.name for entry in Path(folder).iterdir()] == [path.name]
            return
        assert 0 < done.edited <= done.frames
        assert output.stat().st_size > 0


@contextlib.contextmanager
def working_in(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


OPTIONS = st.sampled_from(
    [
        *("--au", "--add", "--emotion", "--neutral", "--like", "--strength", "--sweep", "--face", "--maps", "--drive"),
        *("--overwrite", "--quality", "--no-mark", "--threads", "-o", "--mdel", "-x", "--", ""),
        *("AU12=1", "AU45=0.5@0s,1@0.2s", "smile", "1:AU04=1", "AU12", "AU99=1", "=", *EMOTIONS, "all", "0", "7", "80,60"),
        *("0.5", "nan", "-1", "0:1:2", "0:1:9999", "a.jpg", "b.png", "cut.jpg", "text.gif", "none.tif", "folder", "."),
        *("out.png", "out.jpg", "out.gif", "out.mp4", "out.xyz", "out", "a.gif", "drive.csv"),
    ]
)  # fmt: skip


PHOTOS = ("a.jpg", "b.png", "a.gif", "cut.jpg", "text.gif", "none.tif")


@QUICK
@given(st.sampled_from(["a.jpg", "b.png", "a.gif", "cut.jpg", "folder"]), st.lists(OPTIONS, max_size=7))
def test_any_command(editor: Editor, clips: dict[str, bytes], name: str, words: list[str]) -> None:
    """Exit code 0 with a file, 1 for several photos or a folder with failures, or 2 with one line and nothing written."""
    with tempfile.TemporaryDirectory() as folder, working_in(folder):
        Path("folder").mkdir()
        Path("a.jpg").write_bytes(FILES[0])
        Path("folder/b.jpg").write_bytes(FILES[0])
        Path("b.png").write_bytes(FILES[1])
        Path("cut.jpg").write_bytes(FILES[0][:500])
        Path("folder/cut.jpg").write_bytes(FILES[0][:500])
        Path("text.gif").write_text("hello")
        Path("drive.csv").write_text(TABLE)
        Path("a.gif").write_bytes(clips[".gif"])
        before = sorted(Path().rglob("*"))
        out, err = io.StringIO(), io.StringIO()
        code: int | str | None = 0
        made = mock.patch("dftnet.editing.editor.Editor.from_pretrained", return_value=editor)
        argv = mock.patch.object(sys, "argv", ["dftnet", "edit", name, *words])
        with made, argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code
        after = sorted(Path().rglob("*"))
        assert not [path for path in after if ".tmp" in path.name]
        if code == 2:
            assert err.getvalue().startswith("error: ")
            assert err.getvalue().count("\n") == 1
            assert after == before
        else:
            several = "cut.jpg" in (name, *words) and sum(word in PHOTOS for word in (name, *words)) > 1
            assert code == 0 or (code == 1 and ("folder" in (name, *words) or several))
