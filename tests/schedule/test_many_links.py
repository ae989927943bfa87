"""Ten thousand links of three protocols through a schedule of a minute, without a byte wrong where nothing is done.

The minute is compressed: the clock of the schedule goes on by 6 ms with each link that is opened, so it takes as long
as 10,000 links do. Everything else is in real time: the links, what toxics delay, the servers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any, NamedTuple

import gevent.pool
import gevent.server
import pytest
from gevent import socket as green

from tests.loop import in_loop
from tests.schedule.stage import Stage, make
from tests.servers import HOST, INDEX, TIMEOUT, Server
from vaurien.address import Address
from vaurien.engine.proxy import ProxyServer
from vaurien.records.faults import Fault
from vaurien.records.observer import ObservedLink, Observer

LINKS = 10_000
SECONDS = 60.0
#: Links that are open at a time.
AT_ONCE = 60
#: Links that are opened before time goes on.
BATCH = 20

#: Something happens to each proxy for more than half of the time. What would change bytes is not among it.
SCHEDULE: list[dict[str, Any]] = [
    {'at': 2, 'for': 20, 'proxy': 'tcp', 'toxic': 'latency', 'ramp': {'latency': [0, 20]}},
    {'at': 25, 'for': 5, 'every': 10, 'jitter': 3, 'proxy': 'tcp', 'toxic': 'slicer(average_size=100)'},
    {'at': 30, 'for': 20, 'proxy': 'tcp', 'behavior': '5:blackout'},
    {'at': 5, 'for': 25, 'proxy': 'redis', 'behavior': '20:error'},
    {'at': 20, 'for': 20, 'proxy': 'redis', 'behavior': "10:error(match='ECHO *1'),10:abort"},
    {'at': 15, 'for': 30, 'proxy': 'redis', 'toxic': 'bandwidth(rate=2000)@upstream'},
    {'for': 60, 'proxy': 'http', 'enabled': False, 'flap': {'up': ['3s', '5s'], 'down': '500ms'}},
    {'at': 10, 'for': 3, 'every': 6, 'proxy': 'http', 'behavior': '20:error(code=503),20:delay(sleep=5ms)'},
]


class Exchange(NamedTuple):
    """A request, what it is answered if nothing is done to it, and where the answer ends."""

    request: bytes
    wanted: bytes
    find_end: Callable[[bytes], int | None]


class Seen(NamedTuple):
    """What has come of an exchange."""

    proxy: str
    #: 0 if the link was not accepted.
    link: int
    number: int
    got: bytes
    wanted: bytes


class Witness(Observer):
    """Knows the number of the link of each client, and every exchange that met a fault."""

    def __init__(self) -> None:
        self.links: dict[int, int] = {}
        self.faults: set[tuple[int, int]] = set()

    def on_link(self, link: ObservedLink) -> None:
        assert link.client_address is not None
        self.links[link.client_address.port] = link.number

    def on_fault(self, fault: Fault) -> None:
        self.faults.add((fault.link, fault.exchange))


def make_tcp(random: Random) -> Exchange:
    text = random.randbytes(random.randint(1, 2000))
    return Exchange(text, text, lambda got: len(text))


def make_redis(random: Random) -> Exchange:
    text = b'%d' % random.randrange(10 ** random.randint(1, 300))
    request = b'*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n' % (len(text), text)
    reply = b'$%d\r\n%s\r\n' % (len(text), text)
    return Exchange(request, reply, lambda got: len(reply) if got[:1] == b'$' else _after(got, b'\r\n'))


def make_http(random: Random) -> Exchange:
    first = random.randrange(len(INDEX))
    last = random.randrange(first, len(INDEX))
    request = b'GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n' % (first, last)
    return Exchange(request, INDEX[first : last + 1], _find_end_of_response)


def _after(got: bytes, mark: bytes) -> int | None:
    return got.index(mark) + len(mark) if mark in got else None


def _find_end_of_response(got: bytes) -> int | None:
    head = _after(got, b'\r\n\r\n')
    if head is None:
        return None
    (length,) = [
        line.split(b':')[1] for line in got[:head].split(b'\r\n') if line.lower().startswith(b'content-length')
    ]
    return head + int(length)


MAKERS = {'tcp': make_tcp, 'redis': make_redis, 'http': make_http}


def talk(stage: Stage, witness: Witness, name: str, random: Random, seen: list[Seen]) -> None:
    """Open a link and make one or two exchanges, unless it is cut."""
    try:
        client = green.create_connection(stage.proxies[name].address, TIMEOUT)
    except ConnectionError:
        seen.append(Seen(name, 0, 0, b'', b''))
        return
    with closing(client):
        for number in range(1, random.randint(1, 2) + 1):
            exchange = MAKERS[name](random)
            got = ask(client, exchange)
            link = witness.links.get(client.getsockname()[1], 0)
            seen.append(Seen(name, link, number, got, exchange.wanted))
            if exchange.find_end(got) != len(got):
                return


def ask(client: Any, exchange: Exchange) -> bytes:
    """Return the answer, or as much of it as has come before the link was cut."""
    got = b''
    try:
        client.sendall(exchange.request)
        while (end := exchange.find_end(got)) is None or len(got) < end:
            if not (data := client.recv(65536)):
                break
            got += data
    except ConnectionError:
        pass
    return got


def echo(client: Any, address: object) -> None:
    with closing(client):
        while data := client.recv(65536):
            client.sendall(data)


def judge(one: Seen, faults: set[tuple[int, int]]) -> str:
    """Return what has come of an exchange: ``wrong`` if neither *faults* nor `SCHEDULE` account for it."""
    is_touched = (one.link, one.number) in faults
    head, body = one.got.partition(b'\r\n\r\n')[::2] if one.proxy == 'http' else (b'', one.got)
    if body == one.wanted and one.link:
        return 'passed' if is_touched else 'right'
    if is_touched and (body[:1] == b'-' or b' 503 ' in head):
        return 'error'
    if not one.wanted.startswith(body):
        return 'wrong'
    if is_touched or any((one.link, number) in faults for number in range(one.number)):
        return 'cut by a fault'
    return 'cut' if one.proxy == 'http' else 'wrong'


@pytest.mark.slow
@pytest.mark.timeout(12 * TIMEOUT)
def test_ten_thousand_links(redis_server: Server, nginx: Server) -> None:
    seen: list[Seen] = []
    witnesses = {name: Witness() for name in MAKERS}

    def run() -> None:
        backend = gevent.server.StreamServer((HOST, 0), echo)
        backend.start()
        addresses = {'tcp': f'{HOST}:{backend.server_port}', 'redis': redis_server.address, 'http': nginx.address}
        stage = Stage()
        for name, address in addresses.items():
            settings = make(name, protocol=name, backend=Address.parse(address), seed=1)
            stage.proxies.add(ProxyServer(settings, witnesses[name]))
        stage.proxies.start()
        stage.start(*SCHEDULE, **{'for': SECONDS, 'seed': 1})
        pool = gevent.pool.Pool(AT_ONCE)
        for number in range(LINKS):
            name = list(MAKERS)[number % len(MAKERS)]
            pool.spawn(talk, stage, witnesses[name], name, Random(number), seen)
            if (number + 1) % BATCH == 0:
                stage.pass_time(BATCH * SECONDS / LINKS)
        pool.join()
        stage.pass_time(1.0)  # what the sum of many small times misses
        status = stage.scheduler.status()
        assert (status['status'], status['failures']) == ('ended', 0)
        stage.proxies.shut_down()
        backend.stop()

    in_loop(run, seconds=10 * TIMEOUT)
    counts = Counter((one.proxy, judge(one, witnesses[one.proxy].faults)) for one in seen)
    assert not [name for name, outcome in counts if outcome == 'wrong']
    assert all(counts[name, 'right'] > LINKS / len(MAKERS) for name in MAKERS)
    assert {one for one, count in counts.items() if count > 20} >= {
        ('tcp', 'cut by a fault'),
        ('redis', 'cut by a fault'),
        ('redis', 'error'),
        ('http', 'passed'),
        ('http', 'error'),
        ('http', 'cut'),
    }
