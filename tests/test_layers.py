"""The house: a package imports only from itself and from lines below it in LAYERS, and editing never imports PyTorch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "dftnet"
LAYERS = (
    "cli",
    "app",
    "training",
    "evaluation",
    "data",
    "editing",
    "au_sources",
    "inference",
    "networks",
    "faces",
    "media",
    "drawing",
    "metrics",
    "aus",
    "units",
    "cluster",
    "onnx_runtime",
    "errors",
)
"""From top to bottom."""
STRANGERS = {"training": {"evaluation", "editing"}, "app": set(LAYERS) - {"app"}}
"""Rooms below that a package leaves alone all the same; the page sees the public face only."""
NO_PYTORCH = ("editing", "inference", "au_sources", "media", "faces", "data")
LONGEST_FILE = 420


def imports(path: Path) -> set[str]:
    """Modules of dftnet that a file imports anywhere in it, as "package/module"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dftnet":
            base = node.module.split(".")[1:]
            for alias in node.names:
                module = "/".join([*base, alias.name])
                known = (PACKAGE / f"{module}.py").exists() or (PACKAGE / module).is_dir()
                found.add(module if known else "/".join(base))
        elif isinstance(node, ast.Import):
            found |= {"/".join(a.name.split(".")[1:]) for a in node.names if a.name.startswith("dftnet.")}
    return {f for f in found if f}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


FILES = sorted(p for p in PACKAGE.rglob("*.py") if room(p) not in ("__init__", "__main__"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path):
    here = LAYERS.index(room(path))
    for module in imports(path):
        there = module.split("/")[0]
        assert LAYERS.index(there) >= here, f"{path} imports {module}, which stands above it"
        assert there not in STRANGERS.get(room(path), ()), f"{path} imports {module}, which it should not know"


def test_no_cycles():
    graph = {str(p.relative_to(PACKAGE).with_suffix("")): imports(p) for p in PACKAGE.rglob("*.py")}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join([*above, name])
        if name in done:
            return
        for below in graph.get(name, graph.get(f"{name}/__init__", set())):
            visit(below, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_every_folder_is_a_known_room():
    assert {room(path) for path in FILES} <= set(LAYERS)


def test_editing_needs_no_pytorch():
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['safetensors'] = None\n"
        "import dftnet.cli.app, dftnet.editing.editor, dftnet.inference.sessions, dftnet.data.prepare"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_edit_loads_nothing_that_others_need():
    """Each takes milliseconds of the half a second that `dftnet edit` takes."""
    others = [
        "dftnet.cli.train", "dftnet.cli.data", "dftnet.editing.video", "dftnet.editing.folder", "dftnet.editing.following",
        "pydantic", "email", "importlib.metadata",
    ]  # fmt: skip
    code = (
        "import sys; sys.argv = ['dftnet', 'edit', '--help']\n"
        "from dftnet.cli.app import command_line\n"
        "command_line('edit')(['edit', 'nowhere.jpg', '--help'], standalone_mode=False)\n"
        "import dftnet.editing.edit\n"
        f"print(*(name for name in {others} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("package", NO_PYTORCH)
def test_these_never_name_pytorch(package):
    for path in (PACKAGE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "torch"], path


def test_files_are_named_for_what_they_hold_and_stay_short():
    for path in PACKAGE.rglob("*.py"):
        assert path.stem not in ("utils", "helpers", "common"), path
        assert len(path.read_text().splitlines()) <= LONGEST_FILE, path
