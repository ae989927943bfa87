"""The faults of a journal at work again, each at the request at which it was: that of the same text and number."""

from __future__ import annotations

import logging
import os
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from vaurien.behaviors import Behavior
from vaurien.engine.chooser import Choice
from vaurien.errors import ConfigError
from vaurien.journal.reading import Located, read_entries
from vaurien.plugins.distribution import reading_files
from vaurien.protocols import Protocol
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink
from vaurien.records.status import ReplayStatus
from vaurien.rules.limits import LIMITS
from vaurien.rules.rule import Rule
from vaurien.settings import ProxySettings

#: The most faults of a journal: each takes some thousand bytes while it waits.
MAX_FAULTS = 100_000
#: How many of the faults that were not placed are named. Of all of them, the number is.
NAMED = 100

#: What is chosen for a request that met no fault.
PASSING = Choice(passes=True)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Replayed:
    """One fault of a journal, and what has become of it."""

    place: str
    entry: Entry
    rule: Rule
    is_placed: bool = False


class ReplayChooser:
    """Chooses the faults of one proxy. Whatever else is armed there is not drawn: nothing but these is to happen."""

    def __init__(self, faults: Sequence[Replayed], protocol: str) -> None:
        """Take the *faults* for links that speak a *protocol*; raise `ConfigError` for one that cannot be applied."""
        self._faults = faults
        kind = Protocol.get(protocol)
        for fault in faults:
            try:
                fault.rule.arm(kind)
            except ConfigError as error:
                raise ConfigError(str(error), fault.place) from None
        self._fill()

    def _fill(self) -> None:
        self._waiting: defaultdict[tuple[str, int], deque[Replayed]] = defaultdict(deque)
        #: How many requests of each text have come, if a fault is for one of them.
        self._counts: dict[str, int] = {}
        for fault in self._faults:
            self._counts[fault.entry.request] = 0
            if not fault.is_placed:  # at a proxy of that name that is gone
                self._waiting[fault.entry.request, fault.entry.nth].append(fault)

    def rewind(self) -> None:
        """Be as if no request had come."""
        for fault in self._faults:
            fault.is_placed = False
        self._fill()

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice:
        """Return the fault of the journal for a request; or else one that lets it pass."""
        if text not in self._counts:
            return PASSING
        self._counts[text] = nth
        waiting = self._waiting.get((text, nth))
        if not waiting:
            return PASSING
        fault = waiting.popleft()
        fault.is_placed = True
        return Choice(fault.rule, chance=fault.entry.chance)

    @property
    def has_met(self) -> bool:
        """Whether there was a request that a fault is for, or one like it."""
        return any(self._counts.values())

    def count(self, text: str) -> int:
        """Return how many requests of a *text* have come that a fault is for."""
        return self._counts[text]


class Replay:
    """The faults of a journal, and which of them were placed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the journal at *path*; raise `ConfigError` with the line of what cannot be replayed."""
        self.path = os.fspath(path)
        self._faults: defaultdict[str, list[Replayed]] = defaultdict(list)
        self._choosers: dict[str, ReplayChooser] = {}
        count = 0
        with reading_files():
            for located in read_entries(self.path, lambda notice: logger.warning('replay: %s', notice)):
                if located.entry.behavior is not None:
                    count += 1
                    if count > MAX_FAULTS:
                        raise ConfigError(f'there are more than {MAX_FAULTS} faults', located.place)
                    self._faults[located.entry.proxy].append(_restore(located))

    def make_chooser(self, settings: ProxySettings) -> ReplayChooser:
        """Return what chooses for a proxy; raise `ConfigError` for a fault that its protocol cannot have."""
        chooser = self._choosers[settings.name] = ReplayChooser(self._faults[settings.name], settings.protocol)
        return chooser

    def status(self, *proxies: str) -> ReplayStatus:
        """Return what has become of the faults of *proxies*; without a name, of all."""
        faults = [fault for proxy in proxies or self._faults for fault in self._faults[proxy]]
        placed = sum(fault.is_placed for fault in faults)
        unplaced = map(self._explain, islice((fault for fault in faults if not fault.is_placed), NAMED))
        return {'faults': len(faults), 'placed': placed, 'unplaced': list(unplaced)}

    def warn_missing(self) -> None:
        """Log how many faults are for proxies that are not here. They may come yet."""
        for name, faults in self._faults.items():
            if name not in self._choosers:
                logger.warning('replay: faults for the proxy %s, which is not here: %d', name, len(faults))

    def report(self) -> Iterator[str]:
        """Yield lines that say how many faults were placed, the first of them, and which were not."""
        status = self.status()
        yield f'replayed: {status["placed"]} of {status["faults"]} faults of {self.path}'
        if status['faults'] and not any(chooser.has_met for chooser in self._choosers.values()):
            yield 'none of their requests came: does the proxy have the name and the protocol that it had?'
        yield from (f'not placed: {unplaced}' for unplaced in status['unplaced'])
        left = status['faults'] - status['placed'] - len(status['unplaced'])
        if left:
            yield f'not placed: {left} more'

    def _explain(self, fault: Replayed) -> str:
        """Return what a fault is, and why it is not placed yet."""
        entry = fault.entry
        if entry.proxy not in self._choosers:
            reason = 'there is no such proxy'
        else:
            count = self._choosers[entry.proxy].count(entry.request)
            noun = 'request' if count == 1 else 'requests'
            reason = f'only {count} such {noun} came' if count else 'no such request came'
            if count >= entry.nth:
                reason = 'the journal has another fault of that request'
        return f'{entry.proxy}: {entry.request} #{entry.nth} {fault.rule.name}: {reason}'


def _restore(located: Located) -> Replayed:
    """Return the fault of an entry; raise `ConfigError` with the place of it."""
    place, entry = located
    try:
        kind = Behavior.get(entry.behavior or '')
        given = kind.check({name: value for name, value in entry.options.items() if name not in LIMITS})
        return Replayed(place, entry, Rule(kind, given=given))
    except ConfigError as error:
        raise ConfigError(str(error), place) from None
