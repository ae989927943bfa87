"""What happens on the proxies of a process, for whoever looks. Nobody who reads is ever waited for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from math import ceil
from random import sample, uniform
from time import monotonic, time

import gevent
from gevent.pool import Group

from vaurien import __version__
from vaurien.clock import no_pause
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.recording import Timed
from vaurien.engine.turns import get_turns, pausing
from vaurien.errors import BusyError
from vaurien.live.changes import Changes
from vaurien.live.events import (
    KEPT,
    PERIOD,
    ChangeEvent,
    Event,
    ExchangeEvent,
    FaultEvent,
    ProxySecond,
    SecondEvent,
    SnapshotEvent,
    encode,
)
from vaurien.live.live_proxy import LiveProxy
from vaurien.live.reader import Reader
from vaurien.live.sampling import Sampling
from vaurien.records.faults import Fault
from vaurien.records.origin import ORIGIN, What
from vaurien.rules.match import Pattern
from vaurien.schedule.scheduler import Scheduler
from vaurien.web.call import HEARTBEAT

#: The most readers at a time.
MOST_READERS = 32
#: Seconds for which counting goes on after the last reader has left: one who returns finds no gap.
LINGER = 120.0
#: The most faults that are told of in a second.
MOST_FAULTS = 100
#: The least and the most seconds between two refills. They are drawn at random, so that timing keeps step with nothing.
REFILLED = (0.3, 0.7)

_COMMENT = b': heartbeat\n\n'


class Live:
    """Watches the proxies of a process, in the thread and on the event loop where they are.

    While nobody looks, it is told of changes only.
    """

    def __init__(self, proxies: Proxies, scheduler: Scheduler) -> None:
        self._watched: dict[str, LiveProxy] = {}
        self._readers: set[Reader] = set()
        #: How many readers were dropped because they did not keep up.
        self.dropped = 0
        self._changes = Changes()
        self._number = 0
        self._until = 0.0
        self._faults_left = MOST_FAULTS
        self._sampling = Sampling()
        self._is_running = False
        self._greenlets = Group()
        proxies.watch(self)
        scheduler.observers.append(self._note_schedule)

    # What there is

    def on_added(self, proxy: ProxyServer) -> None:
        """Watch a proxy."""
        self._watched[proxy.name] = watched = LiveProxy(proxy, self._note_change, self._note_fault, self._note_timed)
        if self._is_running:
            watched.begin(no_pause)
            if self._sampling.is_open:
                watched.open(self._take)
        self._note_change(watched, 'proxy', f'proxy {proxy.name}')

    def on_removed(self, proxy: ProxyServer) -> None:
        """Watch a proxy no more."""
        self._watched.pop(proxy.name).leave()
        self._tell_change(proxy.name, 'proxy', f'proxy {proxy.name} removed', None)

    # Who looks

    @property
    def readers(self) -> int:
        """The number of readers."""
        return len(self._readers)

    def look(self) -> None:
        """Note that somebody looks, and have everything counted for a while."""
        self._until = monotonic() + LINGER
        if self._is_running:
            return
        self._is_running = True
        try:
            pause = get_turns().begin()
            for watched in pausing(list(self._watched.values()), pause):
                watched.begin(pause)
            self._refill(PERIOD)
        except BaseException:  # such as a client that has gone in a pause
            self._end()
            raise
        self._greenlets.spawn(self._run)

    def stop(self) -> None:
        """Look no more, and send nothing more."""
        self._greenlets.kill(block=False)
        self._end()

    def _end(self) -> None:
        """Count no more. Readers are dropped: those who come again have it begin anew."""
        self._is_running = False
        for watched in self._watched.values():
            watched.end()
        for reader in self._readers:
            reader.drop()

    def read(self, proxy: str = '', pattern: Pattern | None = None) -> Generator[bytes, None, None]:
        """Return the events from now on, those that *proxy* and *pattern* choose; raise `BusyError`."""
        if len(self._readers) >= MOST_READERS:
            raise BusyError(f'there are {MOST_READERS} readers of events already')
        return self._send(Reader(proxy, pattern))

    def _send(self, reader: Reader) -> Generator[bytes, None, None]:
        self.look()
        with self._reading(reader):
            yield self._take_snapshot(reader.proxy)
            while not reader.is_dropped:
                yield reader.take(HEARTBEAT) or _COMMENT

    @contextmanager
    def _reading(self, reader: Reader) -> Iterator[None]:
        self._readers.add(reader)
        try:
            yield
        finally:
            self._readers.discard(reader)
            self._until = monotonic() + LINGER

    def _take_snapshot(self, proxy: str) -> bytes:
        # What happens in a pause is an event after it: it has a higher number, and is not in the snapshot, too.
        pause, now, number = get_turns().begin(), time(), self._count_event()
        watched = [one for name, one in list(self._watched.items()) if proxy in ('', name)]
        changes = self._changes.find(now, proxy)
        snapshot = SnapshotEvent(
            time=now,
            version=__version__,
            period=PERIOD,
            kept=KEPT,
            states={one.name: one.state for one in pausing(watched, pause)},
            series={one.name: one.series.encode(now) for one in pausing(watched, pause)},
            changes=changes,
        )
        return encode(snapshot, number)

    # What they are told

    def _count_event(self) -> int:
        self._number += 1
        return self._number

    def _find_readers(self, proxy: str | None, request: str | None = None) -> list[Reader]:
        return [reader for reader in self._readers if reader.wants(proxy, request)]

    def _send_to(self, readers: Iterable[Reader], event: Event) -> None:
        data, is_urgent = encode(event, self._count_event()), isinstance(event, ChangeEvent)
        for reader in readers:
            self.dropped += not reader.add(data, is_urgent=is_urgent)

    def _note_change(self, watched: LiveProxy, what: What, text: str) -> None:
        self._tell_change(watched.name, what, text, watched)

    def _tell_change(self, proxy: str, what: What, text: str, watched: LiveProxy | None) -> None:
        state = None if watched is None else watched.state
        change = ChangeEvent(time=time(), proxy=proxy, what=what, by=ORIGIN.get(), text=text, state=state)
        self._note(change)

    def _note_schedule(self, text: str) -> None:
        change = ChangeEvent(time=time(), proxy=None, what='schedule', by=ORIGIN.get(), text=text, state=None)
        self._note(change)

    def _note(self, change: ChangeEvent) -> None:
        self._changes.add(change)
        self._send_to(self._find_readers(change.proxy), change)

    def _note_fault(self, watched: LiveProxy, fault: Fault) -> None:
        if self._faults_left and (readers := self._find_readers(watched.name, fault.request)):
            self._faults_left -= 1
            event = FaultEvent(
                time=fault.time,
                proxy=watched.name,
                link=fault.link,
                exchange=fault.exchange,
                behavior=fault.behavior,
                options=fault.options,
                request=fault.request,
            )
            self._send_to(readers, event)

    def _note_timed(self, timed: Timed) -> None:
        entry, client = timed.entry, timed.client
        readers = self._find_readers(entry.proxy, entry.request)
        if not readers:
            return
        event = ExchangeEvent(
            time=entry.time,
            proxy=entry.proxy,
            link=entry.link,
            exchange=entry.exchange,
            client=None if client is None else str(client),
            request=entry.request,
            effect=entry.effect,
            reply=entry.reply,
            client_time=_round(timed.client_time),
            backend_time=_round(timed.backend_time),
            executed=entry.executed,
            sent=entry.sent,
            received=entry.received,
            behavior=entry.behavior,
            options=entry.options,
            toxics=timed.toxics,
        )
        self._send_to(readers, event)

    # What is timed

    def _take(self) -> None:
        """Note that an exchange is timed."""
        self._sampling.take()
        if not self._sampling.is_open:
            for watched in self._watched.values():
                watched.close()

    def _refill(self, seconds: float) -> None:
        """Let more exchanges be timed, so many *seconds* after the last time."""
        most = self._sampling.refill(seconds)
        if not (most and self._watched):
            return
        for watched in self._watched.values():
            watched.open(self._take)
        chosen = sample(list(self._watched.values()), min(most, len(self._watched)))
        for watched in chosen:
            watched.proxy.look_at_some(ceil(most / len(chosen)))

    # Seconds

    def _run(self) -> None:
        try:
            self._count_seconds()
        finally:
            self._end()

    def _count_seconds(self) -> None:
        began = filled = monotonic()
        while self._readers or monotonic() < self._until:
            gevent.sleep(max(0.0, min(uniform(*REFILLED), began + PERIOD - monotonic())))
            now = monotonic()
            if now >= began + PERIOD:
                self._measure(now - began, get_turns().begin())
                began = now
            self._refill(now - filled)
            filled = now

    def _measure(self, seconds: float, pause: Callable[[], object]) -> None:
        """Tell what went through each proxy in the last second."""
        self._faults_left = MOST_FAULTS
        timed, now, requests = self._sampling.count(), time(), 0
        found: dict[str, ProxySecond] = {}
        for name, watched in pausing(list(self._watched.items()), pause):
            found[name], exchanges = watched.measure(now, pause)
            requests += exchanges
        self._sampling.adapt(requests, seconds)
        if not self._readers:
            return
        for proxy in {reader.proxy for reader in self._readers}:
            event = SecondEvent(
                time=now,
                seconds=seconds,
                requests=requests,
                timed=timed,
                proxies={name: second for name, second in found.items() if proxy in ('', name)},
            )
            self._send_to([reader for reader in self._readers if reader.proxy == proxy], event)


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
