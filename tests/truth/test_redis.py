"""Redis: what an error leaves behind, of a server and made up, with a connection of the driver ``redis``.

`test_redis_clients` has the clients that stand above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.servers import HOST, TIMEOUT, Server
from tests.truth import redis_failures as failures
from tests.truth.conftest import Show
from vaurien import Proxy

#: Has no types.
Connection: Any = redis.Connection

FAIL = 'the command that fails'
REFUSED, HEALTHY = 'SET truth:b', 'SET truth:b 2'
ARGUMENTS = 'error(match={!r}, message="wrong number of arguments for \'{}\' command")'

resp = pytest.mark.parametrize('version', [2, 3])


@contextmanager
def connection(port: int, version: int, **login: str) -> Iterator[Any]:
    """Return a connection, which sends a command and reads a reply."""
    made = Connection(host=HOST, port=port, protocol=version, socket_timeout=TIMEOUT, **login)
    made.connect()
    try:
        yield made
    finally:
        made.disconnect()


def read(connection: Any) -> object:
    """Return the next reply, or the exception that it is raised as."""
    try:
        return plain(connection.read_response())
    except redis.RedisError as error:
        return plain(error)


def plain(reply: object) -> object:
    """Return what can be compared of a *reply*, or of an exception."""
    if isinstance(reply, list):
        return [plain(item) for item in reply]
    return (type(reply).__name__, str(reply)) if isinstance(reply, Exception) else reply


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
    'a command fails': [FAIL, 'GET truth:b', 'SET truth:a 1'],
    'MULTI, a command fails, EXEC twice': [
        *('MULTI', 'SET truth:a 1', FAIL, 'SET truth:c 3', 'EXEC', 'SET truth:d 4', 'EXEC'),
    ],
    'MULTI, a command fails, DISCARD': ['MULTI', 'SET truth:a 1', FAIL, 'DISCARD', 'SET truth:c 3'],
    'MULTI, the first command fails, EXEC': ['MULTI', FAIL, 'PING', 'EXEC', 'MULTI', 'SET truth:c 3', 'EXEC'],
    'MULTI, a command fails twice, EXEC': ['MULTI', FAIL, FAIL, 'EXEC', 'PING'],
    'WATCH, MULTI, a command fails, EXEC': [
        *('WATCH truth:a', 'MULTI', FAIL, 'EXEC', 'SET truth:a 1', 'MULTI', 'SET truth:c 3', 'EXEC'),
    ],
}


@resp
@pytest.mark.parametrize('name', PROGRAMS)
def test_a_command_fails(redis_server: Server, keys: Any, name: str, version: int, show: Show) -> None:
    fault = ARGUMENTS.format('SET truth:b', 'set')
    show(
        protocol='redis', driver='redis', situation=f'{name}, RESP{version}', fault=fault, real='an argument is missing'
    )
    real_program, program = ([part.replace(FAIL, command) for part in PROGRAMS[name]] for command in (REFUSED, HEALTHY))
    real = fate(redis_server.port, version, real_program), keys()
    with Proxy(redis_server.address, 'redis', behavior=fault) as proxy:
        assert (fate(proxy.address.port, version, program), keys()) == real


@resp
def test_a_transaction_that_does_not_begin(redis_server: Server, keys: Any, version: int, show: Show) -> None:
    """What was to be queued is carried out, in one flight as well."""
    fault = ARGUMENTS.format('MULTI', 'multi')
    situation = f'MULTI fails, then commands and EXEC, RESP{version}'
    show(protocol='redis', driver='redis', situation=situation, fault=fault, real='an argument too many')
    program = ['MULTI', 'SET truth:a 1', 'GET truth:a', 'EXEC']
    real = fate(redis_server.port, version, ['MULTI nonsense', *program[1:]]), keys()
    with Proxy(redis_server.address, 'redis', behavior=fault) as proxy:
        assert (fate(proxy.address.port, version, program), keys()) == real
        with connection(proxy.address.port, version) as made:
            made.send_packed_command(made.pack_commands([command.split() for command in program]))
            assert ([read(made) for _ in program], keys()) == real


#: What fails, which error of Vaurien's is the same, and what a server says of it when it carries it out.
CARRIED_OUT = {
    'INCR': ('INCR truth:b', "match='INCR *'", 'value is not an integer or out of range'),
    'RENAME': ('RENAME truth:none truth:c', "match='RENAME *'", 'no such key'),
    'a script with an error of its own': ('EVAL return{err=ARGV[1]} 0 NOSTOCK', "match='EVAL *'", 'NOSTOCK'),
    'WATCH': ('WATCH truth:a', "match='WATCH *'", 'WATCH inside MULTI is not allowed'),
    'MULTI': ('MULTI', 'match=MULTI, nth=2', 'MULTI calls can not be nested'),
}


@resp
@pytest.mark.parametrize('name', CARRIED_OUT)
@pytest.mark.usefixtures('keys')
def test_what_fails_when_it_is_carried_out(redis_server: Server, name: str, version: int, show: Show) -> None:
    """The transaction goes on without it."""
    refused, match, message = CARRIED_OUT[name]
    fault = f"error({match}, message='{message}')"
    situation = f'{name} fails in a transaction, which is executed, RESP{version}'
    show(protocol='redis', driver='redis', situation=situation, fault=fault, real='it cannot be carried out')
    program = ['SET truth:b text', 'MULTI', 'SET truth:a 1', refused, 'SET truth:c 3', 'EXEC', 'GET truth:a']
    real = fate(redis_server.port, version, program)
    assert real[-1] == b'1'
    with Proxy(redis_server.address, 'redis', behavior=fault) as proxy:
        assert fate(proxy.address.port, version, program) == real
        assert proxy.status()['faults'] == {'error': 1}


@resp
def test_exec_fails_outside_of_a_transaction(redis_server: Server, keys: Any, version: int, show: Show) -> None:
    """Nothing is watched any more."""
    fault = ARGUMENTS.format('EXEC', 'exec').replace(', ', ', nth=1, ', 1)
    situation = f'WATCH, EXEC fails, the key is changed, MULTI, EXEC, RESP{version}'
    show(protocol='redis', driver='redis', situation=situation, fault=fault, real='an argument too many')

    def outcomes(port: int, execution: str) -> list[object]:
        with connection(port, version) as made, connection(redis_server.port, version) as other:
            seen = [outcome(made, command) for command in ('WATCH truth:a', execution)]
            outcome(other, 'SET truth:a 1')
            return [*seen, *(outcome(made, command) for command in ('MULTI', 'SET truth:b 1', 'EXEC')), keys()]

    real = outcomes(redis_server.port, 'EXEC nonsense')
    with Proxy(redis_server.address, 'redis', behavior=fault) as proxy:
        assert outcomes(proxy.address.port, 'EXEC') == real


@resp
def test_asking_is_for_one_command(tmp_path: Path, version: int, show: Show) -> None:
    """What comes behind the one that failed is asked of the node that serves it."""
    fault = "error(match='MGET *', message='TRYAGAIN')"
    situation = f'ASKING, MGET fails, then another command, RESP{version}'
    show(protocol='redis', driver='redis', situation=situation, fault=fault, real='a slot that is imported')
    program = ['ASKING', 'MGET {truth:b}1 {truth:b}2', 'SET truth:b 1']
    with failures.breakable_node(tmp_path) as admin:
        failures.take_slots(admin)
        with failures.importing(admin):
            port = failures.port_of(admin)
            real = fate(port, version, program)
            with Proxy(f'{HOST}:{port}', 'redis', behavior=fault) as proxy:
                assert fate(proxy.address.port, version, program) == real
                with connection(proxy.address.port, version) as made:
                    made.send_packed_command(made.pack_commands([command.split() for command in program]))
                    assert [read(made) for _ in program] == real


#: The rule of a user, what they must not do then, what they send, and what a server says of it.
FLIGHTS = {
    'CLIENT REPLY OFF fails': ('-client|reply', 'CLIENT REPLY', ['CLIENT REPLY OFF', 'GET truth:a']),
    'CLIENT REPLY SKIP fails': ('-client|reply', 'CLIENT REPLY', ['CLIENT REPLY SKIP', 'GET truth:a']),
    'CLIENT REPLY SKIP, and a command fails': ('', '', ['CLIENT REPLY SKIP', 'GET truth:b']),
    'CLIENT REPLY OFF, a command fails, CLIENT REPLY ON': (
        *('', ''),
        ['CLIENT REPLY OFF', 'MULTI', 'GET truth:b', 'GET truth:a', 'EXEC', 'CLIENT REPLY ON'],
    ),
    'MULTI fails, then CLIENT REPLY SKIP': ('-multi', 'MULTI', ['MULTI', 'CLIENT REPLY SKIP', 'GET truth:a']),
    'EXEC fails': ('-exec', 'EXEC', ['MULTI', 'GET truth:a', 'EXEC']),
    'DISCARD fails, then EXEC': ('-discard', 'DISCARD', ['MULTI', 'GET truth:a', 'DISCARD', 'EXEC']),
    'MONITOR fails': ('-monitor', 'MONITOR', ['MONITOR']),
    'SUBSCRIBE fails': ('resetchannels', 'SUBSCRIBE *', ['SUBSCRIBE truth:a truth:b', 'GET truth:a']),
    'PSUBSCRIBE fails': ('resetchannels', 'PSUBSCRIBE *', ['PSUBSCRIBE truth:*', 'GET truth:a']),
    'SSUBSCRIBE fails': ('resetchannels', 'SSUBSCRIBE *', ['SSUBSCRIBE truth:a', 'GET truth:a']),
    'UNSUBSCRIBE fails': ('-unsubscribe', 'UNSUBSCRIBE*', ['UNSUBSCRIBE', 'GET truth:a']),
    'QUIT, and commands behind it': ('', '', ['QUIT']),
}
NO_KEY = 'NOPERM this user has no permissions to access one of the keys used as arguments'
NO_CHANNEL = 'NOPERM this user has no permissions to access one of the channels used as arguments'


def flight(port: int, version: int, user: str, commands: Sequence[str]) -> list[object]:
    """Return all replies to *commands* that are sent in one flight, and to some that follow, until the end."""
    with connection(port, version, username=user, password='secret') as made:
        sent = [*commands, 'GET truth:b', 'GET truth:c', 'QUIT']
        made.send_packed_command(made.pack_commands([command.split() for command in sent]))
        replies = []
        while made.is_connected:
            replies.append(read(made))
        return replies


@resp
@pytest.mark.parametrize('name', FLIGHTS)
def test_what_was_refused_has_changed_nothing(redis_server: Server, name: str, version: int, show: Show) -> None:
    """What follows in the same flight is understood as the backend does: other faults come in their turn."""
    rule, match, commands = FLIGHTS[name]
    message = (
        NO_CHANNEL
        if rule == 'resetchannels'
        else f"NOPERM this user has no permissions to run the '{rule[1:]}' command"
    )
    faults = [f'error(match={match!r}, message={message!r})'] if rule else []
    faults.append(f"error(match='GET truth:b', message={NO_KEY!r})")
    show(
        protocol='redis',
        driver='redis',
        situation=f'{name}, then another command, all in one flight, RESP{version}',
        fault=','.join(faults),
        real=f'the rules `{" ".join([*rule.split(), "~truth:a ~truth:c"])}` of a user',
    )
    with redis.Redis(HOST, redis_server.port) as direct:
        for user, rules in (
            ('limited', ['~truth:a', '~truth:c', '&*', '+@all', *rule.split()]),
            ('free', ['~*', '&*', '+@all']),
        ):
            direct.execute_command('ACL', 'SETUSER', user, 'reset', 'on', '>secret', *rules)
        real = flight(redis_server.port, version, 'limited', commands)
        with Proxy(redis_server.address, 'redis') as proxy:
            if 'SUBSCRIBE' in match:  # what was really refused is not taken for the reply to something else
                proxy.set_behavior('error(match="GET truth:c", message="OOM of the third")')
                seen = flight(proxy.address.port, version, 'limited', commands)
                assert seen == [*real[:-3], ('OutOfMemoryError', 'of the third'), *real[-2:]]
            proxy.set_behavior(failures.reword(','.join(faults), direct, 'limited'))
            assert flight(proxy.address.port, version, 'free', commands) == real
