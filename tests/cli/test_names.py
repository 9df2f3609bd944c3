"""Names of files as people have them, and what a system refuses: told by the file's name, without numbers of errors."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from tests.synthetic_model import write_generator

PHOTO = Image.fromarray(skimage.data.astronaut()[:256, 80:336])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model") / "g", size=64)


def dftnet(folder: Path, *words: str | bytes) -> tuple[int, bytes, bytes]:
    """(exit code, stdout, stderr) of a process of its own, with a terminal of UTF-8."""
    done = subprocess.run(
        [sys.executable, "-m", "dftnet", *words], capture_output=True, cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_names_that_are_not_utf_8(tmp_path: Path, model: Path) -> None:
    photo = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    PHOTO.save(os.fsdecode(photo))
    code, out, err = dftnet(tmp_path, "edit", photo, "--au", "AU12=0.8", "--model", str(model))
    assert code == 0, err
    assert out.startswith(photo.replace(b".jpg", b"-edited.png"))
    code, out, err = dftnet(
        tmp_path, "stimuli", photo, "--au", "AU12", "--levels", "0,1", "-o", b"made-\xe9", "--model", str(model)
    )
    assert code == 0, err
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/made-\xe9"))
    assert photo in (folder / "manifest.csv").read_bytes()
    assert len(list(folder.glob("*.png"))) == 2
    assert dftnet(tmp_path, "edit", b"none-\xe9.jpg", "--au", "AU12=1")[0] == 2


def test_what_a_system_refuses_is_told_by_the_name(tmp_path: Path, model: Path) -> None:
    PHOTO.save(tmp_path / "photo.jpg")
    long = "b" * 260 + ".png"
    for output, told in (("photo.jpg/x.png", "photo.jpg/x.png"), (long, "too long")):
        code, _, err = dftnet(tmp_path, "edit", "photo.jpg", "--au", "AU12=1", "-o", output, "--model", str(model))
        assert code == 2
        assert told in err.decode()
        assert "Errno" not in err.decode()
        assert b".tmp" not in err


def test_longest_names_links_and_permissions(tmp_path: Path, model: Path) -> None:
    photo = tmp_path / ("a" * 251 + ".jpg")
    PHOTO.save(photo)
    photo.chmod(0o600)
    (tmp_path / "link.png").symlink_to("real.png")
    for output in ([], ["-o", "link.png"]):
        code, _, err = dftnet(tmp_path, "edit", photo.name, "--au", "AU12=0.8", *output, "--model", str(model))
        assert code == 0, err
    assert (tmp_path / "link.png").is_symlink()
    for name in ("real.png", "a" * 244 + "-edited.png"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
