"""The Python of the tutorial runs as it stands, page by page, and the reference has every public name."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import dftnet

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted((DOCS / "tutorial").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)


def run(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The page's blocks one after the other in a folder with photo.jpg and photos/; what they leave."""
    (folder / "photos").mkdir()
    for place in (folder / "photo.jpg", folder / "photos" / "a.jpg"):
        shutil.copy(DOCS / "pictures" / "astronaut.jpg", place)
    monkeypatch.chdir(folder)
    left: dict = {"__name__": "tutorial"}
    for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")), 1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), left)
    return left


def test_there_are_four_short_pages():
    assert [page.stem for page in PAGES] == ["edit", "extend", "python-and-http", "train"]
    assert all(len(page.read_text("utf-8").splitlines()) < 130 for page in PAGES)


def test_python_and_http(tmp_path, monkeypatch):
    left = run(DOCS / "tutorial" / "python-and-http.md", tmp_path, monkeypatch)
    assert (tmp_path / "closed-eyes.png").exists()
    assert left["report"].written == ["a.jpg"]
    assert not left["report"].failed
    assert left["face_mask"].shape == left["image"].shape[:2]
    moved = [np.abs(frame.astype(int) - left["frames"][0]).max() for frame in left["edited"]]
    assert len(moved) == 10
    assert max(moved) > 50


def test_extend(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from dftnet.au_sources.source import SOURCES
    from dftnet.networks import GENERATORS

    monkeypatch.setitem(GENERATORS, "small", None)
    monkeypatch.setitem(SOURCES, "brows", "")
    left = run(DOCS / "tutorial" / "extend.md", tmp_path, monkeypatch)
    assert left["edit"].image.shape == (2, 3, 64, 64)
    assert left["face"].aus_from == "brows"
    assert 0 < left["face"].aus["AU04"] < 1
    batch = type("Batch", (), {"image": torch.zeros(2, 3, 4, 4)})
    brighter = left["Edit"](torch.full((2, 3, 4, 4), 0.25), {})
    assert float(left["Light"]().terms(brighter, batch, {"light"})["light"]) == 0.25


def test_the_reference_has_every_public_name():
    told = set(re.findall(r"^::: dftnet\.(\w+)$", (DOCS / "reference.md").read_text("utf-8"), re.M))
    assert told == set(dftnet.__all__) - {"__version__"}
