"""The proxies of a process: they come, go and take each other's place, and share nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import gevent
import pytest
from gevent import socket as green
from gevent.pool import Group

from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError, StartError
from vaurien.records.faults import Fault
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import make_toxic
from vaurien.settings import ProxySettings


def settings(name: str, port: int = 0, **fields: object) -> ProxySettings:
    return ProxySettings(name=name, proxy=Address(HOST, port), backend=Address(HOST, 1), seed=1, **fields)  # type: ignore[arg-type]


@contextmanager
def running(*some: ProxySettings) -> Iterator[Proxies]:
    proxies = Proxies(some)
    proxies.start()
    try:
        yield proxies
    finally:
        proxies.shut_down()


def listens(proxy: ProxyServer) -> bool:
    try:
        green.create_connection(proxy.address, TIMEOUT).close()
    except ConnectionRefusedError:
        return False
    return True


def test_they_are_known_by_name_in_order() -> None:
    def look() -> None:
        proxies = Proxies([settings('b'), settings('a')])
        proxies.add(ProxyServer(settings('c')))
        assert (list(proxies), len(proxies), proxies['a'].name) == (['b', 'a', 'c'], 3, 'a')

    in_loop(look)


def test_a_name_is_taken_once() -> None:
    def look() -> None:
        with pytest.raises(ConfigError, match="there is a proxy named 'a' already"):
            Proxies([settings('a'), settings('a')])

    in_loop(look)


def test_those_that_are_disabled_do_not_start() -> None:
    def look() -> None:
        with running(settings('a'), settings('b', enabled=False)) as proxies:
            assert [proxy.enabled for proxy in proxies.values()] == [True, False]
            assert listens(proxies['a'])
        assert not listens(proxies['a'])

    in_loop(look)


def test_a_port_that_is_taken() -> None:
    def look() -> None:
        with socket.create_server((HOST, 0)) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(StartError, match=f'cannot listen on {HOST}:{port}: address already in use'):
                Proxies([settings('a', port)]).start()

    in_loop(look)


def test_one_is_removed() -> None:
    def look() -> None:
        with running(settings('a'), settings('b')) as proxies:
            gone = proxies['a']
            proxies.remove('a')
            assert (list(proxies), listens(gone), listens(proxies['b'])) == (['b'], False, True)

    in_loop(look)


def test_one_takes_the_place_of_another() -> None:
    def look() -> None:
        with running(settings('a'), settings('b')) as proxies:
            before, after = proxies['a'], ProxyServer(settings('a'))
            after.start()
            proxies.replace(after)
            assert (list(proxies), proxies['a'] is after, listens(before)) == (['a', 'b'], True, False)

    in_loop(look)


def test_they_share_nothing() -> None:
    def look() -> None:
        with running(settings('a'), settings('b')) as proxies:
            a, b = proxies.values()
            untouched = b.status()
            a.toxics.add(make_toxic('latency', {}))
            a.arm(make_rules('20:error', {}))
            a.faults.on_fault(Fault(time=1.0, link=1, exchange=1, behavior='error', options={}, request=''))
            a.set_backend(Address(HOST, 2))
            with suppress(ConnectionResetError), green.create_connection(a.address, TIMEOUT) as client:
                client.sendall(b'x')  # else a fault that is armed is waited for, which needs no backend
                client.recv(1)
            assert a.status()['links']['total'] == 1
            changing = {'uptime': 0}
            assert b.status() | changing == untouched | changing
            assert (list(b.toxics), b.faults.last()) == ([], [])

    in_loop(look)


class TestRestart:
    """A proxy that was shut down starts again."""

    def test_on_the_same_port(self) -> None:
        def look() -> None:
            with running(settings('a')) as proxies:
                proxy = proxies['a']
                address = proxy.address
                for _ in range(3):
                    proxy.shut_down()
                    assert (proxy.enabled, listens(proxy)) == (False, False)
                    proxy.start()
                    assert (proxy.enabled, listens(proxy), proxy.address) == (True, True, address)

        in_loop(look)

    def test_while_what_ran_still_ends(self) -> None:
        def linger() -> None:
            try:
                gevent.sleep(TIMEOUT)
            except gevent.GreenletExit:
                gevent.sleep(0.01)

        def look() -> None:
            with running(settings('a')) as proxies:
                proxy = proxies['a']
                proxy.runtime.spawn(linger)
                gevent.sleep(0)
                ending = Group().spawn(proxy.shut_down)
                gevent.sleep(0)
                assert (proxy.enabled, ending.ready()) == (False, False)
                proxy.start(wait=False)
                later = proxy.runtime.spawn(proxy.runtime.clock.sleep, 0.02)
                ending.join()
                assert later.get() is None, 'it was not ended with them'
                proxy.runtime.clock.sleep(0.001)
                assert listens(proxy)

        in_loop(look)

    def test_one_that_cannot_is_as_it_was(self) -> None:
        def look() -> None:
            with running(settings('a')) as proxies, socket.create_server((HOST, 0)) as listener:
                proxy = proxies['a']
                address = proxy.address
                proxy.shut_down()
                with pytest.raises(OSError, match='in use'):
                    proxy.start(Address(*listener.getsockname()))
                assert (proxy.enabled, proxy.address, proxy.address.written) == (False, address, str(address))
                proxy.start()

        in_loop(look)


class TestMove:
    """A proxy that listens elsewhere."""

    def test_it_closes_links_and_the_listener_it_had(self) -> None:
        def look() -> None:
            backend = socket.create_server((HOST, 0))
            with backend, running(settings('a')) as proxies:
                proxy = proxies['a']
                proxy.set_backend(Address(*backend.getsockname()))
                before = proxy.address
                with green.create_connection(before, TIMEOUT) as client:
                    gevent.sleep(0.01)
                    proxy.move(Address(HOST, 0))
                    assert client.recv(1) == b''
                assert proxy.address != before
                assert listens(proxy)
                with pytest.raises(ConnectionRefusedError):
                    green.create_connection(before, TIMEOUT)

        in_loop(look)

    def test_it_stays_where_it_cannot(self) -> None:
        def look() -> None:
            with running(settings('a')) as proxies, socket.create_server((HOST, 0)) as listener:
                proxy = proxies['a']
                before = proxy.address
                for address in (Address(*listener.getsockname()), Address('192.0.2.1', before.port)):
                    with pytest.raises(OSError, match=r'in use|assign'):
                        proxy.move(address)
                    assert (proxy.address, proxy.enabled, listens(proxy)) == (before, True, True)

        in_loop(look)
