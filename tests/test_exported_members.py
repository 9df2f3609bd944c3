"""The public face: exported names, `__all__`, what a type checker sees, and the documentation agree."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dftnet
from dftnet import errors

SOURCE = Path(dftnet.__file__)
API = (Path(__file__).parent.parent / "docs" / "api.md").read_text("utf-8")


def seen_by_type_checkers() -> dict[str, str]:
    """Name → module, of the block under TYPE_CHECKING."""
    (block,) = (n for n in ast.parse(SOURCE.read_text()).body if isinstance(n, ast.If))
    return {a.asname: str(n.module) for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}


def test_type_checkers_see_the_same_names_in_the_same_modules():
    lazily = {name: f"dftnet.{module}" for name, module in dftnet._HOME.items()}
    assert seen_by_type_checkers() == lazily
    assert set(dftnet.__all__) == {*lazily, "__version__"} == set(dir(dftnet))


@pytest.mark.parametrize("name", dftnet.__all__)
def test_each_name_is_there_and_documented(name):
    value = getattr(dftnet, name)
    assert name == "__version__" or value is getattr(importlib.import_module(f"dftnet.{dftnet._HOME[name]}"), name)
    if callable(value):
        assert value.__doc__, name
    assert re.search(rf"`(dftnet\.)?{name}\b", API), f"docs/api.md does not tell of {name}"


def test_the_documentation_names_nothing_else():
    told = set(re.findall(r"\bdftnet\.(\w+)", API))
    told |= {n.strip() for line in re.findall(r"from dftnet import (.*)", API) for n in line.split(",")}
    assert told <= set(dftnet.__all__)


def test_every_error_is_exported():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes <= set(dftnet.__all__)
    assert all(issubclass(getattr(dftnet, name), dftnet.DftnetError) for name in classes)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'edits'"):
        dftnet.edits  # noqa: B018


def test_import_costs_nothing():
    code = "import sys, dftnet; print([m for m in ('numpy', 'PIL', 'cv2', 'onnxruntime', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
