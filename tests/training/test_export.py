"""A model directory appears whole or not at all, also when the process is killed in the middle, and also the second time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.errors import ModelError  # noqa: E402
from dftnet.inference.directory import read_config  # noqa: E402
from dftnet.networks import DFTNetConfig, LightConfig, build_generator  # noqa: E402
from dftnet.networks.au_estimator import Estimator, EstimatorConfig  # noqa: E402
from dftnet.training import export  # noqa: E402
from dftnet.training.export import export_estimator, export_generator, load_estimator, load_generator  # noqa: E402
from dftnet.training.onnx_file import OPSET, is_stored_half  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = {"size": 32, "au_names": [f"AU{i:02d}" for i in range(17)], "alignment": {}, "provenance": {}, "results": {}}
FILES = {
    "generator": ["config.json", "example.safetensors", "generator.onnx", "generator.safetensors"],
    "estimator": ["config.json", "estimator.onnx", "estimator.safetensors", "example.safetensors"],
}


def small(seed: int):
    torch.manual_seed(seed)
    return build_generator(DFTNetConfig(channels=(4, 8), residual_blocks=1))


def small_estimator(seed: int):
    torch.manual_seed(seed)
    return Estimator(EstimatorConfig(size=64, channels=(4, 4, 8, 8), blocks=(1, 1, 1), regional=2, hidden=8)).eval()


def write(kind: str, place: Path, seed: int) -> None:
    if kind == "generator":
        export_generator(place, small(seed), DOCUMENT | {"results": {"seed": seed}})
    else:
        export_estimator(place, small_estimator(seed), {"alignment": {}, "provenance": {}, "results": {"seed": seed}})


def written(kind: str, place: Path) -> int:
    """The seed of the whole model that lies there."""
    assert sorted(p.name for p in place.iterdir()) == FILES[kind]
    config = read_config(place, kind)
    seed = config["results"]["seed"]
    found, made = (
        (load_generator(place), small(seed)) if kind == "generator" else (load_estimator(place), small_estimator(seed))
    )
    names = dict(found.named_parameters())
    for name, tensor in made.named_parameters():
        assert torch.equal(names[name].half(), tensor.half()), name
    return seed


SERVER = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.training.test_export import write
import onnx, onnxruntime
stop, seen = 0, 0
def hook(event, arguments):
    global seen
    here = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "ctypes.dlsym")
    here = here or (event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
    if stop and here:
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        stop = int(line)
        write({kind!r}, Path({place!r}), 1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Writes a model for each number that it reads, and is killed at the so-manieth change of the file system."""


@pytest.mark.parametrize("kind", ["generator", "estimator"])
def test_killed_at_every_step_an_export_leaves_the_old_or_the_new_model(kind, tmp_path):
    place = tmp_path / "model"
    write(kind, place, 0)
    code = SERVER.format(root=str(ROOT), kind=kind, place=str(place))
    outcomes = []
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=-1, stdout=-1, text=True) as server:
        for step in range(1, 100):
            print(step, file=server.stdin, flush=True)
            killed = int(server.stdout.readline())
            outcomes.append(written(kind, place))
            if killed == 0:
                break
            assert killed == -signal.SIGKILL
            if outcomes[-1] == 1:
                write(kind, place, 0)
                assert written(kind, place) == 0
        server.stdin.close()
    assert len(outcomes) > 4
    assert outcomes[0] == 0
    assert outcomes[-1] == 1
    write(kind, place, 2)
    assert written(kind, place) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["model"]  # what the killed ones left is cleared away


def test_a_graph_that_differs_leaves_the_old_model(tmp_path, monkeypatch):
    write("generator", tmp_path / "model", 0)
    monkeypatch.setattr(export, "difference", lambda *_: 0.5)
    with pytest.raises(ModelError, match="cannot be exported"):
        write("generator", tmp_path / "model", 1)
    assert written("generator", tmp_path / "model") == 0
    assert os.listdir(tmp_path) == ["model"]


def test_weights_of_another_shape_are_told(tmp_path):
    write("generator", tmp_path / "model", 0)
    path = tmp_path / "model" / "config.json"
    document = json.loads(path.read_text())
    document["architecture"]["channels"] = [4, 16]
    path.write_text(json.dumps(document))
    with pytest.raises(ModelError, match="do not fit"):
        load_generator(tmp_path / "model")


def test_the_golden_inputs_may_be_given(tmp_path):
    from safetensors.numpy import load_file

    example = torch.zeros(1, 3, 32, 32)
    golden = load_file(export_generator(tmp_path / "m", small(0), DOCUMENT, example) / "example.safetensors")
    assert np.array_equal(golden["input.image"], example.numpy())
    assert golden["output.flow"].shape == (1, 2, 32, 32)


def test_a_graph_holds_nothing_that_is_known_when_it_is_written(tmp_path):
    """Of a trace two thirds are shapes, which take as long to open as the network; and weights stay the halves that they are."""
    onnx = pytest.importorskip("onnx")
    torch.manual_seed(0)
    generator = build_generator(
        LightConfig(mouth=True, eyes=True, lids=True, globes=True, slim=True, shade=True, au_count=17)
    )
    graph = onnx.load(str(export_generator(tmp_path / "model", generator, DOCUMENT) / "generator.onnx")).graph
    kinds = [node.op_type for node in graph.node]
    assert "Constant" not in kinds
    assert "Range" not in kinds
    assert kinds.count("Shape") <= 12, "the number of faces"
    assert len(kinds) < 700
    halves = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT16}
    joined = ("motion", "eyes", "lids", "globes")  # by other names, or as one
    for name, weight in generator.for_running().named_parameters():
        if is_stored_half(weight.shape) and not name.startswith(joined):
            assert f"generator.{name}_half" in halves
    assert {(o.domain, o.version) for o in onnx.load(str(tmp_path / "model/generator.onnx")).opset_import} == {
        ("", OPSET)
    }
