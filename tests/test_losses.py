"""What is lost of a file in reading it is told by every verb, in the same words."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dftnet import EditPlan, SaveOptions, edit, open_photo, read_aus
from dftnet.cli.app import command_line
from dftnet.data.config import PrepareConfig
from dftnet.data.prepare import prepare
from dftnet.editing.conditions import Conditions
from dftnet.editing.editor import Editor
from dftnet.editing.stimuli import make_stimuli
from dftnet.inference.directory import WEIGHTS
from tests.moving_face import picture

pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "au-estimator" / "config.json").exists(), reason="no estimator weights in this checkout"
)

BITS = "its 10 bits a channel become 8: smooth areas may show bands"
DAMAGE = "it is damaged: 1 frame of it could not be read"
FIRST = "only the first of its 2 pictures is taken, the others are left out"


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.from_pretrained(threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten bits, and a packet in the middle is no video."""
    path = tmp_path_factory.mktemp("clip") / "in.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width = picture(0).shape[:2]
        stream.pix_fmt = "yuv420p10le"
        for i in range(6):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture(i / 25), format="rgb24")):
                if i == 3:
                    broken = av.Packet(b"\0" * 40)
                    broken.pts, broken.dts, broken.time_base, broken.stream = (
                        packet.pts, packet.dts, packet.time_base, packet.stream,
                    )  # fmt: skip
                    packet = broken
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return path


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TIFF of two pages."""
    path = tmp_path_factory.mktemp("photo") / "two.tif"
    pages = [Image.fromarray(picture(0)), Image.fromarray(picture(1))]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def test_a_clip_is_told_alike(editor: Editor, clip: Path, tmp_path: Path) -> None:
    done = edit(clip, {"AU12": 0.1}, tmp_path / "out.mp4", editor=editor)
    assert done.frames == 5
    assert {BITS, DAMAGE} <= set(done.warnings)
    told: list[str] = []
    assert len(list(read_aus([clip], threads=1, warnings=told))) == 5
    assert told == [f"{clip}: {BITS}", f"{clip}: {DAMAGE}"]
    shown = CliRunner().invoke(command_line(), ["aus", str(clip), "--threads", "1"])
    assert f"warning: {clip}: {BITS}\n" in shown.stderr
    made = prepare(clip, tmp_path / "set", PrepareConfig(size=64, min_face=20, min_sharpness=0), workers=1)
    assert [line for line in made.warnings if line.startswith("in.mkv")] == [f"in.mkv: {BITS}", f"in.mkv: {DAMAGE}"]
    moved = edit(clip, EditPlan(drive=clip), tmp_path / "driven.mp4", editor=editor)
    assert f"{clip}: {BITS}" in moved.warnings
    assert f"{clip}: {DAMAGE}" in moved.warnings


def test_of_many_clips_once(clip: Path, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.mkv").write_bytes(clip.read_bytes())
    made = prepare(tmp_path / "in", tmp_path / "set", PrepareConfig(size=64, min_face=20, min_sharpness=0), workers=1)
    assert f"a.mkv and 2 more: {BITS}" in made.warnings


def test_further_pages_are_told_alike(editor: Editor, photo: Path, tmp_path: Path) -> None:
    assert FIRST in edit(photo, {"AU12": 0.1}, tmp_path / "out.png", editor=editor).warnings
    assert FIRST in edit(photo, {"AU12": 0.1}, editor=editor, save=SaveOptions(dry=True)).warnings
    assert FIRST in edit(photo, EditPlan.parse(au=["AU12=0@0s,1@0.1s"]), tmp_path / "m.mp4", editor=editor).warnings
    like = edit(photo, EditPlan(like=photo), tmp_path / "like.png", editor=editor)
    assert f"{photo}: {FIRST}" in like.warnings
    told: list[str] = []
    list(read_aus([photo], threads=1, warnings=told))
    assert told == [f"{photo}: {FIRST}"]
    made = make_stimuli(editor, [photo], Conditions(units=["AU12"], levels=[0.5]), tmp_path / "stimuli")
    assert made.warnings == [f"{photo}: {FIRST}"]
    made = prepare(photo, tmp_path / "set", PrepareConfig(size=64, min_face=20, min_sharpness=0), workers=1)
    assert f"two.tif: {FIRST}" in made.warnings
    _, warnings = open_photo(editor, photo.read_bytes()).requests(EditPlan.parse(au=["AU12=0.1"]))
    assert FIRST in warnings


def test_an_animated_picture_is_a_clip_to_aus_as_to_edit(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture(i / 10)) for i in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=100)
    readings = list(read_aus([tmp_path / "a.webp"], threads=1))
    assert [(one.frame, round(one.time, 2)) for one in readings] == [(0, 0.0), (1, 0.1), (2, 0.2)]


def test_a_reading_in_the_dark_is_doubted(tmp_path: Path) -> None:
    """In 4 % of the light AU12 reads .29 too low."""
    data = io.BytesIO()
    Image.fromarray((picture(0) * 0.04).astype(np.uint8)).save(data, "PNG")
    (tmp_path / "dark.png").write_bytes(data.getvalue())
    told: list[str] = []
    (reading,) = read_aus([tmp_path / "dark.png"], threads=1, warnings=told)
    assert reading.face == 0
    assert told == [
        f"{tmp_path / 'dark.png'}: face 0 is very dark, so its Action Units read too low; use a brighter photo"
    ]
