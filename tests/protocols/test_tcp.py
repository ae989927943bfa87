"""Opaque bytes: each chunk is a request, or a reply, or a greeting."""

from __future__ import annotations

from random import Random

from vaurien.protocols.base import GREETING, REPLY, REQUEST
from vaurien.protocols.tcp import TCP


def test_each_chunk_is_a_message() -> None:
    protocol = TCP()
    data = b'one'
    given, marks = protocol.feed_upstream(data)
    assert given is data
    assert list(marks) == [(REQUEST, 3)]
    assert list(protocol.feed_upstream(b'three')[1]) == [(REQUEST, 8)]
    assert list(protocol.feed_downstream(b'four')) == [(REPLY, 4)]
    assert list(protocol.feed_downstream(b'\0' * 100)) == [(REPLY, 104)]


def test_backend_speaks_first() -> None:
    protocol = TCP()
    assert list(protocol.feed_downstream(b'220 hello')) == [(GREETING, 9), (REPLY, 9)]
    assert list(protocol.feed_downstream(b'more')) == [(REPLY, 13)]


def test_a_class_that_extends_it_is_not_opaque() -> None:
    class Minitel(TCP):
        name = 'minitel'

    class Passing(TCP):
        name = 'passing'
        is_opaque = True

    assert TCP.is_opaque
    assert not Minitel.is_opaque
    assert Passing.is_opaque


def test_takes_over_in_mid_stream() -> None:
    protocol = TCP(sent=10, received=20, spoken=True)
    assert list(protocol.feed_downstream(b'four')) == [(REPLY, 24)]
    assert list(protocol.feed_upstream(b'three')[1]) == [(REQUEST, 15)]


def test_error_is_a_thousand_random_bytes() -> None:
    first, again = TCP(), TCP()
    first.random, again.random = Random(7), Random(7)
    error = first.error()
    assert len(error.data) == 1000
    assert not error.closes
    assert error == again.error() != first.error()
