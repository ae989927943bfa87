"""``vaurien`` with many proxies, or none: what it says, and how it ends."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.commands import Command, StartCommand, run
from tests.peers import Peer, RawBackend
from tests.servers import HOST
from tests.toxiproxy.asking import Toxiproxy
from vaurien import __version__


def said(command: Command) -> list[str]:
    """Return what the command prints at its start, without the last line."""
    command.wait_for_line(command.out_lines, re.compile('^Ctrl-C ends$'))
    assert command.out_lines[-1] == 'Ctrl-C ends'
    return command.out_lines[:-1]


def test_without_a_proxy(vaurien_command: StartCommand) -> None:
    command = vaurien_command('--server')
    assert said(command) == [f'vaurien {__version__}: control API: http://{HOST}:{command.control_port}']
    assert command.stop(signal.SIGINT) == (0, '\n'.join([*said(command), 'Ctrl-C ends']), '')


def test_what_comes_later_is_summed_up(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    command = vaurien_command('--server')
    toxiproxy = Toxiproxy(command.api)
    with toxiproxy.session:
        created = toxiproxy.create('echo', echo_server.address)
    with Peer.connect(int(created['listen'].split(':')[1])) as client:
        client.send(b'hello')
        assert client.recv_exactly(5) == b'hello'
    code, out, err = command.stop()
    assert (code, err) == (0, '')
    assert re.search(r'^echo: links: 1, exchanges: \d+, upstream: 5 B, downstream: 5 B\nfaults: none$', out, re.M)


@pytest.mark.parametrize('flags', [['--server'], ['--toxiproxy-config', 'proxies.json']])
def test_without_its_port_it_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw_backend: RawBackend, flags: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('proxies.json').write_text('[]')
    result = run('vaurien', *flags, '--http-host', HOST, '--http-port', str(raw_backend.port))
    error = f'vaurien: error: cannot listen on {raw_backend.address}: address already in use\n'
    assert (result.returncode, result.stdout, result.stderr) == (1, '', error)


def test_sections(tmp_path: Path, vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    path = tmp_path / 'vaurien.ini'
    path.write_text(
        '[vaurien]\nseed = 7\nserver = yes\n'
        f'[proxy:echo]\nproxy = {HOST}:0\nbackend = {echo_server.address}\ntoxics = latency(latency=1)\n'
        '[proxy:redis]\nbackend = localhost:6379\nprotocol = redis\nenabled = no\nbehavior = 20:hang\n'
    )
    command = vaurien_command('--server', '--config', str(path))
    toxiproxy = Toxiproxy(command.api)
    with toxiproxy.session:
        echo, redis = toxiproxy.done('GET', '/proxies').values()
        assert said(command) == [
            f'vaurien {__version__}: echo: {echo["listen"]} -> {echo_server.address} (tcp)',
            'armed: nothing, all passes',
            'toxics: latency(latency=1)@downstream',
            'seed: 7 (--seed 7 draws the same again)',
            'redis: localhost:0 -> localhost:6379 (redis, disabled)',
            'armed: 20% hang',
            'seed: 7 (--seed 7 draws the same again)',
            f'control API: http://{HOST}:{command.control_port}',
        ]
        assert (echo['enabled'], [toxic['type'] for toxic in echo['toxics']]) == (True, ['latency'])
        assert (redis['listen'], redis['enabled'], redis['protocol']) == ('localhost:0', False, 'redis')
        assert toxiproxy('GET', '/proxies/redis/behavior').json() == {'behavior': '20:hang', 'options': {}}
        toxiproxy.done('POST', '/reset', status=204)
        assert toxiproxy.done('GET', '/proxies/redis')['listen'].startswith(f'{HOST}:')
        assert toxiproxy.done('GET', '/proxies/echo')['toxics'] == []
    assert command.stop()[0] == 0


def test_a_file_of_toxiproxy(tmp_path: Path, vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    path = tmp_path / 'proxies.json'
    path.write_text(
        f'[{{"name": "echo", "listen": "localhost:0", "upstream": "{echo_server.address}"}},'
        ' {"name": "later", "listen": "any where", "upstream": "any body", "enabled": false}]'
    )
    command = vaurien_command('--toxiproxy-config', str(path))
    toxiproxy = Toxiproxy(command.api)
    with toxiproxy.session:
        echo, later = toxiproxy.done('GET', '/proxies').values()
        assert echo['listen'].startswith(f'{HOST}:')
        assert later == {
            'name': 'later',
            'listen': 'any where',
            'upstream': 'any body',
            'enabled': False,
            'toxics': [],
        }
        answer = toxiproxy('POST', '/populate', data=path.read_text())
        assert answer.json()['proxies'][1] == later
    assert 'later: any where -> any body (tcp, disabled)' in said(command)
    assert command.stop()[0] == 0


def test_mistakes_in_a_file_of_toxiproxy(tmp_path: Path) -> None:
    path = tmp_path / 'proxies.json'
    path.write_text('[{"name": "a", "upstream": "a:1"}, {"name": "b"}]')
    result = run('vaurien', '--toxiproxy-config', str(path))
    error = f'vaurien: error: {path}: [1]: missing upstream\n'
    assert (result.returncode, result.stdout, result.stderr) == (2, '', error)


def test_a_proxy_of_many_whose_port_is_taken(tmp_path: Path, raw_backend: RawBackend) -> None:
    path = tmp_path / 'vaurien.ini'
    path.write_text(f'[proxy:a]\n[proxy:b]\nproxy = {raw_backend.address}\n')
    result = run('vaurien', '--config', str(path))
    error = f'vaurien: error: cannot listen on {raw_backend.address}: address already in use\n'
    assert (result.returncode, result.stdout, result.stderr) == (1, '', error)
