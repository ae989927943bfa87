"""What waits for a reader of events, and how one is dropped who does not read."""

from __future__ import annotations

from tests.loop import in_loop
from vaurien.live.reader import MOST_BYTES, MOST_EVENTS, Reader
from vaurien.rules.match import Pattern


def test_what_it_wants() -> None:
    reader = Reader('redis', Pattern.parse('GET *'))
    assert reader.wants('redis')
    assert reader.wants(None)
    assert not reader.wants('http')
    assert reader.wants('redis', 'get a')
    assert not reader.wants('redis', 'SET a')
    assert Reader().wants('http', 'SET a')


def test_what_has_come_is_taken_at_once_and_in_order() -> None:
    def read() -> list[bytes]:
        reader = Reader()
        assert reader.add(b'a')
        assert reader.add(b'b')
        return [reader.take(0.0), reader.take(0.0)]

    assert in_loop(read) == [b'ab', b'']


def test_too_many_events() -> None:
    reader = Reader()
    assert all(reader.add(b'x') for _ in range(MOST_EVENTS))
    assert not reader.add(b'x')
    assert reader.is_dropped
    assert in_loop(lambda: reader.take(0.0)) == b''
    assert reader.add(b'x')  # it is dropped once


def test_too_many_bytes() -> None:
    reader = Reader()
    assert reader.add(bytes(MOST_BYTES))
    assert not reader.add(b'x')
    assert reader.is_dropped
