"""A proxy, and a client of the control API, for asyncio: nothing that is awaited here keeps the event loop waiting.

Each call is made in a thread of its own, and not in one of the loop's executor: a test may have all of those hang in
the very fault that the call is to end. A call that is cancelled is first let finish, which takes no longer than its own
timeout: so what it does is never done behind the back of those who go on.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, suppress
from copy import copy
from functools import partial
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from vaurien.client import TIMEOUT, Client
from vaurien.interface import PAUSE, ProxyControl, make_timeout_error

if TYPE_CHECKING:  # with these come gevent, and all behaviors and protocols
    from collections.abc import Mapping

    from vaurien.address import Address
    from vaurien.config.schedules import Plan
    from vaurien.engine.chooser import Chooser
    from vaurien.engine.record import Hasher
    from vaurien.records.entry import Entry
    from vaurien.records.faults import Fault
    from vaurien.records.observer import Observer
    from vaurien.records.status import HeldStatus, LinkStatus, ProxyStatus, ScheduleStatus, ToxicStatus
    from vaurien.rules.behaviors import Options, Spec
    from vaurien.toxiproxy.answers import ProxyAnswer

Result = TypeVar('Result')
Self = TypeVar('Self', bound='AsyncControl')


async def in_thread(call: Callable[[], Result]) -> Result:
    """Make a call in a thread of its own, and return its result or raise its error."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # raised again where it is awaited
            errors.append(error)
        with suppress(RuntimeError):  # of a loop that was closed meanwhile
            loop.call_soon_threadsafe(done.set_result, None)

    threading.Thread(target=run, name='vaurien', daemon=True).start()
    await _finish(done)
    if errors:
        raise errors[0]
    return results[0]


async def _finish(done: asyncio.Future[None]) -> None:
    """Wait until it is *done*; if that is cancelled, raise `asyncio.CancelledError` afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


class AsyncControl:
    """What `AsyncProxy` and `AsyncClient` have in common: the verbs of `vaurien.ProxyControl`, to be awaited."""

    def __init__(self, control: ProxyControl) -> None:
        """Ask *control* in other threads."""
        self._control = control

    def __repr__(self) -> str:
        return f'<{type(self).__name__} over {self._control!r}>'

    @property
    def url(self) -> str:
        """The URL to reach it at: the proxy, or the control API."""
        return self._control.url

    @property
    def host(self) -> str:
        """The host in that URL, without brackets."""
        return self._control.host

    @property
    def port(self) -> int:
        """The port in that URL."""
        return self._control.port

    # Faults

    async def get_behavior(self) -> str:
        """See `ProxyControl.get_behavior`."""
        return await in_thread(self._control.get_behavior)

    async def set_behavior(self, behavior: Spec, **options: object) -> None:
        """See `ProxyControl.set_behavior`."""
        await in_thread(partial(self._control.set_behavior, behavior, **options))

    def with_behavior(self: Self, behavior: Spec, **options: object) -> AbstractAsyncContextManager[Self]:
        """See `ProxyControl.with_behavior`."""
        return self._within(self._control.with_behavior(behavior, **options))

    async def toxics(self) -> list[ToxicStatus]:
        """See `ProxyControl.toxics`."""
        return await in_thread(self._control.toxics)

    async def add_toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: object,
    ) -> ToxicStatus:
        """See `ProxyControl.add_toxic`."""
        add = self._control.add_toxic
        return await in_thread(
            partial(add, type_, stream=stream, toxicity=toxicity, name=name, client=client, **attributes)
        )

    async def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: object) -> ToxicStatus:
        """See `ProxyControl.update_toxic`."""
        return await in_thread(partial(self._control.update_toxic, name, toxicity=toxicity, **attributes))

    async def remove_toxic(self, name: str) -> None:
        """See `ProxyControl.remove_toxic`."""
        await in_thread(partial(self._control.remove_toxic, name))

    def toxic(
        self: Self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: object,
    ) -> AbstractAsyncContextManager[Self]:
        """See `ProxyControl.toxic`."""
        toxic = self._control.toxic
        return self._within(toxic(type_, stream=stream, toxicity=toxicity, name=name, client=client, **attributes))

    async def reset(self) -> None:
        """See `ProxyControl.reset`."""
        await in_thread(self._control.reset)

    # What has happened

    async def status(self) -> ProxyStatus:
        """See `ProxyControl.status`."""
        return await in_thread(self._control.status)

    async def faults(self) -> list[Fault]:
        """See `ProxyControl.faults`."""
        return await in_thread(self._control.faults)

    async def clear_faults(self) -> None:
        """See `ProxyControl.clear_faults`."""
        await in_thread(self._control.clear_faults)

    async def describe_rules(self) -> list[str]:
        """See `ProxyControl.describe_rules`."""
        return await in_thread(self._control.describe_rules)

    async def take_fault(self) -> Fault | None:
        """See `ProxyControl.take_fault`."""
        return await in_thread(self._control.take_fault)

    async def wait_for_fault(self, timeout: float = 5.0) -> Fault:
        """See `ProxyControl.wait_for_fault`."""
        return await self._wait_for(self._control.take_fault, 'no fault', timeout)

    async def held(self) -> list[HeldStatus]:
        """See `ProxyControl.held`."""
        return await in_thread(self._control.held)

    async def decide(self, number: int, decision: str, **options: object) -> None:
        """See `ProxyControl.decide`."""
        await in_thread(partial(self._control.decide, number, decision, **options))

    async def wait_for_held(self, timeout: float = 5.0) -> HeldStatus:
        """See `ProxyControl.wait_for_held`."""
        return await self._wait_for(lambda: next(iter(self._control.held()), None), 'no request held', timeout)

    async def _wait_for(self, look: Callable[[], Result | None], missing: str, timeout: float) -> Result:
        """Return what *look* finds in a thread; raise `TimeoutError`, which says what was *missing*."""
        deadline = monotonic() + timeout
        while True:
            found = await in_thread(look)
            if found is not None:
                return found
            if monotonic() >= deadline:
                raise make_timeout_error(missing, timeout, await self.describe_rules())
            await asyncio.sleep(PAUSE)

    async def journal(self, limit: int | None = None) -> list[Entry]:
        """See `ProxyControl.journal`."""
        return await in_thread(partial(self._control.journal, limit))

    async def links(self) -> list[LinkStatus]:
        """See `ProxyControl.links`."""
        return await in_thread(self._control.links)

    async def cut_link(self, number: int) -> None:
        """See `ProxyControl.cut_link`."""
        await in_thread(partial(self._control.cut_link, number))

    # Where it serves, and whether

    async def get_backend(self) -> str:
        """See `ProxyControl.get_backend`."""
        return await in_thread(self._control.get_backend)

    async def set_backend(self, backend: str) -> None:
        """See `ProxyControl.set_backend`."""
        await in_thread(partial(self._control.set_backend, backend))

    async def disable(self) -> None:
        """See `ProxyControl.disable`."""
        await in_thread(self._control.disable)

    async def enable(self) -> None:
        """See `ProxyControl.enable`."""
        await in_thread(self._control.enable)

    def down(self: Self) -> AbstractAsyncContextManager[Self]:
        """See `ProxyControl.down`."""
        return self._within(self._control.down())

    # Faults that come and go

    async def set_schedule(self, schedule: Plan) -> None:
        """See `ProxyControl.set_schedule`."""
        await in_thread(partial(self._control.set_schedule, schedule))

    async def get_schedule(self) -> ScheduleStatus:
        """See `ProxyControl.get_schedule`."""
        return await in_thread(self._control.get_schedule)

    async def stop_schedule(self) -> None:
        """See `ProxyControl.stop_schedule`."""
        await in_thread(self._control.stop_schedule)

    def schedule(self: Self, schedule: Plan) -> AbstractAsyncContextManager[Self]:
        """See `ProxyControl.schedule`."""
        return self._within(self._control.schedule(schedule))

    async def mark(self, name: str) -> None:
        """See `ProxyControl.mark`."""
        await in_thread(partial(self._control.mark, name))

    @asynccontextmanager
    async def _within(self: Self, block: AbstractContextManager[object]) -> AsyncIterator[Self]:
        """Enter and leave *block* in other threads. If its beginning is cancelled, it is left again."""
        leave = partial(block.__exit__, None, None, None)
        try:
            await in_thread(block.__enter__)
        except asyncio.CancelledError:
            await in_thread(leave)
            raise
        try:
            yield self
        finally:
            await in_thread(leave)


class AsyncProxy(AsyncControl):
    """A proxy that serves during a block: ``async with AsyncProxy('localhost:6379', 'redis') as proxy:``.

    It is a `vaurien.Proxy`, on a thread of its own beside the event loop.
    """

    def __init__(
        self,
        backend: str | Address,
        protocol: str | None = None,
        *,
        behavior: Spec = 'dummy',
        options: Options | None = None,
        protocol_options: Mapping[str, object] | None = None,
        proxy: str | Address = '127.0.0.1:0',
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
        journal: bool | str | os.PathLike[str] = False,
        replay: str | os.PathLike[str] | None = None,
        **settings: object,
    ) -> None:
        """Check all that is given, which is what `vaurien.Proxy` takes; raise `ConfigError`."""
        from vaurien.embedded import Proxy  # late: with it comes gevent, which a client does without

        self._proxy = Proxy(
            backend,
            protocol,
            behavior=behavior,
            options=options,
            protocol_options=protocol_options,
            proxy=proxy,
            observer=observer,
            chooser=chooser,
            digest=digest,
            journal=journal,
            replay=replay,
            **settings,
        )
        super().__init__(self._proxy)

    async def start(self) -> AsyncProxy:
        """Listen, and return once clients can connect. Raise `OSError` if the address cannot be listened on."""
        try:
            await in_thread(self._proxy.start)
        except asyncio.CancelledError:
            await self.stop()
            raise
        return self

    async def stop(self) -> None:
        """Close every link and the listening socket, and return when they are closed."""
        await in_thread(self._proxy.stop)

    async def __aenter__(self) -> AsyncProxy:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def address(self) -> Address:
        """The address on which it listens."""
        return self._proxy.address

    @property
    def backend(self) -> Address:
        """The address of the backend."""
        return self._proxy.backend

    async def ca_file(self) -> str:
        """Return the path of a file with the certificate of the authority of ``tls='auto'``; raise `ConfigError`."""
        return await in_thread(lambda: self._proxy.ca_file)

    async def ssl_context(self) -> ssl.SSLContext:
        """Return a context for clients, which believes that authority and nobody else. Raise `ConfigError`."""
        return await in_thread(self._proxy.ssl_context)


class AsyncClient(AsyncControl):
    """A client of the control API that listens on *host* and *port*: a `vaurien.Client`, to be awaited."""

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        timeout: float = TIMEOUT,
        token: str | None = None,
    ) -> None:
        """Take what `vaurien.Client` takes, ``VAURIEN_URL`` and ``VAURIEN_TOKEN`` included; raise `ConfigError`."""
        self._client = Client(host, port, timeout=timeout, token=token)
        super().__init__(self._client)

    def proxy(self, name: str) -> AsyncClient:
        """Return a client of the same process that is bound to the proxy of that name. It need not exist yet."""
        return self._bind(self._client.proxy(name))

    def _bind(self, client: Client) -> AsyncClient:
        bound = copy(self)
        bound._control = bound._client = client
        return bound

    async def inspect(self) -> ProxyAnswer:
        """See `Client.inspect`."""
        return await in_thread(self._client.inspect)

    async def delete(self) -> None:
        """See `Client.delete`."""
        await in_thread(self._client.delete)

    async def list_behaviors(self) -> list[str]:
        """See `Client.list_behaviors`."""
        return await in_thread(self._client.list_behaviors)

    async def proxies(self) -> dict[str, ProxyAnswer]:
        """See `Client.proxies`."""
        return await in_thread(self._client.proxies)

    async def create_proxy(
        self,
        name: str,
        listen: str,
        upstream: str,
        protocol: str | None = None,
        enabled: bool = True,
        *,
        addressed: bool | None = None,
        **tls: str | bool,
    ) -> AsyncClient:
        """See `Client.create_proxy`."""
        create = self._client.create_proxy
        return self._bind(
            await in_thread(partial(create, name, listen, upstream, protocol, enabled, addressed=addressed, **tls))
        )

    async def ca_pem(self) -> str:
        """See `Client.ca_pem`."""
        return await in_thread(self._client.ca_pem)
