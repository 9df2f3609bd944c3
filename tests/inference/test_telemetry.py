"""Nothing is reported: no dependency leaves files below the user's home, or complains that it cannot."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data

from dftnet.media.image import write_image

ROOT = Path(__file__).parent.parent.parent
TEST_RUN = ("CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
"""Variables by which a reporting dependency might tell a test from a user, or write elsewhere."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_image(tmp_path / "photo.png", skimage.data.astronaut()[:200, 120:320])
    return tmp_path / "photo.png"


def dftnet(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in TEST_RUN}
    command = [sys.executable, "-m", "dftnet", *words]
    return subprocess.run(command, env={**environment, "HOME": str(home)}, capture_output=True, text=True)


@pytest.mark.parametrize("verb", ["edit", "aus"])
def test_an_empty_home_stays_empty(photo: Path, tmp_path: Path, verb: str):
    home = tmp_path / "home"
    home.mkdir()
    more = ["--au", "AU12=1", "-o", str(tmp_path / "out.png")] if verb == "edit" else []
    done = dftnet(home, verb, str(photo), *more)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("verb", ["edit", "aus"])
def test_a_home_that_cannot_be_written_is_not_complained_of(photo: Path, tmp_path: Path, verb: str):
    (tmp_path / "file").write_text("no folder")
    more = ["--au", "AU12=1", "-o", str(tmp_path / "out.png")] if verb == "edit" else []
    done = dftnet(tmp_path / "file" / "home", verb, str(photo), *more)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_place_imports_onnx_runtime():
    """There it is told not to report before it is imported; a second import elsewhere could come first."""
    found = []
    for folder in ("src", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] == "onnxruntime" for name in names):
                    found.append(str(path.relative_to(ROOT)))
    assert found == ["src/dftnet/onnx_runtime.py"]
