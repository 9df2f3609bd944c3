"""Where output cannot go and input cannot be read, in every verb: one line that names it and the remedy, and nothing is written."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from dftnet.cli import app as cli

OUTPUTS = {
    "aus a.png --csv {}": "x.csv",
    "edit a.png --au smile -o {}": "x.png",
    "edit a.png --au smile=0@0s,1@1s -o {}": "x.mp4",
    "edit a.png --sweep AU45 0:1:3 -o {}": "x.gif",
    "faces a.png -o {}": "x.jpg",
    "figure eyelids a.png -o {}": "x.png",
}
"""Command that writes a file → such a name."""
FOLDERS = {
    "edit photos --au smile -o {}": "",
    "edit a.png photos/a.png --au smile -o {}": "",
    "edit a.png --au smile -o new.png --maps {}": "",
    "edit a.png --sweep AU45 0:1:3 --overwrite -o {}": "",
    "stimuli a.png --au AU04 -o {}": "",
    "demo {}": "",
    "prepare photos -o {}": "",
}
"""Command that writes a folder."""
INPUTS = {
    "aus {}": "file or folder",
    "edit {} --au smile": "image",
    "edit a.png --like {}": "image",
    "edit a.png --drive {} -o x.mp4": "file to be driven by",
    "faces {}": "image",
    "figure eyelids {} -o x.png": "image",
    "stimuli {} --au AU04 -o new": "photo or folder",
    "prepare {} -o new": "folder or file",
    "prepare photos --labels {} -o new": "label file",
    "prepare photos --people {} -o new": "table of people",
}
"""Command that reads a file → what it says that there is none of."""


@pytest.fixture
def fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command in a folder with a.png, photos/a.png, `folder` and `file`: its one line; nothing may be written."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("a.png")
    Path("photos").mkdir()
    Image.new("RGB", (64, 64)).save("photos/a.png")
    for name in ("folder", "locked"):
        Path(name).mkdir()
    Path("file").write_text("a text")
    access = os.access

    def locked(path, mode, **more) -> bool:  # root may read and write everything
        refused = {"locked": os.W_OK, "secret": os.R_OK}.get(Path(path).stem, 0)
        return not mode & refused and access(path, mode, **more)

    monkeypatch.setattr(os, "access", locked)

    def run(command: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["dftnet", *command.split()])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        assert (stop.value.code, out, err.count("\n")) == (2, "", 1), (out, err)
        assert sorted(tmp_path.rglob("*")) == before
        return err.removeprefix("error: ").rstrip()

    return run


@pytest.mark.parametrize(("command", "name"), OUTPUTS.items())
def test_a_file_to_write(fails, command: str, name: str) -> None:
    Path(name).mkdir()
    if not command.startswith("edit a.png --au smile -o"):  # there the photo goes into the folder
        for ending in ("", " --overwrite"):
            told = fails(command.format(name) + ending)
            assert told == f"{name} is a folder: give the name of a file, such as {Path(name) / 'NAME'}"
    there = f"file/{name}"
    assert fails(command.format(there)) == f"cannot write {there}: file is a file, not a folder; name another place"
    for place in (f"locked/{name}", f"locked/new/{name}"):
        told = fails(command.format(place))
        assert told == f"cannot write {place}: nothing may be written into locked; name another place"
    long = "x" * 300 + name
    assert fails(command.format(long)) == f"{long} is too long a name for this disk: choose a shorter one"


@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_to_write_into(fails, command: str) -> None:
    assert fails(command.format("file")) == "file is a file: give the name of a folder"
    assert (
        fails(command.format("file/new")) == "cannot write file/new: file is a file, not a folder; name another place"
    )
    for place in ("locked", "locked/new"):
        told = fails(command.format(place))
        assert told == f"cannot write {place}: nothing may be written into locked; name another place"


@pytest.mark.parametrize(("command", "what"), INPUTS.items())
def test_a_file_to_read(fails, command: str, what: str) -> None:
    ending = ".csv" if "--labels" in command or "--people" in command else ".png"
    assert fails(command.format("none" + ending)) == f"no such {what}: none{ending}"
    Path("link" + ending).symlink_to("nowhere")
    assert fails(command.format("link" + ending)) == f"link{ending} is a link to nowhere, which is not there"
    secret = f"secret{ending}"
    Path(secret).write_bytes(Path("a.png").read_bytes())
    told = fails(command.format(secret))
    ours = f"cannot read {secret}: permission denied; allow reading it (chmod +r)"
    assert told == ours or f"path '{secret}' is not readable" in told.lower()


@pytest.mark.parametrize("command", ["aus {}", "edit {} --au smile", "edit a.png --like {}", "faces {}"])
def test_files_that_are_no_pictures(fails, command: str) -> None:
    Path("empty.jpg").touch()
    assert fails(command.format("empty.jpg")) == "empty.jpg is empty (0 bytes): copy or download it again"
    Path("text.jpg").write_text("hello")
    assert fails(command.format("text.jpg")) == "text.jpg is not a picture in a known format: convert it to JPEG or PNG"
    if command not in ("aus {}", "edit {} --au smile"):
        assert fails(command.format("folder")) == "folder is a folder, not an image: name one photo in it"
    else:
        Path("empty.mp4").touch()
        assert fails(command.format("empty.mp4")) == "empty.mp4 is empty (0 bytes): copy or download it again"
        Path("text.mp4").write_text("hello")
        assert fails(command.format("text.mp4")).startswith("text.mp4 is not a readable video (")
        assert fails(command.format("folder") + (" -o new" if "edit" in command else ""))


def test_a_file_of_the_system_that_may_not_be_opened(fails, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no check of ours foresees."""

    def refuse(self: Path, *_: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    told = "cannot read a.png: permission denied; allow reading it (chmod +r)"
    assert fails("edit a.png --au smile") == told
    assert fails("faces a.png") == told


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full while writing {}: free some space and run again"),
        (errno.EDQUOT, "the disk is full while writing {}: free some space and run again"),
        (errno.EFBIG, "{} is too large a file for this disk: write to another one"),
        (errno.EROFS, "cannot write {}: read-only file system; name another place"),
    ],
)
def test_a_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    from dftnet.media.files import write_file

    def refuse(self: Path, data: bytes) -> int:
        self.open("wb").write(data[:5])
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    path = tmp_path / "new" / "x.csv"
    with pytest.raises(OSError, match=r".") as told:
        write_file(path, "many rows")
    assert str(told.value) == words.format(path)
    assert list(path.parent.iterdir()) == []
