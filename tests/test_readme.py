"""Every `dftnet …` command of the README and the docs parses, fenced or indented, every file that they name exists, and
the README's tree is that of the packages."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer.main

from dftnet.cli.app import command_line

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)


def shell_lines(text: str) -> list[str]:
    """Lines of a page that are meant for a shell: fenced as sh or console, or indented by four."""
    blocks = [body for language, body in FENCE.findall(text) if language in ("sh", "console")]
    prose = FENCE.sub("", text)
    blocks += [line.removeprefix("    ") for line in prose.splitlines() if line.startswith("    ")]
    return [line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def commands() -> list[tuple[str, str]]:
    """(page, command) for every call of dftnet that a page shows."""
    found = []
    for page in PAGES:
        for line in shell_lines(page.read_text("utf-8")):
            line = re.split(r"\s+#\s", line)[0]
            found += [(page.name, c.strip()) for c in re.split(r"&&|;|\|", line) if re.match(r"\s*dftnet ", c)]
            if " -m dftnet " in line:
                found.append((page.name, "dftnet " + line.split(" -m dftnet ")[1]))
    return found


def test_no_command_escapes():
    """Whatever line of a page starts with `dftnet VERB`, in whatever kind of block, is among the commands."""
    verbs = "|".join(typer.main.get_command(command_line()).commands)
    for page in PAGES:
        seen = sum(name == page.name for name, _ in commands())
        shown = re.findall(rf"^\s*(?:\$ )?dftnet (?:{verbs}) ", page.read_text("utf-8"), re.M)
        assert seen >= len(shown), page
    assert sum(name == "editing.md" for name, _ in commands()) >= 6


@pytest.mark.parametrize(("page", "command"), commands())
def test_command_parses(page, command):
    root = typer.main.get_command(command_line())
    words = shlex.split(command)[1:]
    assert words, page
    if words[0].startswith("-"):
        assert words[0] in {name for option in root.params for name in option.opts} | {"--help"}, f"{page}: {command}"
        return
    verb = root.commands[words[0]]
    message = ""
    try:
        verb.make_context(words[0], words[1:])
    except Exception as error:  # typer carries its own copy of click's exceptions, or uses click's
        message = error.format_message() if hasattr(error, "format_message") else repr(error)
    assert not message or "does not exist" in message, f"{page}: {command}: {message}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", page.read_text("utf-8")):
        path = next(filter(None, target))
        if not path.startswith("http"):
            assert (page.parent / path).exists(), f"{page.name} names {path}"


def test_the_tree_is_that_of_the_packages():
    """`python docs/tree.py --write` puts it right."""
    drawn = runpy.run_path(str(ROOT / "docs" / "tree.py"))
    start, end = drawn["MARKS"]
    assert start + drawn["tree"]() + end in (ROOT / "README.md").read_text("utf-8")


def test_every_package_says_what_it_is():
    first_line = runpy.run_path(str(ROOT / "docs" / "tree.py"))["first_line"]
    packages = [path.parent for path in (ROOT / "src" / "dftnet").rglob("__init__.py")]
    lines = [first_line(path) for path in packages]
    assert all(lines), [p for p, line in zip(packages, lines, strict=True) if not line]
    assert len(set(lines)) == len(lines)
