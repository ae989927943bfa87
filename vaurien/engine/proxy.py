"""A proxy: one listening address, the backend behind it, what is armed, and every link between the two."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, perf_counter, time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pool import Group
from msgspec import to_builtins

from vaurien import __version__
from vaurien.address import Address
from vaurien.clock import Alarm, Clock
from vaurien.engine.link import Link
from vaurien.engine.listener import Listener
from vaurien.engine.resolver import Resolver
from vaurien.engine.stream import CHUNK
from vaurien.engine.toxicity import Toxics, status_of
from vaurien.protocols import Protocol
from vaurien.records.counters import Tally
from vaurien.records.faults import Fault, FaultLog
from vaurien.records.status import LimitsStatus, ProxyStatus
from vaurien.rules.behaviors import format_rules
from vaurien.rules.rule import Rule
from vaurien.rules.selector import Selector
from vaurien.settings import ProxySettings

if TYPE_CHECKING:
    from _socket import socket

    from vaurien.behaviors.dummy import Dummy
    from vaurien.plugins.end import End
    from vaurien.plugins.options import Configurable
    from vaurien.protocols.base import BaseProtocol

logger = logging.getLogger(__name__)

#: A behavior that kept the event loop from running for so many seconds is named in a warning.
BLOCKED = 0.1

#: While shutting down: seconds between two looks at the links that are still open.
DRAIN_INTERVAL = 0.05


class ProxyServer:
    """Serves one `ProxySettings`, in the thread and on the event loop where it was made."""

    def __init__(self, settings: ProxySettings) -> None:
        """Looks plug-ins up and checks options; raises `ConfigError`. No I/O happens before `start`."""
        self.settings = settings
        self.loop = gevent.get_hub().loop
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self.protocol = Protocol.get(settings.protocol)
        self.protocol_options = self.protocol.resolve(settings.protocol_options.get(settings.protocol, {}))
        #: What is armed.
        self.rules: tuple[Rule, ...] = ()
        #: None while nothing but ``dummy`` is armed.
        self.selector: Selector | None = None
        self.address = settings.proxy
        self.backend = settings.backend
        self.resolver = Resolver(self, settings.backend)
        self.links: dict[int, Link] = {}
        self.links_total = 0
        self.tally = Tally(self.links)
        self.toxics = Toxics(self)
        self.faults = FaultLog()
        #: Streams read into this: a chunk is sent on, or copied, before the next callback of the same loop runs.
        self.buffer = memoryview(bytearray(CHUNK))
        self._began = monotonic()
        self._greenlets = Group()
        self._listener: Listener | None = None
        self._clock: Clock | None = None
        self._idle_timer: Any = None
        self._blamed: set[str] = set()
        self.arm(settings.behaviors)
        for entry in settings.toxics:
            self.toxics.add(entry)

    # Life

    @property
    def name(self) -> str:
        """By which it is known in its process."""
        return self.settings.name

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    def start(self, address: Address | None = None, *, wait: bool = True) -> None:
        """Bind and listen, at *address* or where it did before; raises `OSError`. Also after `shut_down`.

        *wait*: until the backend's name has been looked up.
        """
        clock = Clock(self.loop)
        try:
            self._listener = self._listen(address or self.address)
        except BaseException:
            clock.close()
            raise
        self._clock = clock
        self._began = monotonic()
        self.resolver = Resolver(self, self.backend)  # the one before may have been stopped while it looked up
        if wait:
            self.resolver.resolve()
        else:
            self.resolver.refresh()
        if self.settings.idle_timeout is not None:
            self._watch_idle(self.settings.idle_timeout)

    def _listen(self, address: Address) -> Listener:
        listener = Listener(self, address)
        listener.start()
        self.address = Address(*listener.address[:2])
        return listener

    def move(self, address: Address) -> None:
        """Listen elsewhere, and close all links; raises `OSError`, and has not moved, where that cannot be had."""
        before = self._listener
        with self.giving_way(address):
            self._listener = self._listen(address)
        if before is not None:
            before.close()
        self.close_links()

    def set_address(self, address: Address) -> None:
        """Listen at *address* from the next start on."""
        self.address = address

    @contextmanager
    def giving_way(self, address: Address) -> Iterator[None]:
        """Leave the port free for another listener at *address*; take it again where the block raises.

        Two hosts may exclude each other on one port: 127.0.0.1 and every address of the machine.
        """
        if self._listener is None or address.port != self.address.port:
            yield
            return
        self._listener.close()
        try:
            yield
        except BaseException:
            self._listener = self._listen(self.address)
            raise

    def close_links(self) -> None:
        """Close all of them, now."""
        for link in list(self.links.values()):
            link.close()

    def shut_down(self, grace: float = 0.0) -> None:
        """Stop accepting, let open exchanges finish for *grace* seconds, close all. Blocks the calling greenlet."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        deadline = monotonic() + grace
        while self.links and monotonic() < deadline:
            for link in [link for link in self.links.values() if not link.has_open_exchange()]:
                link.close()
            if self.links:
                gevent.sleep(DRAIN_INTERVAL)
        self.close_links()
        if self._idle_timer is not None:
            self._idle_timer.stop()
            self._idle_timer.close()
            self._idle_timer = None
        # While those that run are ended, it may be started again.
        greenlets, self._greenlets = self._greenlets, Group()
        clock, self._clock = self._clock, None
        greenlets.kill(block=True)
        if clock is not None:
            clock.close()

    def spawn(self, function: Callable[..., None], *args: Any) -> gevent.Greenlet:
        """Start a greenlet: every one of a proxy starts here, and ends with it."""
        return self._greenlets.spawn(function, *args)

    def sleep(self, seconds: float) -> None:
        """Let the calling greenlet wait, to a fraction of a millisecond."""
        assert self._clock is not None, 'nothing runs before start'
        self._clock.sleep(seconds)

    def call_at(self, due: float, call: Callable[[], object]) -> Alarm:
        """Make a call in the event loop at a time of the monotonic clock, to a fraction of a millisecond."""
        assert self._clock is not None, 'nothing runs before start'
        return self._clock.call_at(due, call)

    # Links

    @property
    def full(self) -> bool:
        """Whether ``max_links`` are open."""
        return self.settings.max_links is not None and len(self.links) >= self.settings.max_links

    def open_link(self, client: socket) -> None:
        """Join a client to the backend."""
        self.links_total += 1
        self.links[self.links_total] = link = Link(self, self.links_total, client)
        link.open()

    def rest(self, reason: str) -> None:
        """Accept nobody for a moment."""
        if self._listener is not None:
            self._listener.rest(reason)

    def on_closed(self, link: Link) -> None:
        """A link has closed: keep its counts."""
        del self.links[link.number]
        self.tally.note_closed(link)
        if self.settings.max_links is not None and self._listener is not None:
            self._listener.resume()

    def new_protocol(self) -> BaseProtocol:
        """A protocol object for one link."""
        protocol = self.protocol(self.protocol_options)
        self.assign_backend(protocol)
        return protocol

    def assign_backend(self, protocol: BaseProtocol) -> None:
        """Tell a protocol object which backend its link is joined to."""
        protocol.set_backend(str(self.backend))

    def note_unreachable(self, link: Link, reason: str) -> None:
        """A link found no address of the backend that accepts."""
        self.tally.connect_failures += 1
        logger.warning('link %d: cannot connect to %s: %s', link.number, self.backend, reason)

    def _watch_idle(self, seconds: float) -> None:
        seen: dict[Link, int] = {}

        def received(link: Link) -> int:
            counts = link.counts()
            return counts.upstream_received + counts.downstream_received

        def look() -> None:
            nonlocal seen
            idle = [link for link in self.links.values() if seen.get(link) == received(link)]
            for link in idle:
                logger.info('link %d: nothing moved for %g s, closed', link.number, seconds)
                link.close()
            seen = {link: received(link) for link in self.links.values()}

        self._idle_timer = self.loop.timer(seconds, seconds)
        self._idle_timer.start(look)

    # Faults

    def arm(self, rules: Sequence[Rule]) -> None:
        """Change what is armed, from the next exchange on; whatever runs is let go. Raises `ConfigError`."""
        self.rules = tuple(rule.arm(self.protocol) for rule in rules)
        is_harmful = any(rule.is_harmful for rule in self.rules)
        self.selector = Selector(self.rules, self.seed) if is_harmful else None
        self.faults.renew()
        for link in list(self.links.values()):
            link.rearm()

    def is_due(self, rule: Rule) -> bool:
        """Ask the behavior of a rule that an exchange drew whether it applies; count it if so."""
        behavior = rule.behavior
        try:
            due = behavior.is_due()
        except (Exception, SystemExit) as error:  # whatever somebody's behavior raises
            self.warn_failed(behavior, error)
            return False
        rule.hits += due
        return due and behavior.name != 'dummy'

    def prepare_fault(self, link: Link, exchange: int, behavior: Dummy, protocol: BaseProtocol) -> str:
        """A behavior is about to begin on the request that *link* holds: count it, log it, hand chance to it.

        The text of the request.
        """
        self.tally.meters['behavior', behavior.name].hits += 1
        protocol.begin_fault(bytes(link.up.held), f'{self.seed}/{link.number}/{exchange}')
        text, _ = self.describe(protocol, link.up.position, protocol.request)
        # The rest in a moment: what it takes is not to make a delay longer.
        self.loop.run_callback(self._note_fault, time(), link.number, exchange, behavior, text)
        return text

    def _note_fault(self, now: float, link: int, exchange: int, behavior: Dummy, text: str) -> None:
        logger.info('link %d exchange %d: %s on %s', link, exchange, behavior.name, text)
        options = to_builtins(behavior.values, enc_hook=str)
        fault = Fault(time=now, link=link, exchange=exchange, behavior=behavior.name, options=options, request=text)
        self.faults.add(fault)

    def describe(self, protocol: BaseProtocol, position: int, request: bytes) -> tuple[str, bool]:
        """The text of the request at *position*, and whether those bytes will always have it on their link."""
        try:
            protocol.on_reached(position)
            return protocol.describe(request), protocol.describes_itself(request)
        except Exception as error:  # whatever somebody's protocol raises
            self.warn_failed(protocol, error)
            return f'{len(request)} bytes', True

    def watch(self, behavior: Dummy, step: Callable[..., Any], protocol: BaseProtocol, source: End, dest: End) -> Any:
        """Take one step of a behavior; warn, once, of a behavior that keeps everybody else waiting."""
        iteration, began = self.loop.iteration, perf_counter()
        result = step(protocol, source, dest, True)
        took = perf_counter() - began
        if took > BLOCKED and self.loop.iteration == iteration and behavior.name not in self._blamed:
            self._blamed.add(behavior.name)
            logger.warning(
                'behavior %s blocked every link for %.1f s: where nothing is patched, sleep with gevent.sleep',
                behavior.name,
                took,
            )
        return result

    def note_broken(self, link: Link, behavior: Dummy, error: OSError) -> None:
        """A peer left while a behavior spoke to it."""
        logger.debug('link %d: %s: %s', link.number, behavior.name, error)

    def warn_failed(self, plugin: Configurable | type[Configurable], error: BaseException) -> None:
        """A behavior or protocol raised: its own fault, not the peers'."""
        logger.warning(
            '%s failed: %s: %s',
            plugin.name,
            type(error).__name__,
            error,
            exc_info=logger.isEnabledFor(logging.DEBUG),
        )

    # The backend

    def set_backend(self, backend: Address) -> None:
        """Go to another backend, from the next exchange on."""
        self.backend = backend
        self.resolver = Resolver(self, backend)
        self.resolver.refresh()
        for link in list(self.links.values()):
            link.retire()

    # Telling

    def status(self) -> ProxyStatus:
        """Everything about the running proxy."""
        settings, counts = self.settings, self.tally.counts()
        limits: LimitsStatus = {
            'timeout': settings.timeout,
            'idle_timeout': settings.idle_timeout,
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
            'behavior': format_rules(self.rules),
            'behaviors': [rule.status() for rule in self.rules],
            'toxics': [status_of(entry) for entry in self.toxics],
            'seed': self.seed,
            'settings': limits,
            'links': {'open': len(self.links), 'total': self.links_total},
            'exchanges': counts.exchanges,
            'bytes': {'upstream': counts.upstream_received, 'downstream': counts.downstream_received},
            'faults': self.tally.behavior_hits(),
        }
