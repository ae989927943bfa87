"""The proxies of a process, by name. They share its thread and its control API, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from gevent.pool import Group

from vaurien.engine.chooser import Chooser
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError, StartError
from vaurien.records.observer import Observer
from vaurien.settings import FAULTS, ProxySettings


class Proxies(Mapping[str, ProxyServer]):
    """The proxies by name, in order of their creation."""

    def __init__(
        self,
        settings: Sequence[ProxySettings],
        defaults: ProxySettings | None = None,
        *,
        journal: Observer | None = None,
        make_chooser: Callable[[ProxySettings], Chooser] | None = None,
    ) -> None:
        """*defaults* are the settings of proxies created later. Raise `ConfigError`. No I/O happens before `start`.

        *journal* is told what happens on all of them. *make_chooser* makes what chooses the faults of each.
        """
        self.defaults = defaults or ProxySettings()
        self._journal = journal
        self._make_chooser = make_chooser
        self._proxies: dict[str, ProxyServer] = {}
        for one in settings:
            self.add(self.make(one))

    def __getitem__(self, name: str) -> ProxyServer:
        return self._proxies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._proxies)

    def __len__(self) -> int:
        return len(self._proxies)

    def configure(self, defaults: ProxySettings) -> None:
        """Give proxies created later the faults of other *defaults*; all else stays."""
        faults = {name: getattr(defaults, name) for name in FAULTS}
        self.defaults = msgspec.structs.replace(self.defaults, **faults)

    def make(self, settings: ProxySettings) -> ProxyServer:
        """Return a proxy that may be added, or put in the place of another one; raise `ConfigError`."""
        chooser = None if self._make_chooser is None else self._make_chooser(settings)
        return ProxyServer(settings, chooser=chooser, journal=self._journal)

    def add(self, proxy: ProxyServer) -> None:
        """Add a proxy; raise `ConfigError` if its name is taken."""
        if proxy.name in self._proxies:
            raise ConfigError(f'there is a proxy named {proxy.name!r} already')
        self._proxies[proxy.name] = proxy

    def replace(self, proxy: ProxyServer) -> None:
        """Put a proxy in the place of the one of the same name, which is stopped."""
        before, self._proxies[proxy.name] = self._proxies[proxy.name], proxy
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

    def remove(self, name: str) -> None:
        """Stop the proxy of that name, and forget it."""
        self._proxies.pop(name).shut_down()

    def shut_down(self, grace: float = 0.0) -> None:
        """Stop all proxies together; open exchanges may finish for *grace* seconds. Blocks the calling greenlet."""
        Group().map(lambda proxy: proxy.shut_down(grace), list(self._proxies.values()))
