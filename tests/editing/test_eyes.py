"""Eyes that read closed: a model that cannot open them refuses or leaves them so, in every verb; one that can opens them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dftnet.editing.conditions import Conditions
from dftnet.editing.edit import edit
from dftnet.editing.editor import Editor
from dftnet.editing.eyes import closed_lids, lids_kept
from dftnet.editing.opened import open_photo
from dftnet.editing.options import SaveOptions
from dftnet.editing.plan import EditPlan, Sweep
from dftnet.editing.request import Request
from dftnet.editing.stimuli import make_stimuli
from dftnet.errors import ModelError, UnfitFaceError
from dftnet.inference.sessions import EstimatorSession, GeneratorSession
from dftnet.media.image import read_image
from dftnet.units import AU_NAMES, UNITS
from tests.moving_face import picture, write_clip
from tests.synthetic_model import write_estimator, write_generator

CANNOT = "this model cannot open them"


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads every unit as 0.8: eyes are closed."""
    return write_estimator(tmp_path_factory.mktemp("e"), value=0.8)


def editor_of(folder: Path, estimator: Path, **more: object) -> Editor:
    generator = GeneratorSession(write_generator(folder, size=64, **more), threads=1)  # type: ignore[arg-type]
    return Editor(generator, EstimatorSession(estimator, threads=1))


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory, estimator: Path) -> Editor:
    return editor_of(tmp_path_factory.mktemp("shut"), estimator)


def clip_of(path: Path) -> Path:
    times = [0.04 * i for i in range(6)]
    return write_clip(path, times, [picture(time) for time in times], sound=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(picture(0.0)).save(tmp_path / "anna.png")
    return tmp_path / "anna.png"


def test_lids_of_both_sides_or_one() -> None:
    own = np.full(len(UNITS), 0.8, np.float32)
    own[UNITS.index("AU45R")] = 0.3
    assert closed_lids(own, UNITS) == ["AU45L"]
    kept, opened = lids_kept(own, np.zeros(len(UNITS), np.float32), UNITS)
    assert opened == ["AU45L"]
    assert {UNITS[k]: float(kept[k]) for k in np.flatnonzero(kept)} == {"AU45L": np.float32(0.8)}
    assert lids_kept(own, own - 0.04, UNITS)[1] == []


@pytest.mark.parametrize("asked", [{"AU45": 0.2}, {"open eyes": 1}])
def test_every_verb_refuses_to_open_them(shut: Editor, photo: Path, tmp_path: Path, asked: dict[str, float]) -> None:
    request, clip = Request(set=asked), clip_of(tmp_path / "clip.mp4")
    face = shut.read(read_image(photo))
    opened = open_photo(shut, photo.read_bytes())
    moving = EditPlan.parse(au=["AU45=0.2@0s,1@0.2s"])
    sweep = EditPlan(sweep=Sweep(name="AU45", levels=[1, 0]))
    for refused in (
        lambda: edit(photo, request, tmp_path / "out.png", editor=shut),
        lambda: edit(photo, sweep, tmp_path / "sweep", editor=shut),
        lambda: edit(photo, moving, tmp_path / "out.gif", editor=shut),
        lambda: edit(clip, request, tmp_path / "out.mp4", editor=shut),
        lambda: shut.render(face, request),
        lambda: shut.render_patch(face, request),
        lambda: shut.maps(face, request),
        lambda: opened.requests(EditPlan.parse(au=[f"{name}={value}" for name, value in asked.items()])),
        lambda: opened.edited({0: request}),
    ):
        with pytest.raises(UnfitFaceError, match=CANNOT) as told:
            refused()
        assert told.value.field == "au"
    made = make_stimuli(shut, [photo], Conditions(units=["AU45"], levels=[0.2]), tmp_path / "stimuli")
    assert CANNOT in made.failed[str(photo)]
    folder = edit([photo, photo.parent / "anna.png"], request, None, editor=shut, save=SaveOptions(dry=True))
    assert all(CANNOT in why for why in folder.failed.values())
    assert folder.failed
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("out", "sweep"))]


def test_an_expression_leaves_them_closed_and_says_so(shut: Editor, photo: Path, tmp_path: Path) -> None:
    done = edit(photo, Request(neutral=True), tmp_path / "out.png", editor=shut)
    assert done.faces[0].goal[AU_NAMES.index("AU45")] == np.float32(0.8)
    assert [text for text in done.warnings if "stay so: this model cannot open them" in text]
    clip = edit(clip_of(tmp_path / "clip.mp4"), Request(neutral=True), tmp_path / "out.mp4", editor=shut)
    assert any("read closed in 6 of 6 frames" in text for text in clip.warnings)
    opened = open_photo(shut, photo.read_bytes())
    assert shut.held(opened.face()) == ["AU45"]
    assert any(CANNOT in text for text in opened.requests(EditPlan.parse(neutral=True))[1])
    made = make_stimuli(shut, [photo], Conditions(units=["AU12"], levels=[0.5, 1], neutral=True), tmp_path / "stimuli")
    assert len([text for text in made.warnings if CANNOT in text]) == 1


@pytest.mark.parametrize("names", [AU_NAMES, UNITS])
def test_a_model_that_opens_eyes_just_does(
    tmp_path: Path, estimator: Path, photo: Path, names: tuple[str, ...]
) -> None:
    able = editor_of(tmp_path / "able", estimator, opens_eyes=True, names=names)
    done = edit(photo, EditPlan.parse(au=["open eyes"]), tmp_path / "out.png", editor=able)
    lids = [k for k, name in enumerate(names) if name.startswith("AU45")]
    assert not done.faces[0].goal[lids].any()
    assert not any("closed" in text for text in done.warnings)
    assert able.held(able.read(picture(0.0))) == []


def test_what_a_model_says_of_itself(tmp_path: Path) -> None:
    directory = write_generator(tmp_path / "g", size=64)
    assert not GeneratorSession(directory).model.opens_eyes
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "opens_eyes": "yes"}))
    with pytest.raises(ModelError, match="opens_eyes is 'yes'; write true or false"):
        GeneratorSession(directory)
