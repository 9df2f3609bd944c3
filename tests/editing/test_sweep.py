"""A sweep into a folder: a picture a level, all of them or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from dftnet.editing.edit import edit
from dftnet.editing.editor import Editor
from dftnet.editing.plan import EditPlan, Sweep
from dftnet.inference.sessions import GeneratorSession
from tests.synthetic_model import write_generator


@pytest.fixture
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    return Editor(GeneratorSession(write_generator(tmp_path_factory.mktemp("m") / "g", size=64), threads=1))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(np.ascontiguousarray(skimage.data.astronaut()[:240, 100:340])).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize(
    ("span", "names"),
    [
        ("AU12=0:1:3", ["AU12-0.000.png", "AU12-0.500.png", "AU12-1.000.png"]),
        ("AU12=0:0.001:3", ["AU12-0.0000.png", "AU12-0.0005.png", "AU12-0.0010.png"]),
        ("AU12=0.5:0.5:4", ["AU12-0.5000.png"]),
    ],
)
def test_each_level_has_a_picture_of_its_own(span: str, names: list[str], editor: Editor, photo: Path, tmp_path: Path):
    """Levels nearer than a thousandth wrote one file twice: an error, with a picture left."""
    done = edit(photo, EditPlan(sweep=Sweep.parse(span)), tmp_path / "levels", editor=editor)
    assert sorted(path.name for path in (tmp_path / "levels").iterdir()) == names
    assert done.written == [str(tmp_path / "levels" / name) for name in names]


def test_a_sweep_that_is_interrupted_leaves_nothing(
    editor: Editor, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rendered = []

    def render(*given: object) -> np.ndarray:
        rendered.append(given)
        if len(rendered) == 2:
            raise KeyboardInterrupt
        return np.asarray(Image.open(photo))

    monkeypatch.setattr(editor, "render", render)
    with pytest.raises(KeyboardInterrupt):
        edit(photo, EditPlan(sweep=Sweep.parse("AU12=0:1:3")), tmp_path / "levels", editor=editor)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
