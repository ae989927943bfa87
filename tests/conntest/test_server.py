"""``conntest server``: where it listens, what it logs and how it ends. `test_app` has its API."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.commands import run, unheard
from tests.conntest.serving import LISTENING, Server, StartServer
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, free_port


@pytest.fixture(scope='module')
def reachable() -> Iterator[Server]:
    """Return a server on all addresses."""
    server = Server('--host', '', '--api-host', 'conntest.example')
    yield server
    server.kill()


def assert_refused(result: Any, said: str, status: int = 2) -> None:
    assert result.stdout == ''
    assert result.stderr.startswith(f'conntest: error: {said}')
    assert result.stderr.count('\n') == 1
    assert result.returncode == status


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(start_server: StartServer, number: signal.Signals) -> None:
    server = start_server()
    group_id = server.create(description='a test', run_count=1)
    server.call('POST', f'/test-groups/{group_id}/1')
    status, out, log = server.stop(number)
    assert status == 0
    assert out.splitlines()[0].startswith('conntest ')
    assert out.splitlines()[1:] == ['Ctrl-C ends', 'test groups: 1, runs: 1']
    assert f"INFO group {group_id} created, 1 runs: 'a test'" in log
    assert 'Traceback' not in log


def test_a_standard_error_that_nobody_reads() -> None:
    with unheard('conntest', 'server', '--host', HOST, '-p', '0', '--verbose') as (process, said):
        listening = LISTENING.search(said)
        assert listening
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(100):
                url = f'http://{HOST}:{listening["port"]}/test-groups/create'
                assert session.post(url, json={'description': 'x' * 100}, timeout=TIMEOUT).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0


def test_each_run_is_logged_on_demand(start_server: StartServer) -> None:
    server = start_server('--verbose')
    group_id = server.create()
    server.call('POST', f'/test-groups/{group_id}/7', b'hello')
    server.wait_for_log(f'DEBUG group {group_id} run 7: 5 bytes')


def test_the_log_in_json(start_server: StartServer) -> None:
    server = start_server('--log-format', 'json')
    group_id = server.create()
    line = json.loads(server.wait_for_log('created').string)
    assert line['message'].startswith(f'group {group_id} created')
    assert line['logger'] == 'vaurien.conntest.app'


def test_all_addresses(start_server: StartServer) -> None:
    server = start_server('--host', '')
    assert server.out_lines[0].endswith(f'http://localhost:{server.port}, on all addresses')
    for host in ('127.0.0.1', '127.0.0.2', '::1'):
        with Peer.connect(server.port, host) as peer:
            peer.send(b'GET /test-groups HTTP/1.1\r\nHost: conntest-server\r\nConnection: close\r\n\r\n')
            assert peer.recv_all().startswith(b'HTTP/1.1 200 ')


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        (b'Host: conntest-server:8080', 200),
        (b'Host: 127.0.0.1', 200),
        (b'Host: conntest.example', 200),
        (b'Host: evil.example', 403),
        (b'Host: conntest-server\r\nOrigin: http://evil.example', 403),
        (b'Host: conntest-server\r\nSec-Fetch-Site: cross-site', 403),
    ],
)
def test_web_pages_do_not_reach_it(reachable: Server, headers: bytes, status: int) -> None:
    with Peer.connect(reachable.port) as peer:
        peer.send(b'GET /test-groups HTTP/1.1\r\nConnection: close\r\n' + headers + b'\r\n\r\n')
        assert peer.recv_all().startswith(b'HTTP/1.1 %d ' % status)


def test_one_address(start_server: StartServer) -> None:
    # Held on the other address, where another server could be given the same number otherwise.
    with socket.socket() as held:
        held.bind((HOST, free_port()))
        port = held.getsockname()[1]
        server = start_server('--host', '127.0.0.2', '-p', str(port))
        assert f'http://127.0.0.2:{port}' in server.out_lines[0]
        with pytest.raises(ConnectionRefusedError):
            Peer.connect(port)


def test_a_port_in_use(server: Server) -> None:
    assert_refused(
        run('conntest', 'server', '--host', HOST, '-p', str(server.port), timeout=4 * TIMEOUT),
        f'cannot listen on {HOST}:{server.port}: address already in use',
        status=1,
    )


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        ('-p 70000', "-p/--port: expected int <= 65535, got '70000', see conntest server --help"),
        ('--host nowhere.invalid', 'cannot listen on nowhere.invalid:8080: '),
        ('--host a..b', 'cannot listen on a..b:8080: '),
    ],
)
def test_mistakes(arguments: str, said: str) -> None:
    result = run('conntest', 'server', *arguments.split(), timeout=4 * TIMEOUT)
    assert_refused(result, said, status=1 if said.startswith('cannot listen') else 2)
