"""Proxies that would be their own clients: they do not start, or never connect."""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.engine.talk import connect, inside, join, make_proxy
from tests.engine.test_listener import descriptors
from tests.engine.test_resolver import Names
from tests.peers import Peer, RawBackend
from tests.servers import HOST, free_port
from tests.toxiproxy.asking import Toxiproxy, port_of
from vaurien.address import Address
from vaurien.embedded import Proxy
from vaurien.engine import lookup, loops
from vaurien.errors import ConfigError

LEADS_BACK = 'leads back to the proxy itself'


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A name server that knows one name."""
    moving = Names()
    monkeypatch.setattr(lookup, 'getaddrinfo', moving.look_up)
    return moving


class Leading:
    """A listener, and where it leads its clients."""

    def __init__(self, listen: str, *targets: tuple[str, int]) -> None:
        self.addresses = [Address.parse(listen)]
        self.targets = list(targets)


@pytest.mark.parametrize(
    ('listen', 'target', 'is_loop'),
    [
        ('127.0.0.1:1', ('127.0.0.1', 1), True),
        ('127.0.0.1:1', ('127.0.0.1', 2), False),
        ('127.0.0.1:1', ('127.0.0.2', 1), False),
        ('127.0.0.1:1', ('0.0.0.0', 1), True),
        ('127.0.0.1:1', ('::', 1), False),
        ('127.0.0.1:1', ('::ffff:127.0.0.1', 1), True),
        ('0.0.0.0:1', ('127.0.0.7', 1), True),
        ('0.0.0.0:1', ('::1', 1), False),
        ('0.0.0.0:1', ('192.0.2.1', 1), False),
        ('[::]:1', ('127.0.0.1', 1), True),
        ('[::]:1', ('::1', 1), True),
        ('[::1]:1', ('::', 1), True),
        ('[::]:1', ('2001:db8::1', 1), False),
    ],
)
def test_which_address_is_meant(listen: str, target: tuple[str, int], is_loop: bool) -> None:
    assert loops.leads_back(target, [Address.parse(listen)]) is is_loop


def test_through_others() -> None:
    """They may have loops of their own, and may lead elsewhere, too."""
    nodes = [
        Leading('127.0.0.1:65501', ('192.0.2.1', 1), ('127.0.0.1', 65502)),
        Leading('127.0.0.2:65502'),
        Leading('127.0.0.1:65502', ('127.0.0.1', 65502), ('127.0.0.1', 65503)),
    ]
    for node in nodes:
        loops.add(node)
    try:
        assert loops.leads_back(('127.0.0.1', 65501), [Address(HOST, 65503)])
        assert not loops.leads_back(('127.0.0.1', 65501), [Address(HOST, 65504)])
    finally:
        for node in nodes:
            loops.discard(node)
    assert not loops.leads_back(('127.0.0.1', 65501), [Address(HOST, 65503)])


def meet_a_reset(port: int) -> None:
    """Connect, and be reset; that may come before connecting has returned."""
    with pytest.raises(ConnectionResetError), Peer.connect(port) as client:
        client.recv()


class TestAtTheStart:
    @pytest.mark.parametrize(
        ('listen', 'backend'),
        [
            ('127.0.0.1', '127.0.0.1'),
            ('localhost', 'localhost'),
            ('0.0.0.0', '127.0.0.3'),
            ('0.0.0.0', socket.gethostname()),
            ('[::]', '0.0.0.0'),
        ],
    )
    def test_the_command(self, vaurien_command: StartCommand, listen: str, backend: str) -> None:
        """It starts, so that the mistake can be mended over the API."""
        port = free_port()
        command = vaurien_command(
            '--proxy', f'{listen}:{port}', '--backend', f'{backend}:{port}', '--log-level', 'info'
        )
        command.wait_for_log(f'WARNING {backend}:{port} {LEADS_BACK}')
        meet_a_reset(port)
        assert command.stop()[0] == 0

    def test_two_on_each_other(self, vaurien_command: StartCommand, tmp_path: Path) -> None:
        one, other = free_port(), free_port()
        file = tmp_path / 'vaurien.ini'
        file.write_text(
            f'[proxy:one]\nproxy = {HOST}:{one}\nbackend = localhost:{other}\n'
            f'[proxy:other]\nproxy = {HOST}:{other}\nbackend = localhost:{one}\n'
        )
        command = vaurien_command('--server', '--config', str(file))
        command.wait_for_log(f'WARNING proxy (one|other): localhost:[0-9]+ {LEADS_BACK}')
        for port in (one, other):
            meet_a_reset(port)

    def test_embedded(self, raw_backend: RawBackend) -> None:
        port = free_port()
        for backend in (f'{HOST}:{port}', f'localhost:{port}'):
            with pytest.raises(ConfigError, match=LEADS_BACK):
                Proxy(backend, proxy=f'{HOST}:{port}').start()
        with make_proxy(raw_backend, proxy=f'{HOST}:{port}') as proxy:
            join(proxy, raw_backend)

    def test_proxies_in_a_row(self, raw_backend: RawBackend) -> None:
        """They are no loop."""
        with ExitStack() as stack:
            proxy = stack.enter_context(make_proxy(raw_backend))
            for _ in range(3):
                proxy = stack.enter_context(make_proxy(f'localhost:{proxy.address.port}'))
            join(proxy, raw_backend)


class TestLater:
    def test_another_backend(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as one, make_proxy(str(one.address)) as other:
            for address in (one.address, other.address):
                with pytest.raises(ConfigError, match=f'{address} {LEADS_BACK}'):
                    one.set_backend(address)
            assert str(one.backend) == raw_backend.address
            join(other, raw_backend)

    def test_a_name_that_moves(
        self,
        moving: Names,
        raw_backend: RawBackend,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """What was known of it before holds on."""
        with make_proxy(f'backend.test:{raw_backend.port}') as proxy:
            moving.port = proxy.address.port
            with caplog.at_level(logging.WARNING):
                inside(proxy, lambda server: server.resolver.refresh())
                eventually(lambda: caplog.messages)
            assert caplog.messages == [f'backend.test:{raw_backend.port} {LEADS_BACK}']
            join(proxy, raw_backend)

    def test_a_name_that_is_known_too_late(
        self,
        moving: Names,
        raw_backend: RawBackend,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with make_proxy(raw_backend) as proxy, caplog.at_level(logging.WARNING):
            moving.port = proxy.address.port
            proxy.set_backend('backend.test:1')
            with pytest.raises(ConnectionResetError):
                connect(proxy).recv()
            assert f'link 1: cannot connect to backend.test:1: backend.test:1 {LEADS_BACK}' in caplog.messages

    def test_over_the_api(self, vaurien_command: StartCommand, raw_backend: RawBackend) -> None:
        command = vaurien_command('--backend', raw_backend.address, '--http', '--http-port', '0')
        toxiproxy = Toxiproxy(command.api)
        for host in (HOST, 'localhost'):
            response = toxiproxy('PUT', '/backend', {'backend': f'{host}:{command.port}'})
            assert response.status_code == 400
            assert response.json()['errors'][0]['name'] == 'backend'
            assert LEADS_BACK in response.text

    def test_over_the_api_of_toxiproxy(self, toxiproxy: Toxiproxy, raw_backend: RawBackend) -> None:
        port = free_port()
        text = f'bad request body: upstream: localhost:{port} {LEADS_BACK}'
        body = {'name': 'one', 'listen': f'{HOST}:{port}', 'upstream': f'localhost:{port}'}
        assert toxiproxy.refused('POST', '/proxies', 400, body) == text
        assert toxiproxy.done('GET', '/proxies') == {}
        one = toxiproxy.create('one', raw_backend.address)
        other = toxiproxy.create('other', one['listen'])
        text = f'bad request body: upstream: localhost:{port_of(other)} {LEADS_BACK}'
        change = {'upstream': f'localhost:{port_of(other)}'}
        assert toxiproxy.refused('PATCH', '/proxies/one', 400, change) == text
        assert toxiproxy.done('GET', '/proxies/one') == one
        toxiproxy.done('PATCH', '/proxies/one', {'enabled': False})
        toxiproxy.done('PATCH', '/proxies/other', {'enabled': False})
        toxiproxy.done('PATCH', '/proxies/one', change)
        toxiproxy.done('PATCH', '/proxies/other', {'enabled': True})
        text = f'bad request body: upstream: localhost:{port_of(other)} {LEADS_BACK}'
        assert toxiproxy.refused('PATCH', '/proxies/one', 400, {'enabled': True}) == text


@pytest.mark.parametrize('flags', [(), ('--max-links', '20')], ids=['descriptors', 'max-links'])
def test_two_processes_on_each_other(vaurien_command: StartCommand, flags: Sequence[str]) -> None:
    """Neither sees the loop. It ends when the time to connect is over for the first that finds no room."""
    one, other = free_port(), free_port()
    commands = [
        vaurien_command('--proxy', f'{HOST}:{listen}', '--backend', f'{HOST}:{backend}', '--timeout', '0.5', *flags)
        for listen, backend in ((one, other), (other, one))
    ]
    for command in commands:
        limit = descriptors(command.pid) + 60
        resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (limit, limit))
    before = [descriptors(command.pid) for command in commands]
    with pytest.raises(ConnectionResetError), Peer.connect(one) as client:  # it may be reset while it connects
        client.recv()
    eventually(lambda: [descriptors(command.pid) for command in commands] <= before)
