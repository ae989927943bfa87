"""Many connections to real servers: established, refused, not answered, closed; the pace; the limits."""

from __future__ import annotations

import resource
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.descriptors import descriptors, wait_until_none_is_left
from tests.peers import Peer, RawBackend
from tests.servers import HOST
from tests.tcpgoon.dialing import SHORT, closed_port, deaf_port, dial, place, target
from vaurien.address import Address
from vaurien.tcpgoon.target import Place, Target


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a server that accepts no connection: the kernel has established them nevertheless."""
    with socket.create_server((HOST, 0), backlog=128) as listener:
        yield listener


def test_all_are_established(holder: RawBackend) -> None:
    record = dial(holder.port, connections=100)
    assert (record.established, record.failed, record.closed, record.not_initiated) == (100, 0, 0, 0)
    assert (record.most, record.total_established, len(record.established_at)) == (100, 100, 100)
    assert all(0 < seconds <= record.dialed_at for seconds in record.responses if record.dialed_at)
    assert not record.interrupted


def test_nothing_is_left_open(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    dial(port, connections=1)  # the event loop has descriptors of its own
    before = descriptors()
    with closed_port() as closed:
        dial(port, connections=50)
        dial(closed, connections=50)
    wait_until_none_is_left(before)


def test_refused() -> None:
    with closed_port() as port:
        record = dial(port)
    assert (record.established, record.failed) == (0, 10)
    assert record.errors == {'ECONNREFUSED': 10}
    assert len(record.failures) == len(record.failed_at) == 10


def test_not_answered() -> None:
    with deaf_port() as port:
        record = dial(port, dial_timeout=SHORT)
    assert record.errors['ETIMEDOUT'] == record.failed >= 9
    assert min(record.failures) >= SHORT / 1000


def test_each_has_its_own_timeout() -> None:
    with deaf_port() as port:
        record = dial(port, dial_timeout=SHORT, rate=20.0, connections=5)
    first, last = record.failed_at[0], record.failed_at[-1]
    assert last - first >= 0.1
    assert last >= (SHORT + 4 * 50) / 1000


def test_the_next_address_is_tried_and_kept(holder: RawBackend) -> None:
    with closed_port() as port:
        to = target(port, holder.port)
        record = dial(to)
    assert (record.established, record.failed) == (10, 0)
    assert to.places == [place(holder.port), place(port)]


def test_the_last_address_says_why() -> None:
    with closed_port() as port:
        unreachable = Place(socket.AF_INET6, ('::1', port, 0, 0))
        record = dial(Target(Address(HOST, port), [unreachable, place(port)], ()))
    assert record.errors == {'ECONNREFUSED': 10}


def test_from_several_addresses(raw_backend: RawBackend) -> None:
    sources = [place(0, f'127.0.0.{number}') for number in (2, 3, 4)]
    assert dial(target(raw_backend.port, sources=sources), connections=9).established == 9
    seen = Counter(raw_backend.accept().sock.getpeername()[0] for _ in range(9))
    assert seen == {'127.0.0.2': 3, '127.0.0.3': 3, '127.0.0.4': 3}


def test_a_connection_to_itself_is_none() -> None:
    with closed_port() as found:
        port = found  # free now
    record = dial(target(port, sources=[place(port)]), connections=1)  # so TCP meets itself, and no server
    assert record.errors == {'ECONNREFUSED': 1}


def test_those_that_the_server_closes(leaver: RawBackend) -> None:
    record = dial(leaver.port, hold=60.0)
    assert (record.established, record.closed, record.failed) == (0, 10, 0)
    assert {death.reason for death in record.deaths} == {'EOF'}
    assert sorted(death.connection for death in record.deaths) == list(range(1, 11))
    assert len({death.local for death in record.deaths}) == 10
    assert all(death.local.startswith(f'{HOST}:') and death.after > 0 for death in record.deaths)
    assert record.over_at is not None
    assert record.over_at < 60  # there was nothing left to hold


def test_those_that_the_server_resets(rude_leaver: RawBackend) -> None:
    record = dial(rude_leaver.port, hold=60.0)
    assert (record.established, record.closed + record.failed) == (0, 10)
    # A reset may come before it is known that there is a connection, or behind that.
    assert {*record.errors, *(death.reason for death in record.deaths)} == {'ECONNRESET'}


def test_some_die_while_they_are_held(raw_backend: RawBackend) -> None:
    def close_three(peer: Peer) -> None:
        peers.append(peer)
        if len(peers) == 10:
            for one in peers[:3]:
                one.close()
        while peer not in peers[:3] and peer.recv():
            pass

    peers: list[Peer] = []
    raw_backend.serve(close_three)
    record = dial(raw_backend.port, hold=0.3)
    assert (record.established, record.closed, record.most) == (7, 3, 10)
    assert record.dialed_at is not None
    assert record.over_at is not None
    assert record.over_at - record.dialed_at >= 0.3


def test_what_the_server_says_is_received(raw_backend: RawBackend) -> None:
    raw_backend.serve(lambda peer: peer.send(bytes(8_000_000)))  # far more than fits into both sockets
    record = dial(raw_backend.port, connections=2, hold=60.0)
    assert [death.reason for death in record.deaths] == ['EOF', 'EOF']


@pytest.mark.parametrize('pace', [{'rate': 50.0, 'sleep': 0}, {'sleep': 20}])
def test_the_pace(holder: RawBackend, pace: dict[str, Any]) -> None:
    record = dial(holder.port, connections=6, **pace)
    begun = [at - seconds for at, seconds in zip(record.established_at, record.responses, strict=True)]
    assert all(at >= number * 0.02 - 0.002 for number, at in enumerate(begun))


def test_no_descriptor_is_left(listener: socket.socket) -> None:
    with socket.socket() as probe:
        lowest = probe.fileno()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 5, before[1]))
    try:
        record = dial(listener.getsockname()[1], connections=20)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert 0 < record.established <= 5
    assert record.errors == {'EMFILE': 20 - record.established}
