"""What there is to try things on: it holds faces, and nothing that exists is replaced."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from dftnet.editing import demo
from dftnet.editing.options import SaveOptions
from dftnet.faces.detect import FaceDetector
from dftnet.media.image import read_image
from dftnet.media.video import open_clip


@pytest.fixture(autouse=True)
def portraits(monkeypatch: pytest.MonkeyPatch) -> None:
    face = cv2.resize(np.ascontiguousarray(skimage.data.astronaut()[:240, 100:340]), (600, 600))
    monkeypatch.setattr(demo, "_portrait", lambda number: face)
    monkeypatch.setattr(demo, "FRAMES", 3)


def test_demo(tmp_path: Path) -> None:
    done = demo.make_demo(tmp_path / "try")
    assert all(Path(path).is_file() for path in done.written)
    assert len(done.written) == 5
    look = FaceDetector()
    assert len(look(read_image(tmp_path / "try" / "people" / "ben.jpg"))) == 1
    assert len(look(read_image(tmp_path / "try" / "group.jpg"))) == 3
    frames = list(open_clip(tmp_path / "try" / "clip.mp4").frames())
    assert [len(look(frame.image)) for frame in frames] == [1, 1, 1]
    with pytest.raises(FileExistsError, match="anna"):
        demo.make_demo(tmp_path / "try")
    demo.make_demo(tmp_path / "try", save=SaveOptions(overwrite=True))


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install openpeople"):
        demo.make_demo(tmp_path / "try")
    assert not list(tmp_path.iterdir())
