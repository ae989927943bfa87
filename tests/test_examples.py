"""Every file in ``examples/`` is run, as its own first lines say."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic

import gevent.socket
import pytest

from tests.commands import PYTEST, SCRIPTS, StartCommand, run
from tests.peers import Peer, RawBackend, echo
from tests.programs import run_program
from tests.schedule.stage import Stage, make, play
from tests.servers import TIMEOUT, Server, free_port
from vaurien.address import Address
from vaurien.cli.flags import parse
from vaurien.config.schedules import load_schedule
from vaurien.rules.behaviors import make_rules
from vaurien.settings import Settings

EXAMPLES = Path(__file__).parent.parent / 'examples'

#: The test that runs each file.
RUN_BY = {
    'vaurien.ini': 'test_config_files',
    'vaurien.toml': 'test_config_files',
    'vaurien.yaml': 'test_config_files',
    'slow_behavior.py': 'test_slow_behavior',
    'slow_behavior.ini': 'test_slow_behavior',
    'minitel.py': 'test_minitel',
    'minitel.ini': 'test_minitel',
    'test_redis_outage.py': 'test_redis_outage',
    'test_connections.py': 'test_connections',
    'unittest_client.py': 'test_unittest_client',
    'conntest.sh': 'test_conntest',
    'failover.toml': 'test_failover',
    'friday.toml': 'test_friday',
}


@pytest.mark.slow
def test_recipes(redis_server: Server, tmp_path: Path) -> None:
    """All of them at once, in two workers; that for gevent once more, in a process that is patched."""
    environment = {**os.environ, 'REDIS': redis_server.address}
    recipes = EXAMPLES / 'recipes'
    plain = ['-m', 'pytest', '-p', 'no:cacheprovider', '-p', 'no:schemathesis', '-W', 'error', '-q']
    patched = ['-m', 'gevent.monkey', '--module', *plain[1:], 'test_gevent.py']
    for arguments, passed in (([*plain, '-n', '2'], 8), (patched, 1)):
        said = run_program([sys.executable, *arguments], recipes, environment, seconds=12 * TIMEOUT)
        assert f'{passed} passed' in said


@pytest.fixture
def _in_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)


@pytest.fixture
def minitel_server() -> Iterator[RawBackend]:
    """A backend that answers lines: what was asked, backwards."""
    backend = RawBackend().serve(answer_lines)
    yield backend
    backend.close()


def answer_lines(peer: Peer) -> None:
    try:
        while True:
            peer.send(peer.recv_until(b'\r\n')[-3::-1] + b'\r\n')
    except (EOFError, ConnectionError):
        return


def run_python(*arguments: str, **environment: str) -> str:
    """What *arguments* print, as a program of its own that must end well."""
    return run_program([sys.executable, *arguments], EXAMPLES, {**os.environ, **environment})


def test_every_file_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == set(RUN_BY)
    assert set(RUN_BY.values()) <= set(globals())


@pytest.mark.parametrize('name', ['vaurien.ini', 'vaurien.toml', 'vaurien.yaml'])
def test_config_files(name: str, nginx: Server, vaurien_command: StartCommand) -> None:
    options = {'delay': {'sleep': 2.0}}
    assert parse(['--config', str(EXAMPLES / name)]).settings == Settings(
        proxy=Address('localhost', 8000),
        backend=Address('google.com', 80),
        protocol='http',
        behaviors=make_rules('20:delay', options),
        behavior_options=options,
    )
    command = vaurien_command(
        '--config', str(EXAMPLES / name), '--proxy', '127.0.0.1:0', '--backend', nginx.address, '--behavior=dummy'
    )
    with Peer.connect(command.port) as client:
        client.send(b'GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        assert client.recv_all().startswith(b'HTTP/1.1 200 OK\r\n')


@pytest.mark.usefixtures('_in_examples')
def test_slow_behavior(echo_server: RawBackend, vaurien_command: StartCommand) -> None:
    command = vaurien_command(
        *('--config', 'slow_behavior.ini', '--proxy', '127.0.0.1:0', '--backend', echo_server.address),
        *('--behavior-slow-sleep', '1'),
    )
    with ExitStack() as stack:
        clients = [stack.enter_context(Peer.connect(command.port)) for _ in range(5)]
        began = monotonic()
        for client in clients:
            client.send(b'hello')
        for client in clients:
            assert client.recv_exactly(5) == b'hello'
        # Asleep at the same time, in spite of the time.sleep.
        assert 1 <= monotonic() - began < 5
    command.wait_for_log('link 2 exchange 1: slow on 5 bytes')


@pytest.mark.usefixtures('_in_examples')
def test_minitel(minitel_server: RawBackend, vaurien_command: StartCommand) -> None:
    flags = ('--config', 'minitel.ini', '--proxy', '127.0.0.1:0', '--backend', minitel_server.address)
    command = vaurien_command(*flags, '--seed', '1')
    answers = []
    with Peer.connect(command.port) as client:
        for _ in range(30):
            client.send(b'3615 ULLA\r\n')
            answers.append(client.recv_until(b'\r\n'))
    assert set(answers) == {b'ALLU 5163\r\n', b'SERVICE INDISPONIBLE\r\n'}
    _, _, log = command.stop()
    assert log.count('error on 3615') == answers.count(b'SERVICE INDISPONIBLE\r\n')


def test_redis_outage(redis_server: Server) -> None:
    said = run_python(*PYTEST[1:], 'test_redis_outage.py', REDIS=redis_server.address)
    assert '7 passed' in said


def test_connections(redis_server: Server) -> None:
    said = run_python(*PYTEST[1:], 'test_connections.py', REDIS=redis_server.address)
    assert '2 passed' in said


def test_unittest_client() -> None:
    assert 'Ran 2 tests' in run_python('unittest_client.py')


def test_conntest(tmp_path: Path) -> None:
    ports = {name: str(free_port()) for name in ('SERVER_PORT', 'PROXY_PORT', 'CONTROL_PORT')}
    environment = {**os.environ, **ports, 'PATH': f'{SCRIPTS}:{os.environ["PATH"]}'}
    said = run_program(['bash', str(EXAMPLES / 'conntest.sh')], tmp_path, environment)
    faults = {match[1]: int(match[2]) for match in re.finditer(r'^faults\.(\w+) +(\d+)$', said, re.MULTILINE)}
    assert set(faults) == {'blackout', 'error'}
    results = json.loads((tmp_path / 'report.json').read_bytes())['results']
    errors = [result['error'] for result in results if 'error' in result]
    assert len(results) == 200
    # The proxy may also have hit the calls that frame the runs, which are made again.
    assert 0 < len(errors) <= sum(faults.values())
    assert all(error.endswith('; server run not found') for error in errors)
    assert said.count(f'errors    {len(errors)} (') == 2
    assert (tmp_path / 'roundtrip.png').exists()


def list_changes(name: str) -> list[tuple[float, str]]:
    """Return what a dry run of a schedule prints: the seconds of each change, and the change."""
    done = run('vaurien', '--schedule', str(EXAMPLES / name), '--dry-run')
    assert (done.returncode, done.stderr) == (0, '')
    return [(float(line[:10]), line[12:].removeprefix('vaurien: ')) for line in done.stdout.splitlines()]


def play_schedule(name: str, scene: Callable[[Stage], None]) -> None:
    """Play a scene on a stage where a schedule has begun, in front of an echo server. Its time is the test's."""

    def begin(stage: Stage) -> None:
        stage.scheduler.start(load_schedule(str(EXAMPLES / name)))
        stage.settle()
        scene(stage)
        assert stage.scheduler.status()['status'] == 'ended'
        assert (stage.armed, stage.toxics, stage.proxy.enabled) == ('dummy', [], True)
        assert echoes(stage)

    backend = RawBackend().serve(echo)
    play(begin, make('p', backend=Address.parse(backend.address)))
    backend.close()


def echoes(stage: Stage) -> bool:
    """Return whether a client gets back what it sends."""
    try:
        with closing(gevent.socket.create_connection(stage.proxy.address, TIMEOUT)) as client:
            client.sendall(b'x')
            return bool(client.recv(1) == b'x')
    except ConnectionError:
        return False


def test_failover() -> None:
    changes = list_changes('failover.toml')
    assert [change for change in changes if not change[1].startswith('toxic latency(')] == [
        (0.0, 'behavior 10:hang'),
        (15.0, 'behavior as before'),
        (15.0, 'enabled false'),
        *(
            (up + wait, f'enabled {text}')
            for up in (41.0, 46.0, 51.0)
            for wait, text in ((0, 'as before'), (4, 'false'))
        ),
        (56.0, 'enabled as before'),
        (90.0, 'toxic latency_downstream as before'),
    ]

    def scene(stage: Stage) -> None:
        stage.pass_time(12.5)
        seen = []
        for _ in range(16):
            is_calm = stage.armed == 'dummy' and not stage.toxics
            seen.append(echoes(stage) if is_calm else f'{stage.armed}, {len(stage.toxics)} toxic')
            stage.pass_time(5)
        assert seen == ['10:hang, 0 toxic', *[False] * 5, *[True] * 4, *['dummy, 1 toxic'] * 6]

    play_schedule('failover.toml', scene)


def test_friday() -> None:
    changes = list_changes('friday.toml')
    hour = 3600.0
    assert changes[0] == (0.0, 'toxic latency(jitter=5)@downstream')
    assert changes[-1] == (5 * hour, 'toxic latency_downstream as before')
    assert (3 * hour, 'toxic latency(latency=800, jitter=100)@downstream') in changes
    assert (4 * hour, 'toxic bandwidth_downstream as before') in changes
    jobs = [seconds for seconds, text in changes if text.startswith('behavior 5:error')]
    assert [round((second - 1.5 * hour) // 1200) for second in jobs] == list(range(11))
    assert changes == list_changes('friday.toml')

    def scene(stage: Stage) -> None:
        seen = []
        for _ in range(5):
            stage.pass_time(hour - 60)
            seen.append((round(find(stage, 'latency', 'latency'), -2), find(stage, 'bandwidth', 'rate')))
            stage.pass_time(60)
        assert seen == [(300, 0), (500, 6832), (800, 3467), (800, 200), (800, 0)]

    play_schedule('friday.toml', scene)


def find(stage: Stage, toxic: str, attribute: str) -> int:
    """Return an attribute of a toxic on the downstream, 0 without the toxic."""
    return next((values[attribute] for name, values in stage.toxics if name == f'{toxic}_downstream'), 0)
