"""One client that makes exchanges for a while and compares what comes back with what should."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from threading import Event
from typing import NamedTuple

from soak.clients import ANSWERS, FAILURES, Talk
from soak.faults import Record

#: The most bytes of one exchange, and of a large one.
USUAL, LARGE = 16 * 1024, 1024 * 1024

Connect = Callable[[int], AbstractContextManager[Talk]]


class Load(NamedTuple):
    """How much clients ask."""

    #: Seconds between two exchanges of a client. They leave the processor to others.
    pause: float = 0.1
    #: The share of large exchanges.
    large: float = 0.01


@dataclass
class Outcome:
    """What a worker has seen."""

    #: Exchanges that no fault could have met, and that were compared.
    untouched: int = 0
    #: Exchanges that ran while a fault was armed, or on a connection that had lived through one, and came back right.
    survived: int = 0
    #: Exchanges and connects that failed, when a fault was armed.
    failed: int = 0
    #: Exchanges that nothing can be said about, as a toxic changed bytes.
    spoiled: int = 0
    #: What should not be, a line each.
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add what another worker has seen."""
        self.untouched += other.untouched
        self.survived += other.survived
        self.failed += other.failed
        self.spoiled += other.spoiled
        self.wrong += other.wrong


class Worker:
    """A client of the proxy on *port*, whose faults are in *record*."""

    def __init__(self, name: str, connect: Connect, port: int, record: Record, chance: Random, load: Load) -> None:
        self.name = name
        self.outcome = Outcome()
        self._connect = connect
        self._port = port
        self._record = record
        self._chance = chance
        self._load = load

    def run(self, stopped: Event) -> None:
        """Make exchanges until *stopped* is set, on one connection after the other."""
        while not stopped.is_set():
            born = self._record.now
            try:
                with ExitStack() as stack:
                    talk = stack.enter_context(self._connect(self._port))
                    self._talk(talk, born, stopped)
            except Exception as error:  # what a driver raises on changed bytes is not to be foreseen
                self._failed(born, error)
            stopped.wait(0.01)

    def _talk(self, talk: Talk, born: int, stopped: Event) -> None:
        """Make exchanges on one connection, at least one, while there is no reason to make a new one."""
        is_worn = False
        while not (stopped.is_set() or is_worn):
            size = self._chance.randrange(LARGE if self._chance.random() < self._load.large else USUAL)
            data = self._chance.randbytes(size)
            try:
                answer = talk(data)
            except ANSWERS as error:
                self._failed(born, error)
            else:
                self._compare(born, data, answer)
            stopped.wait(self._load.pause)
            is_worn = self._is_worn(born)

    def _is_worn(self, born: int) -> bool:
        """Return whether to replace the connection, for what it has lived through: always if bytes were changed."""
        seen = self._record.since(born)
        return 'spoiler' in seen or (seen != {'calm'} and self._chance.random() < 0.1)

    def _failed(self, born: int, error: Exception) -> None:
        seen = self._record.since(born)
        if seen == {'calm'} or not (isinstance(error, FAILURES) or 'spoiler' in seen):
            self.outcome.wrong.append(f'{self.name}: {type(error).__name__}: {error}, {sorted(seen)}')
        else:
            self.outcome.failed += 1

    def _compare(self, born: int, sent: bytes, received: bytes) -> None:
        seen = self._record.since(born)
        if 'spoiler' in seen:
            self.outcome.spoiled += 1
        elif sha256(sent).digest() != sha256(received).digest():
            self.outcome.wrong.append(
                f'{self.name}: {len(received)} other bytes instead of {len(sent)}, {sorted(seen)}'
            )
        elif seen == {'calm'}:
            self.outcome.untouched += 1
        else:
            self.outcome.survived += 1
