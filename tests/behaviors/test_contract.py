"""What every behavior does, whatever it does to an exchange, and in every protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.behaviors.talk import LANGUAGES, SEED, Language, TalkingBackend, connect, make_proxy, talking
from tests.behaviors.waiting import eventually
from tests.descriptors import descriptors
from tests.peers import Peer
from tests.servers import TIMEOUT, Server
from vaurien import Proxy
from vaurien.behaviors import Behavior
from vaurien.engine.proxy import ProxyServer
from vaurien.rules.behaviors import make_rules
from vaurien.rules.rule import Rule
from vaurien.rules.selector import Selector

PASSES, ANSWERS, CLOSES, STAYS = 'passes', 'answers', 'closes', 'stays'

#: Each behavior, with the options to try, and how the exchange looks to the client.
CASES: dict[str, list[tuple[dict[str, Any], str]]] = {
    'abort': [({}, CLOSES)],
    'blackout': [({}, CLOSES)],
    'delay': [({'sleep': 0.02, 'before': True}, PASSES), ({'sleep': 0.02, 'before': False}, PASSES)],
    'dribble': [({'rate': 2.0}, PASSES)],
    'dummy': [({}, PASSES)],
    'error': [({}, ANSWERS), ({'warmup': 10_000}, PASSES)],
    'hang': [({}, STAYS)],
    'transient': [({'agitate': 10_000}, ANSWERS)],
}
VARIANTS = [
    pytest.param(name, options, outcome, id='-'.join([name, *map(str, options.values())]))
    for name in CASES
    for options, outcome in CASES[name]
]
#: Those whose request reaches the backend all the same.
CARRIED_OUT = {'abort', 'delay', 'dribble', 'dummy'}
#: Seconds of silence that tell an exchange that hangs.
A_MOMENT = 0.02
#: As long as it takes: what only ends because something ends it.
SLOW = {'delay': {'sleep': 100 * TIMEOUT}, 'dribble': {'rate': 1e-6 / TIMEOUT}}

every_protocol = pytest.mark.parametrize('protocol', LANGUAGES)
every_variant = pytest.mark.parametrize(('name', 'options', 'outcome'), VARIANTS)


@pytest.fixture
def backend(protocol: str) -> Iterator[TalkingBackend]:
    """Run a backend that speaks the protocol of the test."""
    with talking(protocol) as backend:
        yield backend


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Check that a test leaves no file descriptor open."""
    before = len(descriptors())
    yield
    eventually(lambda: len(descriptors()) <= before)


def server_of(proxy: Proxy) -> ProxyServer:
    return proxy._thread.server


def greenlets(server: ProxyServer) -> int:
    return len(server.runtime._greenlets)


def see_end(client: Peer) -> None:
    """Read up to the end of the stream, or up to a reset."""
    with suppress(ConnectionError):
        client.recv_all()


def get_under_way(client: Peer, proxy: Proxy, backend: TalkingBackend, name: str, options: dict[str, Any]) -> None:
    """Send a request that the backend will not answer, and wait until the behavior is at work on it."""
    backend.is_silent = True
    client.send(backend.language.request(1))
    if (name in CARRIED_OUT or 'warmup' in options) and options.get('before') is not True:
        eventually(lambda: backend.asked)
    if is_harmful(name, options):
        eventually(lambda: proxy.status()['faults'] == {name: 1})


def is_harmful(name: str, options: dict[str, Any]) -> bool:
    return name != 'dummy' and 'warmup' not in options


def meet(client: Peer, language: Language, number: int, outcome: str) -> None:
    """Send a request, and read everything that comes of it."""
    client.send(language.request(number))
    if outcome == PASSES:
        assert client.recv_exactly(len(language.reply(number))) == language.reply(number)
    elif outcome == ANSWERS:
        language.read_error(client)
    else:
        if outcome == STAYS:
            assert client.is_silent(A_MOMENT)
            client.shut_down()
        assert client.recv_all() == b''


def test_every_behavior_is_here() -> None:
    earlier = {'certificate', 'connect_timeout', 'refuse', 'slow_accept', 'unplug'}  # than any exchange
    elsewhere = {'hold', 'malformed'}  # the first waits for somebody, the other one is for HTTP alone
    assert sorted({*CASES, *earlier, *elsewhere}) == Behavior.names()


@every_protocol
@every_variant
@pytest.mark.parametrize('leave', [Peer.close, Peer.reset])
def test_ends_when_the_client_leaves(
    backend: TalkingBackend, protocol: str, name: str, options: dict[str, Any], outcome: str, leave: Any
) -> None:
    # Whoever closes may only have closed one direction, and waits for a late reply: that one comes first.
    slow = SLOW.get(name, {}) if leave is Peer.reset else {}
    with make_proxy(backend, protocol, name, **{**options, **slow}) as proxy:
        client = connect(proxy)
        get_under_way(client, proxy, backend, name, options)
        leave(client)
        eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': 1})
        eventually(lambda: greenlets(server_of(proxy)) == 0)
        eventually(lambda: backend.ended == 1)


@every_protocol
@every_variant
def test_ends_when_it_is_replaced(
    backend: TalkingBackend, protocol: str, name: str, options: dict[str, Any], outcome: str
) -> None:
    with make_proxy(backend, protocol, name, **{**options, **SLOW.get(name, {})}) as proxy, connect(proxy) as client:
        get_under_way(client, proxy, backend, name, options)
        backend.is_silent = False
        proxy.set_behavior('dummy')
        eventually(lambda: greenlets(server_of(proxy)) == 0)
        if proxy.status()['links']['open'] == 0:
            see_end(client)
            client = connect(proxy)
        elif outcome == ANSWERS:
            backend.language.read_error(client)
        elif name == 'delay' and options['before']:
            assert client.recv_exactly(len(backend.language.reply(1))) == backend.language.reply(1)
        with client:
            client.send(backend.language.request(2))
            assert client.recv_exactly(len(backend.language.reply(2))) == backend.language.reply(2)


@every_protocol
@every_variant
def test_ends_when_the_proxy_stops(
    backend: TalkingBackend, protocol: str, name: str, options: dict[str, Any], outcome: str
) -> None:
    proxy = make_proxy(backend, protocol, name, **{**options, **SLOW.get(name, {})}).start()
    server = server_of(proxy)
    with connect(proxy) as client:
        get_under_way(client, proxy, backend, name, options)
        proxy.stop()
        see_end(client)
        assert greenlets(server) == 0
        assert not server.links
        eventually(lambda: backend.ended == 1)


@every_protocol
@every_variant
def test_harms_only_what_drew_it(
    backend: TalkingBackend, protocol: str, name: str, options: dict[str, Any], outcome: str
) -> None:
    """Half of the exchanges draw the behavior; the others get exactly their reply, on this connection or the next."""
    language, rules = backend.language, make_rules(f'50:{name}', {name: options})
    selector = Selector([Rule(Behavior.get(name), 50.0)], SEED)
    asked, links, place = [], 1, 0
    with make_proxy(backend, protocol) as proxy:
        client = connect(proxy)
        proxy._arm(rules)
        for number in range(24):
            place += 1
            met = outcome if selector.draws(links).draw(place) else PASSES
            meet(client, language, number, met)
            if met == PASSES or name in CARRIED_OUT:
                asked.append(language.request(number))
            if met in (CLOSES, STAYS):
                client.close()
                client, place, links = connect(proxy), 0, links + 1
        client.close()
        eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': links})
        eventually(lambda: greenlets(server_of(proxy)) == 0)
    assert backend.asked == asked


@every_protocol
@every_variant
def test_is_counted_and_logged(
    backend: TalkingBackend,
    protocol: str,
    name: str,
    options: dict[str, Any],
    outcome: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A fault is one line of the log; an exchange that passes is none."""
    caplog.set_level(logging.INFO, 'vaurien')
    with make_proxy(backend, protocol) as proxy, connect(proxy) as client:
        meet(client, backend.language, 1, PASSES)
        proxy.set_behavior(name, **options)
        meet(client, backend.language, 2, outcome)
        faults = int(is_harmful(name, options))
        assert proxy.status()['faults'] == ({name: 1} if faults else {})
        assert proxy.status()['exchanges'] == 2
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == faults * [('INFO', f'link 1 exchange 2: {name} on {backend.language.text(2)}')]


@every_variant
def test_tells_no_secret(
    redis_server: Server, name: str, options: dict[str, Any], outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, 'vaurien')
    with Proxy(redis_server.address, 'redis', behavior=name, options={name: options}) as proxy:
        with connect(proxy) as client:
            client.send(b'*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n')
            eventually(lambda: proxy.status()['exchanges'] == 1)
        eventually(lambda: proxy.status()['links']['open'] == 0)
    # The client leaves in the middle of it: what still writes then says so.
    messages = [message for message in caplog.messages if not message.endswith('the link is closed')]
    assert messages == is_harmful(name, options) * [f'link 1 exchange 1: {name} on AUTH']
