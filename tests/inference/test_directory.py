"""Model directories: the shipped ones by name, one's own by path, and what is told of one that is missing or foreign."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dftnet
from dftnet.errors import ModelError
from dftnet.inference.directory import WEIGHTS, find_model, has_default, models, open_model, read_config
from dftnet.units import TURNS, UNITS
from tests.synthetic_model import write_generator


def test_the_shipped_models_are_listed():
    assert [(model.name, model.kind, model.size) for model in dftnet.models()] == [
        ("dftnet-128", "generator", 128),
        ("au-estimator", "estimator", 128),
    ]
    (generator,) = models("generator")
    assert (generator.au_names, generator.conditioning) == ((*UNITS, *TURNS), "difference")
    assert len(repr(generator)) < 600


def test_a_model_is_found_by_name_by_path_and_by_default(tmp_path: Path):
    assert find_model(None, "generator") == find_model("dftnet-128", "generator") == WEIGHTS / "dftnet-128"
    assert has_default("estimator")
    mine = open_model(write_generator(tmp_path / "mine", size=64, conditioning="target"), "generator")
    assert (mine.path, mine.name, mine.size, mine.conditioning) == (tmp_path / "mine", "mine", 64, "target")


@pytest.mark.parametrize("kind", ["generator", "estimator"])
def test_what_is_not_there_is_told_with_the_names_that_are(kind: str, tmp_path: Path):
    name = {"generator": "dftnet-128", "estimator": "au-estimator"}[kind]
    with pytest.raises(ModelError, match=rf"not a directory; .*\({name}"):
        find_model(tmp_path / "nowhere", kind)
    with pytest.raises(ModelError, match=r"no config\.json"):
        find_model(tmp_path, kind)
    with pytest.raises(ModelError, match=r"no config\.json"):
        read_config(tmp_path, kind)


def test_a_shipped_model_of_the_other_kind_is_no_name():
    with pytest.raises(ModelError, match=r"au-estimator is not a directory"):
        open_model("au-estimator", "generator")


def test_a_newer_format_is_told(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"format": "dftnet-generator-2"}))
    with pytest.raises(ModelError, match="this version reads dftnet-generator-1"):
        open_model(tmp_path, "generator")


def test_listing_needs_neither_pytorch_nor_onnx_runtime():
    code = (
        "import sys; sys.modules.update(torch=None, onnxruntime=None, safetensors=None)\n"
        "import dftnet; print([model.name for model in dftnet.models()])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['dftnet-128', 'au-estimator']\n", "")
