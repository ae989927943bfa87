"""Noop: everything passes unchanged."""

from __future__ import annotations

from tests.toxics.bench import END, Bench


def test_everything_passes_at_once() -> None:
    bench = Bench('noop')
    bench.feed(b'a', b'b', END)
    assert bench.out == [(0.0, b'a'), (0.0, b'b'), (0.0, END)]


def test_while_the_sink_takes_nothing_one_chunk_waits() -> None:
    bench = Bench('noop')
    bench.blocked = True
    bench.feed(b'a')
    assert not bench.toxic.has_room
    assert bench.toxic.is_holding
    bench.unblock()
    assert bench.toxic.has_room
    assert bench.data == b'a'
