"""The tree of the README, made from the first line of each package's and module's docstring.

    python docs/tree.py            print it
    python docs/tree.py --write    put it into README.md, between its two marks

A test compares the two.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PACKAGE = ROOT / "src" / "dftnet"
BESIDE = (
    ("integrations", "nodes for ComfyUI, which know the public face alone"),
    ("packages", "the weights to train on from, a package of their own"),
    ("tests", "the same folders again"),
    ("benchmarks", "one script for each published number"),
    ("docs", "these pages, and the scripts that draw their pictures"),
)
MARKS = ("<!-- tree: python docs/tree.py --write -->\n```text\n", "```\n<!-- /tree -->")


def rooms() -> tuple[str, ...]:
    """Packages and modules from top to bottom, from the one table of layers."""
    for node in ast.parse((ROOT / "tests" / "test_layers.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LAYERS":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError("tests/test_layers.py has no LAYERS")


def first_line(path: Path) -> str:
    """The first sentence of a module's or a package's docstring, without its full stop."""
    file = path / "__init__.py" if path.is_dir() else path
    first = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").partition("\n")[0]
    return first.partition(". ")[0].rstrip(".")


def tree() -> str:
    """A line a package, in the order of the layers."""
    lines = [("src/dftnet/", "the package; each line may use those below it, never above")]
    for room in rooms():
        for path in (PACKAGE / room, PACKAGE / f"{room}.py"):
            if path.exists():
                lines.append((f"  {path.name}{'/' * path.is_dir()}", first_line(path)))
    lines += [(f"{name}/", text) for name, text in BESIDE if (ROOT / name).is_dir()]
    width = max(len(name) for name, _ in lines) + 2
    return "".join(f"{name:{width}}{text}\n" for name, text in lines)


def main() -> None:
    """Print the tree, or write it into the README."""
    if "--write" not in sys.argv[1:]:
        print(tree(), end="")
        return
    text = README.read_text("utf-8")
    pattern = re.compile(f"{re.escape(MARKS[0])}.*?{re.escape(MARKS[1])}", re.S)
    README.write_text(pattern.sub(lambda _: MARKS[0] + tree() + MARKS[1], text), "utf-8")


if __name__ == "__main__":
    main()
