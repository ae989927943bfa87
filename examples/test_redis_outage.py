"""What does this application do when Redis is late, answers with errors, hangs or is gone?

It needs a Redis on localhost:6379, or at the address in the environment variable REDIS.

    pip install vaurien pytest redis
    pytest test_redis_outage.py
"""

import os
import time

import pytest
import redis

REDIS = os.environ.get('REDIS', 'localhost:6379')


class Prices:
    """The application: it gets prices from Redis or, if Redis fails, from their origin."""

    def __init__(self, cache, look_up):
        self.cache = cache
        self.look_up = look_up

    def get(self, product):
        try:
            price = self.cache.get(f'price:{product}')
        except redis.RedisError:
            price = None
        return self.look_up(product) if price is None else int(price)


@pytest.fixture
def proxy(vaurien_proxy):
    return vaurien_proxy(REDIS, protocol='redis')


@pytest.fixture
def cache(proxy):
    """A real client, connected to the proxy instead of Redis."""
    with redis.Redis(proxy.address.host, proxy.address.port, socket_timeout=0.5, retry=None) as cache:
        cache.set('price:tea', 3)
        yield cache
        cache.delete('price:tea')


@pytest.fixture
def prices(cache):
    return Prices(cache, look_up=lambda product: 4)


def test_redis_is_well(prices):
    assert prices.get('tea') == 3


def test_redis_refuses(proxy, cache, prices):
    with proxy.with_behavior('error'):
        with pytest.raises(redis.ResponseError, match='injected by vaurien'):
            cache.get('price:tea')
        assert prices.get('tea') == 4
    assert prices.get('tea') == 3


def test_redis_is_late(proxy, prices):
    with proxy.with_behavior('delay', sleep=0.2):
        began = time.monotonic()
        assert prices.get('tea') == 3
        assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize('behavior', ['hang', 'blackout', 'abort'])
def test_redis_hangs_or_is_gone(proxy, prices, behavior):
    with proxy.with_behavior(behavior):
        assert prices.get('tea') == 4
    assert prices.get('tea') == 3


def test_a_write_that_is_cut_off_may_have_happened(proxy, cache):
    with proxy.with_behavior('abort'), pytest.raises(redis.ConnectionError):
        cache.set('price:tea', 5)
    assert cache.get('price:tea') == b'5'
