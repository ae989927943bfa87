"""trio: the proxy has a thread of its own, so the fixture is the usual one; what waits is called in a thread."""

import pytest
import trio


@pytest.fixture
def anyio_backend():
    return 'trio'


@pytest.mark.anyio
async def test_a_connection_that_is_cut(vaurien_proxy, redis_address):
    proxy = vaurien_proxy(redis_address, protocol='redis')
    async with await trio.open_tcp_stream(proxy.host, proxy.port) as stream:
        await stream.send_all(b'PING\r\n')
        assert await stream.receive_some() == b'+PONG\r\n'
        with proxy.with_behavior('abort'):
            await stream.send_all(b'PING\r\n')
            assert await stream.receive_some() == b''
            fault = await trio.to_thread.run_sync(proxy.wait_for_fault)
    assert fault.behavior == 'abort'
