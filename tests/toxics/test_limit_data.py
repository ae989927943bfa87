"""Limit_data: the bytes that pass, and the end of the link after them."""

from __future__ import annotations

import pytest

from tests.toxics.bench import CLOSE, END, Bench


def test_just_so_many() -> None:
    bench = Bench('limit_data', bytes=10)
    bench.feed(b'01234567')
    assert bench.out == [(0.0, b'01234567')]
    bench.feed(b'89abc')
    assert bench.out[1:] == [(0.0, b'89'), (0.0, CLOSE)]


def test_also_if_the_data_end_there() -> None:
    bench = Bench('limit_data', bytes=4)
    bench.feed(b'0123')
    assert bench.out == [(0.0, b'0123'), (0.0, CLOSE)]


@pytest.mark.parametrize('bytes_', [0, -1, -(2**63)])
def test_none(bytes_: int) -> None:
    bench = Bench('limit_data', bytes=bytes_)
    bench.step()
    bench.wait(1e9)
    assert bench.out == []
    bench.feed(b'0')
    assert bench.out == [(1e9, CLOSE)]


def test_an_end_before_that() -> None:
    bench = Bench('limit_data', bytes=10)
    bench.feed(b'0123', END)
    assert bench.out == [(0.0, b'0123'), (0.0, END)]


def test_updates_keep_the_count() -> None:
    bench = Bench('limit_data', bytes=10)
    bench.feed(b'01234567')
    bench.update(bytes=12)
    bench.feed(b'89a')
    bench.update(bytes=5)
    bench.wait(10)
    assert bench.data == b'0123456789a'
    assert bench.endings == []
    bench.feed(b'b')
    assert bench.data == b'0123456789a'
    assert bench.endings == [CLOSE]


def test_bytes_that_pass_while_it_is_not_applied_do_not_count() -> None:
    bench = Bench('limit_data', bytes=4)
    bench.apply(0)
    bench.feed(b'0123456789')
    bench.apply(1)
    bench.feed(b'abcdef')
    assert bench.data == b'0123456789abcd'
    assert bench.endings == [CLOSE]


def test_an_end_that_was_due_comes_though_it_is_removed() -> None:
    bench = Bench('limit_data', bytes=4)
    bench.toxic.feed(b'012345', 0.0)
    assert bench.toxic.step(0.0) == b'0123'
    assert bench.toxic.is_holding
    bench.retire()
    assert bench.out == [(0.0, CLOSE)]
