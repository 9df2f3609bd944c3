"""The weights that ship: they are what their golden example says, they edit, and they are small."""

import json
from pathlib import Path

import numpy as np
import pytest

from dftnet.editing.editor import Editor
from dftnet.inference.directory import WEIGHTS
from dftnet.inference.sessions import GeneratorSession
from dftnet.onnx_runtime import open_graph
from dftnet.units import UNITS

GENERATOR = WEIGHTS / "dftnet-128"
ROOT = Path(__file__).parent.parent.parent


def test_the_golden_example_replays_in_onnx_runtime():
    safetensors = pytest.importorskip("safetensors.numpy")
    golden = safetensors.load_file(GENERATOR / "example.safetensors")
    session = open_graph(GENERATOR / "generator.onnx")
    inputs = {k.removeprefix("input."): v.astype(np.float32) for k, v in golden.items() if k.startswith("input.")}
    names = [o.name for o in session.get_outputs()]
    for name, got in zip(names, session.run(names, inputs), strict=True):
        wanted = golden[f"output.{name}"].astype(np.float32)
        apart = np.abs(got - wanted) - np.abs(wanted) / 1000  # what is stored is rounded to half precision
        assert apart.max() < {"flow": 0.05, "mouth": 0.05, "eyes": 0.05}.get(name, 0.02), name  # pixels, mm


def test_the_golden_example_replays_in_pytorch():
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    from dftnet.training.export import load_generator

    golden = safetensors.load_file(GENERATOR / "example.safetensors")
    with torch.no_grad():
        edit = load_generator(GENERATOR)(golden["input.image"].float(), golden["input.aus"].float())
    assert (edit.image - golden["output.edited"].float()).abs().max() < 0.02
    assert (edit.parts["flow"] - golden["output.flow"].float()).abs().max() < 0.05


def test_the_weights_are_small_and_say_where_they_come_from():
    assert sum(p.stat().st_size for p in WEIGHTS.rglob("*") if p.is_file()) < 20e6
    config = json.loads((GENERATOR / "config.json").read_text())
    assert config["provenance"]["images_seen"] > 0
    assert config["provenance"]["training"]["seed"] is not None
    assert (config["size"], config["conditioning"]) == (128, "difference")


@pytest.fixture(scope="module")
def face():
    data = pytest.importorskip("skimage.data")
    editor = Editor.from_pretrained()
    return editor, editor.read(data.astronaut())


def test_asked_for_nothing_the_network_changes_nearly_nothing(face):
    editor, portrait = face
    own = np.array([list(portrait.aus.values())], np.float32)
    maps = GeneratorSession(GENERATOR)(portrait.crop[None], own, own)
    source = portrait.crop.transpose(2, 0, 1) / 127.5 - 1
    error = np.square((maps.image[0] - source) / 2).mean()
    assert -10 * np.log10(error) > 30
    assert np.array_equal(editor.render(portrait, {}), portrait.image)


def test_each_edit_moves_what_it_names_and_nothing_outside_the_face(face):
    """Judged by the estimator, which also guided training: this is a test that the parts fit, not a result."""
    editor, portrait = face
    for name, value, least in (("AU45", 1.0, 0.3), ("AU26", 1.0, 0.15), ("AU12", 0.0, 0.2)):
        edited = editor.render(portrait, {name: value})
        change = abs(editor.read(edited).aus[name] - portrait.aus[name])
        assert change > least, name
        outside = np.ones(edited.shape[:2], bool)
        x, y, w, h = portrait.box
        outside[int(max(0, y - h)) : int(y + 2 * h), int(max(0, x - w)) : int(x + 2 * w)] = False
        assert np.array_equal(edited[outside], portrait.image[outside])


def test_one_eye_shuts_alone():
    """The pixels about that eye change, and hardly any about the other."""
    editor = Editor.from_pretrained()
    portrait = editor.read(pytest.importorskip("skimage.data").astronaut())
    for name, eye in (("AU45R", 0), ("AU45L", 1)):
        change = np.abs(editor.render(portrait, {name: 1.0}).astype(int) - portrait.image).mean(2)
        seen = [change[y - 8 : y + 8, x - 12 : x + 12].mean() for x, y in portrait.landmarks[:2].round().astype(int)]
        assert seen[eye] > 10
        read = editor.read_again(portrait, editor.render(portrait, {name: 1.0}))
        assert read[UNITS.index(name)] > 0.7
        assert read[UNITS.index("AU45L" if eye == 0 else "AU45R")] < 0.1
        assert seen[1 - eye] < seen[eye] / 4
