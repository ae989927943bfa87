"""FastAPI: application, client and proxy share one event loop, and none of them keeps it waiting."""

import httpx
import pytest
import redis
import redis.asyncio
from fastapi import FastAPI, HTTPException

import vaurien


def make_app(cache):
    """The application: names of users in Redis."""
    app = FastAPI()

    @app.get('/users/{number}')
    async def user(number: int):
        try:
            name = await cache.get(f'recipe:fastapi:{number}')
        except redis.RedisError:
            raise HTTPException(503) from None
        return {'name': name and name.decode()}

    return app


@pytest.fixture
def anyio_backend():
    return 'asyncio'


@pytest.mark.anyio
async def test_redis_is_late_and_then_gone(redis_address):
    async with (
        vaurien.AsyncProxy(redis_address, 'redis') as proxy,
        redis.asyncio.Redis(host=proxy.host, port=proxy.port, socket_timeout=0.2, retry=None) as cache,
        httpx.AsyncClient(transport=httpx.ASGITransport(make_app(cache)), base_url='http://test') as client,
    ):
        await cache.set('recipe:fastapi:1', 'Ada')
        assert (await client.get('/users/1')).json() == {'name': 'Ada'}
        async with proxy.with_behavior('hang', match='GET *'):
            assert (await client.get('/users/1')).status_code == 503
        async with proxy.down():
            assert (await client.get('/users/1')).status_code == 503
        assert (await client.get('/users/1')).json() == {'name': 'Ada'}
