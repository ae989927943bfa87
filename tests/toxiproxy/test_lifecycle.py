"""How proxies come, change and go over Toxiproxy's API."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import Command, StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, free_port
from tests.toxiproxy.asking import NOWHERE, Toxiproxy, connect, listens, port_of
from vaurien.toxiproxy.fields import everywhere

EVERYWHERE = f'[{everywhere()}]' if ':' in everywhere() else everywhere()


@contextmanager
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def live(toxiproxy: Toxiproxy, echo_server: RawBackend) -> Iterator[tuple[dict[str, Any], Peer]]:
    """A proxy named ``echo`` that has a toxic and a live link."""
    toxiproxy.create('echo', echo_server.address)
    toxiproxy.add_toxic('echo', 'latency', name='slow', latency=1)
    created = toxiproxy.done('GET', '/proxies/echo')
    with connect(created) as client:
        assert is_live(client)
        yield created, client


def is_live(client: Peer) -> bool:
    """Whether its link moves bytes; if not, it must have ended."""
    try:
        client.send(b'ping')
        return client.recv_exactly(4) == b'ping'
    except (EOFError, ConnectionError):
        return False


class TestLocalhost:
    """A name with two addresses, of which the API shows the first."""

    def test_it_listens_on_both(self, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
        created = toxiproxy.create('echo', echo_server.address, listen='localhost:0')
        port = port_of(created)
        assert created['listen'] == f'{HOST}:{port}'
        for enabled in (True, False, True):
            assert toxiproxy.done('PATCH', '/proxies/echo', {'enabled': enabled}) == {**created, 'enabled': enabled}
        for host in (HOST, '::1'):
            with Peer.connect(port, host) as client:
                assert is_live(client)

    def test_the_first_is_enough(self, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
        with socket.create_server(('::1', free_port()), family=socket.AF_INET6) as other:
            listen = f'localhost:{other.getsockname()[1]}'
            created = toxiproxy.create('echo', echo_server.address, listen=listen)
            assert created['listen'] == listen.replace('localhost', HOST)
            for change in ({'enabled': False}, {'enabled': True}, {'listen': 'localhost:0'}, {'listen': listen}):
                changed = toxiproxy.done('PATCH', '/proxies/echo', change)
            assert changed == created
            with connect(changed) as client:
                assert is_live(client)

    def test_the_first_is_in_use(self, toxiproxy: Toxiproxy) -> None:
        with taken_port() as port:
            body = {'name': 'redis', 'upstream': NOWHERE, 'listen': f'localhost:{port}'}
            text = f'listen tcp {HOST}:{port}: bind: address already in use'
            assert toxiproxy.refused('POST', '/proxies', 500, body) == text
            assert toxiproxy.done('GET', '/proxies') == {}


class TestProtocol:
    @pytest.mark.parametrize('method', ['POST', 'PATCH'])
    def test_it_stays(self, toxiproxy: Toxiproxy, method: str) -> None:
        created = toxiproxy.create('cache', protocol='redis')
        for protocol in ('tcp', 'http', ''):
            response = toxiproxy(method, '/proxies/cache', {'protocol': protocol, 'enabled': False})
            assert (response.status_code, response.json()['error']) == (
                400,
                'bad request body: protocol: it is redis, and stays so: delete the proxy, and create it anew',
            )
        assert toxiproxy.done(method, '/proxies/cache', {'protocol': 'redis'}) == created
        assert toxiproxy.done(method, '/proxies/cache', created) == created


class TestListen:
    """Where a proxy says it listens."""

    @pytest.mark.parametrize('listen', ['localhost:0', '127.0.0.1:0', '127.0.0.1:', '[127.0.0.1]:0', '127.0.0.1:+0'])
    def test_the_number_and_the_port_it_got(self, toxiproxy: Toxiproxy, listen: str) -> None:
        created = toxiproxy.create('redis', listen=listen)
        assert created['listen'] == f'{HOST}:{port_of(created)}'
        assert listens(created)

    @pytest.mark.parametrize('listen', [':', ':0', '0.0.0.0:0', '[::]:0'])
    def test_every_address_of_the_machine(self, toxiproxy: Toxiproxy, echo_server: RawBackend, listen: str) -> None:
        created = toxiproxy.create('echo', echo_server.address, listen=listen)
        assert created['listen'] == f'{EVERYWHERE}:{port_of(created)}'
        for host in [HOST] + ['::1'] * (everywhere() == '::'):
            with Peer.connect(port_of(created), host) as client:
                assert is_live(client)

    @pytest.mark.parametrize('listen', ['', None])
    def test_only_this_machine_if_nothing_is_said(self, toxiproxy: Toxiproxy, listen: str) -> None:
        created = toxiproxy.create('redis', listen=listen)
        assert created['listen'] == f'{HOST}:{port_of(created)}'
        (populated,) = populate(toxiproxy, {'name': 'db', 'upstream': NOWHERE, 'listen': listen})
        assert populated['listen'] == f'{HOST}:{port_of(populated)}'

    @pytest.mark.parametrize('enabled', [True, False])
    def test_it_keeps_its_port(self, toxiproxy: Toxiproxy, enabled: bool) -> None:
        created = toxiproxy.create('redis', listen='localhost:0')
        for _ in range(2):
            disabled = toxiproxy.done('PATCH', '/proxies/redis', {'enabled': False})
            assert disabled == {**created, 'enabled': False}
            assert not listens(created)
            assert toxiproxy.done('PATCH', '/proxies/redis', {'enabled': True}) == created
            assert listens(created)

    @pytest.mark.parametrize('listen', ['', 'localhost:0', 'anything at all', '[', 'a\0b:1', ':99999', 'é:http'])
    def test_created_disabled_it_is_any_text(self, toxiproxy: Toxiproxy, listen: str) -> None:
        created = toxiproxy.create('redis', listen=listen, enabled=False)
        assert (created['listen'], created['enabled']) == (listen, False)
        assert toxiproxy.done('PATCH', '/proxies/redis', {'upstream': 'other:1'})['listen'] == listen
        assert toxiproxy.done('PATCH', '/proxies/redis', {'listen': listen})['listen'] == listen
        changed = toxiproxy.done('PATCH', '/proxies/redis', {'listen': 'localhost:0', 'enabled': True})
        assert listens(changed)

    @pytest.mark.parametrize(
        ('listen', 'text'),
        [
            ('foo', 'listen tcp: address foo: missing port in address'),
            ('[::1]', 'listen tcp: address [::1]: missing port in address'),
            ('::1:80', 'listen tcp: address ::1:80: too many colons in address'),
            (f'{HOST}:65536', 'listen tcp: address 65536: invalid port'),
            (f'{HOST}:-1', 'listen tcp: address -1: invalid port'),
            (f'{HOST}:nothing', 'listen tcp: lookup tcp/nothing: unknown port'),
            ('nowhere.invalid:80', 'listen tcp: lookup nowhere.invalid: no such host'),
            ('a\0b:80', 'listen tcp: lookup a\0b: no such host'),
            ('x' * 64 + ':80', 'listen tcp: lookup ' + 'x' * 64 + ': no such host'),
            ('\ufffd:80', 'listen tcp: lookup \ufffd: no such host'),
            ('192.0.2.1:80', 'listen tcp 192.0.2.1:80: bind: cannot assign requested address'),
        ],
    )
    def test_where_it_cannot(self, toxiproxy: Toxiproxy, listen: str, text: str) -> None:
        body = {'name': 'redis', 'upstream': NOWHERE, 'listen': listen}
        assert toxiproxy.refused('POST', '/proxies', 500, body) == text
        assert toxiproxy.done('GET', '/proxies') == {}

    def test_where_somebody_else_does(self, toxiproxy: Toxiproxy) -> None:
        with taken_port() as port:
            body = {'name': 'redis', 'upstream': NOWHERE, 'listen': f'localhost:{port}'}
            text = f'listen tcp {HOST}:{port}: bind: address already in use'
            assert toxiproxy.refused('POST', '/proxies', 500, body) == text
            assert toxiproxy.done('GET', '/proxies') == {}
        assert toxiproxy.done('POST', '/proxies', body, 201)['listen'] == f'{HOST}:{port}'


class TestUpstream:
    """Any text is one, until somebody connects."""

    @pytest.mark.parametrize(
        'upstream', [NOWHERE, 'foo', 'a\0b:80', ':99999', '[', '\ufffd:1', 'x' * 70 + ':1', 'localhost:']
    )
    def test_nothing_is_there(self, toxiproxy: Toxiproxy, upstream: str) -> None:
        created = toxiproxy.create('redis', upstream)
        assert created['upstream'] == upstream
        for _ in range(2):
            with connect(created) as client:
                assert client.recv() == b''
        assert toxiproxy.done('GET', '/proxies/redis') == created


class TestChange:
    """`PATCH` and `POST` of a proxy."""

    def test_repeating_what_is_closes_nothing(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        port = port_of(created)
        for listen in (created['listen'], f'localhost:{port}', f'127.0.0.1:{port}'):
            body = {'listen': listen, 'upstream': created['upstream'], 'enabled': True}
            assert toxiproxy.done('PATCH', '/proxies/echo', body) == created
        assert is_live(client)

    def test_nor_does_every_address_however_it_is_written(self, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
        created = toxiproxy.create('echo', echo_server.address, listen=':0')
        with connect(created) as client:
            for host in ('', '0.0.0.0', '[::]'):
                assert toxiproxy.done('PATCH', '/proxies/echo', {'listen': f'{host}:{port_of(created)}'}) == created
            assert is_live(client)

    def test_another_port(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        moved = toxiproxy.done('PATCH', '/proxies/echo', {'listen': 'localhost:0'})
        assert port_of(moved) not in (port_of(created), 0)
        assert moved == {**created, 'listen': f'{HOST}:{port_of(moved)}'}
        assert client.recv() == b''
        assert not listens(created)
        with connect(moved) as another:
            assert is_live(another)

    def test_the_same_port_of_more_addresses_and_back(
        self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]
    ) -> None:
        """The listener it has is in the way of the one it wants."""
        created, client = live
        port = port_of(created)
        assert toxiproxy.done('PATCH', '/proxies/echo', {'listen': f':{port}'})['listen'] == f'{EVERYWHERE}:{port}'
        assert client.recv() == b''
        assert toxiproxy.done('PATCH', '/proxies/echo', {'listen': f'localhost:{port}'}) == created
        with connect(created) as another:
            assert is_live(another)

    def test_another_upstream(
        self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer], raw_backend: RawBackend
    ) -> None:
        created, client = live
        changed = toxiproxy.done('PATCH', '/proxies/echo', {'upstream': raw_backend.address})
        assert changed == {**created, 'upstream': raw_backend.address}
        assert client.recv() == b''
        with connect(created):
            raw_backend.accept()

    @pytest.mark.parametrize('change', [{}, {'upstream': NOWHERE}, {'enabled': False}, {'enabled': True}])
    @pytest.mark.parametrize('listen', ['foo', ':99999', 'nowhere.invalid:1', '192.0.2.1:{port}', f'{HOST}:{{taken}}'])
    def test_one_that_fails_changes_nothing(
        self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer], listen: str, change: dict[str, Any]
    ) -> None:
        created, client = live
        with taken_port() as taken:
            body = {'listen': listen.format(port=port_of(created), taken=taken), **change}
            if change == {'enabled': False} and listen.endswith('}'):
                return  # nothing is bound, so nothing fails
            toxiproxy.refused('PATCH', '/proxies/echo', 500, body)
        assert toxiproxy.done('GET', '/proxies/echo') == created
        assert is_live(client)
        assert listens(created)

    def test_the_texts_of_failures(self, toxiproxy: Toxiproxy) -> None:
        toxiproxy.create('redis')
        text = 'address foo: missing port in address'
        assert toxiproxy.refused('PATCH', '/proxies/redis', 500, {'listen': 'foo'}) == text
        body = {'name': 'redis', 'upstream': NOWHERE, 'listen': 'foo'}
        assert toxiproxy('POST', '/populate', [body]).json() == {'error': text, 'status': 500, 'proxies': None}
        with taken_port() as port:
            text = f'listen tcp {HOST}:{port}: bind: address already in use'
            assert toxiproxy.refused('PATCH', '/proxies/redis', 500, {'listen': f'localhost:{port}'}) == text


class TestDisable:
    def test_it_closes_all(self, toxiproxy: Toxiproxy, raw_backend: RawBackend) -> None:
        created = toxiproxy.create('redis', raw_backend.address)
        with connect(created) as client:
            backend = raw_backend.accept()
            assert not toxiproxy.done('POST', '/proxies/redis', {'enabled': False})['enabled']
            assert (client.recv(), backend.recv()) == (b'', b'')
        assert not listens(created)

    def test_data_that_wait_in_toxics_are_lost(self, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
        created = toxiproxy.create('echo', echo_server.address)
        toxiproxy.add_toxic('echo', 'latency', latency=1_000_000)
        toxiproxy.add_toxic('echo', 'slow_close', delay=1_000_000)
        with connect(created) as client:
            client.send(b'hello')
            eventually(lambda: toxiproxy('GET', '/proxies/echo/status').json()['bytes']['downstream'] == 5)
            toxiproxy.done('POST', '/proxies/echo', {'enabled': False})
            assert client.recv() == b''

    def test_toxics_are_kept_and_may_come_and_change(
        self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]
    ) -> None:
        created, _ = live
        toxiproxy.done('PATCH', '/proxies/echo', {'enabled': False})
        toxiproxy.done('PATCH', '/proxies/echo/toxics/slow', {'attributes': {'jitter': 1}})
        toxiproxy.add_toxic('echo', 'limit_data', name='short', bytes=5)
        assert toxiproxy.done('PATCH', '/proxies/echo', {'enabled': True})['enabled']
        slow, short = toxiproxy.done('GET', '/proxies/echo/toxics')
        assert slow['attributes'] == {'latency': 1, 'jitter': 1}
        assert short['attributes'] == {'bytes': 5}
        with connect(created) as client:
            client.send(b'hello, world')
            assert client.recv_all() == b'hello'

    def test_enabling_again_closes_nothing(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        assert toxiproxy.done('PATCH', '/proxies/echo', {'enabled': True}) == created
        assert is_live(client)

    def test_one_whose_port_is_taken_meanwhile(self, toxiproxy: Toxiproxy) -> None:
        created = toxiproxy.create('redis')
        disabled = toxiproxy.done('PATCH', '/proxies/redis', {'enabled': False})
        with socket.create_server((HOST, port_of(created))):
            for body in ({'enabled': True}, {'enabled': True, 'upstream': 'other:1'}):
                error = toxiproxy.refused('PATCH', '/proxies/redis', 500, body)
                assert error == f'listen tcp {created["listen"]}: bind: address already in use'
            assert toxiproxy.done('GET', '/proxies/redis') == disabled
        assert toxiproxy.done('PATCH', '/proxies/redis', {'enabled': True}) == created

    def test_moved_while_it_is_disabled(self, toxiproxy: Toxiproxy) -> None:
        created = toxiproxy.create('redis')
        port = free_port()
        body = {'listen': f'localhost:{port}', 'enabled': False}
        moved = toxiproxy.done('PATCH', '/proxies/redis', body)
        assert moved == {**created, **body}
        assert not listens(created)
        assert toxiproxy.done('PATCH', '/proxies/redis', {'enabled': True})['listen'] == f'{HOST}:{port}'
        assert toxiproxy.refused('PATCH', '/proxies/redis', 500, {'listen': 'foo', 'enabled': False})


class TestDelete:
    def test_nothing_is_left(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        toxiproxy.done('DELETE', '/proxies/echo', status=204)
        assert client.recv() == b''
        assert not listens(created)
        again = toxiproxy.create('echo', created['upstream'], created['listen'])
        assert again == {**created, 'toxics': []}
        assert toxiproxy('GET', '/proxies/echo/status').json()['links']['total'] == 0

    def test_a_change_that_comes_too_late(self, server: Command, toxiproxy: Toxiproxy) -> None:
        """It was on its way when the proxy went."""
        for path, body in [
            ('/proxies/redis', b'{"listen":"localhost:0","enabled":true}'),
            ('/proxies/redis/toxics', b'{"type":"latency"}'),
            ('/proxies/redis/toxics/slow', b'{"toxicity":0}'),
        ]:
            toxiproxy.create('redis')
            toxiproxy.add_toxic('redis', 'latency', name='slow')
            with Peer.connect(server.control_port) as peer:
                head = f'POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
                peer.send(f'{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n'.encode())
                peer.recv_until(b'HTTP/1.1 100 Continue\r\n\r\n')
                toxiproxy.done('DELETE', '/proxies/redis', status=204)
                peer.send(body)
                assert peer.recv_all().endswith(b'{"error":"proxy not found","status":404}\n')
            assert toxiproxy.done('GET', '/proxies') == {}


class TestReset:
    def test_all_is_well_again(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        other = toxiproxy.create('other')
        toxiproxy.add_toxic('other', 'timeout')
        toxiproxy.done('PATCH', '/proxies/other', {'enabled': False})
        never = toxiproxy.create('never', enabled=False, listen='localhost:0')
        toxiproxy('PUT', '/proxies/echo/behavior', {'name': 'hang'})
        toxiproxy.done('POST', '/reset', status=204)
        proxies = toxiproxy.done('GET', '/proxies')
        assert proxies['echo'] == {**created, 'toxics': []}
        assert proxies['other'] == other
        assert proxies['never']['enabled'] > never['enabled']
        assert listens(proxies['other'])
        assert listens(proxies['never'])
        assert is_live(client)
        assert toxiproxy('GET', '/proxies/echo/behavior').json() == {'behavior': 'dummy', 'options': {}}

    def test_one_that_cannot_be_started(self, toxiproxy: Toxiproxy) -> None:
        for name in ('a', 'b', 'c'):
            toxiproxy.create(name)
            toxiproxy.add_toxic(name, 'latency')
            toxiproxy.done('PATCH', f'/proxies/{name}', {'enabled': False})
        stuck = toxiproxy.done('GET', '/proxies/b')
        with socket.create_server((HOST, port_of(stuck))):
            error = toxiproxy.refused('POST', '/reset', 500)
            assert error == f'listen tcp {stuck["listen"]}: bind: address already in use'
        proxies = toxiproxy.done('GET', '/proxies')
        assert proxies['b'] == stuck
        assert [proxies[name]['enabled'] for name in 'ac'] == [True, True]
        assert [proxies[name]['toxics'] for name in 'ac'] == [[], []]
        toxiproxy.done('POST', '/reset', status=204)
        assert toxiproxy.done('GET', '/proxies/b') == {**stuck, 'enabled': True, 'toxics': []}

    def test_what_was_configured_is_armed_again(self, vaurien_command: StartCommand) -> None:
        toxiproxy = Toxiproxy(vaurien_command('--server', '--behavior', '20:error', '--seed', '7').api)
        with toxiproxy.session:
            toxiproxy.create('redis', protocol='redis')
            assert toxiproxy('GET', '/proxies/redis/status').json()['seed'] == 7
            toxiproxy('PUT', '/behavior', {'name': 'dummy'})
            toxiproxy.done('POST', '/reset', status=204)
            assert toxiproxy('GET', '/behavior').json() == {'behavior': '20:error', 'options': {}}


def populate(toxiproxy: Toxiproxy, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """The proxies that are answered when these are asked for."""
    answer = toxiproxy.done('POST', '/populate', list(entries), 201)
    assert list(answer) == ['proxies']
    proxies: list[dict[str, Any]] = answer['proxies']
    return proxies


class TestPopulate:
    def test_new_ones(self, toxiproxy: Toxiproxy) -> None:
        toxiproxy.create('other')
        b, a = populate(
            toxiproxy,
            {'name': 'b', 'upstream': 'b:1', 'listen': 'localhost:0'},
            {'NAME': 'a', 'upstream': 'a:1', 'listen': 'what?', 'Enabled': False},
        )
        assert (b['name'], b['listen'], b['enabled']) == ('b', f'{HOST}:{port_of(b)}', True)
        assert (a['name'], a['listen'], a['enabled']) == ('a', 'what?', False)
        assert toxiproxy.done('GET', '/proxies').keys() == {'a', 'b', 'other'}

    @pytest.mark.parametrize('body', ['[]', 'null'])
    def test_none(self, toxiproxy: Toxiproxy, body: str) -> None:
        toxiproxy.create('other')
        assert toxiproxy('POST', '/populate', data=body).content == b'{"proxies":[]}'
        assert toxiproxy.done('GET', '/proxies').keys() == {'other'}

    def test_those_that_are_there_are_left_alone(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        for host in ('localhost', '127.0.0.1'):
            entry = {'name': 'echo', 'upstream': created['upstream'], 'listen': f'{host}:{port_of(created)}'}
            for enabled in ({}, {'enabled': False}, {'enabled': None}, {'enabled': True}):
                assert populate(toxiproxy, {**entry, **enabled}) == [created]
        assert is_live(client)
        disabled = toxiproxy.done('PATCH', '/proxies/echo', {'enabled': False})
        assert populate(toxiproxy, {**entry, 'enabled': True}) == [disabled]

    def test_so_are_those_at_every_address(self, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
        port = free_port()
        entry = {'name': 'echo', 'upstream': echo_server.address, 'listen': f'0.0.0.0:{port}'}
        (created,) = populate(toxiproxy, entry)
        toxiproxy.add_toxic('echo', 'latency')
        with connect(created) as client:
            for listen in (f'0.0.0.0:{port}', f':{port}', f'[::]:{port}'):
                (again,) = populate(toxiproxy, {**entry, 'listen': listen})
                assert (again['listen'], len(again['toxics'])) == (created['listen'], 1)
            assert is_live(client)

    @pytest.mark.parametrize('listen', ['', '127.0.0.1:0', 'anything'])
    def test_so_are_those_that_never_were_enabled(self, toxiproxy: Toxiproxy, listen: str) -> None:
        entry = {'name': 'redis', 'upstream': NOWHERE, 'listen': listen, 'enabled': False}
        populate(toxiproxy, entry)
        toxiproxy.add_toxic('redis', 'latency')
        assert populate(toxiproxy, entry) == [toxiproxy.done('GET', '/proxies/redis')]
        assert len(toxiproxy.done('GET', '/proxies/redis/toxics')) == 1

    @pytest.mark.parametrize('change', [{'upstream': NOWHERE}, {'listen': 'localhost:0'}, {'protocol': 'redis'}])
    def test_those_that_differ_are_replaced(
        self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer], change: dict[str, Any]
    ) -> None:
        created, client = live
        toxiproxy.create('other')
        before = {key: created[key] for key in ('name', 'upstream', 'listen')}
        (replaced,) = populate(toxiproxy, {**before, **change})
        moved = {'listen': replaced['listen']} if 'listen' in change else {}
        assert replaced == {**created, **change, **moved, 'toxics': []}
        assert listens(replaced)
        assert client.recv() == b''
        assert not moved or not listens(created)
        assert list(toxiproxy('GET', '/status').json()) == ['status', 'errors'], 'there are still two'

    def test_one_that_differs_may_be_disabled(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        (replaced,) = populate(toxiproxy, {'name': 'echo', 'upstream': NOWHERE, 'listen': ':1', 'enabled': False})
        assert (replaced['listen'], replaced['enabled']) == (':1', False)
        assert client.recv() == b''
        assert not listens(created)

    def test_who_knows_no_protocols_keeps_them(self, toxiproxy: Toxiproxy) -> None:
        created = toxiproxy.create('redis', protocol='redis')
        toxiproxy.add_toxic('redis', 'latency')
        entry = {key: created[key] for key in ('name', 'upstream', 'listen')}
        (same,) = populate(toxiproxy, entry)
        assert (same['protocol'], len(same['toxics'])) == ('redis', 1)
        (replaced,) = populate(toxiproxy, {**entry, 'upstream': 'other:1'})
        assert (replaced['protocol'], replaced['toxics']) == ('redis', [])

    def test_two_exchange_their_ports(self, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
        one, two = (toxiproxy.create(name, echo_server.address) for name in ('one', 'two'))
        entries = [{key: proxy[key] for key in ('name', 'upstream')} for proxy in (one, two)]
        moved = populate(toxiproxy, {**entries[0], 'listen': two['listen']}, {**entries[1], 'listen': one['listen']})
        assert [proxy['listen'] for proxy in moved] == [two['listen'], one['listen']]
        assert list(toxiproxy.done('GET', '/proxies').values()) == moved
        for proxy in moved:
            with connect(proxy) as client:
                assert is_live(client)

    def test_a_new_one_takes_the_port_of_one_that_leaves(self, toxiproxy: Toxiproxy) -> None:
        old = toxiproxy.create('old')
        new, moved = populate(
            toxiproxy,
            {'name': 'new', 'upstream': NOWHERE, 'listen': old['listen']},
            {'name': 'old', 'upstream': NOWHERE, 'listen': 'localhost:0'},
        )
        assert new['listen'] == old['listen'] != moved['listen']
        assert listens(moved)

    def test_who_does_not_leave_keeps_the_port(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        same = {key: created[key] for key in ('name', 'upstream', 'listen')}
        response = toxiproxy('POST', '/populate', [{**same, 'name': 'other'}, same])
        assert response.status_code == 500
        assert is_live(client)
        assert toxiproxy.done('GET', '/proxies') == {'echo': created}

    def test_toxics(self, toxiproxy: Toxiproxy) -> None:
        late = {'type': 'latency', 'Stream': 'upstream', 'attributes': {'latency': 5}}
        toxics = [{'type': 'noop', 'name': 'n'}, late]
        entry = {'name': 'redis', 'upstream': NOWHERE, 'listen': 'localhost:0', 'enabled': False}
        (created,) = populate(toxiproxy, {**entry, 'toxics': toxics})
        assert [toxic['name'] for toxic in created['toxics']] == ['latency_upstream', 'n']
        assert created['toxics'][0]['attributes'] == {'latency': 5, 'jitter': 0}
        assert populate(toxiproxy, entry) == [created]
        nothing: Any
        for nothing in (None, []):
            assert populate(toxiproxy, {**entry, 'toxics': nothing}) == [created]
        (changed,) = populate(toxiproxy, {**entry, 'toxics': [{'type': 'latency'}]})
        assert [toxic['name'] for toxic in changed['toxics']] == ['latency_downstream']
        toxiproxy.done('DELETE', '/proxies/redis', status=204)
        assert populate(toxiproxy, created) == [created], 'what is shown can be sent back'

    @pytest.mark.parametrize(
        ('toxics', 'status', 'said'),
        [
            (7, 400, 'bad request body: toxics: Expected `array`, got `int` at proxy 2'),
            ([{'type': 'latncy'}], 400, 'invalid toxic type at proxy 2'),
            ([{'type': 'noop'}, {'type': 'noop'}], 409, 'toxic already exists at proxy 2'),
            ([{'type': 'noop', 'name': '..'}], 400, "bad request body: name: '..' does not fit into a URL at proxy 2"),
        ],
    )
    def test_mistakes_in_toxics(self, toxiproxy: Toxiproxy, toxics: Any, status: int, said: str) -> None:
        entry = {'name': 'redis', 'upstream': NOWHERE, 'listen': 'localhost:0'}
        response = toxiproxy('POST', '/populate', [entry, {**entry, 'name': 'db', 'toxics': toxics}])
        assert response.json() == {'error': said, 'status': status, 'proxies': None}
        assert toxiproxy.done('GET', '/proxies') == {}

    def test_one_name_twice(self, toxiproxy: Toxiproxy) -> None:
        first, second = populate(
            toxiproxy,
            {'name': 'redis', 'upstream': 'a:1', 'listen': 'localhost:0'},
            {'name': 'redis', 'upstream': 'b:1', 'listen': 'localhost:0'},
        )
        assert (first['upstream'], second['upstream']) == ('a:1', 'b:1')
        assert not listens(first)
        assert toxiproxy.done('GET', '/proxies') == {'redis': second}

    def test_the_first_failure_is_the_end(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        """And what was to be replaced is as it was."""
        created, client = live
        with taken_port() as port:
            response = toxiproxy(
                'POST',
                '/populate',
                [
                    {'name': 'first', 'upstream': NOWHERE, 'listen': 'localhost:0'},
                    {'name': 'echo', 'upstream': NOWHERE, 'listen': f'localhost:{port}'},
                    {'name': 'last', 'upstream': NOWHERE, 'listen': 'localhost:0'},
                ],
            )
        assert response.status_code == 500
        assert response.headers['Content-Type'] == 'application/json'
        proxies = toxiproxy.done('GET', '/proxies')
        assert proxies.keys() == {'echo', 'first'}
        text = f'listen tcp {HOST}:{port}: bind: address already in use'
        assert response.json() == {'error': text, 'status': 500, 'proxies': [proxies['first']]}
        assert proxies['echo'] == created
        assert listens(created)
        assert is_live(client)

    def test_so_it_is_on_the_port_it_was_to_keep(self, toxiproxy: Toxiproxy, live: tuple[dict[str, Any], Peer]) -> None:
        created, client = live
        entry = {'name': 'echo', 'upstream': NOWHERE, 'listen': f'192.0.2.1:{port_of(created)}'}
        assert toxiproxy('POST', '/populate', [entry]).status_code == 500
        assert toxiproxy.done('GET', '/proxies/echo') == created
        assert listens(created)
        assert is_live(client)


def test_a_proxy_stops_and_starts_under_load(toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    """Again and again, with links that open and speak meanwhile; none of them hangs."""
    created = toxiproxy.create('echo', echo_server.address)
    toxiproxy.add_toxic('echo', 'latency', latency=1)
    for _ in range(20):
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(created)) for _ in range(5)]
            for client in clients:
                client.send(b'ping')
            toxiproxy.done('PATCH', '/proxies/echo', {'enabled': False})
            toxiproxy.done('PATCH', '/proxies/echo', {'enabled': True})
            for client in clients:
                with suppress(ConnectionResetError):  # by the system, where the data were not read yet
                    assert client.recv_all() in (b'', b'ping')
    with connect(created) as client:
        assert is_live(client)
    eventually(lambda: toxiproxy('GET', '/proxies/echo/links').json() == {'links': []})


class TestScheduled:
    """A proxy that a schedule has disabled keeps its port until it is back."""

    @pytest.fixture
    def port(self, toxiproxy: Toxiproxy) -> Iterator[int]:
        created = toxiproxy.create('echo')
        toxiproxy('PUT', '/schedule', {'steps': [{'enabled': False}]})
        eventually(lambda: not toxiproxy.done('GET', '/proxies/echo')['enabled'])
        yield port_of(created)
        toxiproxy('DELETE', '/schedule')

    @pytest.mark.parametrize('change', [{'upstream': 'localhost:2'}, {}])
    def test_a_change_of_something_else(self, toxiproxy: Toxiproxy, port: int, change: dict[str, str]) -> None:
        assert not toxiproxy.done('PATCH', '/proxies/echo', change)['enabled']
        assert not is_free(port)
        toxiproxy('DELETE', '/schedule')
        eventually(lambda: listens(toxiproxy.done('GET', '/proxies/echo')))

    @pytest.mark.parametrize('moves', [False, True])
    def test_who_disables_or_moves_it_gives_the_port_free(self, toxiproxy: Toxiproxy, port: int, moves: bool) -> None:
        change = {'listen': f'{HOST}:{free_port()}'} if moves else {'enabled': False}
        toxiproxy.done('PATCH', '/proxies/echo', change)
        assert is_free(port)


def is_free(port: int) -> bool:
    """Return whether nobody has bound *port*."""
    with socket.socket() as other, suppress(OSError):
        other.bind((HOST, port))
        return True
    return False
