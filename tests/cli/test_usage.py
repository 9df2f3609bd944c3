"""Commands typed wrongly: one line that says what is right; and help that reads as it is written."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dftnet.cli import app as cli

PHOTO = str(Path(__file__).parents[2] / "docs" / "pictures" / "astronaut.jpg")
WRONG = {
    "edti a.jpg": "No such command 'edti'. Did you mean 'edit'? see dftnet --help",
    "edit": (
        "Missing argument 'photos'; see dftnet edit --help",
        "Missing argument 'PHOTOS...'; see dftnet edit --help",
    ),
    "edit PHOTO --strenght 1": (
        "No such option: --strenght (Possible options: --strength); see dftnet edit --help",
        "No such option '--strenght'. Did you mean '--strength'? see dftnet edit --help",
    ),
    "edit PHOTO --au": "--au needs a value, such as --au AU12=0.8; see dftnet edit --help",
    "edit PHOTO --sweep": "--sweep needs a value, such as --sweep AU45 0:1:8; see dftnet edit --help",
    "edit PHOTO -o": "-o needs a value; see dftnet edit --help",
    "edit PHOTO --au simle=1": "unknown Action Unit 'simle'; did you mean smile, dimples, dimpler? see dftnet edit --help for all",
    "aus PHOTO --format openfce": "format 'openfce' is unknown: say openface or pyfeat",
    "aus PHOTO --format pyfeat --scale 5": "format pyfeat in 0 to 5; there are openface (0 to 5, or 0 to 1) and pyfeat (0 to 1)",
    "prepare PHOTO -o x --labels-format openfac": (
        "labels_format is about a table of labels: name it too (--labels), or leave this out"
    ),
    "prepare PHOTO -o x --au-range 0 5": "au_range is about a table of labels: name it too (--labels), or leave this out",
    "app --host 300.1.1.1": "cannot listen on 300.1.1.1 port 8000",
}
"""Command → the beginning of what it is told; where typer says it, in the words of its versions"""


@pytest.mark.parametrize(("command", "words"), WRONG.items())
def test_one_line_with_what_is_right(
    command: str,
    words: str | tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    if command.startswith("app"):
        pytest.importorskip("fastapi")
    monkeypatch.setattr(sys, "argv", ["dftnet", *[PHOTO if word == "PHOTO" else word for word in command.split()]])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    told = re.sub(r"see .*?dftnet", "see dftnet", err)  # the name that the tests run under
    assert (stop.value.code, out) == (2, "")
    assert told.removeprefix("error: ").startswith(words)
    assert told.count("\n") == 1
    if command.startswith("app"):
        assert told.endswith("choose another with --host\n")
    assert not list(tmp_path.iterdir())


def help_of(verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["dftnet", verb, "--help"])
    cli.main()
    return capsys.readouterr().out


def test_help_keeps_its_brackets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'pip install "dftnet[app]"' in help_of("app", monkeypatch, capsys)


def test_help_names_every_preset(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from dftnet.training.presets import PRESETS

    told = help_of("train", monkeypatch, capsys)
    assert all(f'"{name}"' in told for name in PRESETS)
