"""The Python client of Toxiproxy, toxiproxy-python, against the running command: what its own tests do, and more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from toxiproxy import Proxy as ClientProxy, Toxiproxy as Client  # type: ignore[import-untyped]
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists  # type: ignore[import-untyped]
from toxiproxy.utils import can_connect_to  # type: ignore[import-untyped]

from tests.commands import Command
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from tests.toxiproxy.asking import NOWHERE, Toxiproxy
from tests.toxiproxy.test_toxics import DEFAULTS


@pytest.fixture
def client(server: Command, toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Of a server without proxies."""
    monkeypatch.setenv('NO_PROXY', '*')
    client = Client()
    client.update_api_consumer(HOST, server.control_port)
    yield client
    client.update_api_consumer(HOST, 8474)


@pytest.fixture
def proxy(client: Client, echo_server: RawBackend) -> ClientProxy:
    return client.create(upstream=echo_server.address, name='echo')


def is_up(proxy: ClientProxy) -> bool:
    host, port = proxy.listen.split(':')
    return bool(can_connect_to(host, int(port)))


def test_the_server(client: Client) -> None:
    assert client.running() is True
    assert client.version() == b'{"version": "2.13.0"}\n'
    client.update_api_consumer(HOST, free_port())
    assert client.running() is False
    assert client.version() is None


def test_proxies(client: Client) -> None:
    proxy = client.create(upstream='localhost:3306', name='mysql', enabled=False, listen=f'{HOST}:43215')
    assert (proxy.name, proxy.upstream, proxy.enabled) == ('mysql', 'localhost:3306', False)
    assert proxy.listen == f'{HOST}:43215'
    with pytest.raises(ProxyExists):
        client.create(upstream='localhost:3306', name='mysql')
    found = client.get_proxy('mysql')
    assert (found.name, found.upstream) == ('mysql', 'localhost:3306')
    assert client.get_proxy('redis') is None
    assert client.destroy(found) is True
    assert client.proxies() == {}
    with pytest.raises(NotFound):
        client.destroy(found)


def test_a_proxy_goes_down_and_up(proxy: ClientProxy) -> None:
    listen = proxy.listen
    assert is_up(proxy)
    proxy.disable()
    assert (proxy.enabled, is_up(proxy)) == (False, False)
    proxy.enable()
    assert (proxy.enabled, is_up(proxy)) == (True, True)
    with proxy.down():
        assert not is_up(proxy)
    assert is_up(proxy)
    assert proxy.listen == listen


@pytest.mark.parametrize('type_', DEFAULTS)
def test_toxics(proxy: ClientProxy, type_: str) -> None:
    proxy.add_toxic(type=type_, attributes={'average_size': 1} if type_ == 'slicer' else {})
    proxy.add_toxic(type=type_, name='mine', stream='upstream', toxicity=0.5, attributes=DEFAULTS[type_])
    mine, first = proxy.toxics().values()
    assert (mine.name, mine.type, mine.stream, mine.toxicity) == ('mine', type_, 'upstream', 0.5)
    assert (first.name, first.stream, first.toxicity) == (f'{type_}_downstream', 'downstream', 1)
    assert first.attributes == mine.attributes == DEFAULTS[type_]
    assert proxy.destroy_toxic('mine')
    assert proxy.get_toxic('mine') is None
    with pytest.raises(NotFound, match='toxic not found'):
        proxy.destroy_toxic('mine')


@pytest.mark.parametrize(
    'toxic',
    [
        {'type': 'nothing'},
        {'type': 'latency', 'stream': 'sideways'},
        {'type': 'latency', 'attributes': {'latency': 'long'}},
    ],
)
def test_toxics_that_are_none(proxy: ClientProxy, toxic: dict[str, object]) -> None:
    with pytest.raises(InvalidToxic):
        proxy.add_toxic(**toxic)
    assert proxy.toxics() == {}


def test_a_toxic_twice(proxy: ClientProxy) -> None:
    proxy.add_toxic(type='latency')
    with pytest.raises(ProxyExists, match='toxic already exists'):
        proxy.add_toxic(type='latency')


def test_toxics_outlive_a_disabled_proxy(proxy: ClientProxy) -> None:
    proxy.add_toxic(type='latency', attributes={'latency': 123})
    proxy.disable()
    proxy.enable()
    assert proxy.get_toxic('latency_downstream').attributes['latency'] == 123


def test_what_they_do(proxy: ClientProxy) -> None:
    host, port = proxy.listen.split(':')
    with Peer.connect(int(port), host) as peer:
        peer.send(b'a')
        assert peer.recv_exactly(1) == b'a'
        proxy.add_toxic(type='bandwidth', attributes={'rate': 0})
        peer.send(b'b')
        assert peer.is_silent(TIMEOUT / 50)
        proxy.destroy_toxic('bandwidth_downstream')
        assert peer.recv_exactly(1) == b'b'


def test_reset(client: Client, proxy: ClientProxy) -> None:
    listen = proxy.listen
    proxy.disable()
    proxy.add_toxic(type='latency', attributes={'latency': 123})
    assert client.reset()
    assert is_up(proxy)
    assert proxy.toxics() == {}
    assert client.get_proxy('echo').listen == listen


def test_populate(client: Client) -> None:
    first, second = free_port(), free_port()
    made = client.populate(
        [
            {'name': 'one', 'upstream': NOWHERE, 'listen': f'localhost:{first}'},
            {'name': 'two', 'upstream': NOWHERE, 'listen': f'localhost:{second}'},
        ]
    )
    assert [proxy.listen for proxy in made] == [f'{HOST}:{first}', f'{HOST}:{second}']
    assert all(map(is_up, made))
    (moved,) = client.populate([{'name': 'one', 'upstream': NOWHERE, 'listen': f'localhost:{free_port()}'}])
    assert is_up(moved)
    assert moved.listen != made[0].listen
    client.destroy_all()
    assert client.proxies() == {}
