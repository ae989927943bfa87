"""How often, and when, the backend's name is looked up."""

from __future__ import annotations

import errno
import socket
import threading
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import connect, inside, join, make_proxy
from tests.peers import RawBackend
from tests.servers import HOST
from vaurien.engine import resolver
from vaurien.engine.proxy import ProxyServer

UNKNOWN = socket.gaierror(socket.EAI_NONAME, 'Name or service not known')


class Names:
    """In place of the name server: one name, whose number can change."""

    def __init__(self) -> None:
        self.port = 0
        self.asked = 0
        self.failure: OSError | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def look_up(self, host: str, port: int, **hints: Any) -> list[Any]:
        self.asked += 1
        assert self.may_answer.wait(5)
        if self.failure is not None:
            raise self.failure
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (HOST, self.port or port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(resolver, 'getaddrinfo', names.look_up)
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
    names.port = 9
    with make_proxy(f'backend.test:{raw_backend.port}') as proxy:
        names.may_answer.clear()
        with pytest.raises(ConnectionResetError):
            connect(proxy).recv()
        names.port = raw_backend.port
        names.may_answer.set()
        eventually(lambda: inside(proxy, addresses) == [(HOST, raw_backend.port)])
        join(proxy, raw_backend)
        assert names.asked == 2


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
