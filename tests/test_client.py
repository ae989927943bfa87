"""The client, against a running proxy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import chain, repeat

import pytest

from tests.arming import UNAIMED
from tests.behaviors.waiting import eventually
from tests.commands import Command
from tests.peers import Peer, RawBackend, pour
from tests.servers import HOST, TIMEOUT, free_port
from vaurien import Client
from vaurien.behaviors import Behavior
from vaurien.errors import ConfigError, ControlError, UnreachableError


@pytest.fixture(scope='module')
def command() -> Iterator[Command]:
    """A proxy whose configured delay is 5 s."""
    command = Command('--http', '--behavior-delay-sleep', '5', '--backend', 'localhost:6379')
    yield command
    command.kill()


@pytest.fixture
def client(command: Command) -> Client:
    """Its client; nothing is armed."""
    client = Client(port=command.control_port)
    client.set_behavior('dummy')
    return client


def armed(client: Client) -> dict[str, tuple[float, dict[str, object]]]:
    """Percent and options by name."""
    return {entry['name']: (entry['percent'], entry['options']) for entry in client.status()['behaviors']}


def test_sets_one_behavior(client: Client) -> None:
    client.set_behavior('delay', before=False)
    assert client.get_behavior() == 'delay'
    assert armed(client) == {'delay': (100.0, {'sleep': 5.0, 'before': False, **UNAIMED})}


def test_sets_several_by_weight(client: Client) -> None:
    client.set_behavior('0.5:delay,20:error', delay={'sleep': 2})
    assert client.get_behavior() == '0.5:delay,20:error'
    percent, options = armed(client)['delay']
    assert (percent, options['sleep']) == (0.5, 2.0)


def test_lists_behaviors(client: Client) -> None:
    assert client.list_behaviors() == Behavior.names()


def test_changes_the_backend(client: Client) -> None:
    client.set_backend('localhost:6380')
    assert client.get_backend() == 'localhost:6380'
    client.set_backend('[::1]:6379')
    assert client.get_backend() == '[::1]:6379'


def test_tells_the_status(client: Client, command: Command) -> None:
    status = client.status()
    assert (status['pid'], status['proxy']) == (command.pid, command.address)


class TestWithBehavior:
    """A behavior for the length of a block."""

    def test_arms_and_disarms(self, client: Client) -> None:
        with client.with_behavior('error', inject=True):
            assert armed(client)['error'][1]['inject'] is True
        assert client.get_behavior() == 'dummy'

    @pytest.mark.parametrize('spec', ['0.1:delay,33.3:error', '100:delay,0:error', '7:delay'])
    def test_restores_all_there_was(self, client: Client, spec: str) -> None:
        options = {'delay': {'sleep': 2.5, 'before': False}, 'error': {'warmup': 3, 'inject': True}}
        client.set_behavior(spec, **{name: options[name] for name in options if name in spec})
        before = client.status()['behaviors']
        with client.with_behavior('delay', sleep=1):
            assert client.status()['behaviors'] != before
        assert client.status()['behaviors'] == before

    def test_restores_what_was_aimed(self, client: Client) -> None:
        spec = "100:delay(sleep=3.0, match='GET *', nth='1-2'),100:delay(sleep=2.0, match='SET *')"
        client.set_behavior(spec)
        with client.with_behavior('error', match='GET /slow*'):
            assert client.get_behavior() == "error(match='GET /slow*')"
        assert client.get_behavior() == spec

    def test_restores_what_is_left(self, client: Client) -> None:
        client.set_behavior("50:delay(for='1h'),50:hang(for=0.1)")
        status = client.status()['behaviors'][0]
        assert 3590 < status['left'] < 3600
        with client.with_behavior('error'):
            time.sleep(0.1)
        (rule,) = client.status()['behaviors']
        assert (rule['name'], rule['percent']) == ('delay', 50.0)
        assert 3500 < rule['options']['for'] < 3599.95
        client.set_behavior('hang', **{'for': 0.1})
        with client.with_behavior('error'):
            time.sleep(0.1)
        assert client.get_behavior() == 'dummy'

    def test_takes_a_list(self, client: Client) -> None:
        entries = [{'name': 'hang', 'percent': 5, 'match': 'GET *'}, {'name': 'delay', 'sleep': 3}]
        with client.with_behavior(entries):
            assert [entry['name'] for entry in client.status()['behaviors']] == ['hang', 'delay']

    def test_restores_when_the_block_raises(self, client: Client) -> None:
        with pytest.raises(ZeroDivisionError), client.with_behavior('hang'):
            raise ZeroDivisionError
        assert client.get_behavior() == 'dummy'

    def test_nests(self, client: Client) -> None:
        with client.with_behavior('delay', sleep=3):
            with client.with_behavior('hang'):
                assert client.get_behavior() == 'hang'
            assert armed(client)['delay'][1]['sleep'] == 3.0
        assert client.get_behavior() == 'dummy'

    def test_overlaps(self, client: Client) -> None:
        """As in two threads: the last one to begin has what is armed, and nothing of either is left in the end."""
        bound = client.proxy(client.status()['name'])
        with ExitStack() as first, ExitStack() as second:
            first.enter_context(client.with_behavior('delay', sleep=3))
            second.enter_context(bound.with_behavior('hang'))
            first.close()
            assert client.get_behavior() == 'hang'
        assert client.get_behavior() == 'dummy'

    def test_does_not_enter_when_it_is_refused(self, client: Client) -> None:
        client.set_behavior('delay', sleep=4)
        with pytest.raises(ControlError), client.with_behavior('dealy'):
            pytest.fail('it was entered')
        assert armed(client)['delay'][1]['sleep'] == 4.0

    def test_restores_nothing_at_all_where_nothing_was_armed(self) -> None:
        command = Command('--http')
        try:
            client = Client(port=command.control_port)
            with client.with_behavior('hang'):
                pass
            assert client.get_behavior() == 'dummy'
        finally:
            command.kill()


def test_tells_and_forgets_the_faults(client: Client, command: Command, echo_server: RawBackend) -> None:
    client.set_backend(echo_server.address)
    client.clear_faults()
    with client.with_behavior('delay', sleep=0, times=1), Peer.connect(command.port) as peer:
        peer.send(b'hello')
        eventually(client.faults)
    (fault,) = client.faults()
    assert (fault.behavior, fault.exchange, fault.request) == ('delay', 1, '5 bytes')
    assert (fault.options['sleep'], fault.options['times']) == (0.0, 1)
    assert abs(fault.time - time.time()) < 60
    client.clear_faults()
    assert client.faults() == []


class TestErrors:
    """Each is one clear line."""

    def test_a_refusal_names_the_field(self, client: Client) -> None:
        with pytest.raises(ControlError) as caught:
            client.set_behavior('delay', sleep='x')
        assert str(caught.value) == "sleep: expected a duration such as 200ms or 2s, got 'x'"
        assert not isinstance(caught.value, UnreachableError)

    def test_an_unknown_behavior_comes_with_the_nearest_name(self, client: Client) -> None:
        with pytest.raises(ControlError, match=r"^name: unknown behavior 'dealy', did you mean 'delay'\?$"):
            client.set_behavior('dealy')

    def test_a_bad_backend(self, client: Client) -> None:
        with pytest.raises(ControlError, match=r'^backend: .* expected host:port$'):
            client.set_backend('localhost')

    def test_nobody_listens(self) -> None:
        port = free_port()
        with pytest.raises(UnreachableError) as caught:
            Client(HOST, port).status()
        assert str(caught.value) == f'cannot reach http://{HOST}:{port}: connection refused'

    def test_nobody_listens_on_ipv6_either(self) -> None:
        with pytest.raises(UnreachableError, match=r'^cannot reach http://\[::1\]:1: '):
            Client('::1', 1).status()

    def test_no_such_host(self) -> None:
        with pytest.raises(UnreachableError, match=r'^cannot reach http://nowhere\.invalid:8080: '):
            Client('nowhere.invalid').status()

    def test_no_host(self) -> None:
        with pytest.raises(UnreachableError, match=r'^cannot reach http://:8080: .*[Hh]ost'):
            Client('').status()

    def test_hanging_up(self, raw_backend: RawBackend) -> None:
        def script(peer: Peer) -> None:
            peer.recv_until(b'\r\n\r\n')

        raw_backend.serve(script)
        with pytest.raises(UnreachableError) as caught:
            Client(HOST, raw_backend.port).status()
        assert str(caught.value).endswith(f':{raw_backend.port}: Remote end closed connection without response')

    def test_no_answer(self, raw_backend: RawBackend) -> None:
        client = Client(HOST, raw_backend.port, timeout=0.05)
        with pytest.raises(UnreachableError, match=r'did not answer within 0\.05 s$'):
            client.status()

    @pytest.mark.parametrize(
        'answer',
        [
            b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
            b'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}',
            b'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n[]',
            b'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n',
            b'HTTP/1.1 200 OK\r\n\r\n' + b'[' * 100_000,
            b'HTTP/1.1 200 OK\r\n\r\n' + b'{"a":' * 100_000,
            b'HTTP/1.1 200 OK\r\n\r\n{"a": ' + b'1' * 100_000 + b'}',
        ],
    )
    def test_somebody_else_answers(self, raw_backend: RawBackend, answer: bytes) -> None:
        def script(peer: Peer) -> None:
            peer.recv_until(b'\r\n\r\n')
            peer.send(answer)

        raw_backend.serve(script)
        code = answer.split()[1].decode()
        with pytest.raises(UnreachableError, match=f'is not a control API: it answers {code}$'):
            Client(HOST, raw_backend.port).status()

    def test_something_else_answers(self, raw_backend: RawBackend) -> None:
        def script(peer: Peer) -> None:
            peer.recv_until(b'\r\n\r\n')
            peer.send(b'SSH-2.0-\x1b[31m\r\n')

        raw_backend.serve(script)
        with pytest.raises(UnreachableError, match=r': malformed answer: BadStatusLine$'):
            Client(HOST, raw_backend.port).status()

    @pytest.mark.parametrize(
        ('head', 'endless', 'said'),
        [
            (b'', b'{"a": ' * 10000, '32 MiB'),
            (b'Transfer-Encoding: chunked\r\n', b'10000\r\n%b\r\n' % bytes(65536), '32 MiB'),
            (b'Content-Length: 400000000\r\n', b' ', '32 MiB'),
            (b'Content-Length: 3000000\r\n', b'[],' * 10000, '1000000 values'),
        ],
    )
    def test_somebody_else_does_not_end(self, raw_backend: RawBackend, head: bytes, endless: bytes, said: str) -> None:
        def script(peer: Peer) -> None:
            peer.recv_until(b'\r\n\r\n')
            pour(peer, b'HTTP/1.1 200 OK\r\n' + head + b'\r\n', endless)

        raw_backend.serve(script)
        with pytest.raises(UnreachableError, match=f'is not a control API: it sends more than {said}$'):
            Client(HOST, raw_backend.port, timeout=TIMEOUT).status()

    def test_an_answer_that_takes_for_ever(self, raw_backend: RawBackend) -> None:
        def script(peer: Peer) -> None:
            peer.recv_until(b'\r\n\r\n')
            with suppress(OSError):
                for byte in chain(b'HTTP/1.1 200 OK\r\n\r\n', repeat(32)):
                    peer.send(bytes([byte]))
                    time.sleep(0.01)

        raw_backend.serve(script)
        with pytest.raises(UnreachableError, match=r'did not answer within 0\.4 s$'):
            Client(HOST, raw_backend.port, timeout=0.4).status()

    def test_a_port_that_is_none(self) -> None:
        with pytest.raises(UnreachableError, match=r'^cannot reach http://localhost:99999: Port out of range 0-65535$'):
            Client(port=99999).status()


def test_takes_no_web_proxy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'):
        monkeypatch.setenv(name, 'http://127.0.0.1:1')
    monkeypatch.delenv('NO_PROXY', raising=False)
    monkeypatch.delenv('no_proxy', raising=False)
    assert client.get_behavior() == 'dummy'


def test_survives_the_proxy_it_was_made_for() -> None:
    first = Command('--http')
    client = Client(HOST, first.control_port)
    assert client.status()['pid'] == first.pid
    first.stop()
    second = Command('--http', '--http-port', str(first.control_port))
    try:
        assert client.status()['pid'] == second.pid
    finally:
        second.kill()


class TestTheEnvironment:
    """Where the control API is, and what its token is, if a program does not say so."""

    @pytest.fixture(autouse=True)
    def nothing_is_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ('VAURIEN_URL', 'VAURIEN_TOKEN', 'TOXIPROXY_AUTH_TOKEN'):
            monkeypatch.delenv(name, raising=False)

    @pytest.mark.parametrize(
        ('url', 'expected'),
        [
            (None, 'http://localhost:8080'),
            ('', 'http://localhost:8080'),
            ('http://staging:8474/', 'http://staging:8474'),
            ('staging', 'http://staging:8080'),
            ('[::1]', 'http://[::1]:8080'),
        ],
    )
    def test_the_url(self, monkeypatch: pytest.MonkeyPatch, url: str | None, expected: str) -> None:
        if url is not None:
            monkeypatch.setenv('VAURIEN_URL', url)
        client = Client()
        assert (client.url, f'http://{client._address}') == (expected, expected)
        assert repr(client.proxy('redis')) == f"<Client {expected} proxy 'redis'>"

    def test_what_is_given_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('VAURIEN_URL', 'http://staging:8474')
        assert Client('here').url == 'http://here:8080'
        assert Client(port=1).url == 'http://localhost:1'
        assert (Client('::1', 1).url, Client('::1', 1).host, Client('::1', 1).port) == ('http://[::1]:1', '::1', 1)

    def test_one_that_cannot_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('VAURIEN_URL', 'https://staging')
        with pytest.raises(ConfigError, match=r"^VAURIEN_URL: 'https://staging' is not a control API"):
            Client()

    @pytest.mark.parametrize('name', ['VAURIEN_TOKEN', 'TOXIPROXY_AUTH_TOKEN'])
    def test_the_token(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        command = Command('--http', '--api-token', 'sesame')
        try:
            with pytest.raises(ControlError, match='expected Bearer and the token') as caught:
                Client(port=command.control_port).status()
            assert caught.value.status == 401
            monkeypatch.setenv(name, 'sesame')
            assert Client(port=command.control_port).get_behavior() == 'dummy'
            monkeypatch.setenv(name, 'open-sesame')
            assert Client(port=command.control_port, token='sesame').get_behavior() == 'dummy'
        finally:
            command.kill()
