"""What there is to try things on: it comes from the wheel alone, holds faces, nothing that exists is replaced, and the
gallery's commands need nothing else."""

from __future__ import annotations

import builtins
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from dftnet.cli.app import command_line
from dftnet.editing import demo
from dftnet.editing.options import SaveOptions
from dftnet.faces.detect import FaceDetector
from dftnet.media.image import read_image
from dftnet.media.video import open_clip

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def short_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "FRAMES", 3)


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_people(name, *args, **more):
        assert name != "openpeople"
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without_people)
    folder = tmp_path / "deep" / "try"
    done = demo.make_demo(folder)
    assert sorted(done.written) == sorted(str(path) for path in folder.rglob("*") if path.is_file())
    look = FaceDetector()
    counts = {name: len(look(read_image(folder / name))) for name in demo.PICTURES}
    assert counts == {**dict.fromkeys(demo.PICTURES, 1), "group.jpg": 3}
    frames = list(open_clip(folder / "clip.mp4").frames())
    assert [len(look(frame.image)) for frame in frames] == [1, 1, 1]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_500_000
    with pytest.raises(FileExistsError, match=r"a\.jpg exists: choose another"):
        demo.make_demo(folder)
    demo.make_demo(folder, save=SaveOptions(overwrite=True))


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(FileExistsError, match="file is a file: give the name of a folder"):
        demo.make_demo(tmp_path / "file")
    with pytest.raises(OSError, match=r"cannot write .*file is a file, not a folder"):
        demo.make_demo(tmp_path / "file" / "try")
    with pytest.raises(OSError, match="is an address, and nothing is written there"):
        demo.make_demo("s3://bucket/try")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_tried_is_there(tmp_path: Path) -> None:
    for line in demo.make_demo(tmp_path / "a folder").lines:
        words = shlex.split(line)
        assert Path(words[2]).exists(), line
        typer.main.get_command(command_line()).commands["edit"].make_context("edit", words[2:])


def test_the_gallery_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its commands starts from what the demo, or a command before it, has written."""
    demo.make_demo(tmp_path)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "gallery.md").read_text("utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines[:2] == ["dftnet demo try", "cd try"]
    commands = typer.main.get_command(command_line()).commands
    tried = 0
    for line in lines[2:]:
        words = shlex.split(line)
        if words[0] != "dftnet":
            continue
        asked = commands[words[1]].make_context(words[1], words[2:]).params
        for need in [*asked.get("photos", asked.get("faces", [])), asked.get("like"), asked.get("drive")]:
            assert need is None or Path(need).exists(), line
        if not (made := Path(asked["output"])).exists():
            made.touch() if made.suffix else made.mkdir()
        tried += 1
    assert tried == 17
