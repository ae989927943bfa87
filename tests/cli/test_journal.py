"""A run that is recorded, and replayed: ``--journal`` and ``--replay`` of the installed command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.waiting import eventually
from tests.cli.asking import Running, done, failed, read_error
from tests.commands import Command, StartCommand, run
from tests.journal.entries import make_entry
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server
from vaurien.cli.ctl.journal import format_entry
from vaurien.client import Client
from vaurien.journal.reading import read_journal

#: What of a fault is the same in both runs.
SAME = ('proxy', 'request', 'nth', 'behavior', 'options', 'chance')


def faults(path: Path) -> list[tuple[Any, ...]]:
    """The faults in a journal, in the order of their requests."""
    entries = sorted((e for e in read_journal(path) if e.behavior is not None), key=lambda e: (e.proxy, e.time))
    return [tuple(getattr(entry, name) for name in SAME) for entry in entries]


def use_redis(port: int, replies: list[object]) -> None:
    for number in range(6):
        with redis.Redis(HOST, port, protocol=2, retry=Retry(NoBackoff(), 0)) as client:
            try:
                replies.append(client.get(f'journal:{number % 2}'))
            except redis.RedisError as error:
                replies.append(type(error))


def use_http(port: int, replies: list[object]) -> None:
    for _ in range(6):
        try:
            response = requests.get(f'http://{HOST}:{port}/ok', timeout=TIMEOUT, headers={'Connection': 'close'})
            replies.append((response.status_code, response.content))
        except requests.RequestException as error:
            replies.append(type(error))


def use_postgres(port: int, replies: list[object]) -> None:
    account = f'host={HOST} port={port} user=tester password=secret dbname=postgres sslmode=disable'
    for _ in range(3):
        try:
            with psycopg.connect(account, autocommit=True) as connection:
                replies += [connection.execute(f'SELECT {number}').fetchall() for number in range(4)]
        except psycopg.Error as error:
            replies.append((type(error), error.sqlstate))


USERS: dict[str, Callable[[int, list[object]], None]] = {
    'cache': use_redis,
    'web': use_http,
    'db': use_postgres,
}


def use(command: Command) -> dict[str, list[object]]:
    """Use all three, one after the other; what each has answered."""
    replies: dict[str, list[object]] = {}
    for name, proxy in Client(HOST, command.control_port).proxies().items():
        USERS[name](int(proxy['listen'].rpartition(':')[2]), replies.setdefault(name, []))
    return replies


@pytest.fixture
def config(tmp_path: Path, redis_server: Server, nginx: Server, postgres: Server) -> Path:
    """Three proxies. With this seed, there are faults at all of them."""
    path = tmp_path / 'vaurien.ini'
    backends = {'cache': ('redis', redis_server), 'web': ('http', nginx), 'db': ('postgres', postgres)}
    sections = [
        f'[proxy:{name}]\nproxy = {HOST}:0\nbackend = {server.address}\nprotocol = {protocol}\n'
        for name, (protocol, server) in backends.items()
    ]
    path.write_text(
        '[vaurien]\nseed = 1\nbehavior = 20:error,15:abort,5:delay(sleep="uniform(min=1ms, max=3ms)")\n'
        + ''.join(sections)
    )
    return path


def test_a_run_of_three_proxies(config: Path, tmp_path: Path, vaurien_command: StartCommand) -> None:
    """Each meets the same faults again, at the same requests, and answers the same."""
    paths = tmp_path / 'first.jsonl', tmp_path / 'second.jsonl'
    flags = '--config', str(config), '--server'
    command = vaurien_command(*flags, '--journal', str(paths[0]))
    recorded = use(command)
    assert command.stop()[0] == 0
    command = vaurien_command(*flags, '--replay', str(paths[0]), '--journal', str(paths[1]))
    assert use(command) == recorded
    code, out, log = command.stop()
    first, second = map(faults, paths)
    assert first == second
    assert {fault[0] for fault in first} == {'cache', 'web', 'db'}
    said = f'replayed: {len(first)} of {len(first)} faults of {paths[0]}'
    assert (code, out.splitlines()[-1]) == (0, said)
    assert f'INFO replay: {said}' in log


def test_what_could_not_be_placed(redis_server: Server, tmp_path: Path, vaurien_command: StartCommand) -> None:
    path = tmp_path / 'run.jsonl'
    lines = [
        {'proxy': 'vaurien', 'request': 'GET journal:1', 'nth': 1, 'behavior': 'error', 'options': {'message': 'OOM'}},
        {'proxy': 'vaurien', 'request': 'GET journal:1', 'nth': 2},
        {'proxy': 'vaurien', 'request': 'GET journal:1', 'nth': 3, 'behavior': 'abort'},
        {'proxy': 'other', 'request': 'PING', 'nth': 1, 'behavior': 'hang'},
    ]
    usual = {'time': 1.5, 'link': 1, 'exchange': 1, 'effect': 'read'}
    path.write_bytes(b''.join(msgspec.json.encode({**usual, **line}) + b'\n' for line in lines))
    flags = '--backend', redis_server.address, '--protocol', 'redis', '--replay', str(path), '--http'
    command = vaurien_command(*flags, '--behavior', 'hang')
    assert f'replay: 3 faults of {path}, and nothing that is armed is drawn' in command.out_lines
    with Peer.connect(command.port) as client:
        for reply in (b'-OOM', b'$-1'):
            client.send(b'GET journal:1\r\n')
            assert client.recv_until(b'\r\n').startswith(reply)
    abort, hang = (
        'vaurien: GET journal:1 #3 abort: only 2 such requests came',
        'other: PING #1 hang: there is no such proxy',
    )
    status = Client(HOST, command.control_port).status()['replay']
    assert status == {'faults': 2, 'placed': 1, 'unplaced': [abort]}
    code, out, log = command.stop()
    said = [f'replayed: 1 of 3 faults of {path}', f'not placed: {abort}', f'not placed: {hang}']
    assert (code, out.splitlines()[-3:]) == (0, said)
    logged = [line.partition(' WARNING ')[2] for line in log.splitlines() if ' WARNING ' in line]
    assert logged == ['replay: faults for the proxy other, which is not here: 1', f'replay: {said[0]}']


def test_a_journal_of_something_else(echo_server: RawBackend, tmp_path: Path, vaurien_command: StartCommand) -> None:
    path = tmp_path / 'run.jsonl'
    line = {'time': 1.5, 'proxy': 'vaurien', 'link': 1, 'exchange': 1, 'request': 'PING', 'nth': 1, 'effect': 'read'}
    path.write_bytes(msgspec.json.encode({**line, 'behavior': 'error'}) + b'\n')
    command = vaurien_command('--backend', echo_server.address, '--protocol', 'http', '--replay', str(path))
    _, out, log = command.stop()
    assert out.splitlines()[-3:] == [
        f'replayed: 0 of 1 faults of {path}',
        'none of their requests came: does the proxy have the name and the protocol that it had?',
        'not placed: vaurien: PING #1 error: no such request came',
    ]
    assert f'WARNING replay: replayed: 0 of 1 faults of {path}' in log


def test_mistakes(tmp_path: Path) -> None:
    path = tmp_path / 'run.jsonl'
    path.write_text('{"journal": 1, "run": "a", "part": 1}\n{"time": 1.5}\n')
    result = run('vaurien', '--replay', str(path))
    said = f'vaurien: error: {path}:2: not a line of a journal: Object missing required field `proxy`\n'
    assert (result.returncode, result.stdout, result.stderr) == (2, '', said)
    result = run('vaurien', '--journal', str(tmp_path))
    said = f'vaurien: error: cannot write the journal to {tmp_path}: Is a directory\n'
    assert (result.returncode, result.stdout, result.stderr) == (2, '', said)


def test_a_journal_that_cannot_be_written(echo_server: RawBackend, vaurien_command: StartCommand) -> None:
    command = vaurien_command('--backend', echo_server.address, '--journal', '/dev/full')
    with Peer.connect(command.port) as client:
        client.send(b'x')
        client.recv_exactly(1)
    code, out, log = command.stop()
    said = '2 lines are lost of /dev/full: No space left on device'
    assert (code, out.splitlines()[-1]) == (0, f'journal: {said}')
    assert log.count('WARNING journal: ') == 1


class TestCtl:
    """``vaurienctl journal``."""

    @pytest.fixture
    def command(
        self, vaurien_command: StartCommand, echo_server: RawBackend, monkeypatch: pytest.MonkeyPatch
    ) -> Command:
        command = vaurien_command('--http', '--backend', echo_server.address, '--journal', '/dev/null')
        monkeypatch.setenv('VAURIEN_URL', command.api)
        return command

    def exchange(self, command: Command, *sizes: int) -> None:
        with Peer.connect(command.port) as client:
            for size in sizes:
                client.send(b'x' * size)
                client.recv_exactly(size)
        eventually(lambda: not Client(HOST, command.control_port).links())

    def test_the_last_ones_are_listed(self, command: Command) -> None:
        assert done('journal') == ''
        self.exchange(command, 1, 2)
        lines = done('journal').splitlines()
        assert [re.sub(r'^\S+ \S+ |[0-9.]+ ms', '', line) for line in lines] == [
            'vaurien: link 1 exchange 1: 1 bytes #1: write, ok after ',
            'vaurien: link 1 exchange 2: 2 bytes #1: write, ok after ',
        ]
        assert [entry['request'] for entry in json.loads(done('journal', '--json', '--limit', '1'))] == ['2 bytes']
        assert done('journal', '--proxy', 'vaurien').splitlines() == lines
        assert (
            failed(2, 'journal', '--proxy', 'other')
            == "/proxies/other/journal: there is no proxy 'other', known: vaurien"
        )

    def test_a_fault_is_named(self) -> None:
        entry = make_entry('GET a', 2, behavior='hang', reply=None, executed=False)
        assert format_entry(entry).endswith('redis: link 1 exchange 2: GET a #2: read, no reply, fault: hang')

    def test_every_new_one_is_printed(self, command: Command) -> None:
        self.exchange(command, 1, 2)
        with Running('journal', '--follow', '--limit', '1') as running:
            running.wait_for(': 2 bytes #1: ')
            self.exchange(command, 3)
            running.wait_for(': 3 bytes #1: ')
            running.interrupt()
            assert running.wait() == (130, '')
        assert '1 bytes' not in running.said

    def test_it_ends_with_the_process(self, command: Command) -> None:
        with Running('journal', '-f', '--json') as running:
            self.exchange(command, 1)
            running.wait_for('"request":"1 bytes"')
            command.stop()
            status, said = running.wait()
        assert status == 1
        assert read_error(said).startswith('cannot reach ')


@pytest.mark.parametrize(('limit', 'bound'), [('-1', '>= 1'), ('0', '>= 1'), ('1001', '<= 1000')])
def test_the_bounds_of_a_list(limit: str, bound: str) -> None:
    assert failed(2, 'journal', '--limit', limit).startswith(f"--limit: expected int {bound}, got '{limit}'")


def test_a_process_without_a_journal(process: Client) -> None:
    assert failed(2, 'journal') == '/journal: no journal is kept: start with --journal FILE'
