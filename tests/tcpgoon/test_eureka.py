"""Targets from a registry (`registry` is a fake of one), and the tests of all of them."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import pytest

from tests.commands import MEMORY, call, run, run_within
from tests.peers import Peer, RawBackend, pour
from tests.servers import HOST
from tests.tcpgoon.dialing import closed_port
from tests.tcpgoon.processes import read_statuses, running
from tests.tcpgoon.registry import FakeRegistry, fake_registry, instance
from vaurien.address import Address
from vaurien.errors import ConfigError, RegistryError
from vaurien.tcpgoon.eureka import Instance, find_instances
from vaurien.tcpgoon.main import main


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    """Return a fake registry, which is asked without a web proxy in between."""
    monkeypatch.setenv('no_proxy', '*')
    with fake_registry() as registry:
        yield registry


def test_those_that_are_up(registry: FakeRegistry) -> None:
    registry.name(
        instance(1, 8080),
        instance(2, 8081, status='DOWN'),
        instance(3, 8082, secure_port=8443),
        instance(4, 8083, status='OUT_OF_SERVICE'),
        instance(6, 8084),
    )
    assert find_instances(registry.url, 'ORDERS') == [
        Instance('orders-1', 'orders.example.com', Address(HOST, 8080)),
        Instance('orders-3', 'orders.example.com', Address(HOST, 8443)),
        Instance('orders-6', 'orders.example.com', Address(HOST, 8084)),
    ]
    assert registry.asked == [('/eureka/apps/ORDERS', 'application/json', None)]


def test_the_secure_port_comes_first(registry: FakeRegistry) -> None:
    both = instance(1, 8080, secure_port=8443)
    both['port']['@enabled'] = 'true'
    registry.name(both)
    assert find_instances(registry.url, 'ORDERS')[0].address == Address(HOST, 8443)


def test_one_without_an_array(registry: FakeRegistry) -> None:
    registry.answer = {'application': {'instance': instance(1, 8080)}}
    (found,) = find_instances(f'{registry.url}/', 'ORDERS')
    assert found.address == Address(HOST, 8080)


def test_one_that_tells_little(registry: FakeRegistry) -> None:
    registry.name({'hostName': 'web', 'status': 'UP', 'ipAddr': None, 'port': {'$': 80, '@enabled': 'true'}})
    assert find_instances(registry.url, 'ORDERS') == [Instance('web:80', 'web', Address('web', 80))]


def test_a_password(registry: FakeRegistry) -> None:
    registry.name()
    with pytest.raises(RegistryError) as caught:
        find_instances(registry.url.replace('//', '//user:secret@'), 'ORDERS')
    assert registry.asked[0][2] == 'Basic dXNlcjpzZWNyZXQ='
    assert str(caught.value) == f'no instance of ORDERS is UP in {registry.url}'


@pytest.mark.parametrize(
    ('status', 'answer', 'said'),
    [
        (404, {}, 'no application ORDERS in URL/apps/ORDERS'),
        (503, {}, 'URL/apps/ORDERS answers 503 Service Unavailable'),
        (200, b'<html>', 'URL/apps/ORDERS is no Eureka registry: JSON is malformed'),
        (200, b'[' * 10000, 'URL/apps/ORDERS is no Eureka registry: '),
        (200, b'{"x":' * 400_000, 'URL/apps/ORDERS is no Eureka registry: nested too deeply'),
        (200, b'[' * 500001, 'URL/apps/ORDERS is no Eureka registry: it sends more than 500000 values'),
        (200, bytes(16 << 20) + b'x', 'URL/apps/ORDERS is no Eureka registry: it sends more than 16 MiB'),
        (200, {}, 'URL/apps/ORDERS is no Eureka registry: Object missing required field `application`'),
        (200, {'application': {'instance': [{'status': 'UP'}]}}, 'URL/apps/ORDERS is no Eureka registry'),
        (200, {'application': {'instance': []}}, 'no instance of ORDERS is UP in URL'),
        (200, {'application': {'instance': [instance(1, 1, status='DOWN')]}}, 'no instance of ORDERS is UP in URL'),
        (200, {'application': {'instance': [instance(1, 0)]}}, 'instance orders-1 has no valid port '),
        (200, {'application': {'instance': [instance(1, 70000)]}}, 'instance orders-1 has no valid port '),
        (200, {'application': {'instance': [{'hostName': 'h', 'status': 'UP'}]}}, 'instance h has no valid port'),
    ],
)
def test_a_registry_that_does_not_tell(registry: FakeRegistry, status: int, answer: object, said: str) -> None:
    registry.status, registry.answer = status, answer
    with pytest.raises(RegistryError) as caught:
        find_instances(registry.url, 'ORDERS')
    assert str(caught.value).startswith(said.replace('URL', registry.url))
    assert '\n' not in str(caught.value)


def test_a_registry_without_end(raw_backend: RawBackend) -> None:
    def script(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        pour(peer, b'HTTP/1.1 200 OK\r\n\r\n{"application": "', b'A' * 65536)

    raw_backend.serve(script)
    url = f'http://{raw_backend.address}'
    result = run_within(MEMORY, 'tcpgoon', '-y', '--eureka', url, 'A')
    said = f'tcpgoon: error: {url}/apps/A is no Eureka registry: it sends more than 16 MiB\n'
    assert (result.returncode, result.stderr) == (1, said)


def test_a_registry_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('no_proxy', '*')
    with closed_port() as port, pytest.raises(RegistryError, match=f'cannot reach http://{HOST}:{port}/apps/A'):
        find_instances(f'http://{HOST}:{port}', 'A')


@pytest.mark.parametrize(
    'url', ['localhost:8761', 'ftp://localhost/eureka', 'http:///eureka', 'http://[/eureka', 'http://h:99999/']
)
def test_not_a_url(url: str) -> None:
    with pytest.raises(ConfigError, match='--eureka: expected a URL like'):
        find_instances(url, 'A')


def test_every_instance_is_tested(registry: FakeRegistry, holder: RawBackend) -> None:
    with closed_port() as port:
        registry.name(instance(1, holder.port), instance(2, port), instance(3, 1, status='STARTING'))
        result = run('tcpgoon', '-y', '-c', '5', '-s', '0', '--eureka', registry.url, 'ORDERS')
    assert (result.returncode, result.stderr) == (1, '')
    first, second = result.stdout.index('instance 1 of 2: orders-1'), result.stdout.index('instance 2 of 2: orders-2')
    assert first < result.stdout.index(f'--- {holder.address} tcp test statistics ---') < second
    rows = [re.split(r' {2,}', line.strip()) for line in result.stdout.splitlines()[-3:]]
    assert rows[0][:3] == ['instance', 'address', 'established']
    assert rows[1][:2] == ['orders-1', holder.address]
    assert (rows[1][2:5], rows[1][7]) == (['5', '0', '0'], '0')
    assert rows[2] == ['orders-2', f'{HOST}:{port}', '0', '0', '5', '-', '-', '1']


def test_all_are_fine(registry: FakeRegistry, holder: RawBackend) -> None:
    registry.name(instance(1, holder.port), instance(2, 1, secure_port=holder.port))
    result = run('tcpgoon', '-y', '-c', '2', '--json', '--eureka', registry.url, 'ORDERS')
    summary = json.loads(result.stdout)
    assert (summary['application'], summary['exit_status'], result.returncode) == ('ORDERS', 0, 0)
    assert [one['instance'] for one in summary['instances']] == ['orders-1', 'orders-2']
    assert all(one['counts']['established'] == 2 for one in summary['instances'])


#: What a terminal would obey, a line of its own among it.
EVIL = 'a\x1b[2J\x9b31m\x7f\rb\nFAKE'


@pytest.mark.parametrize('flags', [[], ['--json']])
def test_names_that_a_terminal_would_obey(
    registry: FakeRegistry, holder: RawBackend, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    found = [{**instance(number, holder.port), 'instanceId': EVIL} for number in (1, 2)]
    registry.name(*found)
    result = call(main, '-y', '-c', '1', *flags, '--eureka', registry.url, 'ORDERS')
    assert result.returncode == 0
    for line in (result.stdout + result.stderr).splitlines():
        assert line.isprintable()
        assert not line.startswith('FAKE')
    if flags:
        assert [one['instance'] for one in json.loads(result.stdout)['instances']] == [EVIL, EVIL]


def test_it_is_asked_for_all(registry: FakeRegistry, raw_backend: RawBackend) -> None:
    registry.name(instance(1, raw_backend.port), instance(2, 8081))
    result = run('tcpgoon', '--eureka', registry.url, 'ORDERS')
    assert f'*\t- TCP Port: {raw_backend.port}\n*\t- Host: {HOST}\n*\t- TCP Port: 8081\n' in result.stdout
    assert (result.returncode, read_statuses(result.stdout)) == (1, [])


def test_interrupted(registry: FakeRegistry, holder: RawBackend) -> None:
    registry.name(instance(1, holder.port), instance(2, holder.port))
    with running('-y', '-c', '1000', '-s', '100', '--eureka', registry.url, 'ORDERS') as goon:
        goon.wait_for('Established: [1-9]')
        status, said, complaints = goon.interrupt(signal.SIGINT)
    assert (status, complaints) == (130, '')
    assert 'instance 2 of 2' not in said


def test_one_line_from_the_command(registry: FakeRegistry) -> None:
    result = run('tcpgoon', '-y', '--eureka', registry.url, 'PAYMENTS')
    assert result.stderr == f'tcpgoon: error: no application PAYMENTS in {registry.url}/apps/PAYMENTS\n'
    assert (result.returncode, result.stdout) == (1, '')
