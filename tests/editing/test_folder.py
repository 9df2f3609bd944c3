"""A folder of photos in, a folder of edited photos out."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from dftnet.editing.editor import Editor
from dftnet.editing.folder import edit_folder
from dftnet.inference.sessions import GeneratorSession
from dftnet.media.formats import PHOTO_SUFFIXES
from tests.synthetic_model import write_generator


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    return Editor(GeneratorSession(write_generator(tmp_path_factory.mktemp("model") / "g"), threads=1))


def test_each_photo_keeps_its_name_where_its_format_can_be_written(tmp_path: Path, editor: Editor) -> None:
    photo = Image.fromarray(skimage.data.astronaut()[:256, 80:336])
    (tmp_path / "in").mkdir()
    for suffix in PHOTO_SUFFIXES:
        photo.save(tmp_path / f"in/{suffix[1:]}{suffix}", "PNG" if suffix == ".apng" else None)
    photo.save(tmp_path / "in/other.gif")
    done = edit_folder(editor, tmp_path / "in", {"AU12": 0.8}, tmp_path / "out", workers=2)
    assert not done.failed
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted([*(f"{suffix[1:]}{suffix}" for suffix in PHOTO_SUFFIXES), "other.gif.png"])
    assert "avif.avif" in names or ".avif" not in PHOTO_SUFFIXES
