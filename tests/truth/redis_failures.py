"""Ways to make a real redis-server fail, for the length of a block.

Each is given a client of the server that may do anything, whatever happens to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.waiting import eventually
from tests.servers import HOST, TIMEOUT, command_path, free_port, running

#: Has no types.
Admin = Any
Connection: Any = redis.Connection
NO_RETRY = Retry(NoBackoff(), 0)
Failure = Callable[[Admin], AbstractContextManager[object]]

#: What Redis 7.2 and later say, in the place of what Redis 7.0 says.
MESSAGES = {
    'this user has no permissions to run': 'User {user} has no permissions to run',
    'this user has no permissions to access one of the keys used as arguments': 'No permissions to access a key',
    'this user has no permissions to access one of the channels used as arguments': (
        'No permissions to access a channel'
    ),
    'the HELLO AUTH <user> <pass> option': 'the HELLO <proto> AUTH <user> <pass> option',
}


@contextmanager
def breakable_server(directory: Path, *flags: str) -> Iterator[Admin]:
    """Run a server of one's own, whose settings may all be changed; give a client of it."""
    port = free_port()
    command = [command_path('redis-server'), '--bind', HOST, '--port', str(port), '--dir', str(directory), *flags]
    command += ['--save', '', '--enable-debug-command', 'yes', '--enable-protected-configs', 'yes']
    with running(command, port, directory), redis.Redis(HOST, port, decode_responses=True) as admin:
        yield admin


def breakable_node(directory: Path) -> AbstractContextManager[Admin]:
    """Run a node of a cluster, which is alone and serves no key."""
    # The state of a cluster is fine whatever slot nobody serves: it takes seconds until it becomes fine again.
    flags = '--cluster-enabled', 'yes', '--cluster-port', str(free_port()), '--cluster-require-full-coverage', 'no'
    return breakable_server(directory, *flags)


def port_of(admin: Admin) -> int:
    """Return the port of the server."""
    return int(admin.connection_pool.connection_kwargs['port'])


def reword(fault: str, admin: Admin, user: str = 'default') -> str:
    """Return a *fault* with the messages that this server has, where they are about that *user*."""
    version = admin.info('server')['redis_version']
    if tuple(map(int, version.split('.')[:2])) >= (7, 2):
        for old, new in MESSAGES.items():
            fault = fault.replace(old, new.format(user=user))
    return fault


def configured(undo: str, **settings: object) -> Failure:
    """Return a failure by *settings*; *undo* is what each of them is in the end."""

    @contextmanager
    def failure(admin: Admin) -> Iterator[None]:
        names = {name.replace('_', '-'): value for name, value in settings.items()}
        for name, value in names.items():
            admin.config_set(name, value)
        try:
            yield
        finally:
            for name in names:
                admin.config_set(name, undo)

    return failure


def forbidden(*rules: str) -> Failure:
    """Return a failure by *rules* of the access control list, for whoever does not log in as somebody else."""

    @contextmanager
    def failure(admin: Admin) -> Iterator[None]:
        admin.execute_command('ACL', 'SETUSER', 'default', *rules)
        try:
            yield
        finally:
            admin.execute_command('ACL', 'SETUSER', 'default', '+@all', 'allkeys', 'allchannels')

    return failure


@contextmanager
def replica(admin: Admin) -> Iterator[None]:
    """Have the server be the replica of another one, which has the same content."""
    with TemporaryDirectory() as directory, breakable_server(Path(directory)) as master:
        master.config_set('repl-diskless-sync-delay', 0)
        for key in admin.scan_iter():
            master.set(key, admin.get(key))
        admin.replicaof(HOST, port_of(master))
        try:
            eventually(lambda: admin.info('replication')['master_link_status'] == 'up')
            yield
        finally:
            admin.replicaof('NO', 'ONE')


@contextmanager
def cut_off(admin: Admin) -> Iterator[None]:
    """Have the server be the replica of a master that cannot be reached, and not serve what may be old."""
    admin.config_set('replica-serve-stale-data', 'no')
    admin.replicaof(HOST, free_port())
    try:
        yield
    finally:
        admin.replicaof('NO', 'ONE')


@contextmanager
def unable_to_save(admin: Admin) -> Iterator[None]:
    """Have the server fail to save: there is a directory where the file should be."""
    (Path(admin.config_get('dir')['dir']) / 'in-the-way').mkdir(exist_ok=True)
    admin.config_set('dbfilename', 'in-the-way')
    admin.config_set('save', '3600 1')
    try:
        eventually(lambda: not admin.info('persistence')['rdb_bgsave_in_progress'])
        admin.bgsave()
        eventually(lambda: admin.info('persistence')['rdb_last_bgsave_status'] == 'err')
        yield
    finally:
        admin.config_set('save', '')
        admin.config_set('dbfilename', 'dump.rdb')


@contextmanager
def busy(admin: Admin) -> Iterator[None]:
    """Have the server execute a script without an end."""
    admin.config_set('busy-reply-threshold', 1)
    with asked(admin, 'EVAL', 'while true do end', 0):
        try:
            eventually(lambda: refuses(admin))
            yield
        finally:
            admin.script_kill()


@contextmanager
def loading(admin: Admin) -> Iterator[None]:
    """Have the server load what it has from its file, and take its time."""
    filler = redis.Redis(HOST, port_of(admin), db=1)
    with filler, filler.pipeline(transaction=False) as pipe:
        for i in range(2000):
            pipe.set(str(i), 1024 * 'x')
        pipe.execute()
    # Between two keys it waits for 5 ms, and then looks at its connections.
    admin.config_set('rdbcompression', 'no')
    admin.config_set('loading-process-events-interval-bytes', 1024)
    admin.config_set('key-load-delay', 5_000)
    with asked(admin, 'DEBUG', 'RELOAD'):
        try:
            eventually(lambda: refuses(admin))
            yield
        finally:
            admin.config_set('key-load-delay', 0)
    with redis.Redis(HOST, port_of(admin), db=1) as filler:
        filler.flushdb()


@contextmanager
def asked(admin: Admin, *command: object) -> Iterator[None]:
    """Have the server carry out a command that takes long; wait in the end until it has."""
    connection = Connection(host=HOST, port=port_of(admin), socket_timeout=TIMEOUT)
    connection.connect()
    try:
        connection.send_command(*command)
        yield
        with suppress(redis.ResponseError):  # of a script that was killed
            connection.read_response()
    finally:
        connection.disconnect()


def refuses(admin: Admin) -> bool:
    """Return whether the server refuses everybody."""
    with redis.Redis(HOST, port_of(admin), retry=NO_RETRY) as client:
        try:
            client.get('truth:a')
        except redis.RedisError:
            return True
        return False


@contextmanager
def disabled(admin: Admin) -> Iterator[None]:
    """Have the server know the user ``app``, but not let them in."""
    admin.execute_command('ACL', 'SETUSER', 'app', 'off', '>secret', '+@all', 'allkeys')
    try:
        yield
    finally:
        admin.execute_command('ACL', 'DELUSER', 'app')


@contextmanager
def other_type(admin: Admin) -> Iterator[None]:
    """Have a text where a list is expected."""
    admin.set('truth:queue', 'text')
    yield
    admin.delete('truth:queue')


@contextmanager
def forgotten(admin: Admin) -> Iterator[None]:
    """Have the server forget all scripts."""
    admin.script_flush()
    yield


def kill(admin: Admin) -> None:
    """Have the server close all connections but this one."""
    admin.execute_command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')


@contextmanager
def killed(admin: Admin) -> Iterator[None]:
    """Have the server close all connections."""
    kill(admin)
    yield


@contextmanager
def killed_when_blocked(admin: Admin) -> Iterator[None]:
    """Have the server close all connections once somebody waits for something."""

    def wait() -> None:
        eventually(lambda: admin.info('clients')['blocked_clients'])
        kill(admin)

    thread = Thread(target=wait)
    thread.start()
    yield
    thread.join()


@contextmanager
def paused(admin: Admin) -> Iterator[None]:
    """Have the server carry out nothing that writes, until whoever wanted that has gone."""
    admin.client_pause(1000 * 60 * 60, all=False)
    try:
        yield
        eventually(lambda: not any('b' in client['flags'] for client in admin.client_list()))
    finally:
        admin.client_unpause()


@contextmanager
def nothing(admin: Admin) -> Iterator[None]:
    """Have the server be what it is."""
    yield


def take_slots(admin: Admin) -> None:
    """Have a node of a cluster serve all keys."""
    admin.execute_command('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
    eventually(lambda: admin.cluster('INFO')['cluster_state'] == 'ok')


@contextmanager
def without_slots(admin: Admin) -> Iterator[None]:
    """Have the node of a cluster serve next to no key: without any slot, it would be seconds until it serves again."""
    slots = 1, 16383
    admin.execute_command('CLUSTER', 'DELSLOTSRANGE', *slots)
    try:
        yield
    finally:
        admin.execute_command('CLUSTER', 'ADDSLOTSRANGE', *slots)


@contextmanager
def moved(admin: Admin) -> Iterator[None]:
    """Have another node of the cluster serve the key ``truth:b``."""
    slot, own = admin.cluster('KEYSLOT', 'truth:b'), admin.cluster('MYID')
    with TemporaryDirectory() as directory, breakable_node(Path(directory)) as other:
        name = other.cluster('MYID')
        admin.cluster('MEET', HOST, port_of(other), other.config_get('cluster-port')['cluster-port'])
        eventually(lambda: knows(admin, name) and knows(other, own))
        try:
            admin.cluster('SETSLOT', slot, 'NODE', name)
            yield
        finally:
            admin.cluster('SETSLOT', slot, 'NODE', own)
            admin.cluster('FORGET', name)


@contextmanager
def importing(admin: Admin) -> Iterator[None]:
    """Have the node of the cluster import the slot of the key ``truth:b``, which another node serves."""
    with moved(admin):
        slot, own = admin.cluster('KEYSLOT', 'truth:b'), admin.cluster('MYID')
        other = next(node['node_id'] for node in admin.cluster('NODES').values() if node['node_id'] != own)
        admin.cluster('SETSLOT', slot, 'IMPORTING', other)
        yield


def knows(admin: Admin, name: str) -> bool:
    """Return whether a node knows the one of that *name*. While they meet, it is known by another name."""
    nodes = admin.cluster('NODES').values()
    return any(node['node_id'] == name and 'handshake' not in node['flags'] for node in nodes)
