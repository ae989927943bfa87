"""Flask: the application gets the address of the proxy where it would get that of Redis."""

import pytest
import redis
from flask import Flask


def make_app(redis_url):
    """The application: a counter in Redis."""
    app = Flask(__name__)
    cache = redis.Redis.from_url(redis_url, retry=None)

    @app.get('/visits')
    def visits():
        try:
            return {'visits': cache.incr('recipe:flask')}
        except redis.RedisError:
            return {'visits': None}, 503

    app.extensions['cache'] = cache
    return app


@pytest.fixture
def client(redis_proxy):
    app = make_app(redis_proxy.url)
    with app.test_client() as client, app.extensions['cache']:
        yield client


@pytest.mark.parametrize('behavior', ['error', 'abort', 'blackout'])
def test_redis_fails(client, redis_proxy, behavior):
    assert client.get('/visits').status_code == 200
    with redis_proxy.with_behavior(behavior, match='INCR*'):
        assert client.get('/visits').status_code == 503
    assert client.get('/visits').status_code == 200
