"""gevent: the proxy has an event loop of its own, and a process that gevent has patched does not disturb it."""

import gevent
import pytest
import redis
from gevent import monkey

if not monkey.is_module_patched('socket'):
    pytest.skip('run it with python -m gevent.monkey --module pytest', allow_module_level=True)


def test_greenlets_wait_together(redis_proxy):
    redis_proxy.set_behavior('delay', match='PING', sleep=0.05)
    with redis.Redis(redis_proxy.host, redis_proxy.port) as cache:
        asking = [gevent.Greenlet.spawn(cache.ping) for _ in range(3)]
        gevent.joinall(asking, timeout=10, raise_error=True)
    assert [one.value for one in asking] == [True] * 3
    assert [redis_proxy.wait_for_fault().behavior for _ in asking] == ['delay'] * 3
