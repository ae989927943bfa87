"""The proxies of a test that is explored: what they inject during its call, and what they have seen."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from time import monotonic, sleep
from typing import Any, NamedTuple

from vaurien.address import NOWHERE, Address
from vaurien.embedded import Proxy
from vaurien.errors import ConfigError
from vaurien.explore.aiming import Aim
from vaurien.explore.locality import refuse_remote
from vaurien.explore.masking import MaskingHash
from vaurien.explore.model import CONNECTION, ExploredProxy, Injection
from vaurien.explore.sockets import list_sockets
from vaurien.explore.trying import find_behavior
from vaurien.explore.watching import OpenLink, Requester, Take, Watcher
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink
from vaurien.rules.behaviors import make_rules

#: Seconds in which the proxies see that the application has closed its connections.
_SETTLING = 0.1
_PAUSE = 0.002


class Watched(NamedTuple):
    """A proxy, and who watches it."""

    proxy: Proxy
    watcher: Watcher

    @property
    def name(self) -> str:
        """The name of the proxy."""
        return self.watcher.name

    @property
    def explored(self) -> ExploredProxy:
        """What exploring has to know of it."""
        return ExploredProxy.of(self.name, self.proxy.settings)

    def count_links(self) -> Links:
        """Return how many links are open, now that the proxy has handled what has come."""
        with suppress(RuntimeError):  # a test may stop its proxy itself
            for _ in range(2):  # the second is behind a look at all sockets
                self.proxy.faults()
        return Links.of(self.watcher.open)

    def count_held_links(self) -> Links:
        """Return how many of them the application holds: one may be open for the sake of a fault alone."""
        sockets = list_sockets()
        return Links.of([link for link in self.watcher.open if not link.is_here or link.client in sockets])


class Links(NamedTuple):
    """How many links of a proxy are open, and how many of those are in the midst of a transaction."""

    open: int = 0
    in_transaction: int = 0

    @classmethod
    def of(cls, links: Sequence[OpenLink]) -> Links:
        """Return how many *links* there are."""
        return cls(len(links), sum(link.is_in_transaction for link in links))

    def exceeds(self, *bounds: Links) -> bool:
        """Return whether there are more of either than in any of *bounds*."""
        return any(mine > max(others) for mine, others in zip(self, zip(*bounds, strict=True), strict=True))


class Call:
    """One call of a test: its faults, and what comes of them at each proxy."""

    def __init__(self, injections: Sequence[Injection]) -> None:
        self._injections = injections
        self._aim = Aim(injections)
        self._numbers = count()
        self._takes: list[tuple[Watched, Take]] = []
        #: What is armed for connections.
        self._armed = ExitStack()

    def join(self, watched: Watched) -> None:
        """Have a proxy take part from now on; raise `ConfigError` for a fault that its protocol does not have."""
        explored = watched.explored
        mine = [each for each in self._injections if each.proxy == explored.name]
        rules = {each: make_rules(find_behavior(each, explored))[0] for each in mine if each.request != CONNECTION}
        take = Take(explored.name, self._aim, rules, self._numbers)
        self._takes.append((watched, take))
        watched.watcher.begin(take)
        for each in mine:
            if each.request == CONNECTION:
                self._armed.enter_context(watched.proxy.with_behavior(find_behavior(each, explored)))

    def disarm(self) -> None:
        """Inject no more."""
        for _, take in self._takes:
            take.is_armed = False
        with suppress(RuntimeError):
            self._armed.close()

    def cut(self) -> None:
        """Cut the links on which the application waits for a reply."""
        for watched, take in self._takes:
            for link in take.waiting:
                with suppress(ConfigError, RuntimeError):  # it may be gone
                    watched.proxy.cut_link(link)

    def end(self) -> None:
        """Count no more requests: the test goes on to its teardown."""
        self.disarm()
        for _, take in self._takes:
            take.is_counting = False

    @property
    def has_hit(self) -> bool:
        """Whether each fault has met its request, or a connection that the application needs."""
        for watched, take in self._takes:
            if not take.is_asked:  # a port that does not answer tells nobody who has tried
                self._aim.meet(watched.name, CONNECTION)
        return self._aim.has_hit

    @property
    def entries(self) -> list[Entry]:
        """The exchanges of the application, in the order of their requests."""
        numbered = [each for _, take in self._takes for each in take.entries]
        return [entry for _, entry in sorted(numbered, key=lambda each: each[0])]

    @property
    def own(self) -> int:
        """How many requests there were of the test itself."""
        return sum(take.own for _, take in self._takes)


class WatchedProxies:
    """The proxies that stay for the session, and those that the test that runs has made for itself."""

    def __init__(self, make_asker: Callable[[], Callable[[ObservedLink], Requester]], *, allow_remote: bool) -> None:
        """*make_asker* is called for each proxy; what it returns tells where a request comes from."""
        self._make_asker = make_asker
        self._allow_remote = allow_remote
        self._lasting: Sequence[Watched] = ()
        #: Those of fixtures that are wider than a test.
        self._wide: list[Watched] = []
        self._own: list[Watched] = []
        #: The names of those that the test that runs watches itself.
        self.apart: list[str] = []
        self._call: Call | None = None
        #: The open links before the run, and in clean runs.
        self._before: dict[str, Links] = {}
        self._clean: dict[str, Links] = {}
        #: The names of the proxies at which more was left open.
        self._left: list[str] = []

    @property
    def explored(self) -> list[ExploredProxy]:
        """What is known of them, in the order in which they were made."""
        return [each.explored for each in self._each()]

    def start(
        self, backend: str | Address, protocol: str | None = None, *, called: str = '', **settings: Any
    ) -> Watched:
        """Start a proxy that is watched; raise `ConfigError`. Whoever calls this stops it.

        It is one of the test that runs. One that lasts longer is *called* as it is in all tests; `keep` or `add` has it
        take part.
        """
        return self._start(partial(Proxy, backend, protocol, **settings), settings.get('name', ''), called)

    def start_from_file(self, path: str | os.PathLike[str], name: str, *, seed: int | None = None) -> Watched:
        """Do as `start` does for the proxy of that *name* in a config file."""
        return self._start(partial(Proxy.from_file, path, name, seed=seed), name)

    def start_apart(self, backend: str | Address, protocol: str | None = None, **settings: Any) -> Proxy:
        """Start a proxy that the test that runs watches itself, and that takes no part; raise `ConfigError`."""
        proxy = Proxy(backend, protocol, **settings)
        self._check(proxy)
        self.apart.append(settings.get('name', proxy.settings.protocol))
        return proxy.start()

    def keep(self, lasting: Sequence[Watched]) -> None:
        """Have these take part from now on, of those that last as long as the session."""
        self._lasting = lasting

    def add(self, watched: Watched) -> None:
        """Have one take part as long as it runs. If another one has its name, there is a number behind that."""
        watched.watcher.rename(self._find_name(watched.name))
        self._take_part(watched, self._wide)

    def _start(self, make_proxy: Callable[..., Proxy], name: str, called: str = '') -> Watched:
        """Start the proxy that *make_proxy* returns, and watch it. Without a *name*, it has that of its protocol."""
        watcher = Watcher(self._make_asker())
        proxy = make_proxy(observer=watcher, chooser=watcher, digest=MaskingHash)
        self._check(proxy)
        watcher.rename(called or self._find_name(name or proxy.settings.protocol))
        watched = Watched(proxy.start(), watcher)
        if not called:
            self._take_part(watched, self._own)
        return watched

    def _take_part(self, watched: Watched, among: list[Watched]) -> None:
        among.append(watched)
        if self._call is not None:
            self._call.join(watched)

    def _check(self, proxy: Proxy) -> None:
        backend = proxy.settings.backend
        if not self._allow_remote and backend != NOWHERE:
            refuse_remote(backend)

    def _each(self) -> Iterator[Watched]:
        yield from self._each_lasting()
        yield from self._own

    def _each_lasting(self) -> Iterator[Watched]:
        yield from self._lasting
        yield from (each for each in self._wide if each.proxy.is_running)

    def _find_name(self, wanted: str) -> str:
        taken = {each.name for each in self._each()}
        return next(name for i in count(1) if (name := f'{wanted}-{i}' if i > 1 else wanted) not in taken)

    # The steps of a run

    def begin_run(self) -> None:
        """Forget the proxies of the run before, and stop those that it has left."""
        for each in self._own:
            each.proxy.stop()
        self._own.clear()
        self._wide = [each for each in self._wide if each.proxy.is_running]
        self._left.clear()
        self.apart.clear()
        self._before = {each.name: each.count_links() for each in self._each_lasting()}

    def begin_test(self) -> None:
        """Forget what clean runs of another test were like."""
        self._clean.clear()

    def begin_call(self, injections: Sequence[Injection]) -> Call:
        """Count requests and inject faults from now on; raise `ConfigError`."""
        self._call = call = Call(injections)
        for each in self._each():
            call.join(each)
        return call

    def end_call(self) -> None:
        """Count and inject no more."""
        if self._call is not None:
            self._call.end()
            self._call = None

    def compare_own(self, is_clean: bool) -> None:
        """See what is left open at the proxies of the test, which are stopped next."""
        self._compare(self._own, is_clean)

    def end_run(self, is_clean: bool) -> Sequence[str]:
        """Return at which proxies more was left open than clean runs leave, and than there was before."""
        self._compare(self._each_lasting(), is_clean)
        return tuple(self._left)

    def _compare(self, proxies: Iterable[Watched], is_clean: bool) -> None:
        for each in proxies:
            bounds = self._clean.get(each.name, Links()), self._before.get(each.name, Links())
            if is_clean:
                self._clean[each.name] = Links(*map(max, each.count_links(), bounds[0]))
            elif _has_more(each, *bounds):
                self._left.append(each.name)


def _has_more(watched: Watched, *bounds: Links) -> bool:
    """Return whether more links are open than in any of *bounds*, and stay so though nobody refers to them any more."""
    if not watched.count_links().exceeds(*bounds):
        return False
    gc.collect()
    deadline = monotonic() + _SETTLING
    while is_more := watched.count_held_links().exceeds(*bounds):
        if monotonic() >= deadline:
            break
        sleep(_PAUSE)
    return is_more
