"""Every `dftnet …` command of the README and the docs parses; every file that they name exists."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from dftnet.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.split("  #")[0]
                found += [(page.name, c.strip()) for c in re.split(r"&&|;", line) if re.match(r"\s*dftnet ", c)]
                if " -m dftnet " in line:
                    found.append((page.name, "dftnet " + line.split(" -m dftnet ")[1]))
    return found


def test_there_are_commands():
    assert any(command.startswith("dftnet edit") for _, command in commands())


@pytest.mark.parametrize(("page", "command"), commands())
def test_command_parses(page, command):
    root = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    assert words, page
    if words[0].startswith("-"):
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
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", page.read_text()):
        path = next(filter(None, target))
        if not path.startswith("http"):
            assert (page.parent / path).exists(), f"{page.name} names {path}"
