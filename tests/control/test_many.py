"""Many proxies in one process, and many requests while they work."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import Command
from tests.peers import Peer, RawBackend
from tests.toxiproxy.asking import Toxiproxy, connect

PROXIES = 200
LINKS = 50
CALLS = 1000


def test_200_proxies(server: Command, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    """Each works, with a toxic and counters of its own, and nothing is left of them."""
    descriptors = Path(f'/proc/{server.pid}/fd')
    before = len(list(descriptors.iterdir()))
    body = [{'name': f'p{i}', 'upstream': echo_server.address, 'listen': 'localhost:0'} for i in range(PROXIES)]
    created = toxiproxy.done('POST', '/populate', body, 201)['proxies']
    assert len({proxy['listen'] for proxy in created}) == PROXIES
    with ExitStack() as stack:
        for i, proxy in enumerate(created):
            toxiproxy.add_toxic(proxy['name'], 'limit_data', bytes=i + 1)
            client = stack.enter_context(connect(proxy))
            client.send(b'x' * PROXIES)
            assert client.recv_all() == b'x' * (i + 1)
    for i in (0, PROXIES - 1):
        status = toxiproxy('GET', f'/proxies/p{i}/status').json()
        assert (status['name'], status['links']['total'], status['bytes']['upstream']) == (f'p{i}', 1, PROXIES)
        assert [toxic['attributes'] for toxic in status['toxics']] == [{'bytes': i + 1}]
    toxiproxy.done('POST', '/reset', status=204)
    assert all(proxy['toxics'] == [] for proxy in toxiproxy.done('GET', '/proxies').values())
    toxiproxy.clear()
    # A descriptor that its event loop has watched is closed by gevent in the next turn of the loop: have it turn.
    eventually(lambda: not toxiproxy.done('GET', '/proxies') and len(list(descriptors.iterdir())) <= before)


@pytest.mark.slow
def test_1000_calls_while_50_links_are_under_load(toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    """Every call is answered, and no link stands still meanwhile."""
    created = toxiproxy.create('echo', echo_server.address)
    rounds = [0] * LINKS
    done = threading.Event()

    def talk(number: int, client: Peer) -> None:
        while not done.is_set():
            client.send(b'ping')
            assert client.recv_exactly(4) == b'ping'
            rounds[number] += 1

    with ExitStack() as stack:
        clients = [stack.enter_context(connect(created)) for _ in range(LINKS)]
        talkers = [threading.Thread(target=talk, args=item) for item in enumerate(clients)]
        for talker in talkers:
            talker.start()
        try:
            for quarter in range(4):
                before = list(rounds)
                for call in range(CALLS // 20):
                    toxic = f'/proxies/echo/toxics/{quarter}-{call}'
                    toxiproxy.add_toxic('echo', 'latency', name=f'{quarter}-{call}')
                    toxiproxy.done('PATCH', toxic, {'toxicity': 0.5})
                    toxiproxy.done('GET', '/proxies')
                    assert len(toxiproxy('GET', '/proxies/echo/links').json()['links']) == LINKS
                    toxiproxy.done('DELETE', toxic, status=204)
                assert all(map(int.__lt__, before, rounds))
        finally:
            done.set()
            for talker in talkers:
                talker.join()
