"""`vaurien.AsyncProxy` and `vaurien.AsyncClient`: the same as without asyncio, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.commands import Command
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien import AsyncClient, AsyncProxy, ProxyControl
from vaurien.asynchronous import AsyncControl, in_thread
from vaurien.errors import ConfigError, ControlError, UnreachableError

AnyControl = AsyncProxy | AsyncClient


Run = Callable[[Callable[[AnyControl], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=[AsyncProxy, AsyncClient])
def run(request: pytest.FixtureRequest, echo_server: RawBackend) -> Run:
    """Return what runs a coroutine with a proxy before a server that echoes, in this process or in another one."""

    async def use(test: Callable[[AnyControl], Coroutine[Any, Any, None]]) -> None:
        if request.param is AsyncClient:
            client = AsyncClient(port=request.getfixturevalue('echoing').control_port)
            await client.reset()
            await test(client)
            return
        async with AsyncProxy(echo_server.address, options={'delay': {'sleep': 0}}, journal=True) as proxy:
            await test(proxy)

    return lambda test: asyncio.run(use(test))


async def echo(control: AnyControl) -> None:
    host, _, port = (await control.status())['proxy'].rpartition(':')
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b'hello')
    assert await asyncio.wait_for(reader.readexactly(5), TIMEOUT) == b'hello'
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """Give a list of the times of the event loop, which grows as long as nothing keeps the loop waiting."""
    times: list[float] = []

    async def tick() -> None:
        while True:
            times.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.01)

    ticker = asyncio.ensure_future(tick())
    try:
        yield times
    finally:
        ticker.cancel()


def test_faults(run: Run) -> None:
    async def test(control: AnyControl) -> None:
        async with control.with_behavior('delay', times=1) as same:
            assert same is control
            assert (await control.get_behavior()).startswith('delay')
            await echo(control)
            fault = await control.wait_for_fault(TIMEOUT)
            assert (fault.behavior, fault.request) == ('delay', '5 bytes')
            assert await control.take_fault() is None
            with pytest.raises(TimeoutError, match=r'^no fault within 0 s; delay\(.*applied to 1$'):
                await control.wait_for_fault(0)
            assert fault in await control.faults()
        assert await control.get_behavior() == 'dummy'
        await control.clear_faults()
        assert await control.faults() == []

    run(test)


def test_toxics(run: Run) -> None:
    async def test(control: AnyControl) -> None:
        added = await control.add_toxic('latency', latency=5)
        assert await control.toxics() == [added]
        assert (await control.update_toxic(added['name'], latency=6))['attributes']['latency'] == 6
        await control.remove_toxic(added['name'])
        async with control.toxic('noop'):
            assert [toxic['type'] for toxic in await control.toxics()] == ['noop']
        assert await control.toxics() == []

    run(test)


def test_whether_it_serves(run: Run, echo_server: RawBackend) -> None:
    async def test(control: AnyControl) -> None:
        async with control.down():
            assert (await control.status())['enabled'] is False
        await control.disable()
        await control.enable()
        await echo(control)
        assert await control.get_backend() == echo_server.address
        await control.set_backend('localhost:1')
        assert await control.get_backend() == 'localhost:1'
        await control.set_backend(echo_server.address)
        assert [entry.request for entry in await control.journal(1)] == ['5 bytes']
        for link in await control.links():
            await control.cut_link(link['id'])
        assert control.url.endswith(f'{control.host}:{control.port}')
        assert control.url in repr(control) or f'{control.host}:{control.port}' in repr(control)

    run(test)


def test_schedules(run: Run) -> None:
    async def test(control: AnyControl) -> None:
        steps = [{'after': 'deploy', 'behavior': '100:hang', 'for': '1h'}]
        async with control.schedule(steps):
            await control.mark('deploy')
            while await control.get_behavior() != 'hang':
                await asyncio.sleep(0.005)
        assert await control.get_behavior() == 'dummy'
        await control.set_schedule(steps)
        await control.stop_schedule()
        assert (await control.get_schedule())['status'] == 'stopped'

    run(test)


def test_mistakes_are_raised_where_they_are_awaited(run: Run) -> None:
    async def test(control: AnyControl) -> None:
        with pytest.raises((ConfigError, ControlError), match="unknown behavior 'dealy', did you mean 'delay'"):
            await control.set_behavior('dealy')
        with pytest.raises((ConfigError, ControlError), match='unknown behavior'):
            async with control.with_behavior('dealy'):
                pytest.fail('it was entered')

    run(test)


def test_several_proxies(echoing: Command) -> None:
    async def test() -> None:
        client = AsyncClient(port=echoing.control_port)
        other = await client.create_proxy('other', f'{HOST}:0', 'localhost:1')
        assert set(await client.proxies()) == {'other', 'vaurien'}
        assert (await client.proxy('other').inspect())['upstream'] == 'localhost:1'
        assert 'delay' in await client.list_behaviors()
        assert (await client.ca_pem()).startswith('-----BEGIN CERTIFICATE-----')
        await other.delete()
        assert set(await client.proxies()) == {'vaurien'}

    asyncio.run(test())


def test_the_certificate(echo_server: RawBackend) -> None:
    async def test() -> None:
        async with AsyncProxy(echo_server.address, tls='auto') as proxy:
            assert (await proxy.ca_file()).endswith('.pem')
            assert (await proxy.ssl_context()).cert_store_stats()['x509_ca'] == 1
            assert (proxy.address.port, str(proxy.backend)) == (proxy.port, echo_server.address)

    asyncio.run(test())


def test_the_loop_goes_on_while_nobody_answers(raw_backend: RawBackend) -> None:
    """The server takes the connection, and says nothing."""

    async def test() -> None:
        async with ticking() as times:
            with pytest.raises(UnreachableError, match='did not answer within'):
                await AsyncClient(HOST, raw_backend.port, timeout=0.3).status()
        assert len(times) > 5

    asyncio.run(test())


def test_the_loop_goes_on_while_a_fault_is_waited_for(echo_server: RawBackend) -> None:
    async def test() -> None:
        async with AsyncProxy(echo_server.address) as proxy, ticking() as times:
            with pytest.raises(TimeoutError):
                await proxy.wait_for_fault(0.2)
            assert len(times) > 5

    asyncio.run(test())


def test_threads_of_the_loop_that_all_hang_do_not_keep_it(echo_server: RawBackend) -> None:
    release = threading.Event()

    async def test() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        hanging = loop.run_in_executor(None, release.wait, 4 * TIMEOUT)
        try:
            async with AsyncProxy(echo_server.address, behavior='hang') as proxy:
                await asyncio.wait_for(proxy.set_behavior('dummy'), TIMEOUT)
        finally:
            release.set()
        assert await hanging

    asyncio.run(test())


class TestCancelling:
    def test_waiting_for_a_fault_ends_at_once(self, echo_server: RawBackend) -> None:
        async def test() -> None:
            async with AsyncProxy(echo_server.address) as proxy:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(proxy.wait_for_fault(60 * TIMEOUT), 0.05)

        asyncio.run(test())

    def test_a_call_is_finished_first(self) -> None:
        begun, release, done = threading.Event(), threading.Event(), threading.Event()

        def call() -> None:
            begun.set()
            release.wait(TIMEOUT)
            done.set()

        async def test() -> None:
            task = asyncio.ensure_future(in_thread(call))
            while not begun.is_set():
                await asyncio.sleep(0.001)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0.01)
            assert not task.done()
            release.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert done.is_set()

        asyncio.run(test())

    def test_a_block_that_has_just_begun_is_left(self, echo_server: RawBackend) -> None:
        async def enter(proxy: AsyncProxy) -> None:
            async with proxy.with_behavior('hang'):
                await asyncio.sleep(TIMEOUT)

        async def test() -> None:
            async with AsyncProxy(echo_server.address) as proxy:
                task = asyncio.ensure_future(enter(proxy))
                await asyncio.sleep(0)  # it is on its way into the block
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await proxy.get_behavior() == 'dummy'

        asyncio.run(test())

    def test_a_proxy_that_has_just_started_is_stopped(self, echo_server: RawBackend) -> None:
        async def test() -> None:
            proxy = AsyncProxy(echo_server.address)
            task = asyncio.ensure_future(proxy.start())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(RuntimeError, match='not running'):
                proxy.address  # noqa: B018

        asyncio.run(test())


def test_every_verb_is_there_with_the_same_parameters() -> None:
    for name, expected in vars(ProxyControl).items():
        if not name.startswith('_') and callable(expected):
            found = getattr(AsyncControl, name)
            assert list(inspect.signature(found).parameters) == list(inspect.signature(expected).parameters)
