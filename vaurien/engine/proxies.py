"""The proxies of a process, by name. They share its thread and its control API, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from gevent.pool import Group

from vaurien.engine.chooser import Chooser
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError, StartError
from vaurien.records.observer import Observer
from vaurien.records.status import Phase
from vaurien.settings import FAULTS, ProxySettings


class ProxiesWatcher(Protocol):
    """Is told which proxies there are."""

    def on_added(self, proxy: ProxyServer) -> None:
        """Note that there is a proxy, which may take the place of another one of its name."""

    def on_removed(self, proxy: ProxyServer) -> None:
        """Note that a proxy is no longer there, before it is stopped."""


class Proxies(Mapping[str, ProxyServer]):
    """The proxies by name, in order of their creation."""

    def __init__(
        self,
        settings: Sequence[ProxySettings],
        defaults: ProxySettings | None = None,
        *,
        journal: Observer | None = None,
        make_chooser: Callable[[ProxySettings], Chooser] | None = None,
        make_observer: Callable[[ProxySettings], Observer] | None = None,
        make_proxy: Callable[..., ProxyServer] = ProxyServer,
    ) -> None:
        """*defaults* are the settings of proxies created later. Raise `ConfigError`. No I/O happens before `start`.

        *journal* is told what happens on all of them. *make_observer* makes one more observer of each,
        *make_chooser* what chooses its faults, *make_proxy* a proxy of what `ProxyServer` takes.
        """
        self.defaults = defaults or ProxySettings()
        self._journal = journal
        self._make_chooser = make_chooser
        self._make_observer = make_observer
        self._make_proxy = make_proxy
        self._proxies: dict[str, ProxyServer] = {}
        self._watchers: list[ProxiesWatcher] = []
        #: What they are about, all together.
        self.phase: Phase = 'starting'
        for one in settings:
            self.add(self.make(one))

    def __getitem__(self, name: str) -> ProxyServer:
        return self._proxies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._proxies)

    def __len__(self) -> int:
        return len(self._proxies)

    def watch(self, watcher: ProxiesWatcher) -> None:
        """Tell *watcher* of the proxies that there are, and of those to come."""
        self._watchers.append(watcher)
        for proxy in self._proxies.values():
            watcher.on_added(proxy)

    def configure(self, defaults: ProxySettings) -> None:
        """Give proxies created later the faults of other *defaults*; all else stays."""
        faults = {name: getattr(defaults, name) for name in FAULTS}
        self.defaults = msgspec.structs.replace(self.defaults, **faults)

    def make(self, settings: ProxySettings) -> ProxyServer:
        """Return a proxy that may be added, or put in the place of another one; raise `ConfigError`."""
        chooser = None if self._make_chooser is None else self._make_chooser(settings)
        observer = None if self._make_observer is None else self._make_observer(settings)
        return self._make_proxy(settings, observer, chooser, journal=self._journal)

    def add(self, proxy: ProxyServer) -> None:
        """Add a proxy; raise `ConfigError` if its name is taken."""
        if proxy.name in self._proxies:
            raise ConfigError(f'there is a proxy named {proxy.name!r} already')
        self._proxies[proxy.name] = proxy
        for watcher in self._watchers:
            watcher.on_added(proxy)

    def replace(self, proxy: ProxyServer) -> None:
        """Put a proxy in the place of the one of the same name, which is stopped."""
        before, self._proxies[proxy.name] = self._proxies[proxy.name], proxy
        for watcher in self._watchers:
            watcher.on_removed(before)
            watcher.on_added(proxy)
        before.shut_down()

    def start(self) -> None:
        """Start all proxies that are enabled; raise `StartError` if one cannot listen.

        The names of the backends are looked up at the same time. A proxy whose name is not known yet listens, and its
        clients wait for the name.
        """
        for proxy in self._proxies.values():
            if proxy.settings.enabled:
                try:
                    proxy.start(wait=False)
                except (OSError, UnicodeError) as error:
                    raise StartError.of(error, proxy.address) from error
        self.phase = 'ready'

    def remove(self, name: str) -> None:
        """Stop the proxy of that name, and forget it."""
        proxy = self._proxies.pop(name)
        for watcher in self._watchers:
            watcher.on_removed(proxy)
        proxy.shut_down()

    def shut_down(self, grace: float = 0.0) -> None:
        """Stop all proxies together; open exchanges may finish for *grace* seconds. Blocks the calling greenlet."""
        self.phase = 'draining'
        Group().map(lambda proxy: proxy.shut_down(grace), list(self._proxies.values()))
