"""What a fork of the process means for a proxy that runs in a thread of it."""

from __future__ import annotations

import multiprocessing
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import connect, inside
from tests.engine.test_dialer import unresponsive
from tests.engine.test_splice import Transfer
from tests.forking import WARNING, Child
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.embedded import Proxy
from vaurien.engine import forks
from vaurien.engine.proxy import ProxyServer

pytestmark = pytest.mark.filterwarnings(WARNING)


@pytest.fixture
def child() -> Iterator[Child]:
    with Child() as child:
        yield child


@pytest.fixture
def proxy(echo_server: RawBackend) -> Iterator[Proxy]:
    with Proxy(echo_server.address) as proxy:
        yield proxy


def ask(proxy: Proxy) -> Peer:
    """Return a client that was answered."""
    client = connect(proxy)
    client.send(b'hello')
    assert client.recv_exactly(5) == b'hello'
    return client


def descriptors() -> set[int]:
    return {int(path.name) for path in Path('/proc/self/fd').iterdir() if path.exists()}


def test_clients_see_what_becomes_of_their_links(child: Child, proxy: Proxy) -> None:
    """While the child lives."""
    first, second, third, last = (ask(proxy) for _ in range(4))
    child.fork(lambda: None)
    proxy.cut_link(1)
    assert first.recv() == b''
    with proxy.with_behavior('blackout'):
        second.send(b'hello')
        assert second.recv() == b''
    inside(proxy, lambda server: server.links[3].reset())
    with pytest.raises(ConnectionResetError):
        third.recv()
    ask(proxy)
    port = proxy.address.port
    proxy.stop()
    assert last.recv() == b''
    with pytest.raises(ConnectionRefusedError):
        Peer.connect(port)


def test_a_child_keeps_no_descriptor(child: Child, raw_backend: RawBackend) -> None:
    """Of a listener, a link, one that connects and one with a pipe, a clock or an event loop."""
    with unresponsive() as address:
        before = descriptors()
        with Proxy(raw_backend.address) as one, Proxy(address) as other:
            transfer = Transfer(one, raw_backend, 'downstream')
            got = transfer.begin()
            waiting = connect(other)
            eventually(lambda: other.status()['links']['open'] == 1)
            peers = {peer.sock.fileno() for peer in (*transfer.peers, waiting)}
            assert child.fork(lambda: sorted(descriptors() - before - peers)) == []
            transfer.finish(got)


def test_a_tls_session_goes_on(child: Child, raw_backend: RawBackend) -> None:
    """With the client, and with the backend, neither of which is told of its end."""
    with (
        Proxy(raw_backend.address, proxy_tls='auto') as inner,
        Proxy(str(inner.address), proxy_tls='auto', backend_tls=True, backend_tls_verify=False) as outer,
        connect(outer) as plain,
        outer.ssl_context().wrap_socket(plain.sock, server_hostname='localhost') as sock,
    ):
        client, backend = Peer(sock), raw_backend.accept()
        client.send(b'ping')
        assert backend.recv_exactly(4) == b'ping'
        child.fork(lambda: None)
        backend.send(b'pong')
        assert client.recv_exactly(4) == b'pong'
        client.send(b'ping')
        assert backend.recv_exactly(4) == b'ping'


def test_a_child_has_no_copy_of_what_is_being_accepted(echo_server: RawBackend, proxy: Proxy) -> None:
    port = proxy.address.port

    def count_copies() -> int:
        return sum(local_port(descriptor) == port for descriptor in descriptors())

    for _ in range(10):
        with Child() as child:
            clients = [Peer.connect(port) for _ in range(3)]
            assert child.fork(count_copies) == 0
            for client in clients:
                client.close()


def test_what_a_child_may_do_with_it(child: Child, proxy: Proxy) -> None:
    problem = f'^the proxy runs in process {os.getpid()}, and this is a fork of it'

    def use() -> None:
        for call in (proxy.status, proxy.links, lambda: proxy.set_behavior('hang'), lambda: proxy.cut_link(1)):
            with pytest.raises(RuntimeError, match=problem):
                call()
        with pytest.raises(RuntimeError, match=problem):
            proxy.address  # noqa: B018
        proxy.stop()

    ask(proxy)
    child.fork(use)
    ask(proxy)
    assert proxy.status()['links']['total'] == 2


def test_blocks_that_end_in_a_child(child: Child, echo_server: RawBackend) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(echo_server.address))
        stack.enter_context(proxy.with_behavior('delay', sleep=0))
        stack.enter_context(proxy.toxic('noop'))
        child.fork(stack.close)
        ask(proxy)
        assert (proxy.status()['behavior'], len(proxy.toxics())) == ('delay', 1)


def test_a_child_may_start_it_for_itself(child: Child, proxy: Proxy) -> None:
    port = proxy.address.port

    def use() -> list[object]:
        with proxy:
            ask(proxy)
            return [proxy.address.port != port, proxy.status()['links']['total']]

    assert child.fork(use) == [True, 1]
    ask(proxy)
    assert proxy.status()['links']['total'] == 1


def test_a_fork_by_multiprocessing(proxy: Proxy) -> None:
    """A worker is a client of the proxy that its parent runs."""
    context = multiprocessing.get_context('fork')
    parent, worker = context.Pipe()

    def work() -> None:
        with Peer.connect(port) as client:
            client.send(b'hello')
            worker.send(client.recv_exactly(5))

    port = proxy.address.port
    process = context.Process(target=work)
    process.start()
    assert parent.poll(TIMEOUT)
    assert parent.recv() == b'hello'
    process.join(TIMEOUT)
    assert process.exitcode == 0
    parent.close()
    worker.close()


class TestBusy:
    """What cannot be brought to rest is waited for, but not for ever."""

    @pytest.fixture(autouse=True)
    def be_impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forks, 'PATIENCE', 0.05)

    def test_a_thread_that_blocks(self, child: Child, proxy: Proxy) -> None:
        client = ask(proxy)
        go_on = threading.Event()
        blocking = threading.Thread(target=inside, args=(proxy, lambda server: go_on.wait(TIMEOUT)))
        blocking.start()

        def use() -> int:
            proxy.stop()
            with pytest.raises(RuntimeError, match='fork'):
                proxy.status()
            return sum(local_port(descriptor) == port for descriptor in descriptors())

        port = client.sock.getpeername()[1]
        assert child.fork(use) == 0
        go_on.set()
        blocking.join(TIMEOUT)
        ask(proxy)

    def test_one_that_another_thread_starts(self, child: Child, echo_server: RawBackend) -> None:
        proxy = Proxy(echo_server.address)

        def use() -> None:
            proxy.stop()
            with proxy:
                ask(proxy)

        with proxy._thread._busy:
            child.fork(use)
        with proxy:
            ask(proxy)

    def test_a_proxy_that_forks_itself(self, child: Child, proxy: Proxy) -> None:
        def fork(server: ProxyServer) -> None:
            child.fork(lambda: None)

        ask(proxy)
        inside(proxy, fork)
        ask(proxy)

    def test_a_proxy_that_forks_itself_after_a_fork_outside(self, child: Child, proxy: Proxy) -> None:
        """The loop, whose callback forks, is not destroyed under it."""

        def fork(server: ProxyServer) -> None:
            assert child.fork(lambda: server.loop.now() > 0)

        with Child() as another:
            another.fork(lambda: None)
        inside(proxy, fork)
        ask(proxy)


def test_forks_of_several_threads(proxy: Proxy) -> None:
    def fork() -> None:
        for _ in range(5):
            pid = os.fork()
            if not pid:
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0

    threads = [threading.Thread(target=fork) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ask(proxy).close()
    ask(proxy)


def local_port(descriptor: int) -> int:
    """Return the port of a TCP socket of this process; 0 if it is none, or has none."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return 0
    with socket.socket(fileno=os.dup(descriptor)) as sock:
        return int(sock.getsockname()[1]) if sock.family == socket.AF_INET else 0
