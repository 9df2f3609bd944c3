"""The ComfyUI nodes against a stub of comfy_api: what saved workflows name, and what the tensors hold."""

import ast
import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import dftnet
from tests.integrations import comfy_stub

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "integrations" / "comfyui"
MASKS = [("edited", "IMAGE"), ("face_mask", "MASK"), ("paint_mask", "MASK"), ("notes", "STRING")]
UNITS = list(dftnet.AU_NAMES)


@pytest.fixture(scope="module")
def nodes():
    """The folder loaded as ComfyUI loads it: by its path, as a package."""
    known = {name: sys.modules.get(name) for name in comfy_stub.modules()}
    sys.modules.update(comfy_stub.modules())
    spec = importlib.util.spec_from_file_location(
        "comfyui_dftnet", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["comfyui_dftnet"] = package
    spec.loader.exec_module(package)
    extension = asyncio.run(package.comfy_entrypoint())
    found = {node.define_schema().node_id: node for node in asyncio.run(extension.get_node_list())}
    yield found
    for name, module in known.items():
        sys.modules.pop(name) if module is None else sys.modules.update({name: module})


@pytest.fixture(scope="module")
def photo():
    picture = dftnet.read_image(ROOT / "docs" / "pictures" / "astronaut.jpg")
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, picture.shape)  # values between the 8-bit steps, as ComfyUI has
    return torch.from_numpy(np.clip((picture + noise) / 255, 0, 1).astype(np.float32))[None]


def run(node, **values):
    """The node with its defaults where nothing is said, as ComfyUI calls it."""
    schema = node.define_schema()
    defaults = {one.id: one.options["default"] for one in schema.inputs if "default" in one.options}
    values = {**defaults, **values}
    if schema.is_input_list:
        values = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return node.execute(**values).args


def test_names_and_ranges_that_saved_workflows_hold(nodes):
    schemas = {name: node.define_schema() for name, node in nodes.items()}
    told = {
        name: ([one.id for one in s.inputs], [(one.id, one.io_type) for one in s.outputs])
        for name, s in schemas.items()
    }
    assert told == {
        "DftnetEditExpression": (["image", "face", "emotion", "strength", *UNITS, "more"], MASKS),
        "DftnetReadActionUnits": (["image", "face"], [("table", "STRING"), ("json", "STRING"), ("box", "MASK")]),
        "DftnetExpressionFromPhoto": (["image", "like", "face", "like_face", "strength"], MASKS),
        "DftnetExpressionOverFrames": (
            ["images", "face", "rate", "emotion", "strength", *UNITS, "more"],
            [("edited", "IMAGE")],
        ),
    }
    for schema in schemas.values():
        options = {one.id: one.options for one in schema.inputs}
        for name in set(options) & set(UNITS):
            assert [options[name][k] for k in ("default", "min", "max", "step")] == [0.0, -1.0, 1.0, 0.01]
        if "strength" in options:
            assert [options["strength"][k] for k in ("default", "min", "max")] == [1.0, 0.0, 1.0]
        if "emotion" in options:
            assert options["emotion"]["options"] == [
                "none", *dftnet.Editor.from_pretrained().emotions,  # contempt where the model's units have sides
            ]  # fmt: skip
            saved = {"none", "neutral", "happiness", "sadness", "surprise", "fear", "anger", "disgust"}
            assert saved <= set(options["emotion"]["options"])


def test_nothing_asked_gives_the_very_tensor_back(nodes, photo):
    image, face, paint, _ = run(nodes["DftnetEditExpression"], image=photo)
    assert torch.equal(image, photo)
    assert face.shape == paint.shape == photo.shape[:3]
    assert float(face.max()) == 1


def test_an_edit_is_the_librarys_within_the_mask_and_the_tensor_outside(nodes, photo):
    image, face, paint, _ = run(nodes["DftnetEditExpression"], image=photo, AU45=1.0, AU26=1.0)
    eight = np.rint(photo[0].numpy() * 255).astype(np.uint8)
    editor = dftnet.Editor.from_pretrained()
    wanted = editor.edit(eight, dftnet.Request(add={"AU45": 1.0, "AU26": 1.0}))
    changed = (wanted != eight).any(-1)
    assert np.array_equal(np.rint(image[0].numpy() * 255).astype(np.uint8), wanted)
    assert torch.equal(image[0][~changed], photo[0][~changed])
    assert not changed[face[0].numpy() == 0].any()
    *eyes, _, right, left = editor.read(eight).landmarks.round().astype(int)
    assert paint[0][right[1] :, right[0] : left[0]].max() > 0.3, "the inside of a mouth is painted"
    assert all(float(paint[0][y, x]) < 0.1 for x, y in eyes), "lids are moved"
    assert editor.read(wanted).aus["AU45"] > 0.3


def test_more_takes_what_the_command_line_takes(nodes):
    written = sys.modules["comfyui_dftnet.nodes"].written
    for text, values, changes in [
        ("", {}, {}),
        ("AU12L=0.6 AU45R=1", {"AU12L": 0.6, "AU45R": 1.0}, {}),
        ("wink left=1; look up=0.5\n\npuff cheeks=0.8", {"AU45L": 1.0, "AU63": 0.5, "AU34": 0.8}, {}),
        ('"close eyes"=1 AU12 80%  smile=0,5', {"AU45": 1.0, "AU12": 0.5, "AU06": 0.3}, {}),
        ("a slight smile, left eye closed", {"AU12": 0.3, "AU45L": 1.0}, {}),
        ("AU04=-0.3 AU12L=+20%", {}, {"AU04": -0.3, "AU12L": 0.2}),
    ]:
        request = written(text).request
        assert {name: request.set[name] for name in values} == pytest.approx(values), text
        assert dict(request.add) == pytest.approx(changes), text
        assert bool(request.set) == bool(values), text
    timed = written("AU45=0@0s,1@0.5s AU04=+0.1@0s,+0.3@1s AU12=0.2")
    assert dict(timed.keys) == {"AU45": [(0.0, 0.0), (0.5, 1.0)]}
    assert dict(timed.add_keys) == {"AU04": [(0.0, 0.1), (1.0, 0.3)]}
    assert dict(timed.request.set) == {"AU12": 0.2}
    for text, words in [("smle=1", "did you mean smile"), ("1:AU12=1", "leave out the number"), ("AU12=2", "outside")]:
        with pytest.raises(dftnet.RequestError, match=words):
            written(text)


def test_every_unit_of_the_model_can_be_asked_for(nodes, photo):
    editor = dftnet.Editor.from_pretrained()
    assert {"AU12L", "AU45R", "AU61", "AU34"} <= set(editor.au_names)
    eight = np.rint(photo[0].numpy() * 255).astype(np.uint8)
    for name in editor.au_names:
        edited = run(nodes["DftnetEditExpression"], image=photo, more=f"{name}=0.9")[0]
        wanted = editor.edit(eight, {name: 0.9})
        assert np.array_equal(np.rint(edited[0].numpy() * 255).astype(np.uint8), wanted), name
    both = run(nodes["DftnetEditExpression"], image=photo, AU45=0.2, AU04=0.3, more="AU45=+0.8; wink left=1")[0]
    wanted = editor.edit(eight, dftnet.Request(set={"wink left": 1}, add={"AU45": 0.8, "AU04": 0.3}))
    assert np.array_equal(np.rint(both[0].numpy() * 255).astype(np.uint8), wanted)
    with pytest.raises(dftnet.RequestError, match="for the node Expression over frames"):
        run(nodes["DftnetEditExpression"], image=photo, more="AU45=0@0s,1@1s")


def test_notes_are_the_warnings_of_the_command_line(nodes, photo, tmp_path, caplog):
    path = tmp_path / "photo.png"
    dftnet.write_image(path, np.rint(photo[0].numpy() * 255).astype(np.uint8))
    values = {"AU05": 1.0, "AU45": 1.0}
    done = dftnet.edit(path, dftnet.Request(add=values), tmp_path / "out.png")
    notes = run(nodes["DftnetEditExpression"], image=photo, **values)[3]
    assert "work against each other" in notes
    assert (
        notes.splitlines() == done.warnings == [record.message for record in caplog.records if record.name == "dftnet"]
    )
    twice = run(nodes["DftnetEditExpression"], image=torch.cat([photo, photo]), **values)[3].splitlines()
    assert twice == [f"picture {number}: {words}" for number in range(2) for words in done.warnings]
    assert run(nodes["DftnetEditExpression"], image=photo)[3] == ""


def test_emotion_and_strength(nodes, photo):
    half = run(nodes["DftnetEditExpression"], image=photo, emotion="neutral", strength=0.5)[0]
    whole = run(nodes["DftnetEditExpression"], image=photo, emotion="neutral")[0]
    readings = [
        json.loads(run(nodes["DftnetReadActionUnits"], image=image)[1])[0][0]["aus"]["AU12"]
        for image in (photo, half, whole)
    ]
    assert readings[0] > readings[1] > readings[2]


def test_readings(nodes, photo):
    table, text, box = run(nodes["DftnetReadActionUnits"], image=torch.cat([photo, photo]))
    readings = json.loads(text)
    assert readings[0] == readings[1]
    assert list(readings[0][0]["aus"])[: len(UNITS)] == UNITS
    assert "AU12 lip corner puller: 0.9" in table
    width, height = dftnet.Editor.from_pretrained().read(np.rint(photo[0].numpy() * 255).astype(np.uint8)).box[2:]
    assert float(box[0].sum()) == round(float(width)) * round(float(height))


def test_like_another_photo(nodes, photo):
    shut = run(nodes["DftnetEditExpression"], image=photo, AU45=0.9)[0]
    like_shut = run(nodes["DftnetExpressionFromPhoto"], image=photo, like=shut)[0]
    back = run(nodes["DftnetExpressionFromPhoto"], image=shut, like=photo)[0]
    aus = [
        json.loads(run(nodes["DftnetReadActionUnits"], image=image)[1])[0][0]["aus"]["AU45"]
        for image in (photo, like_shut, back)
    ]
    assert aus[1] > aus[0] + 0.5
    assert aus[2] < 0.5


def test_frames_follow_lists_of_floats(nodes, photo):
    clip = photo[:, ::2, ::2].repeat(6, 1, 1, 1)
    ramp = [0.0, 0.0, 0.2, 0.6, 1.0, 1.0]
    for values in (ramp, [ramp]):  # from a node with a list output, and from one whose value is a list
        (images,) = run(nodes["DftnetExpressionOverFrames"], images=clip, AU45=values)
        moved = [float((image - frame).abs().max()) for image, frame in zip(images, clip, strict=True)]
        assert moved[0] == moved[1] == 0
        assert 0 < moved[2] < moved[4]
    assert torch.equal(run(nodes["DftnetExpressionOverFrames"], images=clip)[0], clip)
    (said,) = run(nodes["DftnetExpressionOverFrames"], images=clip, more="AU45L=+0@0.04s,+0.9@0.2s")
    moved = [float((image - frame).abs().max()) for image, frame in zip(said, clip, strict=True)]
    assert moved[0] == moved[1] == 0
    assert 0 < moved[2] < moved[5]


def test_a_picture_without_a_face_says_so(nodes):
    with pytest.raises(dftnet.NoFaceError, match="no face found"):
        run(nodes["DftnetEditExpression"], image=torch.zeros(1, 64, 64, 3), AU12=0.5)


def test_faces_are_read_once_for_the_bytes_of_a_picture(nodes, photo, monkeypatch):
    module = sys.modules["comfyui_dftnet.nodes"]
    run(nodes["DftnetEditExpression"], image=photo, AU12=0.1)
    calls = []
    real = module.editor().detector

    def detector(picture, **options):
        calls.append(1)
        return real(picture, **options)

    monkeypatch.setattr(module.editor(), "detector", detector)
    run(nodes["DftnetEditExpression"], image=photo.clone(), AU12=0.4)
    assert not calls
    run(nodes["DftnetEditExpression"], image=photo[:, 1:], AU12=0.4)
    assert len(calls) == 1


def test_the_nodes_know_the_public_face_alone():
    imported = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert {name for name in imported if name.startswith("dftnet")} == {"dftnet"}
    assert not list(FOLDER.rglob("*.js"))
    module = ast.parse((FOLDER / "nodes.py").read_text("utf-8"))
    used = {n.attr for n in ast.walk(module) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "dftnet"}
    assert used <= set(dftnet.__all__)


def test_the_units_have_the_names_that_the_library_gives_them(nodes):
    from dftnet.aus import AU_DESCRIPTIONS

    for name, words in sys.modules["comfyui_dftnet.nodes"].UNITS.items():
        assert words == AU_DESCRIPTIONS[name].lower()
