"""Memcached: what an error leaves behind, of a server and made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import bmemcached  # type: ignore[import-untyped]
import pytest
from pymemcache import Client, MemcacheError  # type: ignore[import-untyped]

from tests.peers import Peer
from tests.protocols.test_memcache import ask
from tests.servers import HOST, TIMEOUT, Server, memcached
from tests.truth.conftest import Show
from vaurien import Proxy

#: More than a server takes that is told so, and one of those that fill a server.
BIG, LARGE = b'x' * 600_000, b'x' * 400_000
TOO_LARGE, FULL, NO_FLUSH = ['-I', '512k'], ['-m', '2', '-M', '-I', '1m'], ['-F']
FLAGS = {'an item larger than -I': TOO_LARGE, 'full, with -M': FULL, '-F': NO_FLUSH}
VALUES = {'an item larger than -I': BIG, 'full, with -M': LARGE}
SAID = {'an item larger than -I': 'object too large for cache', 'full, with -M': 'out of memory storing object'}

Step = Callable[[Any], object]


@contextmanager
def failing(directory: Path, real: str) -> Iterator[Server]:
    """Run a memcached that fails as *real* says."""
    with memcached(directory, *FLAGS[real]) as server:
        if real == 'full, with -M':
            with closing(Client((HOST, server.port), timeout=TIMEOUT)) as client:
                fill(client)
        yield server


def fill(client: Client) -> None:
    """Fill the memory of a server, for values of this size."""
    for number in range(1000):
        try:
            client.set(f'fill:{number}', LARGE, noreply=False)
        except MemcacheError:
            return
    pytest.fail('never full')


def outcome(client: Any, step: Step) -> object:
    """Return what the client returns, or raises."""
    try:
        return step(client)
    except (MemcacheError, bmemcached.exceptions.MemcachedException) as error:
        return type(error).__name__, str(error)


def go(client: Any, program: Sequence[Step]) -> list[object]:
    """Return the outcome of each step of a *program*."""
    return [outcome(client, step) for step in program]


def text_client(port: int) -> Any:
    """Return a client of the text protocol."""
    return Client((HOST, port), timeout=TIMEOUT, default_noreply=False)


def gets(client: Any) -> object:
    """Return the value of the key; its mark is another one each time."""
    return client.gets('k')[0]


#: What is said in the end: the key is there or not, and the connection is in step.
NEXT: list[Step] = [
    lambda client: client.get('k'),
    gets,
    lambda client: client.add('k', b'new'),
    lambda client: client.get_many(['k', 'none']),
    lambda client: client.delete('k'),
]
#: Situation: which command gets the error, and how the client gives it.
PROGRAMS: Mapping[str, tuple[str, Callable[[Any, bytes], object]]] = {
    'set of a key that has a value': ("match='set k', nth=2", lambda client, value: client.set('k', value)),
    'set with noreply': ("match='set k', nth=2", lambda client, value: client.set('k', value, noreply=True)),
    'add': ("match='add k', nth=1", lambda client, value: client.add('k', value)),
    'replace': ("match='replace k'", lambda client, value: client.replace('k', value)),
    'append': ("match='append k'", lambda client, value: client.append('k', value)),
    'gets, then cas': ("match='cas k'", lambda client, value: client.cas('k', value, client.gets('k')[1])),
}


@pytest.mark.parametrize('real', SAID)
@pytest.mark.parametrize('name', PROGRAMS)
def test_a_value_is_not_stored(show: Show, tmp_path: Path, name: str, real: str) -> None:
    match, step = PROGRAMS[name]
    program = [lambda client: client.set('k', b'old'), lambda client: step(client, VALUES[real]), *NEXT]
    with failing(tmp_path, real) as server, closing(text_client(server.port)) as client:
        expected = go(client, program)
    fault = f"error({match}, message='{SAID[real]}')"
    with memcached(tmp_path) as server, Proxy(server.address, 'memcache') as proxy:
        proxy.set_behavior(fault)
        with closing(text_client(proxy.address.port)) as client:
            assert go(client, program) == expected
    show(protocol='memcache', driver='pymemcache', situation=name, fault=fault, real=f'memcached, {real}')


def test_flushing_is_not_allowed(show: Show, tmp_path: Path) -> None:
    program: list[Step] = [lambda client: client.set('k', b'old'), lambda client: client.flush_all(), *NEXT]
    with failing(tmp_path, '-F') as server, closing(text_client(server.port)) as client:
        expected = go(client, program)
    fault = "error(match='flush_all*', message='CLIENT_ERROR flush_all not allowed')"
    with memcached(tmp_path) as server, Proxy(server.address, 'memcache') as proxy:
        proxy.set_behavior(fault)
        with closing(text_client(proxy.address.port)) as client:
            assert go(client, program) == expected
    show(protocol='memcache', driver='pymemcache', situation='flush_all', fault=fault, real='memcached, -F')


#: What the binary protocol says.
BINARY_SAID = {'an item larger than -I': 'Too large.', 'full, with -M': 'Out of memory allocating item'}


@pytest.mark.parametrize('real', BINARY_SAID)
def test_a_value_is_not_stored_in_the_binary_protocol(show: Show, tmp_path: Path, real: str) -> None:
    program: list[Step] = [
        lambda client: client.set('k', 'old'),
        lambda client: client.set('k', VALUES[real].decode(), compress_level=0),
        lambda client: client.get('k'),
        lambda client: client.get_multi(['k', 'none']),
        lambda client: client.add('k', 'new'),
        lambda client: client.get('k'),
        lambda client: client.delete('k'),
    ]

    def run(port: int) -> list[object]:
        client = bmemcached.Client((f'{HOST}:{port}',), socket_timeout=TIMEOUT)
        try:
            return go(client, program)
        finally:
            client.disconnect_all()

    with failing(tmp_path, real) as server:
        expected = run(server.port)
    fault = f"error(match='set k', nth=2, message='{BINARY_SAID[real]}')"
    with memcached(tmp_path) as server, Proxy(server.address, 'memcache') as proxy:
        proxy.set_behavior(fault)
        assert run(proxy.address.port) == expected
    show(
        protocol='memcache',
        driver='python-binary-memcached',
        situation='set of a key that has a value',
        fault=fault,
        real=f'memcached, {real}',
    )


MISSING, HIT = b'mg none v q k O1\r\n', b'mg here v q k O2\r\n'
QUIET, LOUD = b'ms k %d q k O3\r\n%b\r\n' % (len(BIG), BIG), b'ms k %d k O3\r\n%b\r\n' % (len(BIG), BIG)
GETKQ_HERE, GETKQ, NOOP, QUITQ = ask(0x0D, b'here'), ask(0x0D, b'k'), ask(0x0A), ask(0x17)
TEXT_ERROR, BINARY_ERROR = 'object too large for cache', 'Too large.'
#: Commands in one flight, which of them gets the error, and what it says.
FLIGHTS: Mapping[str, tuple[bytes, str, str]] = {
    'a quiet ms, mn': (QUIET + b'mn\r\nmg k v\r\nmg here v\r\nquit\r\n', 'ms k', TEXT_ERROR),
    'a quiet ms after a hit and a miss, mn': (HIT + MISSING + QUIET + b'mn\r\nmg k v\r\nquit\r\n', 'ms k', TEXT_ERROR),
    'a quiet ms between hits, get': (HIT + QUIET + HIT + b'get here\r\nget k\r\nquit\r\n', 'ms k', TEXT_ERROR),
    'ms after a quiet hit, mn': (HIT + LOUD + HIT + b'mn\r\nmg k v\r\nquit\r\n', 'ms k', TEXT_ERROR),
    'setq between getkq, noop': (
        GETKQ_HERE + ask(0x11, b'k', bytes(8), BIG) + GETKQ_HERE + GETKQ + NOOP + QUITQ,
        'setq k',
        BINARY_ERROR,
    ),
    'set between getkq, noop': (
        GETKQ_HERE + ask(0x01, b'k', bytes(8), BIG) + GETKQ_HERE + GETKQ + NOOP + QUITQ,
        'set k',
        BINARY_ERROR,
    ),
}


def fly(server: Server, port: int, flight: bytes) -> bytes:
    """Return all that is said to a *flight* of commands on a *port*, of which the last ends the connection."""
    with closing(text_client(server.port)) as client:
        for key in ('here', 'k'):
            client.set(key, b'old')
    with Peer.connect(port, HOST) as peer:
        peer.send(flight)
        return peer.recv_all()


@pytest.mark.parametrize('name', FLIGHTS)
def test_among_quiet_commands(show: Show, tmp_path: Path, name: str) -> None:
    """Clients read up to what ends a run of them, and replies come in the order of commands."""
    flight, match, message = FLIGHTS[name]
    with failing(tmp_path, 'an item larger than -I') as server:
        expected = fly(server, server.port, flight)
    assert message.encode() in expected
    fault = f"error(match='{match}', message='{message}')"
    with memcached(tmp_path) as server, Proxy(server.address, 'memcache') as proxy:
        proxy.set_behavior(fault)
        assert fly(server, proxy.address.port, flight) == expected
    show(protocol='memcache', driver='socket', situation=name, fault=fault, real='memcached, an item larger than -I')
