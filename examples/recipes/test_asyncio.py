"""asyncio: the proxy is awaited, and the event loop goes on meanwhile. With pytest-asyncio it is the same."""

import pytest
import redis
import redis.asyncio

import vaurien


@pytest.fixture
def anyio_backend():
    return 'asyncio'


@pytest.fixture
async def proxy(redis_address):
    async with vaurien.AsyncProxy(redis_address, 'redis') as proxy:
        yield proxy


@pytest.mark.anyio
async def test_a_value_that_cannot_be_read(proxy):
    async with redis.asyncio.Redis(host=proxy.host, port=proxy.port) as cache:
        await cache.set('recipe:asyncio', 'Ada')
        async with proxy.with_behavior('error', match='GET *'):
            with pytest.raises(redis.ResponseError):
                await cache.get('recipe:asyncio')
            fault = await proxy.wait_for_fault()
        assert fault.request == 'GET recipe:asyncio'
        assert await cache.get('recipe:asyncio') == b'Ada'
