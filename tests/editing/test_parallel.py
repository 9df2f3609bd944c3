"""Things worked on at once come in order, no more of them at a time than was said."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dftnet.editing.parallel import ahead


def test_things_made_ahead_come_in_order_and_boundedly():
    made, threads = [], set()

    def things() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            threads.add(threading.get_ident())
            yield number

    for given, number in enumerate(ahead(things(), 3)):
        assert number == given
        assert len(made) <= given + 1 + 3
    assert made == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_comes_in_its_place():
    def things() -> Iterator[int]:
        yield 1
        raise ValueError("no second one")

    found = ahead(things(), 4)
    assert next(found) == 1
    with pytest.raises(ValueError, match="no second one"):
        next(found)


def test_nobody_has_to_take_them_all():
    found = ahead(iter(range(1000)), 2)
    assert next(found) == 0
    found.close()
