"""The proxies that the fixtures of pytest start, and what is told of them when a test fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from vaurien.address import Address
from vaurien.config.arguments import read_proxies
from vaurien.embedded import Proxy
from vaurien.rules.grammar import format_call

#: How many of the last faults are told.
FAULTS = 10


class MakeProxy(Protocol):
    """What the fixtures give: a function that starts a proxy."""

    def __call__(self, backend: str | Address, protocol: str | None = None, **settings: object) -> Proxy:
        """Return a running proxy on a free port. *settings* are those that `vaurien.Proxy` takes."""


class Starter(Protocol):
    """What starts the proxies of the fixtures."""

    def start_proxy(self, backend: str | Address, **settings: Any) -> Proxy:
        """Return a proxy of the test that runs, running; raise `ConfigError`."""

    def start_proxy_of_fixture(self, backend: str | Address, **settings: Any) -> Proxy:
        """Do as `start_proxy` does, for a fixture of any scope."""

    def start_from_file(self, path: str | os.PathLike[str], name: str, *, seed: int | None = None) -> Proxy:
        """Return the proxy of that *name* in a config file, running; raise `ConfigError`."""

    def compare_own(self) -> None:
        """See what is left open at the proxies of the test that runs, which are stopped next."""


class PlainStarter(Starter):
    """Starts proxies of which nobody explores anything."""

    def start_proxy(self, backend: str | Address, **settings: Any) -> Proxy:
        return Proxy(backend, **settings).start()

    def start_proxy_of_fixture(self, backend: str | Address, **settings: Any) -> Proxy:
        return self.start_proxy(backend, **settings)

    def start_from_file(self, path: str | os.PathLike[str], name: str, *, seed: int | None = None) -> Proxy:
        return Proxy.from_file(path, name, seed=seed).start()

    def compare_own(self) -> None:
        """Do nothing: nobody wants to know what is left open."""


class ServedProxies:
    """The proxies of a run of tests that serve at the moment."""

    def __init__(self, seed: int | None) -> None:
        """*seed* is that of every proxy for which there is no other one."""
        self._seed = {} if seed is None else {'seed': seed}
        self._serving: list[Proxy] = []

    @contextmanager
    def serving(self, defaults: Mapping[str, object], start: Callable[..., Proxy]) -> Iterator[MakeProxy]:
        """Give what starts proxies; stop them at the end of the block. *defaults* are settings that may be replaced.

        *start* gets all settings of a proxy, and returns it running.
        """
        usual: dict[str, Any] = {**self._seed, **defaults}
        started: list[Proxy] = []
        is_over = False

        def make(backend: str | Address, protocol: str | None = None, **settings: Any) -> Proxy:
            if is_over:
                raise RuntimeError('the test of this fixture is over: who would stop the proxy?')
            given = settings if protocol is None else {**settings, 'protocol': protocol}
            return self._keep(start(backend, **{**usual, **given}), started)

        try:
            with self._stopping(started):
                yield make
        finally:
            is_over = True

    @contextmanager
    def serving_file(self, path: str | os.PathLike[str], start: Callable[..., Proxy]) -> Iterator[dict[str, Proxy]]:
        """Start the proxies of a config file, and give them by name; stop them at the end of the block.

        *start* gets the path, a name, and the seed if there is one; it returns a proxy that runs.
        """
        started: list[Proxy] = []
        with self._stopping(started):
            yield {name: self._keep(start(path, name, **self._seed), started) for name in read_proxies(path)}

    def _keep(self, proxy: Proxy, started: list[Proxy]) -> Proxy:
        started.append(proxy)
        self._serving.append(proxy)
        return proxy

    @contextmanager
    def _stopping(self, started: list[Proxy]) -> Iterator[None]:
        try:
            yield
        finally:
            for proxy in reversed(started):
                self._serving.remove(proxy)
                proxy.stop()

    def describe(self) -> str:
        """Return what has happened to each of the proxies that serve; an empty text if there are none."""
        return '\n'.join(line for proxy in self._serving if proxy.is_running for line in _describe(proxy))


def _describe(proxy: Proxy) -> Iterator[str]:
    status = proxy.status()
    yield f'{proxy!r}{"" if status["enabled"] else ", disabled"}'
    yield f'    seed: {status["seed"]} (--vaurien-seed {status["seed"]} draws the same again)'
    for rule in proxy.describe_rules() or ['nothing']:
        yield f'    armed: {rule}'
    for rule in proxy.past_rules:
        yield f'    was armed: {rule}'
    for toxic in status['toxics']:
        yield f'    toxic: {format_call(toxic["type"], toxic["attributes"])}@{toxic["stream"]}'
    counts = ', '.join(f'{name} {count}' for name, count in status['faults'].items())
    yield f'    exchanges: {status["exchanges"]}, faults: {counts or "none"}'
    for fault in proxy.faults()[-FAULTS:]:
        yield f'    link {fault.link} exchange {fault.exchange}: {fault.behavior} on {fault.request}'
    for link in proxy.links():
        doing = f', {link["behavior"]} at work' if link['behavior'] else ''
        yield f'    link {link["id"]} of {link["client"]}: open, exchanges: {link["exchanges"]}{doing}'
