"""Requests that have much to do: whatever else happens in the event loop comes in between."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, cast

import gevent
import pytest
from gevent import socket as green
from gevent.pool import Group

from tests.control.messages import decode
from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.clock import TURN
from vaurien.control.body import read_arming
from vaurien.control.protobuf import CONTENT_TYPE as PROTOBUF
from vaurien.control.server import ControlServer
from vaurien.engine.link import Link
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.records.counts import Counts
from vaurien.rules.behaviors import make_rules
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import make_toxic
from vaurien.settings import ProxySettings

#: So many of anything take a dozen turns or more.
MANY = 1500
#: How often another peer is served meanwhile, at least.
FEW = 5

MANY_PROXIES = [{'name': f'p{i}', 'listen': 'a:0', 'upstream': 'a:1', 'enabled': False} for i in range(MANY)]
MANY_RULES = {'behaviors': [{'name': 'error', 'percent': 0.01, 'match': f'GET {i}*'} for i in range(900)]}


class Talk:
    """Two others who send a byte to and fro, and so wait for the event loop each time."""

    def __init__(self) -> None:
        self.echoes = 0

    def keep_up(self, sock: Any) -> None:
        while sock.recv(1):
            self.echoes += 1
            sock.send(b'x')


@contextmanager
def others_are_served() -> Iterator[None]:
    """Check that others have been served often when the block is done."""
    talk, group, (one, other) = Talk(), Group(), green.socketpair()
    with one, other:
        group.spawn(talk.keep_up, one)
        group.spawn(talk.keep_up, other)
        one.send(b'x')
        try:
            yield
            assert talk.echoes >= FEW
        finally:
            group.kill()


class Api:
    """The control API of *proxies*, and its only client."""

    def __init__(self, proxies: Proxies) -> None:
        self.server = ControlServer(proxies, Address(HOST, 0))
        self.server.start()

    def ask(self, method: str, path: str, body: Any = None, accept: str = '*/*') -> bytes:
        """Return the body of a successful answer."""
        data = b'' if body is None else json.dumps(body).encode()
        head = f'{method} {path} HTTP/1.0\r\nAccept: {accept}\r\nContent-Length: {len(data)}\r\n\r\n'
        with green.create_connection(tuple(self.server.address), 6 * TIMEOUT) as client:
            client.sendall(head.encode() + data)
            answer = b''.join(iter(lambda: client.recv(65536), b''))
        assert answer[9:11] == b'20', answer[:1000]
        return answer.partition(b'\r\n\r\n')[2]


def test_an_answer_of_many_proxies_or_rules() -> None:
    def run() -> None:
        proxies = Proxies([ProxySettings(name='one')])
        api = Api(proxies)
        try:
            with others_are_served():
                made = json.loads(api.ask('POST', '/populate', MANY_PROXIES))['proxies']
            assert [proxy['name'] for proxy in made] == [proxy['name'] for proxy in MANY_PROXIES]
            with others_are_served():
                shown = json.loads(api.ask('GET', '/proxies'))
            assert {name: shown[name] for name in shown if name != 'one'} == {proxy['name']: proxy for proxy in made}
            with others_are_served():
                lines = api.ask('GET', '/metrics').decode().splitlines()
            assert len([line for line in lines if line.startswith('vaurien_links_open{')]) == MANY + 1
            assert len([line for line in lines if line.startswith('# TYPE vaurien_links_open ')]) == 1
            with others_are_served():
                answer = api.ask('GET', '/metrics', accept=PROTOBUF)
            (opened,) = (family for family in decode(answer) if family.name == 'vaurien_links_open')
            assert len(opened.metric) == MANY + 1
            with others_are_served():
                api.ask('PUT', '/proxies/one/behavior', MANY_RULES)
            with others_are_served():
                assert len(json.loads(api.ask('GET', '/proxies/one/status'))['behaviors']) == len(
                    MANY_RULES['behaviors']
                )
            with others_are_served():
                api.ask('GET', '/openapi.json')
        finally:
            api.server.stop()

    in_loop(run)


@pytest.mark.parametrize('route', ['behavior', 'proxies/one/behavior'])
def test_a_proxy_that_is_replaced_in_a_pause(route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        proxies = Proxies([ProxySettings(name='one')])
        first, second = proxies['one'], ProxyServer(ProxySettings(name='one'))

        def read(*args: Any) -> tuple[Rule, ...]:
            if proxies['one'] is first:
                proxies.replace(second)
            return read_arming(*args)

        monkeypatch.setattr('vaurien.control.api.read_arming', read)
        api = Api(proxies)
        try:
            api.ask('PUT', f'/{route}', {'name': 'hang'})
        finally:
            api.server.stop()
        assert [[rule.name for rule in proxy.rules] for proxy in (first, second)] == [[], ['hang']]

    in_loop(run)


class SlowLink:
    """A link with which everything takes two turns."""

    closed = False
    connected = True

    def __init__(self, number: int) -> None:
        self.number = number
        self.done = 0

    def work(self) -> Any:
        self.done += 1
        end = monotonic() + 2 * TURN
        while monotonic() < end:
            pass

    end = retire = rearm = status = work

    def counts(self) -> Counts:
        return Counts()


@pytest.mark.parametrize(
    'change',
    [
        lambda proxy: proxy.close_links(),
        lambda proxy: proxy.arm(make_rules('delay')),
        lambda proxy: proxy.set_backend(Address(HOST, 2)),
    ],
    ids=['close', 'arm', 'backend'],
)
def test_a_change_of_many_links(change: Callable[[ProxyServer], None]) -> None:
    def run() -> None:
        proxy = ProxyServer(ProxySettings(proxy=Address(HOST, 0), backend=Address(HOST, 1)))
        proxy.start()
        links = [SlowLink(number) for number in range(20)]
        proxy.links.update((link.number, cast(Link, link)) for link in links)
        proxy.links_total = len(links)
        with others_are_served():
            change(proxy)
        assert [link.done for link in links] == [1] * len(links)
        proxy.links.clear()
        proxy.shut_down()

    in_loop(run)


def test_rules_that_are_armed_while_others_are() -> None:
    """Who comes last goes on, and the one before does not come after it."""

    def run() -> list[int]:
        proxy = ProxyServer(ProxySettings())
        links = [SlowLink(number) for number in range(20)]
        proxy.links.update((link.number, cast(Link, link)) for link in links)
        proxy.links_total = len(links)
        group = Group()
        group.spawn(proxy.arm, make_rules('delay'))
        while not proxy.rules:
            gevent.sleep(0)
        group.spawn(proxy.arm, make_rules('error'))
        group.join()
        assert [rule.name for rule in proxy.rules] == ['error']
        return [link.done for link in links]

    done = in_loop(run)
    assert min(done) == 1
    assert sum(done) < 1.5 * len(done)


def test_a_disabled_proxy_is_small() -> None:
    def run() -> float:
        defaults = ProxySettings(enabled=False)
        first = ProxyServer(defaults)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            proxies = [ProxyServer(defaults) for _ in range(100)]
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        del first
        return (after - before) / len(proxies)

    assert in_loop(run) < 16 * 1024


def test_toxics_are_put_on_many_links_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        proxy = ProxyServer(ProxySettings())
        links = [SlowLink(number) for number in range(20)]
        proxy.links.update((link.number, cast(Link, link)) for link in links)
        proxy.links_total = len(links)
        monkeypatch.setattr('vaurien.engine.toxicity._find_stages', lambda rule, link: [])
        monkeypatch.setattr(proxy.toxics, '_add_stages', lambda rule, link: link.work())
        for change in (proxy.toxics.add, proxy.toxics.update):
            with others_are_served():
                change(make_toxic('latency', {'latency': 1}))
        assert [link.done for link in links] == [2] * len(links)

    in_loop(run)
