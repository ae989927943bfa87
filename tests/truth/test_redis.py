"""Redis: what an error leaves behind, of a server and made up, with a connection of the driver ``redis``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Proxy

#: Has no types.
Connection: Any = redis.Connection

FAIL = 'the command that fails'
REFUSED, HEALTHY = 'SET truth:b', 'SET truth:b 2'

resp = pytest.mark.parametrize('version', [2, 3])


@contextmanager
def connection(port: int, version: int = 2) -> Iterator[Any]:
    """Return a connection, which sends a command and reads a reply."""
    made = Connection(host=HOST, port=port, protocol=version, socket_timeout=TIMEOUT)
    made.connect()
    try:
        yield made
    finally:
        made.disconnect()


def read(connection: Any) -> object:
    """Return the next reply; of an error, the kind of exception."""
    try:
        return connection.read_response()
    except redis.RedisError as error:
        return type(error).__name__


def outcome(connection: Any, command: str) -> object:
    """Return the reply to *command*, sent as the driver does."""
    connection.send_command(*command.split())
    return read(connection)


def fate(port: int, version: int, program: Sequence[str]) -> list[object]:
    """Return the outcomes of a *program*."""
    with connection(port, version) as made:
        return [outcome(made, command) for command in program]


@pytest.fixture
def keys(redis_server: Server) -> Any:
    """Return the names of all keys of these tests, and delete them."""
    with redis.Redis(HOST, redis_server.port, decode_responses=True) as direct:

        def read() -> list[str]:
            found = sorted(direct.keys('truth:*'))
            if found:
                direct.delete(*found)
            return found

        read()
        yield read


PROGRAMS = {
    'outside': [FAIL, 'GET truth:b', 'SET truth:a 1'],
    'execute all the same': ['MULTI', 'SET truth:a 1', FAIL, 'SET truth:c 3', 'EXEC', 'SET truth:d 4', 'EXEC'],
    'discard': ['MULTI', 'SET truth:a 1', FAIL, 'DISCARD', 'SET truth:c 3'],
    'the first': ['MULTI', FAIL, 'PING', 'EXEC', 'MULTI', 'SET truth:c 3', 'EXEC'],
    'twice': ['MULTI', FAIL, FAIL, 'EXEC', 'PING'],
    'watched': ['WATCH truth:a', 'MULTI', FAIL, 'EXEC', 'SET truth:a 1', 'MULTI', 'SET truth:c 3', 'EXEC'],
}


@resp
@pytest.mark.parametrize('name', PROGRAMS)
def test_a_command_fails(redis_server: Server, keys: Any, name: str, version: int) -> None:
    real_program, program = ([part.replace(FAIL, command) for part in PROGRAMS[name]] for command in (REFUSED, HEALTHY))
    real = fate(redis_server.port, version, real_program), keys()
    with Proxy(redis_server.address, 'redis') as proxy:
        proxy.set_behavior('error', match='SET truth:b')
        assert (fate(proxy.address.port, version, program), keys()) == real


@resp
def test_an_execution_fails(redis_server: Server, keys: Any, version: int) -> None:
    """The connection has no transaction then, and watches nothing: the next one to use it may be anybody."""
    program = ['WATCH truth:w', 'MULTI', 'SET truth:a 1', FAIL, 'EXEC', 'GET truth:a', 'SET truth:w 1', 'MULTI']
    program += ['SET truth:c 3', 'EXEC']
    # A server whose memory is used up refuses it so; made up here by a command that it does not know.
    dirty = [part for command in program for part in (('NONSENSE', 'EXEC') if command == FAIL else (command,))]
    real = fate(redis_server.port, version, dirty), keys()
    del real[0][3]
    with Proxy(redis_server.address, 'redis') as proxy:
        proxy.set_behavior('error', match='EXEC', message='EXECABORT', times=1)
        assert (fate(proxy.address.port, version, [c.replace(FAIL, 'EXEC') for c in program]), keys()) == real


@resp
def test_a_transaction_that_does_not_begin(redis_server: Server, keys: Any, version: int) -> None:
    """What was to be queued is carried out, in one flight as well."""
    program = ['MULTI', 'SET truth:a 1', 'GET truth:a', 'EXEC']
    real = fate(redis_server.port, version, ['MULTI nonsense', *program[1:]]), keys()
    with Proxy(redis_server.address, 'redis') as proxy:
        proxy.set_behavior('error', match='MULTI')
        assert (fate(proxy.address.port, version, program), keys()) == real
        with connection(proxy.address.port, version) as made:
            made.send_packed_command(made.pack_commands([command.split() for command in program]))
            assert ([read(made) for _ in program], keys()) == real


def flight(port: int, *commands: str) -> bytes:
    """Return all replies to *commands* that are sent in one flight, and QUIT."""
    with Peer.connect(port, HOST) as peer:
        peer.send(''.join(f'{command}\r\n' for command in (*commands, 'QUIT')).encode())
        return peer.recv_all()


ERROR, OOM = b'-ERR injected by vaurien\r\n', b'-OOM injected\r\n'
#: What is refused, what is sent, what is answered.
FLIGHTS = {
    'silence': (
        'CLIENT REPLY',
        ['CLIENT REPLY OFF', 'ECHO a', 'ECHO b', 'ECHO c'],
        b'$1\r\na\r\n' + OOM + b'$1\r\nc\r\n',
    ),
    'skip': ('CLIENT REPLY', ['CLIENT REPLY SKIP', 'ECHO a', 'ECHO b'], b'$1\r\na\r\n' + OOM),
    'skipped': ('ECHO a', ['CLIENT REPLY SKIP', 'ECHO a', 'ECHO b', 'ECHO c'], OOM + b'$1\r\nc\r\n'),
    'multi': ('MULTI', ['MULTI', 'CLIENT REPLY SKIP', 'ECHO a', 'ECHO b', 'ECHO c'], ERROR + OOM + b'$1\r\nc\r\n'),
    'exec': (
        'EXEC',
        ['MULTI', 'PING', 'EXEC', 'ECHO b', 'ECHO c'],
        b'+OK\r\n+QUEUED\r\n' + ERROR + OOM + b'$1\r\nc\r\n',
    ),
    'version': (
        'HELLO*',
        ['HELLO 3', 'SUBSCRIBE', 'ECHO b'],
        ERROR + b"-ERR wrong number of arguments for 'subscribe' command\r\n" + OOM,
    ),
    'monitor': ('MONITOR', ['MONITOR', 'ECHO b', 'ECHO c'], ERROR + OOM + b'$1\r\nc\r\n'),
    'subscription': ('SUBSCRIBE*', ['SUBSCRIBE a', 'ECHO b', 'ECHO c'], ERROR + OOM + b'$1\r\nc\r\n'),
}


@pytest.mark.parametrize('name', FLIGHTS)
def test_what_was_refused_has_changed_nothing(redis_server: Server, name: str) -> None:
    """What follows it in the same flight is understood as the backend does: other faults come in their turn."""
    refused, commands, expected = FLIGHTS[name]
    with Proxy(redis_server.address, 'redis') as proxy:
        proxy.set_behavior(f'error(match={refused!r}, times=1),error(match="ECHO b", message="OOM injected")')
        assert flight(proxy.address.port, *commands) == expected + b'+OK\r\n'


@pytest.mark.parametrize('command', ['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'UNSUBSCRIBE'])
def test_a_subscription_is_answered_if_it_fails(redis_server: Server, command: str) -> None:
    """In RESP3 there is no other reply, but a push."""
    with Proxy(redis_server.address, 'redis') as proxy, Peer.connect(proxy.address.port, HOST) as peer:
        peer.send(b'HELLO 3\r\nECHO hello\r\n')
        peer.recv_until(b'hello\r\n')
        proxy.set_behavior('error', match=f'{command}*', times=1)
        peer.send(f'{command} channel\r\nECHO a\r\n'.encode())
        assert peer.recv_until(b'a\r\n') == ERROR + b'$1\r\na\r\n'
        peer.send(f'{command} channel\r\nECHO b\r\n'.encode())
        assert peer.recv_until(b'b\r\n').startswith(b'>3\r\n')
