"""Tables as the spreadsheets of all countries write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from dftnet.au_sources.tables import read_table

ROWS = [["file", "AU01", "AU12"], ["a.jpg", "0.10", "0.75"], ["b.jpg", "", "1"]]


def write(path: Path, separator: str, comma: str, encoding: str, first: str = "") -> Path:
    lines = [separator.join(ROWS[0])]
    lines += [separator.join([row[0], *(cell.replace(".", comma) for cell in row[1:])]) for row in ROWS[1:]]
    path.write_text(first + "\r\n".join(lines) + "\r\n", encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("separator", "comma"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("\t", ".")])
@pytest.mark.parametrize("first", ["", "sep"])
def test_separators_decimal_commas_and_encodings(tmp_path: Path, separator, comma, encoding, first):
    told = f"sep={separator}\n" if first else ""
    table = read_table(write(tmp_path / "t.csv", separator, comma, encoding, told))
    assert list(table) == ["file", "AU01", "AU12"]
    assert table["file"].tolist() == ["a.jpg", "b.jpg"]
    np.testing.assert_array_equal(table["AU01"], [0.10, np.nan])
    np.testing.assert_array_equal(table["AU12"], [0.75, 1.0])


def test_packed_and_quoted(tmp_path: Path):
    with gzip.open(tmp_path / "t.csv.gz", "wt", encoding="utf-16") as file:
        file.write('"na;me";AU12\n"Doe; Jane";"0,5"\n')
    table = read_table(tmp_path / "t.csv.gz")
    assert (table["na;me"].tolist(), table["AU12"].tolist()) == (["Doe; Jane"], [0.5])


def test_a_comma_that_is_no_decimal_stays_text(tmp_path: Path):
    (tmp_path / "t.csv").write_text("name;place\nJane;1,2,3\n")
    assert read_table(tmp_path / "t.csv")["place"].tolist() == ["1,2,3"]


def test_bare_decimal_commas_are_told(tmp_path: Path):
    (tmp_path / "t.csv").write_text("file,AU12\na.jpg,0,75\n")
    with pytest.raises(ValueError, match="decimal commas need semicolons or tabs"):
        read_table(tmp_path / "t.csv")
