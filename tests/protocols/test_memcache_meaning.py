"""What commands of memcached do, and what the replies of a real server say of it, in both of its protocols."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import bmemcached  # type: ignore[import-untyped]
import pytest
from pymemcache.client.base import Client  # type: ignore[import-untyped]

from tests.peers import Peer
from tests.protocols.relay import CONNECT, ERROR, NOTHING, OK, ONCE, READ, WRITE, Relay, relaying
from tests.servers import HOST, TIMEOUT, Server
from vaurien.framing.meaning import Meaning, ReplyMeaning
from vaurien.protocols.memcache import Memcache


@pytest.fixture(scope='module')
def relay(memcached: Server) -> Iterator[Relay]:
    with relaying(memcached, Memcache) as relay:
        yield relay


@pytest.mark.parametrize(
    ('command', 'meaning', 'reply'),
    [
        ('get meaning:a', READ, OK),
        ('get meaning:b', READ, NOTHING),
        ('gat 0 meaning:b', READ, NOTHING),
        ('mg meaning:a v', READ, OK),
        ('mg meaning:b v', READ, NOTHING),
        ('stats', READ, OK),
        ('set meaning:a 0 0 1\r\n2', WRITE, OK),
        ('add meaning:a 0 0 1\r\n2', WRITE, NOTHING),
        ('cas meaning:b 0 0 1 7\r\n2', WRITE, NOTHING),
        ('ms meaning:a 1\r\n2', WRITE, OK),
        ('ms meaning:a 1 MA\r\n2', ONCE, OK),
        ('ms meaning:b 1 MR\r\n2', WRITE, NOTHING),
        ('append meaning:a 0 0 1\r\n2', ONCE, OK),
        ('incr meaning:a 1', ONCE, OK),
        ('decr meaning:a 1', ONCE, OK),  # to 0, which is not nothing
        ('incr meaning:b 1', ONCE, NOTHING),
        ('ma meaning:a', ONCE, OK),
        ('delete meaning:a', WRITE, OK),
        ('delete meaning:b', WRITE, NOTHING),
        ('touch meaning:a 0', WRITE, OK),
        ('md meaning:b', WRITE, NOTHING),
        ('incr meaning:a x', ONCE, ERROR),
        ('nonsense', WRITE, ERROR),
        ('version', CONNECT, OK),
        ('mn', CONNECT, OK),
    ],
)
def test_commands(relay: Relay, command: str, meaning: Meaning, reply: ReplyMeaning) -> None:
    with closing(Peer.connect(relay.port)) as client:
        client.send(b'delete meaning:b\r\nset meaning:a 0 0 1\r\n1\r\n')
        client.recv_until(b'STORED\r\n')
        relay.forget()
        client.send(f'{command}\r\n'.encode())
        client.recv()
        said = relay.take_all()[0]
    assert (said.meaning, said.reply_meaning) == (meaning, reply)
    assert 0 < said.middle < len(said.reply)


def test_a_server_without_memory() -> None:
    for reply in (b'SERVER_ERROR out of memory storing object\r\n', b'\x81\1\0\0\0\0\0\x82' + bytes(16)):
        assert Memcache().reply_meaning(reply, reply, WRITE) == ERROR


def test_pymemcache(relay: Relay) -> None:
    with closing(Client((HOST, relay.port), timeout=TIMEOUT)) as client:
        relay.forget()
        client.set('meaning:c', 1, noreply=False)
        client.incr('meaning:c', 2)
        client.get('meaning:c')
        client.append('meaning:c', 'x')  # it asks for no reply
        client.get('meaning:c')
    said = [(one.meaning, one.reply_meaning) for one in relay.take_all()]
    assert said == [(WRITE, OK), (ONCE, OK), (READ, OK), (ONCE, None), (READ, OK)]


def test_bmemcached(relay: Relay) -> None:
    client = bmemcached.Client([f'{HOST}:{relay.port}'])
    relay.forget()
    client.delete('meaning:d')
    client.set('meaning:d', 1)
    client.add('meaning:d', 1)
    client.get('meaning:d')
    client.get('meaning:e')
    client.incr('meaning:f', 1)
    client.set_multi({'meaning:d': 'x', 'meaning:e': 'y'})
    client.disconnect_all()
    said = [(one.text.split()[0], one.meaning, one.reply_meaning) for one in relay.take_all()]
    assert said[1:6] == [
        ('set', WRITE, OK),
        ('add', WRITE, NOTHING),
        ('get', READ, OK),
        ('get', READ, NOTHING),
        ('incr', ONCE, OK),
    ]
    assert [one[:2] for one in said[6:]] == [('setq', WRITE), ('setq', WRITE), ('noop', CONNECT)]
