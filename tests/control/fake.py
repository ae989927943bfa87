"""A stand-in for a proxy, which only notes what it is told, and the real control server over it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import gevent
from gevent.event import Event

from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.control.server import ControlServer
from vaurien.engine.breakpoints import Breakpoints
from vaurien.errors import ConfigError
from vaurien.protocols import Protocol
from vaurien.records.fault_log import FaultLog
from vaurien.records.proxy_log import NO_PROXY
from vaurien.records.status import RuleStatus
from vaurien.rules.behaviors import format_rules
from vaurien.rules.rule import Rule
from vaurien.settings import ONLY, Settings


class FakeProxy:
    """What the control API asks of a proxy. ``told`` is what it was told to change, in order."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.protocol = Protocol.get(self.settings.protocol)
        self.rules: tuple[Rule, ...] = ()
        self.backend = self.settings.backend
        self.told: list[Any] = []
        self.faults = FaultLog()
        self.breakpoints = Breakpoints(NO_PROXY)
        self.links: dict[int, Any] = {}
        self.failure: Exception | None = None

    def arm(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.told.append(self.rules)

    def refuse_loop(self, backend: Address) -> None:
        if backend.host == 'loop.test':
            raise ConfigError('it leads back', 'backend')

    def list_armed(self) -> list[RuleStatus]:
        return [rule.status() for rule in self.rules]

    def list_links(self, pause: Callable[[], object]) -> list[Any]:
        return list(self.links.values())

    def set_backend(self, backend: Address) -> None:
        self.backend = backend
        self.told.append(backend)

    def status(self) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        return {'behavior': format_rules(self.rules), 'behaviors': [rule.status() for rule in self.rules]}


class FakeProxies(dict[str, FakeProxy]):
    """The proxies of a process, which nobody watches."""

    def watch(self, watcher: object) -> None:
        """Tell nothing."""


class ServedProxy:
    """A `FakeProxy` whose control API is served, with a hub of its own, by a thread."""

    def __init__(self, proxy: FakeProxy, host: str = HOST) -> None:
        self.proxy = proxy
        self._host = host
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> ServedProxy:
        self._thread.start()
        assert self._ready.wait(TIMEOUT)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *args: object) -> None:
        self._stopper.send()
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Where the API is."""
        return f'http://{self.address}'

    def _serve(self) -> None:
        hub = gevent.get_hub()
        try:
            server = ControlServer(cast(Any, FakeProxies({ONLY: self.proxy})), Address(self._host, 0))
            server.start()
            self.address = server.address
            ended = Event()
            self._stopper = hub.loop.async_()
            self._stopper.start(ended.set)
            self._ready.set()
            ended.wait()
            server.stop()
            self._stopper.close()
        except BaseException as error:
            self._error = error
            self._ready.set()
        finally:
            hub.destroy(destroy_loop=True)
