import subprocess
import sys

import pytest

for package in ("torch", "safetensors", "tensorboard", "onnx"):  # with one missing already, that one is told too
    pytest.importorskip(package)

START = "import sys; sys.modules[{missing!r}] = None; from dftnet.cli.app import main; main()"


@pytest.mark.parametrize("verb", [["train", "set", "-o"], ["train-aus", "set", "-o"], ["export"]])
@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_a_package_that_is_missing_is_told_before_a_training_begins(tmp_path, verb, missing):
    """onnx is needed at the end, when hours have gone by."""
    command = [sys.executable, "-c", START.format(missing=missing), *verb, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f'error: training needs {missing}; install with: pip install "dftnet[train]"\n'
    assert not (tmp_path / "run").exists()
