"""A proxy: one listening address, the backend behind it, what is armed, and every link between the two."""

from __future__ import annotations

import logging
import os
import secrets
from _socket import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from errno import EAGAIN
from itertools import takewhile
from random import sample
from time import monotonic
from typing import Any

import gevent
import msgspec

from vaurien import __version__, native
from vaurien.address import NOWHERE, Address
from vaurien.clock import no_pause
from vaurien.engine import loops
from vaurien.engine.arming import Arming
from vaurien.engine.breakpoints import Breakpoints
from vaurien.engine.chooser import Chooser
from vaurien.engine.expiry import Expiry
from vaurien.engine.idle import IdleWatch
from vaurien.engine.link import Link
from vaurien.engine.links import FAMILIES, Links, own, pack_address, take_begun
from vaurien.engine.listener import Listener
from vaurien.engine.lookup import look_up_listening
from vaurien.engine.port import Port
from vaurien.engine.record import Hasher
from vaurien.engine.recording import Recording
from vaurien.engine.reserve import DESCRIPTORS
from vaurien.engine.resolver import Resolver
from vaurien.engine.runtime import Runtime
from vaurien.engine.stream import Stream
from vaurien.engine.toxicity import Toxics
from vaurien.engine.turns import pausing
from vaurien.errors import ConfigError
from vaurien.native import Progress
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.records.counters import Counters, Peer
from vaurien.records.counts import Counts
from vaurien.records.fault_log import FaultLog
from vaurien.records.observer import ObservedLink, Observer, Observers
from vaurien.records.origin import ORIGIN, What
from vaurien.records.proxy_log import ProxyLog
from vaurien.records.status import LimitsStatus, ProxyStatus, RuleStatus
from vaurien.records.times import Times
from vaurien.rules.behaviors import format_rules
from vaurien.rules.masking import mask
from vaurien.rules.report import report_rule, report_rules
from vaurien.rules.rule import Rule
from vaurien.settings import FAULTS, ONLY, ProxySettings
from vaurien.tls.contexts import Legs
from vaurien.tls.mode import find_upgrading

#: Seconds between two looks at the links that are still open while the proxy shuts down.
DRAIN_INTERVAL = 0.05


#: About so many clients are accepted before whatever else is due.
ACCEPTED_AT_ONCE = 100

#: What the protocol object of a link is made with: the options of the protocol, and the backend.
Terms = tuple[dict[str, Any], Address]


class ProxyServer:
    """Serves one `ProxySettings`, in the thread and on the event loop where it was made."""

    def __init__(
        self,
        settings: ProxySettings,
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
        journal: Observer | None = None,
    ) -> None:
        """Look plug-ins up and check options; raise `ConfigError`. No I/O happens before `start`.

        *observer* is told of links, requests, faults and exchanges. *chooser* is asked for each request, before it
        draws. *digest* returns what makes the digest of a request, for the observer. *journal* is another observer.
        """
        self.settings = settings
        self.log = ProxyLog(settings.name, is_alone=settings.name == ONLY)
        self.runtime = Runtime(self.log)
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self.protocol = Protocol.get(settings.protocol)
        self.protocol_options = self._resolve_options(settings)
        #: The legs of its links that are TLS.
        self.legs = Legs.of(settings)
        #: What the protocol is if TLS begins inside of it.
        self.upgrading = find_upgrading(settings, self.protocol)
        self.backend = settings.backend
        #: Whether the backend has accepted the last connection; None: there was none yet.
        self.backend_answered: bool | None = None
        self._resolver: Resolver | None = None
        self.links = Links(self.runtime)
        self.links_total = 0
        #: How links without objects begin, if their messages are framed, and for what that is so.
        self._beginning: native.Beginning | None = None
        self._beginning_of: tuple[object, object, object] = (None, None, None)
        self.counters = self._make_counters()
        self.faults = self._make_faults()
        #: Who is told what happens; more may come, and go.
        watching = list(filter(None, [journal, observer]))
        self.observers = Observers([self.counters, self.faults, *watching], self.log)
        self.arming = Arming(self.protocol, self.legs, self.seed, self.loop, self.observers, self.log)
        #: What records exchanges: all if an observer or the chooser wants that, or some, or none.
        self.recording = Recording(
            settings.name,
            self.observers.on_exchange,
            chooser,
            digest,
            self.arming.prepare_chosen,
            self.log,
            is_traced=any(one.wants_traces for one in watching),
            only_notes=self.observers.only_notes,
        )
        #: The times of the exchanges that were timed.
        self.times = Times(settings.classes, mask)
        if settings.mark_faults:
            self.arming.mark_faults()
        if settings.addressed:
            self.arming.take_addressed(lambda: self.settings.behavior_options)
        self.toxics = self._make_toxics()
        #: Why messages of links could not be read while rules were armed; each reason was logged.
        self._unreadable: set[str] = set()
        #: The rules that were armed last: those whose time is over are among them.
        self._armed: Sequence[Rule] = ()
        #: How many exchanges there were when the rules were armed.
        self._exchanges_before = 0
        #: Since when it counts: a proxy that is disabled goes on where it was once it is enabled.
        self._began = monotonic()
        self._port = Port(settings.proxy, self._make_listener, lambda: self.arming.door)
        self._idle_watch: IdleWatch | None = None
        self._expiry = Expiry(self.runtime, self._end_rules)
        self.arm(settings.behaviors)
        for rule in settings.toxics:
            self.toxics.add(rule)

    def _make_counters(self) -> Counters:
        return Counters(self.links.made, self.links.count_bare)

    def _make_faults(self) -> FaultLog:
        return FaultLog()

    def _make_toxics(self, make: Callable[..., Toxics] = Toxics) -> Toxics:
        """Return the toxics that *make* makes of what `Toxics` takes."""
        return make(
            self.list_links,
            self.seed,
            lambda: self.links_total,
            self.counters,
            self.runtime.turns,
            lambda text: self._tell('toxic', text),
        )

    @property
    def name(self) -> str:
        """The name of the proxy in the process."""
        return self.settings.name

    @property
    def loop(self) -> Any:
        """The event loop on which it runs."""
        return self.runtime.loop

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, or will."""
        return self._port.addresses

    @property
    def address(self) -> Address:
        """The first of the addresses, by which it is known: the only one, unless it listens on those of a name."""
        return self.addresses[0]

    @property
    def resolver(self) -> Resolver:
        """The addresses of the backend; there is none before the first start."""
        assert self._resolver is not None
        return self._resolver

    def _find_targets(self) -> list[tuple[str, int]]:
        return [] if self._resolver is None else [address[:2] for _, address in self._resolver.addresses]

    # Life

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._port.is_open

    def start(self, *addresses: Address, wait: bool = True) -> None:
        """Bind and listen at *addresses*, or where it did before. Also possible after `shut_down`.

        *wait* until the backend's name was looked up, and raise `ConfigError` if it leads back. Raise `OSError`.
        """
        found = look_up_listening(addresses or self.addresses)
        if wait:
            loops.refuse(self.backend, found)
        self._port.open(found)
        try:
            self.runtime.start()
        except BaseException:
            self._port.close()
            raise
        self._expiry.watch(self.rules)
        self._tell('enabled', 'enabled true')
        # The one before may have been stopped while it looked the name up.
        self._replace_resolver()
        if wait:
            self.resolver.resolve()
        else:
            self.resolver.refresh()
        if self.settings.idle_timeout is not None:
            self._idle_watch = IdleWatch(self.loop, self.links, self.settings.idle_timeout, self.log)

    def _replace_resolver(self) -> None:
        self._stop_resolving()
        self._resolver = Resolver(
            self.backend, self.runtime.spawn, lambda target: loops.leads_back(target, self.addresses), self.log
        )
        self._resolver.renew(self.loop, self.settings.resolve_interval)

    def _stop_resolving(self) -> None:
        if self._resolver is not None:
            self._resolver.stop()

    def _make_listener(self, addresses: Sequence[Address]) -> Listener:
        settings = self.settings
        return Listener(
            addresses,
            settings.backlog,
            settings.keepalive,
            settings.timeout,
            self.open_link,
            self.accept_bare,
            self._is_full,
            self._find_targets,
            self.log,
        )

    def move(self, *addresses: Address) -> None:
        """Listen elsewhere and close all links; raise `OSError`, without having moved, if that is not possible."""
        self._port.move(addresses)
        self._tell('listen', f'listen {self.address.written}')
        self.close_links()

    def set_address(self, *addresses: Address) -> None:
        """Listen at *addresses* from the next start on."""
        self._port.set_addresses(addresses)
        self._tell('listen', f'listen {self.address.written}')

    def giving_way(self, address: Address) -> AbstractContextManager[None]:
        """Leave the port to another listener at *address* for a block, as `Port.giving_way` does."""
        return self._port.giving_way(address)

    def refuse_loop(self, backend: Address) -> None:
        """Raise `ConfigError` if *backend* leads back to the proxy. A name may be looked up for that."""
        loops.refuse(backend, self.addresses)

    def close_links(self) -> None:
        """Close all links that there are now, a few in each turn of the event loop."""
        pause = self.runtime.turns.begin()
        for link in self.list_links(pause):
            link.end()
            pause()

    def shut_down(self, grace: float = 0.0, *, keeps_port: bool = False) -> None:
        """Stop accepting, let open exchanges finish for *grace* seconds, close all. Blocks the calling greenlet.

        It may be started again meanwhile. If it *keeps_port*, nobody else can listen there until then.
        """
        was_enabled = self.enabled
        self._port.close(keeps=keeps_port)
        if was_enabled:
            self._tell('enabled', 'enabled false')
        if self._idle_watch is not None:
            self._idle_watch.stop()
            self._idle_watch = None
        self._stop_resolving()
        self._drain(grace)
        self.close_links()
        if not self.enabled:
            self.runtime.stop()

    def _drain(self, grace: float) -> None:
        deadline = monotonic() + grace
        while self.links and monotonic() < deadline:
            self.breakpoints.release()
            self._close_idle_links()
            if self.links:
                gevent.sleep(DRAIN_INTERVAL)

    def _close_idle_links(self) -> None:
        pause = self.runtime.turns.begin()
        for link in self.list_links(pause):
            if not (link.closed or link.has_open_exchange()):
                link.close()
            pause()

    def leave_to_parent(self) -> None:
        """Close this process's copies of all descriptors, for it is a child of a fork. No peer notices."""
        self._port.leave_to_parent()
        for link in list(self.links.made.values()):
            link.leave_to_parent()
        self.runtime.leave_to_parent()

    # Links

    def _is_full(self) -> bool:
        return self.settings.max_links is not None and len(self.links) >= self.settings.max_links

    def open_link(self, client: socket) -> None:
        """Join a client to the backend."""
        link = self._make_link(client)
        for on_link in self.observers.on_link:
            on_link(link)
        link.open()

    def _make_link(self, client: socket) -> Link:
        self.links_total += 1
        self.links[self.links_total] = link = Link(self, self.links_total, client)
        return link

    def accept_bare(self, listener: int) -> bool:
        """Join clients that wait at the descriptor *listener*, a few at once, by links without objects.

        Return False if somebody else has to accept them.
        """
        pump = self.runtime.pump
        if pump is None or not self._opens_bare:
            return False
        beginning = None if self.protocol.is_opaque else self._find_beginning()
        if beginning is None and not (self.protocol.is_opaque and self.arming.selector is None):
            return False
        totals, adopt = self.links.totals, self._adopt
        left = ACCEPTED_AT_ONCE
        while left > 0:
            limit, addresses, number = DESCRIPTORS.find_limit(), self.resolver.addresses, self.links_total + 1
            if not addresses or addresses[0][0] not in FAMILIES or DESCRIPTORS.are_near:
                return False
            address = pack_address(*addresses[0])
            opened, last, client, backend, error = pump.accept(
                listener, address, self.keepalive, limit, number, beginning, totals, adopt
            )
            left -= opened + 1
            self.links_total += opened
            if last >= 0:
                DESCRIPTORS.saw(last)
            if opened:
                self.on_reachable(self.links_total)
            if client < 0:
                return error in (0, EAGAIN)
            self._make_link(own(client)).open(take_begun(backend, error))
        return True

    @property
    def _opens_bare(self) -> bool:
        """Whether nobody needs the object of a link that opens now but for what comes over it."""
        return (
            self.settings.max_links is None
            and self.settings.idle_timeout is None
            and self.legs is None
            and self.arming.lets_open
            and not (self.toxics or self.recording.records_all or self.observers.on_link)
            and self.observers.on_closed == [self.counters.on_closed]
        )

    def _find_beginning(self) -> native.Beginning | None:
        """Return how links without objects begin whose messages are framed; None: they need objects."""
        parts = self.arming.selector, self.protocol_options, self.backend
        if parts != self._beginning_of:
            self._beginning_of, self._beginning = parts, self._make_beginning((self.protocol_options, self.backend))
        return None if self.recording.is_open else self._beginning

    def _make_beginning(self, terms: Terms) -> native.Beginning | None:
        foreseen = self.arming.foresee()
        if foreseen is None or self.protocol.handles() or not self.protocol.find_twin():
            return None
        try:
            return native.make_beginning(self.new_protocol(terms), self.recording, *foreseen, terms)
        except Exception:  # of somebody's protocol: each link tells of it once it has an object
            return None

    def _adopt(
        self,
        number: int,
        began: float,
        client: int,
        backend: int,
        up: Progress,
        down: Progress,
        passage: native.Passage | None,
    ) -> tuple[Stream, Stream]:
        """Give a bare link an object, and return its streams."""
        self.links[number] = link = Link(self, number, own(client))
        link.adopt(own(backend), began, up, down, passage)
        return link.up, link.down

    def list_links(self, pause: Callable[[], object]) -> list[Link]:
        """Return the links that there are now, in order, and *pause* between those that get an object for that."""
        return self.links.find_all(self.links_total, pause)

    def look_at_some(self, most: int) -> None:
        """Have exchanges of opaque bytes recorded, too: one on each of *most* links, or fewer."""
        if not self.protocol.is_opaque:
            return
        links = self.list_links(self.runtime.turns.begin())
        for link in sample(links, min(most, len(links))):
            link.look_once()

    def rest(self, reason: str) -> None:
        """Accept nobody for a moment."""
        self._port.rest(reason)

    def on_closed(self, link: Link) -> None:
        """Forget a link that has closed."""
        del self.links[link.number]
        for on_closed in self.observers.on_closed:
            on_closed(link)
        if self.settings.max_links is not None:
            self._port.resume()

    @property
    def connect_timeout(self) -> float:
        """The seconds in which the backend has to accept."""
        return self.settings.timeout

    @property
    def keepalive(self) -> int:
        """The seconds between two questions whether a silent peer is still there."""
        return self.settings.keepalive

    def new_protocol(self, terms: Terms | None = None) -> BaseProtocol:
        """Return a protocol object for one link, on the *terms* on which that began if it is not new."""
        options, backend = (self.protocol_options, self.backend) if terms is None else terms
        protocol = (self.upgrading or self.protocol)(options)
        protocol.set_backend(str(backend))
        return protocol

    def may_go_without(self, link: ObservedLink) -> bool:
        """Return whether something is armed that may need no backend, or *link* gets a toxic that needs none.

        Toxics of proxies that end their links as Toxiproxy does act only on links with a backend, as there.
        """
        if self.arming.selector is not None:
            return True
        return self.settings.reset_if_unreachable and self.toxics.need_no_backend(link)

    def equip(self, link: Link) -> None:
        """Put the toxics on the streams of a link that opens."""
        if self.toxics:
            self.toxics.equip(link)

    def on_unreadable(self, reason: str) -> None:
        """Warn, once for each *reason*, that no armed rule sees the requests on such links."""
        if self.arming.selector is None or reason in self._unreadable:
            return
        self._unreadable.add(reason)
        self.log.warning(
            'on links with %s, rules see opaque bytes and none of the requests in them: %s',
            reason,
            self.protocol.to_be_readable,
        )

    def on_reachable(self, number: int) -> None:
        """Note that an address of the backend has accepted the connection for the link of that *number*."""
        self.backend_answered = True

    def on_unreachable(self, link: Link, reason: str) -> bool:
        """Note that no address of the backend accepts; return whether the client is to see a reset."""
        self.counters.on_unreachable()
        self.backend_answered = None if self.backend == NOWHERE else False
        log = self.log.debug if self.backend == NOWHERE else self.log.warning
        log('link %d: cannot connect to %s: %s', link.number, self.backend, reason)
        return self.settings.reset_if_unreachable

    def on_insecure(self, peer: Peer) -> None:
        """Note that there is no TLS with the *peer* of a link."""
        self.counters.on_insecure(peer)

    # What can be changed

    def arm(self, rules: Sequence[Rule]) -> None:
        """Replace what is armed, from the next exchange on, and end what runs. Raise `ConfigError`."""
        pause = self.runtime.turns.begin()
        unmatched = self._report_unmatched(pause)
        text = format_rules(rules, pause, in_full=True) if self.observers.on_change else ''
        armed = self._armed = self.arming.arm(rules, pause)
        self._on_armed(armed)
        self._tell('behavior', f'behavior {text}')
        self._warn(unmatched)
        if any(rule.is_harmful for rule in armed):  # at the end of a block, who waits for its faults still gets them
            self.faults.forget_untaken()
        links = self.list_links(pause)
        if armed is not self._armed:  # who has armed others meanwhile goes on
            return
        self._exchanges_before = self.counters.closed_exchanges + self.links.totals.exchanges
        for link in takewhile(lambda _: armed is self._armed, pausing(links, pause)):
            self._exchanges_before += link.counts().exchanges
            if not link.closed:
                link.rearm()

    def _on_armed(self, armed: Sequence[Rule]) -> None:
        self._expiry.watch(armed)
        self._port.answer()

    def _end_rules(self) -> None:
        """Disarm the rules whose time is over, and end what runs of them."""
        over = self.arming.find_over()
        ids = frozenset(map(id, over))
        ended = [(rule, status) for rule, status in self._list_rules() if id(rule) in ids]
        left = self.arming.disarm(over)
        self._on_armed(left)
        ORIGIN.set('time')
        self._tell('behavior', f'behavior {format_rules(left, in_full=True)}')
        self._on_over(ended)
        pause = self.runtime.turns.begin()
        # Who has armed others meanwhile goes on.
        for link in takewhile(lambda _: left is self.rules, pausing(self.list_links(pause), pause)):
            if not link.closed:
                link.rearm()

    def _on_over(self, ended: Sequence[tuple[Rule, RuleStatus]]) -> None:
        for rule, status in ended:
            level = logging.WARNING if _is_unmatched(rule, status) else logging.INFO
            self.log.log(level, 'its time is over: %s', report_rule(status))

    def warn_unmatched(self) -> None:
        """Warn of the rules that are for some requests only and have matched none."""
        self._warn(self._report_unmatched())

    def _warn(self, unmatched: Sequence[str]) -> None:
        for text in unmatched:
            self.log.warning('%s', text)

    def _report_unmatched(self, pause: Callable[[], object] = no_pause) -> list[str]:
        if not any(rule.is_unmatched for rule in pausing(self.rules, pause)):
            return []
        return [report_rule(status) for rule, status in self._list_rules(pause) if _is_unmatched(rule, status)]

    def _tell(self, what: What, text: str) -> None:
        """Tell the observers what was changed, and how."""
        for on_change in self.observers.on_change:
            on_change(what, text)

    def check(self, settings: ProxySettings) -> None:
        """Raise `ConfigError` for what of the faults that *settings* have it could not take."""
        self._resolve_options(settings)
        self.check_rules(settings.behaviors)
        for rule in settings.toxics:
            try:
                self.toxics.check(rule)
            except ConfigError as error:
                raise error.within(rule.name) from None

    def check_rules(self, rules: Sequence[Rule]) -> None:
        """Raise `ConfigError` if `arm` would not take *rules*."""
        for rule in rules:
            self.arming.prepare(rule)

    def configure(self, settings: ProxySettings) -> None:
        """Be configured with the faults of *settings* from now on, none of which is armed by that; raise `ConfigError`.

        Options of behaviors go before the defaults of what is armed later, those of the protocol are for links that
        open later. The rules are armed at the next reset.
        """
        self.protocol_options = self._resolve_options(settings)
        faults = {name: getattr(settings, name) for name in FAULTS}
        self.settings = msgspec.structs.replace(self.settings, **faults)

    def _resolve_options(self, settings: ProxySettings) -> dict[str, Any]:
        """Return the options of the protocol that *settings* have, with defaults where they have none."""
        return self.protocol.resolve(settings.protocol_options.get(self.protocol.name, {}))

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that are armed."""
        return self.arming.rules

    @property
    def breakpoints(self) -> Breakpoints:
        """The requests that are held until somebody decides."""
        return self.arming.breakpoints

    def set_backend(self, backend: Address) -> None:
        """Go to another backend, from the next exchange on."""
        self.backend = backend
        self.backend_answered = None
        self._tell('backend', f'backend {backend.written}')
        if not self.enabled:
            return
        self._replace_resolver()
        self.resolver.refresh()
        pause = self.runtime.turns.begin()
        for link in self.list_links(pause):
            if backend is not self.backend:  # who has set another one meanwhile goes on
                return
            link.retire()
            pause()

    # What is known

    def list_armed(self) -> list[RuleStatus]:
        """Return the status of each rule that may be applied to an exchange."""
        return [status for rule, status in self._list_rules() if rule.is_harmful]

    def report_rules(self) -> list[str]:
        """Return a line for each of these rules: how many exchanges have matched it, and how many it was applied to."""
        return report_rules(status for _, status in self._list_rules())

    def _list_rules(
        self, pause: Callable[[], object] = no_pause, counts: Counts | None = None
    ) -> list[tuple[Rule, RuleStatus]]:
        exchanges = (counts or self.counters.counts(pause)).exchanges - self._exchanges_before
        return list(zip(self.rules, self.arming.list_rules(exchanges, pause), strict=True))

    def status(self) -> ProxyStatus:
        """Return everything about the running proxy."""
        pause = self.runtime.turns.begin()
        settings, counts = self.settings, self.counters.counts(pause)
        limits: LimitsStatus = {
            'timeout': settings.timeout,
            'idle_timeout': settings.idle_timeout,
            'keepalive': settings.keepalive,
            'backlog': settings.backlog,
            'max_links': settings.max_links,
        }
        return {
            'version': __version__,
            'pid': os.getpid(),
            'name': self.name,
            'enabled': self.enabled,
            'uptime': round(monotonic() - self._began, 3),
            'proxy': self.address.written,
            'backend': str(self.backend),
            'protocol': settings.protocol,
            'protocol_options': self.protocol_options,
            'behavior': format_rules(self.rules, pause),
            'behaviors': [status for _, status in self._list_rules(pause, counts)],
            'toxics': [rule.status() for rule in pausing(list(self.toxics), pause)],
            'seed': self.seed,
            'settings': limits,
            'links': {'open': len(self.links), 'total': self.links_total},
            'exchanges': counts.exchanges,
            'bytes': {'upstream': counts.upstream_received, 'downstream': counts.downstream_received},
            'faults': self.counters.behavior_hits(),
            'times': self.times.status(),
        }


def _is_unmatched(rule: Rule, status: RuleStatus) -> bool:
    return rule.is_unmatched and not status['matched'] and bool(status['seen'])
