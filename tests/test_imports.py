"""The dependency direction: a file imports only from lower levels, and editing never imports PyTorch."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "dftnet"


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("dftnet"):
            base = node.module.split(".")
            for alias in node.names:
                module = "/".join([*base[1:], alias.name])
                found.add(module if (PACKAGE / f"{module}.py").exists() else "/".join(base[1:]))
        elif isinstance(node, ast.Import):
            found |= {"/".join(a.name.split(".")[1:]) for a in node.names if a.name.startswith("dftnet.")}
    return {f for f in found if f}


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


def test_editing_needs_no_pytorch():
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['safetensors'] = None\n"
        "import dftnet.cli, dftnet.editor, dftnet.runtime, dftnet.prepare"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_are_named_for_what_they_hold_and_stay_short():
    for path in PACKAGE.rglob("*.py"):
        assert path.stem not in ("utils", "helpers", "common"), path
        assert len(path.read_text().splitlines()) <= 420, path
