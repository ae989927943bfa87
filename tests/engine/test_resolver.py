"""How often, and when, the backend's name is looked up; and, of `vaurien.engine.lookup`, that numbers never are."""

from __future__ import annotations

import errno
import socket
import threading
from contextlib import closing
from typing import Any

import gevent
import pytest
from gevent import socket as green

from tests.behaviors.waiting import eventually
from tests.engine.talk import connect, inside, join, make_proxy
from tests.loop import in_loop
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.engine import lookup
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.settings import ProxySettings

UNKNOWN = socket.gaierror(socket.EAI_NONAME, 'Name or service not known')


class Names:
    """In place of the name server: one name, whose number can change."""

    def __init__(self) -> None:
        self.port = 0
        self.asked = 0
        self.failure: OSError | None = None
        #: The names that wait for this; all, if none is given.
        self.slow: set[str] = set()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def look_up(self, host: str, port: int, **hints: Any) -> list[Any]:
        self.asked += 1
        if not self.slow or host in self.slow:
            assert gevent.get_hub().threadpool.apply(self.may_answer.wait, (TIMEOUT,))  # in a thread, as names are
        if self.failure is not None:
            raise self.failure
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (HOST, self.port or port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(lookup, 'getaddrinfo', names.look_up)
    return names


def addresses(server: ProxyServer) -> list[Any]:
    """Those to try."""
    return [address for _, address in server.resolver.addresses]


def test_once_for_all_links(names: Names, raw_backend: RawBackend) -> None:
    with make_proxy(f'backend.test:{raw_backend.port}') as proxy:
        for _ in range(10):
            join(proxy, raw_backend)
        assert names.asked == 1


def test_again_when_it_stops_answering(names: Names, raw_backend: RawBackend) -> None:
    """The client that finds the old address dead is served by the new one."""
    names.port = 9
    with make_proxy(f'backend.test:{raw_backend.port}') as proxy:
        names.port = raw_backend.port
        join(proxy, raw_backend)
        assert names.asked == 2
        assert inside(proxy, addresses) == [(HOST, raw_backend.port)]


def test_now_and_then(names: Names, raw_backend: RawBackend) -> None:
    with closing(RawBackend()) as other, make_proxy(f'backend.test:{raw_backend.port}', resolve_interval=0.02) as proxy:
        join(proxy, raw_backend)
        names.port = other.port
        eventually(lambda: inside(proxy, addresses) == [(HOST, other.port)])
        join(proxy, other)


def test_again_when_it_changes(names: Names, raw_backend: RawBackend) -> None:
    with make_proxy('first.test:9') as proxy:
        proxy.set_backend(f'second.test:{raw_backend.port}')
        join(proxy, raw_backend)
        assert names.asked == 2


def test_old_addresses_serve_while_the_name_is_unknown(names: Names, raw_backend: RawBackend) -> None:
    port = raw_backend.port
    with make_proxy(f'backend.test:{port}') as proxy:
        names.failure = UNKNOWN
        raw_backend.listener.close()
        with pytest.raises(ConnectionResetError):
            connect(proxy).recv()
        eventually(lambda: names.asked == 2)
        with socket.create_server((HOST, port)) as listener:
            connect(proxy)
            listener.accept()[0].close()


@pytest.mark.parametrize('failure', [UNKNOWN, OSError(errno.EMFILE, 'Too many open files')], ids=['name', 'files'])
def test_a_name_that_gets_known(names: Names, raw_backend: RawBackend, failure: OSError) -> None:
    names.failure = failure
    with make_proxy(f'backend.test:{raw_backend.port}') as proxy:
        with pytest.raises(ConnectionResetError):
            connect(proxy).recv()
        names.failure = None
        join(proxy, raw_backend)


def test_a_number_is_never_looked_up(names: Names, raw_backend: RawBackend) -> None:
    names.may_answer.clear()  # whoever asks waits
    with make_proxy(raw_backend) as proxy:
        join(proxy, raw_backend)
        assert names.asked == 0


def test_many_slow_names_delay_no_other(names: Names, raw_backend: RawBackend) -> None:
    """The event loop's own threads would be used up by ten."""
    names.slow = {f'slow{number}.test' for number in range(12)}
    names.may_answer.clear()
    raw_backend.serve(lambda peer: peer.send(b'hello'))

    def look() -> None:
        settings = [
            ProxySettings(name=name, proxy=Address(HOST, 0), backend=Address(name, raw_backend.port))
            for name in (*names.slow, 'quick.test')
        ]
        proxies = Proxies(settings)
        proxies.start()
        try:
            with green.create_connection(tuple(proxies['quick.test'].address), TIMEOUT) as client:
                assert client.recv(5) == b'hello'
        finally:
            names.may_answer.set()
            proxies.shut_down()

    in_loop(look)
