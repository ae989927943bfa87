"""Schedules through every door: the control API, `Client`, ``vaurienctl``, and a proxy in the process of the test."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.cli.asking import done, failed
from tests.commands import Command
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien import Client, Proxy
from vaurien.config.files import MAX_SIZE
from vaurien.config.schedules import Plan
from vaurien.errors import ConfigError, ControlError, NoScheduleError

STEPS: list[dict[str, Any]] = [
    {'behavior': '20:delay'},
    {'at': 3600, 'proxy': 'vaurien', 'toxic': 'latency'},
    {'after': 'deploy', 'behavior': '30:error'},
]
RAMP = 'steps[0].ramp.latency'
TOML = """\
[[steps]]
behavior = "20:delay"

[[steps]]
at = "1h"
proxy = "vaurien"
toxic = "latency"

[[steps]]
after = "deploy"
behavior = "30:error"
"""
RUNNING = {
    'status': 'running',
    'active': [0],
    'next': {'seconds': 3600.0, 'step': 1, 'change': 'vaurien: toxic latency@downstream'},
    'marks': {},
    'changes': 1,
    'failures': 0,
}


@pytest.fixture(scope='module')
def command(echo_server: RawBackend) -> Iterator[Command]:
    command = Command('--http', '--backend', echo_server.address)
    yield command
    command.kill()


@pytest.fixture
def client(command: Command) -> Iterator[Client]:
    """A client of it; no schedule runs before the test."""
    client = Client(HOST, command.control_port)
    yield client
    client.stop_schedule()


def ask(command: Command, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return the status and the body of the answer."""
    response = requests.request(method, f'{command.api}{path}', json=body, timeout=TIMEOUT)
    return response.status_code, response.json()


def write(tmp_path: Path) -> str:
    path = tmp_path / 'x.toml'
    path.write_text(TOML)
    return str(path)


def test_the_api(command: Command, client: Client) -> None:
    assert ask(command, 'PUT', '/schedule', {'steps': STEPS}) == (200, {'status': 'ok'})
    eventually(lambda: client.get_behavior() == '20:delay')
    status, answer = ask(command, 'GET', '/schedule')
    assert status == 200
    assert answer.pop('seconds') >= 0
    assert answer == RUNNING
    assert ask(command, 'POST', '/schedule/mark', {'name': 'deploy'}) == (200, {'status': 'ok'})
    eventually(lambda: client.get_behavior() == '30:error')
    assert ask(command, 'DELETE', '/schedule') == (200, {'status': 'ok'})
    assert client.get_behavior() == 'dummy', 'it is put back before the answer'
    assert ask(command, 'GET', '/schedule')[1]['status'] == 'stopped'
    assert ask(command, 'DELETE', '/schedule') == (200, {'status': 'ok'})


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'status', 'name', 'words'),
    [
        ('PUT', '/schedule', {}, 400, 'steps', 'expected 1 to 1000 steps'),
        ('PUT', '/schedule', [], 400, '', 'expected a JSON object, such as {"steps"'),
        ('PUT', '/schedule', {'file': '/etc/hosts'}, 400, 'file', 'no such field'),
        ('PUT', '/schedule', {'steps': [{'toxic': 'latency', 'for': 1, 'ramp': {'latency': [0]}}]}, 400, RAMP, ''),
        ('PUT', '/schedule', {'steps': [{'enabled': False, 'proxy': 'q'}]}, 400, 'steps[0].proxy', 'no proxy'),
        ('PUT', '/schedule', {'steps': [{'behavior': 'error(code=503)'}]}, 400, 'steps[0].behavior.error.code', 'tcp'),
        ('POST', '/schedule/mark', {'name': 3}, 400, 'name', 'expected a text'),
        ('POST', '/schedule/mark', {'nam': 'x'}, 400, 'name', 'missing'),
        ('POST', '/schedule/mark', {'name': 'deploy'}, 404, '/schedule/mark', 'no schedule runs'),
        ('POST', '/schedule', {}, 405, 'POST', 'not allowed'),
        ('GET', '/schedule/mark', None, 405, 'GET', 'not allowed'),
    ],
)
@pytest.mark.usefixtures('client')
def test_mistakes(command: Command, method: str, path: str, body: Any, status: int, name: str, words: str) -> None:
    given, answer = ask(command, method, path, body)
    (error,) = answer['errors']
    assert (given, error['name']) == (status, name)
    assert words in error['description']


def test_too_large_a_body(command: Command) -> None:
    body = {'steps': [{'behavior': 'delay', 'proxy': 'x' * 600_000}]}
    assert ask(command, 'PUT', '/schedule', body)[0] == 413


def test_a_file_as_large_as_files_may_be(client: Client, tmp_path: Path) -> None:
    path = tmp_path / 'x.toml'
    step = f'[[steps]]\nafter = "{"x" * 220}"\nenabled = false\n'
    path.write_text(1000 * step)
    assert 240_000 < path.stat().st_size < MAX_SIZE
    client.set_schedule(path)
    assert client.get_schedule()['status'] == 'running'


def test_a_file_that_becomes_too_large(client: Client, tmp_path: Path) -> None:
    path = tmp_path / 'x.yaml'
    path.write_text(f'- &step {{behavior: "delay(match=\'{"x" * 100_000}\')"}}\n' + '- *step\n' * 9)
    with pytest.raises(ControlError, match=r'x\.yaml: more than 524288 bytes$'):
        client.set_schedule(path)


def test_a_body_that_takes_long_keeps_nobody_waiting(command: Command, echo_server: RawBackend) -> None:
    """Every regular expression takes its time, and 1000 steps with one are as many as there may be."""
    steps = [{'behavior': f"error(match='/{number}/')"} for number in range(1000)]
    with Peer.connect(command.port) as peer:
        putting = threading.Thread(target=ask, args=(command, 'PUT', '/schedule', {'steps': steps}))
        putting.start()
        echoed = 0
        while putting.is_alive():
            peer.send(b'x')
            assert peer.recv_exactly(1) == b'x'
            echoed += 1
        putting.join()
    assert echoed > 20
    assert ask(command, 'DELETE', '/schedule')[0] == 200


def test_the_client(client: Client, tmp_path: Path) -> None:
    with client.schedule(write(tmp_path)):
        eventually(lambda: client.get_behavior() == '20:delay')
        status = client.get_schedule()
        assert status['seconds'] < 3600
        assert status == {**RUNNING, 'seconds': status['seconds']}
        client.mark('deploy')
        eventually(lambda: client.get_behavior() == '30:error')
        with pytest.raises(ControlError, match=r"name: no step is after 'x', known: deploy"):
            client.mark('x')
    assert client.get_behavior() == 'dummy'
    with pytest.raises(ControlError) as caught:
        client.mark('deploy')
    assert caught.value.status == 404


@pytest.mark.parametrize('kind', ['path', 'mapping', 'steps'])
def test_what_a_schedule_may_be(client: Client, echo_server: RawBackend, tmp_path: Path, kind: str) -> None:
    plans: dict[str, Plan] = {'path': Path(write(tmp_path)), 'mapping': {'steps': STEPS}, 'steps': STEPS}
    client.set_schedule(plans[kind])
    eventually(lambda: client.get_behavior() == '20:delay')
    with Proxy(echo_server.address) as proxy, proxy.schedule(plans[kind]):
        eventually(lambda: proxy.status()['behavior'] == '20:delay')


def test_only_a_program_may_name_a_file_in_it(client: Client, echo_server: RawBackend, tmp_path: Path) -> None:
    table = tmp_path / 'delays.txt'
    table.write_text('10ms')
    steps = [{'behavior': f"delay(sleep='table({table})')", 'for': '1m'}]
    with pytest.raises(ControlError, match='only flags, files and programs can name a file, not a request'):
        client.set_schedule(steps)
    with Proxy(echo_server.address) as proxy, proxy.schedule(steps):
        eventually(lambda: proxy.status()['behaviors'][0]['name'] == 'delay')


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('x.toml', '[[steps]]\nbehavior = 2020-01-01\n', 'steps[0].behavior: unknown behavior'),
        ('x.yaml', 'steps: [{enabled: .nan}]', 'not JSON'),
        ('x.yaml', '12', 'x.yaml: expected a schedule, got 12'),
        ('x.ini', '', 'a schedule has lists'),
        ('none.toml', None, 'none.toml: cannot read it'),
    ],
)
def test_files_that_are_none(client: Client, tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises((ControlError, ConfigError)) as caught:
        client.set_schedule(tmp_path / name)
    assert words in str(caught.value)


def test_vaurienctl(command: Command, client: Client, tmp_path: Path) -> None:
    host = ('--host', f'{HOST}:{command.control_port}')
    assert done(*host, 'schedule', 'run', write(tmp_path)) == ''
    eventually(lambda: client.get_behavior() == '20:delay')
    shown = dict(line.split('  ', 1) for line in done(*host, 'schedule', 'show').splitlines())
    assert {name: value.strip() for name, value in shown.items() if name != 'seconds'} == {
        'status': 'running',
        'active': 'steps[0]',
        'next': '3600.000  steps[1]  vaurien: toxic latency@downstream',
        'marks': 'none',
        'changes': '1',
        'failures': '0',
    }
    assert done(*host, 'schedule', 'mark', 'deploy') == ''
    eventually(lambda: client.get_behavior() == '30:error')
    assert 'deploy' in done(*host, 'schedule', 'show')
    assert json.loads(done(*host, 'schedule', 'show', '--json'))['active'] == [0, 2]
    assert done(*host, 'schedule', 'stop') == ''
    assert client.get_behavior() == 'dummy'
    shown = dict(line.split('  ', 1) for line in done(*host, 'schedule', 'show').splitlines())
    assert shown['status'].strip() == 'stopped'
    assert shown['next'].strip() == 'none'
    assert failed(2, *host, 'schedule', 'mark', 'deploy') == '/schedule/mark: no schedule runs'
    mistaken = tmp_path / 'mistaken.toml'
    mistaken.write_text(f'for = "1h"\nseed = "x"\n{TOML}')
    assert failed(2, *host, 'schedule', 'run', str(mistaken)) == f"{mistaken}:2: seed: expected int, got 'x'"
    mistaken.write_text(TOML.replace('"vaurien"', '"nope"'))
    said = f"{mistaken}:6: steps[1].proxy: there is no proxy 'nope', known: vaurien"
    assert failed(2, *host, 'schedule', 'run', str(mistaken)) == said
    assert failed(2, *host, 'schedule', 'run', 'x.txt').startswith('x.txt: expected a file named')


@pytest.fixture
def proxy(echo_server: RawBackend) -> Iterator[Proxy]:
    with Proxy(echo_server.address, behavior='50:abort') as proxy:
        yield proxy


def test_a_proxy_in_this_process(proxy: Proxy) -> None:
    assert proxy.get_schedule()['status'] == 'none'
    with proxy.schedule(STEPS):
        eventually(lambda: proxy.status()['behavior'] == '20:delay')
        assert {**proxy.get_schedule(), 'seconds': 0.0} == {**RUNNING, 'seconds': 0.0}
        proxy.mark('deploy')
        eventually(lambda: proxy.status()['behavior'] == '30:error')
        with pytest.raises(ConfigError, match=r"no step is after 'x'"):
            proxy.mark('x')
    assert proxy.status()['behavior'] == '50:abort'
    assert proxy.get_schedule()['status'] == 'stopped'
    with pytest.raises(NoScheduleError):
        proxy.mark('deploy')


def test_the_second_one_takes_the_place_of_the_first(proxy: Proxy) -> None:
    with proxy.schedule(STEPS), proxy.schedule([{'toxic': 'noop'}]):
        eventually(proxy.toxics)
        assert proxy.status()['behavior'] == '50:abort'
    assert proxy.toxics() == []


def test_it_is_down_and_up_again(proxy: Proxy) -> None:
    address = proxy.address
    proxy.set_behavior('dummy')
    with proxy.schedule([{'enabled': False}, {'after': 'repair', 'enabled': True}]):
        eventually(lambda: not proxy.status()['enabled'])
        proxy.mark('repair')
        eventually(lambda: proxy.status()['enabled'])
        with Peer.connect(address.port) as peer:
            peer.send(b'x')
            assert peer.recv_exactly(1) == b'x'
    assert proxy.status()['enabled']
    assert proxy.address == address


def test_down_at_the_end_of_the_block(proxy: Proxy) -> None:
    with proxy.schedule([{'enabled': False}]):
        eventually(lambda: not proxy.status()['enabled'])
    assert proxy.status()['enabled']


def test_mistakes_in_this_process(proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / 'x.toml'
    path.write_text(TOML.replace('20:delay', '20:dela'))
    with pytest.raises(ConfigError) as caught, proxy.schedule(path):
        pass
    assert str(caught.value).startswith(f'{path}:2: steps[0].behavior: unknown behavior')
    with (
        pytest.raises(ConfigError, match=r'^steps\[0\]\.proxy: there is no proxy'),
        proxy.schedule([{'proxy': 'q', 'behavior': 'delay'}]),
    ):
        pass
    assert proxy.status()['behavior'] == '50:abort'


def test_a_proxy_that_is_stopped_within_the_block(echo_server: RawBackend) -> None:
    proxy = Proxy(echo_server.address).start()
    server = weakref.ref(proxy._thread.server)
    with proxy.schedule(STEPS):
        proxy.stop()
    gc.collect()
    assert server() is None, 'no greenlet keeps it'
    proxy.start()
    assert proxy.get_schedule()['status'] == 'none'
    with proxy.schedule(STEPS):
        eventually(lambda: proxy.status()['behavior'] == '20:delay')
    proxy.stop()
