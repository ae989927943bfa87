"""Locust's live page, which can stop a run and nothing else."""

from __future__ import annotations

import requests

from tests.loads.commands import wait_until
from tests.loads.conftest import Shop, Starter
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT


def test_the_live_page(shop: Shop, start: Starter) -> None:
    runner = start('loads-runner', 'shop.TestShop.test_order', '-u', '4', '-d', '100', '--web-port', '0')
    url = runner.wait_for('live page: (http://.*)')[1]
    assert '<title>Locust' in requests.get(url, timeout=TIMEOUT).text
    while (seen := requests.get(f'{url}/stats/requests', timeout=TIMEOUT).json())['total_rps'] == 0:
        assert runner.process.poll() is None
    assert (seen['state'], seen['user_count']) == ('running', 4)
    wait_until(lambda: shop.counted('orders') > 4)  # more than one for each user, so one of them has ended
    refused = requests.post(f'{url}/swarm', data={'user_count': 9, 'spawn_rate': 9}, timeout=TIMEOUT)
    assert refused.status_code == 403
    assert requests.get(f'{url}/stats/reset', timeout=TIMEOUT).status_code == 403
    for origin in ('http://example.com', 'null', 'http://['):  # null is a page in a frame that is sandboxed
        assert requests.post(f'{url}/stop', headers={'Origin': origin}, timeout=TIMEOUT).status_code == 403
    assert requests.get(url, headers={'Host': 'example.com'}, timeout=TIMEOUT).status_code == 403
    with Peer.connect(int(url.rpartition(':')[2])) as peer:
        peer.send(b'POST /stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n')
        assert peer.recv_all().startswith(b'HTTP/1.1 400 ')
    assert requests.post(f'{url}/stop', headers={'Origin': url}, timeout=TIMEOUT).json()['success']
    done = runner.wait()
    assert done.status == 130, done
    assert done.number('Hits') > 0


def test_a_page_that_cannot_be(shop: Shop) -> None:
    done = shop.run('shop.TestShop.test_order', '--web-port', str(shop.nginx.port))
    said = f'loads-runner: error: cannot listen on {HOST}:{shop.nginx.port}: address already in use\n'
    assert (done.status, done.out, done.err) == (1, '', said)
