"""Accepting clients: where, how many, and what if there are no descriptors."""

from __future__ import annotations

import errno
import os
import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from socket import AF_INET, IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPIDLE, TCP_KEEPINTVL
from time import monotonic
from typing import Any

import gevent.socket
import pytest

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.engine.talk import connect, inside, join, make_proxy
from tests.loop import in_loop
from tests.peers import Peer, RawBackend
from tests.servers import HOST, free_port
from vaurien.address import NOWHERE, Address
from vaurien.embedded import Proxy
from vaurien.engine.dialer import EXHAUSTED_PAUSE
from vaurien.engine.listener import Listener
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.reserve import RESERVE, Descriptors
from vaurien.records.proxy_log import NO_PROXY
from vaurien.rules.behaviors import make_rules
from vaurien.settings import ProxySettings


def exchange(client: Peer) -> None:
    client.send(b'hello')
    assert client.recv_exactly(5) == b'hello'


def test_ipv6(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, proxy='[::1]:0') as proxy:
        assert proxy.address.host == '::1'
        assert str(proxy.address) == f'[::1]:{proxy.address.port}'
        exchange(connect(proxy))


def test_ipv6_backend(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, proxy='[::1]:0') as six, Proxy(six.address) as four:
        exchange(connect(four))


def test_a_name(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, proxy=Address('localhost', 0)) as proxy:
        exchange(connect(proxy))


class TestLocalhost:
    """A name with two addresses, whatever the hosts file of the machine says."""

    def test_it_listens_on_both(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, proxy='localhost:0') as proxy:
            assert proxy.address.host == HOST
            assert proxy.status()['proxy'] == f'{HOST}:{proxy.address.port}'
            for host in (HOST, '::1'):
                with Peer.connect(proxy.address.port, host) as client:
                    exchange(client)
            port = proxy.address.port
        for host in (HOST, '::1'):
            with pytest.raises(ConnectionRefusedError):
                Peer.connect(port, host)

    def test_the_command(self, vaurien_command: StartCommand, echo_server: RawBackend) -> None:
        command = vaurien_command('--proxy', 'localhost:0', '--backend', echo_server.address, '--max-links', '1')
        for host in (HOST, '::1'):
            with Peer.connect(command.port, host) as client:
                exchange(client)

    def test_the_most_links_are_those_of_both(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, max_links=1, proxy='localhost:0') as proxy:
            with Peer.connect(proxy.address.port, HOST) as first:
                raw_backend.accept()
                second = Peer.connect(proxy.address.port, '::1')
                second.send(b'second')
                assert second.is_silent(0.05)
                first.reset()
            with second:
                assert raw_backend.accept().recv() == b'second'

    def test_one_is_in_use(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, proxy=f'[::1]:{free_port()}') as proxy:
            other = Proxy(echo_server.address, proxy=f'localhost:{proxy.address.port}')
            with pytest.raises(OSError, match=rf"in use: '\[::1\]:{proxy.address.port}'"):
                other.start()

    def test_it_listens_again_at_both(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, proxy='localhost:0') as proxy:
            address = proxy.address

            inside(proxy, lambda server: server.move(*server.addresses))
            assert proxy.address == address
            with Peer.connect(address.port, '::1') as client:
                exchange(client)


def test_an_address_that_the_machine_does_not_have() -> None:
    """A name may have one, beside others."""
    absent, present = Address('2001:db8::1', 0), Address(HOST, 0)
    listener = make_listener(absent, present, absent)
    assert [address.host for address in listener.addresses] == [HOST]
    listener.close()
    with pytest.raises(OSError, match=r"'\[2001:db8::1\]:0'"):
        make_listener(absent)


def test_no_port_is_free_at_all_addresses() -> None:
    """As no port of one address is free twice."""
    with pytest.raises(OSError, match='in use'):
        make_listener(Address(HOST, 0), Address(HOST, 0))


def make_listener(*addresses: Address) -> Listener:
    return Listener(addresses, 1, 0, 1.0, lambda client: None, lambda listener: False, lambda: False, list, NO_PROXY)


@pytest.mark.parametrize('is_kept', [False, True])
def test_the_port_is_left_if_the_door_cannot_be_closed(is_kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor is left for the connection that fills the backlog. A second attempt finds the port free."""

    def refuse(listener: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def play() -> None:
        settings = ProxySettings(proxy=Address(HOST, free_port()), backend=NOWHERE)
        server = ProxyServer(settings)
        if is_kept:
            server.start()
            server.shut_down(keeps_port=True)
        server.arm(make_rules('connect_timeout'))
        with monkeypatch.context() as patched:
            patched.setattr('vaurien.engine.listener._connect_to', refuse)
            with pytest.raises(OSError, match='Too many open files'):
                server.start()
            assert not server.enabled
        server.start()
        assert server.enabled
        server.shut_down()

    in_loop(play)


class TestKeepAlive:
    @pytest.mark.parametrize(('settings', 'seconds'), [({}, 15), ({'keepalive': 7}, 7), ({'keepalive': 0}, 0)])
    def test_both_sides(self, raw_backend: RawBackend, settings: dict[str, Any], seconds: int) -> None:
        with make_proxy(raw_backend, proxy='localhost:0', **settings) as proxy:
            for host in (HOST, '::1'):
                with Peer.connect(proxy.address.port, host):
                    raw_backend.accept()
                    assert inside(proxy, read_keepalive) == [seconds, seconds]

    def test_a_second_attempt(self, raw_backend: RawBackend) -> None:
        """The first address refuses."""
        with make_proxy(raw_backend, keepalive=7) as proxy:
            other = (AF_INET, (HOST, 9))
            inside(proxy, lambda server: server.resolver.addresses.insert(0, other))
            join(proxy, raw_backend)
            assert inside(proxy, read_keepalive) == [7, 7]


def read_keepalive(server: ProxyServer) -> list[int]:
    """The seconds of the client's and of the backend's socket of the last link."""
    link = list(server.links.values())[-1]
    seconds = []
    for sock in (link.client, link.backend):
        idle, interval = (sock.getsockopt(IPPROTO_TCP, option) for option in (TCP_KEEPIDLE, TCP_KEEPINTVL))
        is_on = sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
        assert not is_on or idle == interval
        seconds.append(idle if is_on else 0)
    return seconds


def test_the_port_is_free_again_at_once(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address) as proxy:
        address = proxy.address
        exchange(connect(proxy))
    with Proxy(echo_server.address, proxy=address) as proxy:
        exchange(connect(proxy))


def test_it_listens_no_more_though_another_process_has_a_copy(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address) as proxy:
        port = proxy.address.port
        copy = os.dup(find_listening(port))
    with pytest.raises(ConnectionRefusedError):
        Peer.connect(port)
    os.close(copy)


def find_listening(port: int) -> int:
    """Return the descriptor of this process that listens on that port."""
    for path in Path('/proc/self/fd').iterdir():
        if not path.is_socket():
            continue
        with socket.socket(fileno=os.dup(int(path.name))) as sock:
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and sock.getsockname()[1] == port:
                return int(path.name)
    raise LookupError(port)


class TestMaxLinks:
    def test_who_comes_next_waits(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, max_links=2) as proxy:
            first, _ = join(proxy, raw_backend)
            join(proxy, raw_backend)
            third, fourth = connect(proxy), connect(proxy)
            third.send(b'third')
            fourth.send(b'fourth')
            assert third.is_silent(0.05)
            assert proxy.status()['links'] == {'open': 2, 'total': 2}
            first.reset()
            backend = raw_backend.accept()
            assert backend.recv() == b'third'
            assert proxy.status()['links']['total'] == 3
            backend.reset()
            assert raw_backend.accept().recv() == b'fourth'

    def test_with_a_backend_that_refuses(self) -> None:
        """A link that is over while it is being opened makes room, too."""
        with make_proxy('127.0.0.1:9', max_links=1) as proxy:
            for _ in range(10):
                with pytest.raises(ConnectionResetError):
                    connect(proxy).recv()
            assert proxy.status()['links'] == {'open': 0, 'total': 10}

    def test_who_waits_for_too_long_is_reset(self, raw_backend: RawBackend) -> None:
        """The next one has its own time, and what was there before goes on."""
        with make_proxy(raw_backend, max_links=1, timeout=0.2) as proxy:
            first, backend = join(proxy, raw_backend)
            for client in (connect(proxy), connect(proxy), connect(proxy)):
                with pytest.raises(ConnectionResetError):
                    client.recv()
            first.send(b'hello')
            assert backend.recv_exactly(5) == b'hello'
            assert proxy.status()['links'] == {'open': 1, 'total': 1}

    def test_many_through_one(self, echo_server: RawBackend) -> None:
        with make_proxy(echo_server, max_links=1) as proxy:
            clients = [connect(proxy) for _ in range(50)]
            for client in clients:
                client.send(b'hello')
            for client in clients:
                assert client.recv_exactly(5) == b'hello'
                client.close()
            assert proxy.status()['links']['total'] == 50


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def descriptors(pid: int) -> int:
    """How many a process has open."""
    return len(list(Path(f'/proc/{pid}/fd').iterdir()))


@pytest.mark.parametrize('spare', [0, 1])
def test_without_descriptors(vaurien_command: StartCommand, echo_server: RawBackend, spare: int) -> None:
    """The limit may be met by the client's socket or by the one to the backend: whoever meets it waits."""
    command = vaurien_command('--backend', echo_server.address, '--log-level', 'info')
    limit = descriptors(command.pid) + 10 + spare + RESERVE
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients = [Peer.connect(command.port) for _ in range(15)]
    for client in clients:
        client.send(b'hello')
    for served in (clients[:5], clients[5:10], clients[10:]):
        for client in served:
            assert client.recv_exactly(5) == b'hello'
        command.wait_for_log('WARNING clients have to wait: Too many open files')
        if client is not clients[-1]:
            before = cpu_seconds(command.pid)
            assert clients[-1].is_silent(0.6)
            assert cpu_seconds(command.pid) - before < 0.1
        for client in served:
            client.close()
    code, _, log = command.stop()
    assert code == 0
    assert 'Traceback' not in log
    assert all(' WARNING ' in line or ' INFO ' in line for line in log.splitlines())


def test_without_descriptors_who_waits_for_too_long_is_reset(
    vaurien_command: StartCommand, echo_server: RawBackend
) -> None:
    """Each of them, and not one after the other; and who comes later still gets a link once there is room."""
    command = vaurien_command('--backend', echo_server.address, '--timeout', '1', '--log-level', 'warning')
    limit = descriptors(command.pid) + 2 * 10 + RESERVE
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with ExitStack() as stack:
        clients = [stack.enter_context(Peer.connect(command.port)) for _ in range(60)]
        for client in clients:
            client.send(b'hello')
        for client in clients[:10]:
            assert client.recv_exactly(5) == b'hello'
        began, before = monotonic(), cpu_seconds(command.pid)
        for client in clients[10:]:
            with pytest.raises(ConnectionResetError):
                client.recv()
        assert monotonic() - began < 20, 'fifty, one after the other'
        assert cpu_seconds(command.pid) - before < 0.5
        with Peer.connect(command.port) as late:
            late.send(b'hello')
            assert late.is_silent(0.2)
            for client in clients[:2]:
                client.close()
            assert late.recv_exactly(5) == b'hello'
        for client in clients[2:10]:
            exchange(client)
    lines = [line.partition(' WARNING ')[2] for line in command.stop()[2].splitlines()]
    assert lines.count('a client was reset: there was no room for it within 1 s') == 50
    assert lines.count('clients have to wait: Too many open files') == 1
    assert len(lines) == 51


@pytest.mark.parametrize('number', [errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENETDOWN])
def test_who_is_lost_before_it_is_accepted_keeps_nobody_waiting(
    number: int, echo_server: RawBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Linux may report such an error of the connection, or of a firewall, by accept(2)."""
    with gevent.socket.socket() as sock:
        errors = lose_clients(monkeypatch, number, type(sock._sock))
    with make_proxy(echo_server, max_links=10) as proxy:
        for _ in range(3):
            client = connect(proxy)
            began = monotonic()
            exchange(client)
            assert monotonic() - began < EXHAUSTED_PAUSE
    assert errors == []
    assert caplog.messages == []


def lose_clients(monkeypatch: pytest.MonkeyPatch, number: int, kind: Any) -> list[OSError]:
    """Have two calls of accept(2) fail first, with sockets of that *kind*, and return the errors that are left."""
    accept, errors = kind._accept, [OSError(number, os.strerror(number)) for _ in range(2)]

    def fail_or_accept(sock: Any) -> object:
        if errors:
            raise errors.pop()
        return accept(sock)

    monkeypatch.setattr(kind, '_accept', fail_or_accept)
    return errors


def test_the_clients_of_many_ports_leave_some_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Descriptors()
    with socket.socket() as sock:
        free = os.dup(sock.fileno())
        os.close(free)
        for limit, may_keep in ((free + RESERVE // 2, False), (free + RESERVE // 2 + 1, True)):
            monkeypatch.setattr('vaurien.engine.reserve.find_limits', lambda limit=limit: (limit, limit))
            assert known.may_keep(sock.fileno()) == may_keep
            assert not known.has_room(sock.fileno())


def test_hundreds_at_once_leave_nothing(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    command = vaurien_command('--backend', echo_server.address, '--log-level', 'warning')
    with Peer.connect(command.port) as client:
        exchange(client)

    before = descriptors(command.pid)
    clients = [Peer.connect(command.port) for _ in range(500)]
    for client in clients:
        client.send(b'hello')
    for client in clients:
        assert client.recv_exactly(5) == b'hello'
    assert descriptors(command.pid) > 1000
    for number, client in enumerate(clients):
        client.reset() if number % 2 else client.close()
    eventually(lambda: descriptors(command.pid) <= before)
    code, out, log = command.stop()
    assert (code, log) == (0, '')
    assert 'links: 501, exchanges: 501, ' in out
