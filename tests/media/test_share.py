"""Shares: they are a partition, the same on every machine, and of even size."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from dftnet.errors import RequestError
from dftnet.media.share import WHOLE, Share

NAMES = [f"person {i % 50}/photo-{i}.jpg" for i in range(4000)]


def test_every_file_is_in_one_share():
    for count in (1, 2, 7):
        owners = [[share.index for share in map(Share, range(count), [count] * count) if share.has(n)] for n in NAMES]
        assert all(len(owner) == 1 for owner in owners)
        sizes = [sum(owner == [i] for owner in owners) for i in range(count)]
        assert max(sizes) < 1.2 * len(NAMES) / count, sizes
    assert all(WHOLE.has(name) for name in NAMES)


def test_the_share_never_changes():
    """The numbers that sha256 gives, and that other machines and later versions have to keep to."""
    assert [Share(1, 2).has(name) for name in ("a.jpg", "b.jpg", "c/d.png", "ü.png")] == [False, False, True, False]
    for path in (PurePosixPath("c/d.png"), PureWindowsPath("c\\d.png"), "c\\d.png"):
        assert Share(1, 2).has(path)


def test_files_below_a_root():
    paths = [Path("/data/in") / name for name in NAMES[:40]]
    moved = [Path("/elsewhere") / name for name in NAMES[:40]]
    mine = Share(0, 3).files(paths, Path("/data/in"))
    assert [p.relative_to("/data/in") for p in mine] == [
        p.relative_to("/elsewhere") for p in Share(0, 3).files(moved, Path("/elsewhere"))
    ]
    assert 0 < len(mine) < 40


def test_shares_are_parsed():
    assert Share.parse("3/8") == Share(3, 8)
    assert Share.parse(None) == WHOLE
    assert str(Share(3, 8)) == "3/8"
    for wrong in ("8/8", "1", "a/b", "-1/2", "0/0"):
        with pytest.raises(RequestError, match=r"N-1/N"):
            Share.parse(wrong)
