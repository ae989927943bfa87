"""Whatever arrives at a socket, the next message is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import gevent
import msgspec
import pytest
import zmq
from gevent.pool import Group
from hypothesis import given

from tests.loads.cluster.frames import PARTS
from tests.loop import in_loop
from vaurien.errors import SealError
from vaurien.loads.cluster.reader import MAX_SHOWN, Ignored, decode, decode_from, read_messages, shorten


def test_what_is_raised_is_ignored_and_the_next_is_read(caplog: pytest.LogCaptureFixture) -> None:
    received: Iterator[list[bytes] | Exception] = iter(
        [[b'first'], zmq.ZMQError(11), ValueError('\x1b[2J'), KeyError('x')]
    )
    handled: list[list[bytes]] = []
    ignored = Ignored()

    def receive() -> list[bytes]:
        one = next(received, [b'last'])
        if isinstance(one, Exception):
            raise one
        return one

    def call() -> None:
        readers = Group()
        readers.spawn(read_messages, receive, handled.append, ignored)
        while len(handled) < 2:
            gevent.sleep(0.01)
        readers.kill()

    in_loop(call)
    assert (handled[:2], ignored.count) == ([[b'first'], [b'last']], 2)
    assert '\x1b' not in caplog.text


def test_a_flood_keeps_nobody_waiting() -> None:
    def call() -> int:
        handled: list[list[bytes]] = []
        readers = Group()
        readers.spawn(read_messages, lambda: [b'at once'], handled.append, Ignored())
        gevent.sleep(0.001)
        readers.kill()
        return len(handled)

    assert in_loop(call) > 0


def test_fewer_and_fewer_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    ignored = Ignored()
    for _ in range(1000):
        ignored.add(SealError('no'))
    assert ignored.count == 1000
    assert [int(record.getMessage().split()[1]) for record in caplog.records] == [2**i for i in range(10)]


def test_a_message() -> None:
    message = decode_from([b'me', msgspec.msgpack.encode(('kind', {'a': b'\x00', 3: [None]}, 'me'))])
    assert (message.type, message.data, message.node_id) == ('kind', {'a': b'\x00', 3: [None]}, 'me')


def test_nobody_speaks_for_another() -> None:
    with pytest.raises(SealError):
        decode_from([b'me', msgspec.msgpack.encode(('kind', None, 'you'))])


@given(PARTS)
def test_any_bytes_are_a_message_or_an_error(parts: list[bytes]) -> None:
    try:
        message = decode(b''.join(parts))
    except Exception:
        return
    assert isinstance(message.type, str)
    assert isinstance(message.node_id, str)


def test_texts_from_elsewhere() -> None:
    assert shorten('a\x1b[2J\nb') == 'a\\x1b[2J\\nb'
    assert len(shorten('x' * 10**6)) == MAX_SHOWN + 1
    assert shorten(None) == 'None'
