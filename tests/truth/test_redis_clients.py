"""Redis: the same program of ``redis-py`` with a server that was made to fail, and with a fault in its place.

The program says where the failure begins and where it ends. What its calls return or raise, what the next five say, and
what the server has in the end, are equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pytest
import redis

from tests.servers import HOST, TIMEOUT
from tests.truth import redis_failures as failures
from tests.truth.conftest import Show
from tests.truth.redis_failures import (
    NO_RETRY,
    Admin,
    Failure,
    breakable_node,
    breakable_server,
    configured,
    forbidden,
    port_of,
    reword,
)
from vaurien import Proxy

#: Has no types.
Client = Any
#: Makes the server fail, or seem to, for the length of a block.
Broken = Callable[[], AbstractContextManager[object]]
Program = Callable[[Client, Broken], list[object]]

NOPERM = "NOPERM this user has no permissions to run the '{}' command"
NO_HELLO = (
    'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option '
    'can be used to authenticate the client and select the RESP protocol version at the same time'
)
NO_CHANNEL = 'NOPERM this user has no permissions to access one of the channels used as arguments'


def attempt(call: Callable[..., object], *args: object) -> object:
    """Return what *call* returns, or which exception it raises."""
    try:
        result = call(*args)
    except redis.RedisError as error:
        return show_error(error)
    return list(map(show_error, result)) if isinstance(result, list) else result


def show_error(result: object) -> object:
    """Return an exception as something that can be compared; anything else as it is."""
    is_error = isinstance(result, Exception)
    return (type(result).__name__, re.sub(r':\d+', '', str(result))) if is_error else result  # but for the port


def go_on(client: Client) -> list[object]:
    """Return what the next five statements say."""
    pipe = client.pipeline()
    pipe.append('truth:e', 'x').get('truth:e')
    return [
        attempt(client.set, 'truth:d', 4),
        attempt(client.get, 'truth:a'),
        attempt(client.append, 'truth:b', 'x'),
        attempt(pipe.execute),
        attempt(client.echo, 'the end'),
    ]


def alone(client: Client, broken: Broken) -> list[object]:
    seen = [attempt(client.set, 'truth:a', 1)]
    with broken():
        seen.append(attempt(client.append, 'truth:b', 'x'))
    return seen + go_on(client)


def reading(client: Client, broken: Broken) -> list[object]:
    pipe = client.pipeline(transaction=True)
    pipe.get('truth:a').get('truth:b')
    with broken():
        seen = [attempt(client.get, 'truth:a'), attempt(pipe.execute)]
    return seen + go_on(client)


def pipeline(client: Client, broken: Broken) -> list[object]:
    pipe = client.pipeline(transaction=True)
    pipe.append('truth:b', 'x').append('truth:c', 'x')
    with broken():
        seen = [attempt(pipe.execute)]
    return seen + go_on(client)


def step_by_step(client: Client, broken: Broken) -> list[object]:
    do = client.execute_command
    seen = [attempt(do, 'MULTI'), attempt(do, 'APPEND', 'truth:a', 'x')]
    with broken():
        seen.append(attempt(do, 'APPEND', 'truth:b', 'x'))
    return [*seen, attempt(do, 'APPEND', 'truth:c', 'x'), attempt(do, 'EXEC'), *go_on(client)]


def execution(client: Client, broken: Broken) -> list[object]:
    do = client.execute_command
    seen = [attempt(do, *words.split()) for words in ('WATCH truth:a', 'MULTI', 'APPEND truth:b x')]
    with broken():
        seen.append(attempt(do, 'EXEC'))
    seen += [attempt(do, *words.split()) for words in ('EXEC', 'SET truth:a 1', 'MULTI', 'APPEND truth:c x', 'EXEC')]
    return seen + go_on(client)


def discard(client: Client, broken: Broken) -> list[object]:
    do = client.execute_command
    seen = [attempt(do, *words.split()) for words in ('MULTI', 'APPEND truth:b x')]
    with broken():
        seen.append(attempt(do, 'DISCARD'))
    return [*seen, attempt(do, 'APPEND', 'truth:c', 'x'), attempt(do, 'EXEC'), *go_on(client)]


def watch_loop(client: Client, broken: Broken) -> list[object]:
    def change(pipe: Client) -> None:
        pipe.get('truth:a')
        pipe.multi()
        pipe.append('truth:a', 'x').append('truth:b', 'x')

    with broken():
        seen = [attempt(client.transaction, change, 'truth:a')]
    return [*seen, attempt(client.transaction, change, 'truth:a'), *go_on(client)]


def wrong_type(client: Client, broken: Broken) -> list[object]:
    pipe = client.pipeline(transaction=True)
    pipe.set('truth:a', 1).lpush('truth:queue', 'x').append('truth:c', 'x')
    with broken():
        seen = [attempt(client.lpush, 'truth:queue', 'x'), attempt(pipe.execute, False), attempt(pipe.execute)]
    return seen + go_on(client)


def script(client: Client, broken: Broken) -> list[object]:
    called = client.register_script('return redis.call("incr", KEYS[1])')
    seen = [attempt(called, ['truth:b'])]
    with broken():
        seen.append(attempt(client.evalsha, called.sha, 1, 'truth:b'))
    return [*seen, attempt(called, ['truth:b']), *go_on(client)]


def script_in_a_pipeline(client: Client, broken: Broken) -> list[object]:
    sha = client.script_load('return redis.call("incr", KEYS[1])')
    pipe = client.pipeline(transaction=True)
    pipe.append('truth:a', 'x').evalsha(sha, 1, 'truth:b').append('truth:c', 'x')
    with broken():
        seen = [attempt(pipe.execute, False)]
    return [*seen, *go_on(client)]


def login(client: Client, broken: Broken) -> list[object]:
    do = client.execute_command
    with broken():
        seen = [attempt(do, 'AUTH', 'app', 'secret'), attempt(do, 'HELLO', 3, 'AUTH', 'app', 'secret')]
    return [*seen, attempt(client.acl_whoami), attempt(client.client_info)['resp'], *go_on(client)]  # type: ignore[index]


def stranger(client: Client, broken: Broken) -> list[object]:
    """Connect anew, with no password."""
    client.connection.disconnect()
    with broken():
        seen = [attempt(client.get, 'truth:a'), attempt(client.ping)]
    return seen + go_on(client)


def select(client: Client, broken: Broken) -> list[object]:
    with broken():
        seen = [attempt(client.execute_command, 'SELECT', 1)]
    return [*seen, client.client_info()['db'], *go_on(client)]


def monitor(client: Client, broken: Broken) -> list[object]:
    with broken():
        seen = [attempt(client.execute_command, 'MONITOR')]
    return seen + go_on(client)


def silence(client: Client, broken: Broken) -> list[object]:
    with broken():
        seen = [attempt(client.client_reply, mode) for mode in ('OFF', 'SKIP')]
    return seen + go_on(client)


def silent(client: Client, broken: Broken) -> list[object]:
    """Send a transaction without being told anything, with the driver's own connection."""
    connection = client.connection
    with broken():
        for words in ('CLIENT REPLY OFF', 'MULTI', 'SET truth:a 1', 'APPEND truth:b x', 'EXEC', 'CLIENT REPLY ON'):
            connection.send_command(*words.split())
        seen = [attempt(connection.read_response)]
    return seen + go_on(client)


def skipped(client: Client, broken: Broken) -> list[object]:
    connection = client.connection
    with broken():
        for words in ('CLIENT REPLY SKIP', 'APPEND truth:b x', 'ECHO shown'):
            connection.send_command(*words.split())
        seen = [attempt(connection.read_response)]
    return seen + go_on(client)


def blocked(client: Client, broken: Broken) -> list[object]:
    with broken():
        seen = [attempt(client.blpop, 'truth:queue', 0)]
    return seen + go_on(client)


def large(client: Client, broken: Broken) -> list[object]:
    seen = [attempt(client.set, 'truth:large', 1_000_000 * 'x')]
    with broken():
        seen.append(attempt(client.getdel, 'truth:large'))
    return seen + go_on(client)


def impatient(client: Client, broken: Broken) -> list[object]:
    client.connection_pool.connection_kwargs['socket_timeout'] = 1.0
    with client.client() as other, broken():
        seen = [attempt(other.append, 'truth:b', 'x')]
    return seen + go_on(client)


def two_slots(client: Client, broken: Broken) -> list[object]:
    """Ask a cluster for what it has in two places."""
    pipe = client.pipeline(transaction=True)
    pipe.append('truth:a', 'x').append('truth:b', 'x')
    with broken():
        seen = [attempt(client.mset, {'truth:a': 1, 'truth:b': 2}), attempt(pipe.execute)]
    return seen + go_on(client)


def subscription(kind: str) -> Program:
    def program(client: Client, broken: Broken) -> list[object]:
        with client.pubsub() as pubsub:
            call = getattr(pubsub, kind)
            with broken():
                seen = [attempt(call, 'truth:news'), attempt(pubsub.get_message, False, TIMEOUT)]
            seen += [attempt(call, 'truth:news'), attempt(pubsub.get_message, False, TIMEOUT)]
        return seen + go_on(client)

    return program


class Case(NamedTuple):
    """A situation: what fails, how it is said, and how the server is made to fail."""

    situation: str
    program: Program
    fault: str
    real: str
    failure: Failure


REFUSED = 'error(match={!r}, message={!r})'


def refusals(kind: str, real: str, failure: Failure, *programs: Program) -> Iterator[Case]:
    """Yield the situations in which a command, or EXEC, is refused with an error of that kind."""
    for program in programs:
        situation = SITUATIONS[program]
        match = 'EXEC' if program is execution else 'APPEND *'
        yield Case(situation, program, REFUSED.format(match, kind), real, failure)


def denied(program: Program, situation: str, rule: str, match: str, message: str) -> Case:
    """Return a situation in which the access control list does not allow something."""
    return Case(situation, program, REFUSED.format(match, message), f'`ACL SETUSER default {rule}`', forbidden(rule))


SITUATIONS: dict[Program, str] = {
    alone: 'a command fails',
    pipeline: 'commands of a `pipeline(transaction=True)` fail',
    step_by_step: 'a command in a transaction fails, EXEC all the same',
    execution: 'WATCH, MULTI, and EXEC fails',
    watch_loop: 'a command of `transaction()` fails, which watches a key; the same again',
}
OOM = refusals('OOM', '`maxmemory` is used up', configured('0', maxmemory=1), *SITUATIONS)
MISCONF = refusals('MISCONF', 'a snapshot that cannot be written', failures.unable_to_save, alone, pipeline, execution)
NOREPLICAS = refusals(
    'NOREPLICAS', '`min-replicas-to-write`', configured('0', min_replicas_to_write=1), alone, step_by_step, execution
)
BUSY = refusals('BUSY', 'a script without an end', failures.busy, alone, step_by_step, execution)
LOADING = refusals('LOADING', 'a server that loads its data', failures.loading, alone, pipeline, step_by_step)
READONLY = refusals('READONLY', 'the server is a replica', failures.replica, *SITUATIONS)
APPEND = NOPERM.format('append')
CASES = [
    *OOM,
    *MISCONF,
    *NOREPLICAS,
    *BUSY,
    *LOADING,
    *READONLY,
    Case(
        'a command, and those of a `pipeline(transaction=True)`, fail',
        reading,
        REFUSED.format('GET *', 'MASTERDOWN'),
        'a replica whose master is gone',
        failures.cut_off,
    ),
    *(
        denied(program, SITUATIONS[program], '-append', 'APPEND *', APPEND)
        for program in (alone, step_by_step, watch_loop)
    ),
    denied(execution, SITUATIONS[execution], '-exec', 'EXEC', NOPERM.format('exec')),
    denied(pipeline, 'MULTI of a `pipeline(transaction=True)` fails', '-multi', 'MULTI', NOPERM.format('multi')),
    denied(discard, 'DISCARD fails, then EXEC', '-discard', 'DISCARD', NOPERM.format('discard')),
    denied(select, 'SELECT fails', '-select', 'SELECT *', NOPERM.format('select')),
    denied(monitor, 'MONITOR fails', '-monitor', 'MONITOR', NOPERM.format('monitor')),
    denied(silence, 'CLIENT REPLY fails', '-client|reply', 'CLIENT REPLY', NOPERM.format('client|reply')),
    denied(silent, 'CLIENT REPLY OFF, and a command in a transaction fails', '-append', 'APPEND *', APPEND),
    denied(silent, 'CLIENT REPLY OFF, and EXEC fails', '-exec', 'EXEC', NOPERM.format('exec')),
    denied(skipped, 'CLIENT REPLY SKIP, and a command fails', '-append', 'APPEND *', APPEND),
    *(
        denied(subscription(kind), f'`{kind}()` of a `pubsub()` fails, then not', 'resetchannels', match, NO_CHANNEL)
        for kind, match in (
            ('subscribe', 'SUBSCRIBE *'),
            ('psubscribe', 'PSUBSCRIBE *'),
            ('ssubscribe', 'SSUBSCRIBE *'),
        )
    ),
    Case(
        'AUTH and HELLO with AUTH fail',
        login,
        'error(match="/^(AUTH|HELLO)/", message="WRONGPASS")',
        'a user who was disabled',
        failures.disabled,
    ),
    Case(
        'all commands of a new connection fail',
        stranger,
        f"error(match='HELLO *', message='{NO_HELLO}'),error(message='NOAUTH')",
        '`requirepass`',
        configured('', requirepass='secret'),
    ),
    Case(
        'a command in a transaction fails when it is carried out',
        wrong_type,
        REFUSED.format('LPUSH *', 'WRONGTYPE'),
        'a key of another type',
        failures.other_type,
    ),
    Case('EVALSHA fails', script, REFUSED.format('EVALSHA *', 'NOSCRIPT'), '`SCRIPT FLUSH`', failures.forgotten),
    Case(
        'EVALSHA of a `pipeline(transaction=True)` fails',
        script_in_a_pipeline,
        REFUSED.format('EVALSHA *', 'NOSCRIPT'),
        '`SCRIPT FLUSH`',
        failures.forgotten,
    ),
    Case('WATCH, MULTI, and EXEC is lost', execution, "blackout(match='EXEC')", '`CLIENT KILL`', failures.killed),
    Case('BLPOP waits', blocked, "blackout(match='BLPOP *')", '`CLIENT KILL`', failures.killed_when_blocked),
    Case(
        'GETDEL is carried out, its reply is lost',
        large,
        "abort(match='GETDEL *')",
        'a reply beyond `client-output-buffer-limit`',
        configured('normal 0 0 0', client_output_buffer_limit='normal 100000 0 0'),
    ),
    Case('a command is not answered', impatient, "hang(match='APPEND *')", '`CLIENT PAUSE`', failures.paused),
]


#: Likewise for a cluster: of what the server is part in the one run, and not in the other.
CLUSTER_CASES = [
    Case(
        'MSET, and EXEC of a `pipeline(transaction=True)`, are for keys in two slots',
        two_slots,
        "error(match='/^(MSET|EXEC)/', message='CROSSSLOT')",
        'a cluster',
        failures.nothing,
    ),
    *refusals('CLUSTERDOWN Hash slot not served', 'a cluster without slots', failures.without_slots, alone, execution),
    *refusals('MOVED 10590 127.0.0.1:7001', 'a slot that has moved in a cluster', failures.moved, alone, execution),
]


@pytest.fixture(scope='module')
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """Return whoever breaks a server of these tests."""
    with breakable_server(tmp_path_factory.mktemp('redis')) as admin:
        yield admin


@pytest.fixture(scope='module')
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """Return whoever breaks a server that is a cluster by itself."""
    with breakable_node(tmp_path_factory.mktemp('cluster')) as admin:
        failures.take_slots(admin)
        yield admin


def run(admin: Admin, port: int, version: int, program: Program, broken: Broken) -> tuple[list[object], object]:
    """Return what the calls of a *program* return or raise at that *port*, and what the server has in the end."""
    admin.flushall()
    client: Client = redis.Redis(
        HOST,
        port,
        protocol=version,
        single_connection_client=True,
        client_name='program',
        retry=NO_RETRY,
        decode_responses=True,
        socket_timeout=TIMEOUT,
    )
    with client:
        seen = program(client, broken)
    return seen, {key: admin.get(key) for key in sorted(admin.scan_iter())}


def compare(broken: Admin, healthy: Admin, version: int, case: Case, show: Show) -> None:
    """Run a program with the real failure and with the fault."""
    show(
        protocol='redis',
        driver='redis',
        situation=f'{case.situation}, RESP{version}',
        fault=case.fault,
        real=case.real,
    )
    fault = reword(case.fault, broken)
    real = run(broken, port_of(broken), version, case.program, lambda: case.failure(broken))
    with Proxy(f'{HOST}:{port_of(healthy)}', 'redis') as proxy:
        seen = run(healthy, proxy.address.port, version, case.program, lambda: proxy.with_behavior(fault))
        assert proxy.status()['faults']
    assert seen == real


@pytest.mark.parametrize('version', [2, 3])
@pytest.mark.parametrize('case', CASES, ids=lambda case: f'{case.situation}, {case.fault}')
def test_a_program_sees_the_same(own: Admin, case: Case, version: int, show: Show) -> None:
    compare(own, own, version, case, show)


@pytest.mark.parametrize('version', [2, 3])
@pytest.mark.parametrize('case', CLUSTER_CASES, ids=lambda case: f'{case.situation}, {case.fault}')
def test_a_program_sees_the_same_of_a_cluster(own: Admin, cluster: Admin, case: Case, version: int, show: Show) -> None:
    compare(cluster, own, version, case, show)
