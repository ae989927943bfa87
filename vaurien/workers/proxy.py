"""A proxy of the parent: it listens, and knows what is armed; its links are in the workers."""

from __future__ import annotations

from _socket import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from math import ceil
from operator import attrgetter

from msgspec.structs import replace

from vaurien.address import Address
from vaurien.clock import no_pause
from vaurien.engine.chooser import Chooser
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.toxicity import Toxics
from vaurien.engine.turns import pausing
from vaurien.errors import ConfigError, OptionError, WorkerError
from vaurien.records.counts import Counts
from vaurien.records.faults import Fault
from vaurien.records.observer import Observer
from vaurien.records.status import LinkStatus, RuleStatus
from vaurien.rules.rule import Rule, list_rests
from vaurien.settings import ProxySettings
from vaurien.tls.authority import get_authority
from vaurien.workers.clients import LinkEvent
from vaurien.workers.desired_state import DesiredState
from vaurien.workers.link import RemoteLink
from vaurien.workers.pool import Pool
from vaurien.workers.report import Report, RuleCounts, add_up
from vaurien.workers.served import Served
from vaurien.workers.totals import SharedCounters, SharedFaults
from vaurien.workers.toxics import SharedToxics
from vaurien.workers.worker import Worker

#: The limits that count over all links, or remember what was on another one.
COUNTING = ('nth', 'times', 'once', 'sequence', 'cooldown', 'max_active')


class SharedProxy(ProxyServer):
    """A proxy whose links are shared out among the workers of a pool.

    A change is made here first, and then in all workers. If one of them does not take it, it is undone.
    """

    faults: SharedFaults

    def __init__(
        self,
        pool: Pool,
        settings: ProxySettings,
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        *,
        journal: Observer | None = None,
    ) -> None:
        """Take what `ProxyServer` takes, as far as workers can have it; raise `ConfigError`."""
        self._pool = pool
        #: Its key in the pool, while its links are in the workers.
        self._key: int | None = None
        #: How often rules were armed.
        self._arming_number = 0
        #: The number of the last link before the backend was changed: what is told of such links is about another one.
        self._last_before = 0
        #: What was counted by workers that have ended, or before the last start; and the last of those that there are.
        self._past = Report()
        self._reports: dict[Worker, Report] = {}
        if settings.addressed:
            raise ConfigError('requests cannot ask several workers for faults: start with --workers 1', 'addressed')
        #: Whether somebody has looked at faults the last time.
        self._is_looked_at = False
        super().__init__(settings, observer, chooser, journal=journal)

    def _make_counters(self) -> SharedCounters:
        return SharedCounters(self._add_up, self._forget_toxic)

    def _make_faults(self) -> SharedFaults:
        return SharedFaults(self._find_faults, self._gather_faults, lambda: self._order(Served.clear_faults))

    def _make_toxics(self, make: Callable[..., Toxics] = SharedToxics) -> Toxics:
        return super()._make_toxics(partial(make, self._pool, self._share))

    # Life

    def start(self, *addresses: Address, wait: bool = True) -> None:
        """Do as a `ProxyServer` does; clients wait until all workers are ready. Raise `WorkerError`, too."""
        super().start(*addresses, wait=wait)
        try:
            with self._pool.changing:
                if self.enabled and self._key is None:  # else it was stopped, or started again, meanwhile
                    self._key = self._pool.join(self)
        except WorkerError:
            super().shut_down()
            raise
        self.on_room()

    def _is_full(self) -> bool:
        return self._key is None or not self._pool.has_room or super()._is_full()

    @property
    def _opens_bare(self) -> bool:
        return False

    def on_room(self) -> None:
        """Accept clients again."""
        self._port.resume()

    def _drain(self, grace: float) -> None:
        with self._pool.changing:  # a change that is under way needs the key, and so does a start to have one
            key, self._key = self._key, None
        if key is None:
            return
        links = list(self.links.values())
        known = self._pool.leave(key, grace)
        final = {**self._reports, **{worker: last.report for worker, last in known.items()}}
        self._past = add_up([self._past, *final.values()], self._arming_number)
        self._reports.clear()
        self.faults.keep(_sort(last.faults for last in known.values()))
        self.faults.await_taker(_sort(last.untaken for last in known.values()))
        for link in links:
            self._forget_link(link.number)

    # Links

    def open_link(self, client: socket) -> None:
        """Hand a client over, with the number of its link."""
        self.links_total += 1
        number, worker = self.links_total, None
        if self._key is not None:
            worker = self._pool.hand(self._key, number, client, self.settings.timeout, self.log)
        if worker is None:  # all have ended in this moment, or the proxy
            client.close()
            return
        self.links[number] = RemoteLink(number, worker, self._show_link, self._end_link)

    def on_event(self, number: int, event: LinkEvent) -> None:
        """Forget a link that a worker has closed, or note whether the backend has accepted its connection."""
        if event is LinkEvent.CLOSED:
            self._forget_link(number)
        elif number > self._last_before:
            self.backend_answered = event is LinkEvent.REACHED

    def _forget_link(self, number: int) -> None:
        link = self.links.get(number)
        if isinstance(link, RemoteLink):
            link.forget()
            self.on_closed(link)

    def _show_link(self, worker: Worker, number: int) -> LinkStatus | None:
        answer: LinkStatus | None = None
        if self._key is not None:
            answer = self._pool.ask_one(worker, Served.show_link, self._key, number)
        return answer

    def _end_link(self, number: int) -> None:
        if self._key is not None and any(self._pool.tell(Served.close_links, self._key, number)):
            self._forget_link(number)  # before the worker tells of it in a moment: who asks now does not see it

    def close_links(self) -> None:
        """Close all links."""
        self._order(Served.close_links, None)

    def on_worker_ended(self, worker: Worker) -> None:
        """Forget the links of a worker that has ended, and keep what it has counted."""
        self._past = add_up([self._past, self._reports.pop(worker, Report())], self._arming_number)
        for link in list(self.links.values()):
            if isinstance(link, RemoteLink) and link.worker is worker:
                self._forget_link(link.number)

    def _order(self, function: Callable[..., object], *args: object) -> None:
        if self._key is not None:
            self._pool.tell(function, self._key, *args)

    # What can be changed

    def desired_state(self) -> DesiredState:
        """Return what the workers are to know."""
        armed = [(place, rule.rest()) for place, rule in enumerate(self._armed) if self.arming.has(rule)]
        rules = {place: rest for place, rest in armed if rest is not None}
        settings = replace(self.settings, behaviors=(), toxics=(), seed=self.seed)
        return DesiredState(
            settings,
            self.addresses,
            self.backend,
            self._arming_number,
            rules,
            self.toxics.in_order(),
            None if settings.client_leg is None else _export_authority(),
        )

    def _share(self, undo: Callable[[], object]) -> None:
        """Have the workers know what has changed; raise `WorkerError`, with everything as it was."""
        if self._key is None:
            return
        try:
            self._pool.update(self._key)
        except WorkerError:
            undo()
            self._pool.update(self._key, by_force=True)
            raise

    def check_rules(self, rules: Sequence[Rule]) -> None:
        """Raise `ConfigError` if `arm` would not take *rules*."""
        _refuse(rules)
        super().check_rules(rules)

    def arm(self, rules: Sequence[Rule]) -> None:
        """Replace what is armed, as a `ProxyServer` does; raise `WorkerError`, too."""
        _refuse(rules)
        with self._pool.changing:
            before = list_rests(self.rules)
            super().arm(rules)
            self._share(lambda: super(SharedProxy, self).arm(before))

    def _on_armed(self, armed: Sequence[Rule]) -> None:
        self._arming_number += armed is self._armed  # else it is what is left of it
        super()._on_armed(armed)

    def configure(self, settings: ProxySettings) -> None:
        """Take options, as a `ProxyServer` does; raise `WorkerError`, too."""
        with self._pool.changing:
            before = self.settings
            super().configure(settings)
            self._share(lambda: super(SharedProxy, self).configure(before))

    def set_backend(self, backend: Address) -> None:
        """Go to another backend, as a `ProxyServer` does; raise `WorkerError`, too."""
        with self._pool.changing:
            before = self.backend
            super().set_backend(backend)
            self._share(lambda: super(SharedProxy, self).set_backend(before))
            self._last_before, self.backend_answered = self.links_total, None

    def move(self, *addresses: Address) -> None:
        """Listen elsewhere, as a `ProxyServer` does."""
        with self._pool.changing:
            super().move(*addresses)
            self._share(lambda: None)

    # What is known

    def on_report(self, worker: Worker, report: Report) -> None:
        """Keep what a worker has counted until now."""
        if self._key is not None and not worker.has_ended:
            self._reports[worker] = report

    def _add_up(self) -> Report:
        key = self._key
        if key is not None:
            for worker, report in self._pool.ask(Served.report, key).items():
                if key == self._key:  # else it has just said its last
                    self.on_report(worker, report)
        if self._is_looked_at or self._has_lookers:
            self._gather_faults()
        return add_up([self._past, *self._reports.values()], self._arming_number)

    def _forget_toxic(self, name: str) -> None:
        kept = {source: one for source, one in self._past.histograms.items() if source != ('toxic', name)}
        self._past = self._past._replace(histograms=kept)

    @property
    def _has_lookers(self) -> bool:
        return bool(self.observers.on_fault)

    def _gather_faults(self) -> None:
        """Take over the faults since the last time, and tell who looks: as long as somebody does, each second."""
        was_looked_at, self._is_looked_at = self._is_looked_at, self._has_lookers
        if self._key is None:
            return
        found = _sort(self._pool.ask(Served.take_faults, self._key).values())
        self.faults.await_taker(found)
        for fault in found if was_looked_at and self._is_looked_at else ():
            for on_fault in self.observers.on_fault:
                on_fault(fault)

    def look_at_some(self, most: int) -> None:
        """Have the workers time *most* exchanges in all, and tell of those that they have timed since the last time."""
        if self._key is not None:
            share = ceil(most / max(1, len(self._pool.pids)))
            for begun, over in self._pool.ask(Served.time_some, self._key, share).values():
                self.recording.take_over(begun, over)

    def _find_faults(self) -> list[Fault]:
        found = {} if self._key is None else self._pool.ask(Served.list_faults, self._key)
        return _sort(found.values())

    def _list_rules(
        self, pause: Callable[[], object] = no_pause, counts: Counts | None = None
    ) -> list[tuple[Rule, RuleStatus]]:
        found = self._add_up().rules
        places = {id(armed): place for place, armed in enumerate(self._armed)}
        listed = []
        for rule in pausing(self.rules, pause):
            seen, matched, hits = found.get(places[id(rule)], RuleCounts())
            listed.append((rule, RuleStatus(**{**rule.status(), 'seen': seen, 'matched': matched, 'hits': hits})))
        return listed


def _sort(found: Iterable[Sequence[Fault]]) -> list[Fault]:
    return sorted((fault for faults in found for fault in faults), key=attrgetter('time'))


def _export_authority() -> tuple[bytes, bytes] | None:
    with suppress(ConfigError):  # it cannot be had here, nor there
        return get_authority().export()
    return None


def _refuse(rules: Sequence[Rule]) -> None:
    for rule in rules:
        if rule.kind.needs_one_process:
            raise ConfigError('workers do not tell what they hold: start with --workers 1', rule.name)
        for name in COUNTING:
            if name in rule.limits:
                text = 'it is about all links, which are shared out among workers: start with --workers 1'
                raise OptionError(text, f'{rule.name}.{name}')
