"""The proxies of a worker, as far as they are in its process: their links, and what is armed for these."""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from vaurien.address import Address
from vaurien.clock import no_pause
from vaurien.console import log
from vaurien.console.writer import count_lost
from vaurien.engine.link import Link
from vaurien.engine.proxy import ProxyServer
from vaurien.records.faults import Fault
from vaurien.records.status import LinkStatus, RuleStatus
from vaurien.rules.rule import Rule
from vaurien.tls.authority import get_authority
from vaurien.workers.clients import Arrivals, LinkEvent
from vaurien.workers.desired_state import DesiredState
from vaurien.workers.intake import Intake
from vaurien.workers.report import LastReport, Report, RuleCounts
from vaurien.workers.timing import Timing, Timings


class ServedProxy(ProxyServer):
    """A proxy without a port: its clients were accepted by the parent, which has numbered them."""

    def __init__(
        self, state: DesiredState, on_event: Callable[[int, LinkEvent], object], on_rest: Callable[[], object]
    ) -> None:
        """Be as the *state* says; raise `ConfigError`.

        *on_event* is told the number of a link, and what became of it.
        """
        self._tell_event = on_event
        self._on_rest = on_rest
        #: Which arming the rules are of, and their places in it; and those that will be armed in a moment.
        self._arming_number, self._places = 0, list[int]()
        self._coming: tuple[int, list[int]] | None = state.arming, list(state.rules)
        #: The counts of the rules whose time is over.
        self._over: dict[int, RuleCounts] = {}
        rules = tuple(state.rules.values())
        super().__init__(replace(state.settings, behaviors=rules, toxics=state.toxics, backend=state.backend))
        self.set_address(*state.addresses)
        self._timing = Timing(self.recording)

    def _make_listener(self, addresses: Sequence[Address]) -> Intake:
        return Intake(addresses, self._find_targets, self._on_rest, self.log)

    def take(self, number: int, client: socket) -> None:
        """Open the link of that number."""
        self.links_total = number - 1
        self.open_link(client)

    def on_closed(self, link: Link) -> None:
        """Forget a link that has closed, and tell the parent."""
        super().on_closed(link)
        self._tell_event(link.number, LinkEvent.CLOSED)

    def on_reachable(self, number: int) -> None:
        """Note that the backend has accepted a connection, and tell the parent."""
        super().on_reachable(number)
        self._tell_event(number, LinkEvent.REACHED)

    def on_unreachable(self, link: Link, reason: str) -> bool:
        """Note that the backend does not accept, as a `ProxyServer` does, and tell the parent."""
        has_reset = super().on_unreachable(link, reason)
        if self.backend_answered is False:  # else there is no backend that could
            self._tell_event(link.number, LinkEvent.NOT_REACHED)
        return has_reset

    def follow(self, state: DesiredState) -> None:
        """Be as the *state* says from now on; raise `ConfigError`."""
        self.configure(state.settings)
        self.set_address(*state.addresses)
        if state.backend != self.backend:
            self.set_backend(state.backend)
        if state.arming != self._arming_number:
            self._coming = state.arming, list(state.rules)
            self.arm(tuple(state.rules.values()))
        self._follow_toxics(state)

    def _on_armed(self, armed: Sequence[Rule]) -> None:
        if self._coming is not None and armed is self._armed:  # and not what is left of it
            (self._arming_number, self._places), self._coming = self._coming, None
            self._over = {}
        super()._on_armed(armed)

    def _follow_toxics(self, state: DesiredState) -> None:
        wanted = [rule.name for rule in state.toxics]
        for rule in self.toxics.in_order():
            if rule.name not in wanted:
                self.toxics.remove(rule.name)
        names = [rule.name for rule in self.toxics.in_order()]
        if names != wanted[: len(names)]:
            self.toxics.clear()
        for rule in state.toxics:
            self.toxics.put(rule)

    # The parent adds up what all workers have seen, and warns then

    def _report_unmatched(self, pause: Callable[[], object] = no_pause) -> list[str]:
        return []

    def _on_over(self, ended: Sequence[tuple[Rule, RuleStatus]]) -> None:
        places = self._find_places()
        self._over |= {places[id(rule)]: _count_rule(status) for rule, status in ended}

    def _find_places(self) -> dict[int, int]:
        """Return the place of each rule that was armed, by the identity of the rule."""
        return {id(armed): place for place, armed in zip(self._places, self._armed, strict=True)}

    def report(self) -> Report:
        """Return what it has counted."""
        pause = self.runtime.turns.begin()
        counts = self.counters.counts(pause)
        # Others may be armed during the next pauses. This is about those that are armed now.
        arming, over, places = self._arming_number, self._over, self._find_places()
        listed = self._list_rules(pause, counts)
        rules = {places[id(rule)]: _count_rule(status) for rule, status in listed}
        histograms = dict(self.counters.histograms)
        counters = self.counters
        failures = counters.connect_failures, dict(counters.tls_failures)
        return Report(counts, *failures, histograms, arming, {**over, **rules})

    def time_some(self, most: int) -> Timings:
        """Have up to *most* exchanges timed from now on; return what has become of those before."""
        found = self._timing.time_some(most)
        self.look_at_some(most)
        return found


def _count_rule(status: RuleStatus) -> RuleCounts:
    return RuleCounts(status['seen'], status['matched'], status['hits'])


def _take_all(proxy: ServedProxy) -> list[Fault]:
    return list(iter(proxy.faults.take, None))


class Served:
    """All proxies of a worker, by the key that the parent has given each of them. Its methods are what is asked."""

    def __init__(self) -> None:
        self._proxies: dict[int, ServedProxy] = {}
        self._arrivals: Arrivals | None = None

    @property
    def proxies(self) -> list[ServedProxy]:
        """The proxies, in order of their creation."""
        return list(self._proxies.values())

    def receive(self, arrivals: Arrivals) -> None:
        """Have clients come by *arrivals*."""
        self._arrivals = arrivals

    def find(self, key: int) -> ServedProxy | None:
        """Return the proxy of that *key*; None if it was stopped meanwhile."""
        return self._proxies.get(key)

    def _tell(self, key: int, number: int, event: LinkEvent) -> None:
        if self._arrivals is not None:
            self._arrivals.tell(key, number, event)

    def _rest(self) -> None:
        if self._arrivals is not None:
            self._arrivals.rest()

    # What is asked

    def follow(self, key: int, state: DesiredState) -> None:
        """Have a proxy be as the *state* says, a new one if there is none of that *key*; raise `ConfigError`."""
        if state.authority is not None:
            get_authority().adopt(*state.authority)
        if key in self._proxies:
            self._proxies[key].follow(state)
            return
        proxy = ServedProxy(state, partial(self._tell, key), self._rest)
        proxy.start(wait=False)
        self._proxies[key] = proxy

    def stop(self, key: int, grace: float) -> LastReport:
        """Stop a proxy, whose open exchanges may finish for *grace* seconds; return all that is to be known of it."""
        proxy = self._proxies.pop(key, None)
        if proxy is None:
            return LastReport()
        proxy.shut_down(grace)
        return LastReport(proxy.report(), proxy.faults.last(), _take_all(proxy))

    def close_links(self, key: int, number: int | None) -> bool:
        """Close the link of that *number*, or all of them; return whether there is that one."""
        if key not in self._proxies:
            return False
        if number is None:
            self._proxies[key].close_links()
            return False
        if number not in self._proxies[key].links:  # it has closed, or its client has not come yet
            return False
        self._proxies[key].links[number].end()
        return True

    def show_link(self, key: int, number: int) -> LinkStatus | None:
        """Return the status of a link; None if it has closed."""
        link = self._proxies[key].links.get(number) if key in self._proxies else None
        return None if link is None else link.status()

    def report(self, key: int) -> Report:
        """Return what a proxy has counted."""
        return self._proxies[key].report() if key in self._proxies else Report()

    def report_all(self) -> dict[int, Report]:
        """Return what each proxy has counted."""
        return {key: proxy.report() for key, proxy in list(self._proxies.items())}

    def time_some(self, key: int, most: int) -> Timings:
        """Have up to *most* exchanges of a proxy timed from now on; return what has become of those before."""
        return self._proxies[key].time_some(most) if key in self._proxies else Timings()

    def list_faults(self, key: int) -> list[Fault]:
        """Return the last faults of a proxy."""
        return self._proxies[key].faults.last() if key in self._proxies else []

    def take_faults(self, key: int) -> list[Fault]:
        """Return the faults of a proxy that were not taken before."""
        return _take_all(self._proxies[key]) if key in self._proxies else []

    def clear_faults(self, key: int) -> None:
        """Have a proxy forget its faults."""
        if key in self._proxies:
            self._proxies[key].faults.clear()

    def count_lost(self) -> int:
        """Return how many lines this process could not write."""
        return count_lost()

    def reopen_log(self) -> None:
        """Open the file of the log again."""
        log.reopen()
