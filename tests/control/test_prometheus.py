"""The native histograms of ``/metrics``, in a Prometheus that has asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests import servers
from tests.behaviors.waiting import eventually
from tests.commands import Command
from tests.servers import HOST, TIMEOUT, Server
from tests.toxiproxy.asking import Toxiproxy, connect
from vaurien.records.exponential import FIRST, find_bound

#: How often Prometheus asks.
INTERVAL = '250ms'
#: Seconds between two looks at what it knows.
LOOK = 0.05
REQUESTS = 9
#: What toxics add to a request, in seconds.
LATENCY = 0.03
#: A quantile and what is known of it are in the same bucket: one is as much above the other as two bounds, at most.
APART = 2 ** (1 / 8) - 1


@pytest.fixture(scope='module')
def prometheus(server: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus with native histograms, which asks `server`."""
    address = f'{HOST}:{server.control_port}'
    directory = tmp_path_factory.mktemp('prometheus')
    with servers.prometheus(directory, address, INTERVAL, '--enable-feature=native-histograms') as prometheus:
        yield prometheus


def query(prometheus: Server, text: str) -> dict[str, float]:
    """Return the value of each series of an answer, by its proxy."""
    answer = requests.get(f'{prometheus.url}/api/v1/query', params={'query': text}, timeout=TIMEOUT)
    if answer.status_code == 503:  # it is not ready
        return {}
    found: dict[str, Any] = answer.json()
    assert found['status'] == 'success', found
    return {one['metric'].get('proxy'): float(one['value'][1]) for one in found['data']['result']}


@pytest.mark.slow
def test_quantiles(prometheus: Server, toxiproxy: Toxiproxy, redis_server: Server) -> None:
    """A Prometheus that has just started waits five seconds, or more, before it asks for the first time."""
    created = toxiproxy.create('timed', redis_server.address, protocol='redis')
    toxiproxy.add_toxic('timed', 'latency', name='far', latency=1000 * LATENCY)
    toxiproxy.create('idle')
    toxiproxy('GET', '/metrics')  # who looks has exchanges timed
    asked = 0
    with connect(created) as client:
        while (times := toxiproxy('GET', '/proxies/timed/status').json()['times'])['timed'] < REQUESTS:
            client.send(b'PING\r\n')
            client.recv_until(b'\r\n')
            asked += 1
    counted = {'timed': REQUESTS, 'idle': 0}
    eventually(lambda: query(prometheus, 'histogram_count(vaurien_client_seconds)') == counted, LOOK, 6 * TIMEOUT)
    assert query(prometheus, 'vaurien_exchanges_total') == {'timed': asked, 'idle': 0}
    assert query(prometheus, 'histogram_count(vaurien_added_latency_seconds)') == {'timed': asked}
    assert times['client']['p50'] > LATENCY
    for name in 'client', 'backend':
        found = query(prometheus, f'histogram_quantile(0.5, vaurien_{name}_seconds)')
        assert found['timed'] == pytest.approx(times[name]['p50'], rel=APART, abs=find_bound(FIRST))
