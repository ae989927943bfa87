"""Passages: what the pump frames on its own is, to everybody, what Python would have made of it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any, BinaryIO, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from tests.behaviors.waiting import eventually
from tests.engine.talk import inside, only_link
from tests.peers import Peer, RawBackend
from tests.protocols import test_mysql as mysql, test_postgres as postgres
from tests.servers import TIMEOUT, Server
from vaurien import native
from vaurien.embedded import Proxy
from vaurien.engine import dispatcher
from vaurien.engine.dispatcher import Dispatcher
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.unrecorded import UNRECORDED
from vaurien.records.entry import Entry
from vaurien.records.observer import Observer

Result = TypeVar('Result')

pytestmark = pytest.mark.compiled


def read_redis(file: BinaryIO) -> bytes:
    """Read a reply of Redis."""
    line = file.readline()
    if line[:1] == b'$' and line != b'$-1\r\n':
        return line + file.read(int(line[1:]) + 2)
    if line[:1] == b'*':
        return line + b''.join(read_redis(file) for _ in range(max(0, int(line[1:]))))
    return line


def read_memcache(file: BinaryIO) -> bytes:
    """Read a reply of memcached."""
    line = file.readline()
    if not line.startswith(b'VALUE'):
        return line
    return line + file.read(int(line.split()[3]) + 2) + read_memcache(file)


def read_http(file: BinaryIO) -> bytes:
    """Read a response, or nothing at the end of the stream."""
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        line = file.readline()
        if not line:
            return head
        head += line
    found = re.search(rb'content-length: *(\d+)', head, re.IGNORECASE)
    return head + file.read(int(found[1]) if found else 0)


def read_mysql(file: BinaryIO) -> bytes:
    """Read a reply of MySQL: one packet, or columns and rows."""
    reply, ends = read_packet(file), 0
    while reply[4:5] not in (b'\x00', b'\xff') and ends < 2:
        packet = read_packet(file)
        ends += packet[4:5] == b'\xfe'
        reply += packet
    return reply


def read_packet(file: BinaryIO) -> bytes:
    """Read a packet of MySQL."""
    head = file.read(4)
    return head + file.read(int.from_bytes(head[:3], 'little'))


def read_postgres(file: BinaryIO) -> bytes:
    """Read a reply of PostgreSQL."""
    reply = b''
    while True:
        kind, message = read_message(file)
        reply += message
        if kind in (b'Z', b''):
            return reply


def read_message(file: BinaryIO) -> tuple[bytes, bytes]:
    """Read a message of PostgreSQL; return its kind, and all of it. Both are empty at the end of the stream."""
    head = file.read(5)
    return head[:1], head + file.read(max(0, int.from_bytes(head[1:], 'big') - 4))


def call(*words: bytes) -> bytes:
    """A command of Redis."""
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in words)


class Tongue(NamedTuple):
    """What is said in a protocol: requests that have one reply each, and what reads that."""

    protocol: str
    requests: list[bytes]
    read: Callable[[BinaryIO], bytes]
    #: A pattern that some of them match.
    pattern: str
    #: What has the backend forget what was said before; empty if it knows nothing.
    forget: bytes
    #: What the client begins with, if it has to log in.
    login: bytes = b''


TONGUES = {
    'redis': Tongue(
        'redis',
        [
            *(call(b'GET', b'passage'), call(b'SET', b'passage', b'value'), call(b'PING'), call(b'ECHO', b'x' * 300)),
            *(
                call(b'SET', b'passage', b'y' * 70_000),
                call(b'MULTI'),
                call(b'EXEC'),
                b'PING\r\n',
                call(b'NOT', b'ONE'),
            ),
        ],
        read_redis,
        'SET *',
        call(b'DEL', b'passage'),
    ),
    'memcache': Tongue(
        'memcache',
        [
            *(b'get passage\r\n', b'set passage 0 0 5\r\nvalue\r\n', b'version\r\n', b'delete passage\r\n'),
            *(b'set passage 0 0 70000\r\n' + b'z' * 70_000 + b'\r\n', b'get passage other\r\n', b'nonsense\r\n'),
        ],
        read_memcache,
        'set *',
        b'delete passage\r\n',
    ),
    'http': Tongue(
        'http',
        [
            *(b'GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n', b'GET /b HTTP/1.1\r\nAccept: */*\r\nhost:x\r\n\r\n'),
            b'POST /c HTTP/1.1\r\nHost: y\r\nContent-Length: 70000\r\n\r\n' + b'w' * 70_000,
            b'PUT /d HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
        ],
        read_http,
        'GET /b*',
        b'GET / HTTP/1.1\r\n\r\n',
    ),
    'mysql': Tongue(
        'mysql',
        [
            *(mysql.QUERY, mysql.command(14), mysql.command(3, b'SELECT 2'), mysql.command(3, b'INSERT')),
            *(mysql.command(3, b'SELECT ' + b'x' * 70_000), mysql.command(3, b'NONSENSE')),
        ],
        read_mysql,
        'SELECT 2*',
        b'',
        mysql.LOGIN,
    ),
    'postgres': Tongue(
        'postgres',
        [
            *(postgres.QUERY, postgres.message('Q', b'SELECT 2\0'), postgres.STEPS + postgres.SYNC),
            *(postgres.BIND + postgres.EXECUTE + postgres.SYNC, postgres.message('Q', b'BEGIN\0')),
            *(postgres.message('Q', b'SELECT ' + b'x' * 70_000 + b'\0'), postgres.message('Q', b'NONSENSE\0')),
        ],
        read_postgres,
        'SELECT 2*',
        b'',
        postgres.START,
    ),
}


def answer_mysql(peer: Peer) -> None:
    """Let the client log in, and answer each command by what is in it."""
    file = peer.sock.makefile('rb')
    peer.send(mysql.greet())
    read_packet(file)
    peer.send(mysql.ok())
    while request := read_packet(file):
        if b'NONSENSE' in request:
            peer.send(mysql.ERROR)
        elif b'SELECT' in request:
            peer.send(mysql.result([b'\x03row'] * (2 if len(request) < 100 else 1_000)))
        else:
            peer.send(mysql.ok())
    file.close()


def answer_postgres(peer: Peer) -> None:
    """Let the client in, and answer each query, or batch, by what is in it."""
    file = peer.sock.makefile('rb')
    file.read(int.from_bytes(file.read(4), 'big') - 4)
    peer.send(postgres.WELCOME)
    request = b''
    while (read := read_message(file))[0]:
        request += read[1]
        if read[0] not in (b'Q', b'S'):
            continue
        if b'NONSENSE' in request:
            peer.send(postgres.FAILURE + postgres.READY)
        elif b'BEGIN' in request:
            peer.send(postgres.COMPLETE + postgres.IN_TRANSACTION)
        else:
            peer.send(postgres.ROWS * (1 if len(request) < 100 else 1_000) + postgres.COMPLETE + postgres.READY)
        request = b''
    file.close()


def answer_http(peer: Peer) -> None:
    """Answer each request with what it said."""
    file = peer.sock.makefile('rb')
    while head := b''.join(iter(file.readline, b'\r\n')) if file.peek() else b'':
        found = re.search(rb'content-length: *(\d+)', head, re.IGNORECASE)
        body = file.read(int(found[1])) if found else b''
        if b'chunked' in head:
            body = b''.join(iter(file.readline, b'0\r\n')) + file.readline()
        said = head + b'%d' % len(body)
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(said), said))
    file.close()


@pytest.fixture
def backends(redis_server: Server, memcached: Server) -> Iterator[dict[str, str]]:
    """Servers by the names of their protocols."""
    played = {'http': answer_http, 'mysql': answer_mysql, 'postgres': answer_postgres}
    with ExitStack() as stack:
        others = {
            name: stack.enter_context(closing(RawBackend())).serve(script).address for name, script in played.items()
        }
        yield {'redis': redis_server.address, 'memcache': memcached.address, **others}


#: Some requests at once, by their numbers; sizes of the pieces in which they are sent; and what is armed afterwards.
Batch = tuple[list[int], list[int], str | None]

SPECS = ('dummy', '30:error', '1:error', "100:error(match='{}')", "100:error(match='NONE *')", '100:error(nth=3-4)')

batches: st.SearchStrategy[Batch] = st.tuples(
    st.lists(st.integers(0, 20), min_size=1, max_size=12),
    st.lists(st.integers(1, 400), max_size=3),
    st.sampled_from([None, None, *SPECS]),
)


def converse(tongue: Tongue, backend: str, spec: str, script: list[Batch], *, looks: bool, journal: bool) -> Any:
    """All that anybody can know of a conversation: what the client got, and what the proxy has counted and logged.

    If somebody *looks* at the link meanwhile, it gets an object for that; and with a *journal* it has one from the
    start. What that says of a request that comes in pieces depends on the first one: then only sizes are compared.
    """
    spec = spec.format(tongue.pattern)
    host, _, port = backend.rpartition(':')
    if tongue.forget:
        with socket.create_connection((host, int(port)), TIMEOUT) as client, client.makefile('rb') as file:
            client.sendall(tongue.forget)
            tongue.read(file)
    options = {'error': {'sqlstate': '42P01'}} if tongue.protocol == 'postgres' else {}  # one after which it goes on
    before = 'dummy' if tongue.login else spec
    with Proxy(backend, tongue.protocol, behavior=before, options=options, seed=7, journal=journal) as proxy:
        heard, counted = [], []
        with socket.create_connection((proxy.address.host, proxy.address.port), TIMEOUT) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            file = client.makefile('rb')
            if tongue.login:  # it would be over if that drew an error
                if tongue.protocol == 'mysql':
                    read_packet(file)
                client.sendall(tongue.login)
                heard.append([tongue.read(file)])
                proxy.set_behavior(spec)
            is_cut = any(sizes for _, sizes, _ in script)
            known = [request for request in tongue.requests if is_cut or not journal or len(request) < 1000]
            for numbers, sizes, armed in script:
                requests = [known[number % len(known)] for number in numbers]
                data = b''.join(requests)
                for size in sizes:
                    client.sendall(data[:size])
                    data = data[size:]
                client.sendall(data)
                heard.append([tongue.read(file) for _ in requests])
                if looks:
                    counted.append(proxy.links()[0]['exchanges'])
                if armed is not None:
                    proxy.set_behavior(armed.format(tongue.pattern))
            client.shutdown(socket.SHUT_WR)
            heard.append([file.read()])
            file.close()
        eventually(lambda: proxy.status()['links']['open'] == 0)
        status = proxy.status()
        faults = [(fault.link, fault.exchange, fault.behavior, fault.request) for fault in proxy.faults()]
        told = list(map(find_sizes if is_cut else without_times, proxy.journal())) if journal else []
        return heard, counted, status['bytes'], status['exchanges'], status['behaviors'], faults, told


def find_sizes(entry: Entry) -> tuple[object, ...]:
    """What is known of an exchange, however its request has come."""
    return entry.exchange, entry.executed, entry.sent, entry.received, entry.behavior, entry.seconds is None


def without_times(entry: Entry) -> Entry:
    """What no other run differs in."""
    assert 0 <= (entry.first or 0) <= (entry.seconds or 60)
    first, seconds = (None if each is None else 0.0 for each in (entry.first, entry.seconds))
    return replace(entry, time=0.0, first=first, seconds=seconds)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Passages, as soon as anything is ordinary: all of those that begin on links with an object, or are taken over."""
    found: list[object] = []
    begin, take_over = native.begin_passage, Dispatcher.take_over

    def note(*args: Any) -> Any:
        passage = begin(*args)
        if passage is not None:
            found.append(passage)
        return passage

    def note_taken(self: Dispatcher, passage: native.Passage) -> None:
        if passage.requests:
            found.append(passage)
        take_over(self, passage)

    monkeypatch.setattr(native, 'begin_passage', note)
    monkeypatch.setattr(Dispatcher, 'take_over', note_taken)
    monkeypatch.setattr(dispatcher, 'WORTHWHILE', 1)
    monkeypatch.setattr(dispatcher, 'FIRST_PASSAGE', 1)
    monkeypatch.setattr(dispatcher, 'LAST_PASSAGE', 1)
    return found


@pytest.mark.parametrize('protocol', TONGUES)
def test_both_ways_are_alike(
    protocol: str, backends: dict[str, str], begun: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is said, cut anywhere, with several requests at once, while faults come and go."""

    examples, fewest = (6, 1) if TONGUES[protocol].login else (25, 26)  # large results take longer

    @settings(max_examples=examples, deadline=None)
    @given(st.sampled_from(SPECS), st.lists(batches, min_size=1, max_size=8), st.booleans(), st.booleans())
    def check(spec: str, script: list[Batch], looks: bool, journal: bool) -> None:
        tongue, backend = TONGUES[protocol], backends[protocol]
        compiled = converse(tongue, backend, spec, script, looks=looks, journal=journal)
        with monkeypatch.context() as patch:
            patch.setattr(native, 'make_pump', lambda *args: None)
            pure = converse(tongue, backend, spec, script, looks=looks, journal=journal)
        assert compiled == pure

    check()
    assert len(begun) >= fewest


class TestJournal:
    """What is recorded of requests that pass."""

    @pytest.fixture
    def proxy(self, backends: dict[str, str], begun: list[object]) -> Iterator[Proxy]:
        with Proxy(backends['redis'], 'redis', journal=True) as proxy:
            yield proxy

    def test_each_that_passes(self, proxy: Proxy) -> None:
        """Also while the requests of another link are for Python: they are counted in the order in which they come."""
        with Peer.connect(proxy.address.port) as one, Peer.connect(proxy.address.port) as other:
            for client in (one, other):
                for _ in range(3):
                    talk_redis(client, call(b'PING'))
            assert inside(proxy, lambda server: passing(server)) == 2
            talk_redis(other, call(b'ECHO', b'x' * 70_000))  # too large for a passage
            for client in (one, other, one):
                talk_redis(client, call(b'PING'))
            assert inside(proxy, lambda server: passing(server)) == 2
        entries = proxy.journal()
        assert [entry.nth for entry in entries if entry.request == 'PING'] == list(range(1, 10))
        assert [entry.exchange for entry in entries if entry.link == 1] == [1, 2, 3, 4, 5]
        assert [entry.exchange for entry in entries if entry.link == 2] == [1, 2, 3, 4, 5]
        assert {entry.received for entry in entries if entry.request == 'PING'} == {len('+PONG\r\n')}
        (large,) = [entry for entry in entries if entry.sent > 70_000]
        assert large.received == len('$70000\r\n') + 70_000 + 2

    def test_what_is_open_at_the_end(self, proxy: Proxy) -> None:
        with Peer.connect(proxy.address.port) as client:
            for _ in range(3):
                talk_redis(client, call(b'PING'))
            client.send(call(b'BLPOP', b'passage-list', b'0'))
            eventually(lambda: proxy.status()['exchanges'] == 4)
            assert inside(proxy, lambda server: passing(server)) == 1
            assert len(proxy.journal()) == 3
        eventually(lambda: proxy.status()['links']['open'] == 0)
        *_, last = proxy.journal()
        assert (last.request, last.executed, last.reply, last.seconds) == ('BLPOP passage-list', True, None, None)

    def test_a_head_that_comes_alone(self, begun: list[object], raw_backend: RawBackend) -> None:
        """The request is not over then: the backend has not got it if the client leaves."""
        raw_backend.serve(answer_http)
        with Proxy(raw_backend.address, 'http', journal=True) as proxy:
            with Peer.connect(proxy.address.port) as client:
                for _ in range(3):
                    ask(client)
                assert inside(proxy, lambda server: passing(server)) == 1
                client.send(b'POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n')
                eventually(lambda: proxy.status()['exchanges'] == 4)
                client.send(b'abcd')
                client.recv_exactly(int(client.recv_until(b'\r\n\r\n').split()[-1]))
                client.send(b'POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n')
                eventually(lambda: proxy.status()['exchanges'] == 5)
            eventually(lambda: proxy.status()['links']['open'] == 0)
            *_, whole, cut = proxy.journal()
            assert (whole.request, whole.executed) == ('POST /c', True)
            assert (cut.request, cut.executed) == ('POST /d', False)
            assert whole.sent == cut.sent + 4

    def test_who_acts_is_told_before_the_reply_goes_on(self, backends: dict[str, str], begun: list[object]) -> None:
        """An observer of somebody's may do anything to the link, and what a test reads of it is there in time."""
        told: list[str] = []

        class Notes(Observer):
            def on_exchange(self, entry: Entry) -> None:
                told.append(entry.request)

        with Proxy(backends['redis'], 'redis', observer=Notes()) as proxy, Peer.connect(proxy.address.port) as client:
            for count in range(1, 20):
                talk_redis(client, call(b'PING'))
                assert len(told) == count
        assert not begun


def talk_redis(client: Peer, request: bytes) -> bytes:
    """Ask for anything; return the reply."""
    client.send(request)
    reply = client.recv_until(b'\r\n')
    return reply + client.recv_exactly(int(reply[1:]) + 2) if reply[:1] == b'$' and reply[1:2] != b'-' else reply


class TestOthers:
    """What somebody does to a link in the midst of a passage."""

    @pytest.fixture
    def talk(self, raw_backend: RawBackend, begun: list[object]) -> Iterator[tuple[Proxy, Peer, RawBackend]]:
        """A proxy and a client of it, of whose requests some have passed."""
        raw_backend.serve(answer_http)
        with Proxy(raw_backend.address, 'http', behavior='dummy') as proxy, Peer.connect(proxy.address.port) as client:
            for _ in range(5):
                ask(client)
            assert inside(proxy, lambda server: passing(server)) == 1
            yield proxy, client, raw_backend

    def test_status_counts_on(self, talk: tuple[Proxy, Peer, RawBackend]) -> None:
        proxy, client, _ = talk
        for exchanges in (6, 7):
            ask(client)
            (link,) = proxy.links()
            assert link['exchanges'] == proxy.status()['exchanges'] == exchanges
            assert link['bytes'] == proxy.status()['bytes']
            up, down = inside(proxy, lambda server: (only_link(server).up, only_link(server).down))
            assert (up.sent, down.sent) == (up.received + exchanges * len(raw_host(proxy)), down.received)
        assert inside(proxy, lambda server: passing(server)) == 1

    def test_another_backend(self, talk: tuple[Proxy, Peer, RawBackend]) -> None:
        """The link goes on there, and counts on."""
        proxy, client, _ = talk
        with closing(RawBackend()) as other:
            other.serve(answer_http)
            proxy.set_backend(other.address)
            for _ in range(5):
                assert other.address.encode() in ask(client)
            assert proxy.status()['links'] == {'open': 1, 'total': 1}
            assert proxy.status()['exchanges'] == 10
            assert inside(proxy, lambda server: passing(server)) == 1

    def test_a_toxic(self, talk: tuple[Proxy, Peer, RawBackend]) -> None:
        proxy, client, _ = talk
        with proxy.toxic('noop'):
            ask(client)
            assert inside(proxy, lambda server: passing(server)) == 0
        ask(client)
        assert inside(proxy, lambda server: passing(server)) == 1

    def test_somebody_wants_to_know(self, talk: tuple[Proxy, Peer, RawBackend]) -> None:
        """The next request is recorded; when nobody does any more, requests pass again."""
        proxy, client, _ = talk
        told: list[Any] = []
        inside(proxy, lambda server: server.recording.open(lambda: None, told.append))
        ask(client)
        assert [timed.entry.exchange for timed in told] == [6]
        inside(proxy, lambda server: server.recording.close())
        for _ in range(3):
            ask(client)
        assert inside(proxy, lambda server: passing(server)) == 1
        traffic = inside(proxy, lambda server: only_link(server).traffic)
        assert isinstance(traffic, Dispatcher)
        assert traffic.recorder is UNRECORDED

    def test_what_is_left_to_the_protocol_object_is_as_it_came(self, talk: tuple[Proxy, Peer, RawBackend]) -> None:
        """Whether a request is what a rule looks for is seen with the host of the backend, which it may not keep."""
        proxy, client, backend = talk
        proxy.set_behavior("error(match='NONE *')")
        for number in range(10):
            for _ in range(3):
                ask(client)
            before = proxy.status()['bytes']['upstream']
            client.send(b'PUT /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab' % number)
            wait_for_more(proxy, before)
            client.send(b'cd')
            head = client.recv_until(b'\r\n\r\n')
            assert f'PUT /{number} HTTP/1.1\r\nHost: {backend.address}\r\n'.encode() in client.recv_exactly(
                int(head.split()[-1])
            )

    def test_the_end_of_the_client(self, talk: tuple[Proxy, Peer, RawBackend]) -> None:
        proxy, client, _ = talk
        client.shut_down()
        assert client.recv_all() == b''
        eventually(lambda: proxy.status()['links']['open'] == 0)
        assert proxy.status()['exchanges'] == 5


def wait_for_more(proxy: Proxy, before: int) -> None:
    """Wait until more than so many bytes have come from clients."""
    eventually(lambda: proxy.status()['bytes']['upstream'] > before)


def ask(client: Peer) -> bytes:
    """Ask for anything; return the reply."""
    client.send(b'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    head = client.recv_until(b'\r\n\r\n')
    return client.recv_exactly(int(head.split()[-1]))


def raw_host(proxy: Proxy) -> bytes:
    """By what the Host header grows, which is replaced."""
    return str(proxy.backend).encode()[1:]


def passing(server: ProxyServer) -> int:
    """How many links the pump frames."""
    return sum(
        link.traffic._passage is not None for link in server.links.values() if isinstance(link.traffic, Dispatcher)
    )
