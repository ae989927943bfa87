"""What exploring speaks of: a point is a request that a test makes, a cell is a fault tried there, and its outcome."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from vaurien.errors import ConfigError
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind
from vaurien.records.entry import Entry
from vaurien.settings import REFUSE, ProxySettings

#: What stands in the place of a request where a fault is for the connection.
CONNECTION = '(connect)'

#: What is behind the last ``#``: a request may have others.
_FAULT = re.compile(r'(?P<nth>[1-9]\d*)(?P<open>\+?) +(?P<kind>[a-z]+)(?:\((?P<detail>[^()]+)\))?')

#: What a shell obeys between double quotes.
_SPECIAL = re.compile(r'["$`\\]')


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A request of the application that comes in each clean run: ``redis · SET user:* · 1``."""

    proxy: str
    #: Its text, in which ``*`` stands for what differs from run to run.
    request: str
    #: Its number among those of the application at the proxy with this text, from 1.
    nth: int
    effect: Effect
    #: The line of the application that asked, ``app/orders.py:41``; empty if nobody knows.
    where: str = ''
    #: After how many bytes its reply would break off in its middle; 0: it has none.
    middle: int = 0

    def __str__(self) -> str:
        return f'{self.proxy} · {self.request} · {self.nth}'


class Injection(msgspec.Struct, frozen=True, kw_only=True):
    """A fault at a point. As a text, it is what ``--vaurien-fault`` takes: ``http: POST /charge #1 lost``."""

    proxy: str
    request: str
    nth: int
    kind: Kind
    #: Which of several of that kind: ``503`` of ``no(503)``; how late, ``1.2s`` of ``late(1.2s)``.
    detail: str = ''
    #: Whether it is for all requests with that text from the nth on: ``#1+``.
    for_ever: bool = False

    def __str__(self) -> str:
        detail = f'({self.detail})' if self.detail else ''
        return f'{self.proxy}: {self.request} #{self.nth}{"+" * self.for_ever} {self.kind.value}{detail}'

    @classmethod
    def parse(cls, text: str) -> Injection:
        """Return what *text* says; raise `ConfigError`."""
        point, _, fault = text.strip().rpartition(' #')
        proxy, _, request = point.partition(':')
        match = _FAULT.fullmatch(fault)
        kinds = [kind.value for kind in Kind]
        if match is None or match['kind'] not in kinds or not proxy or ' ' in proxy or not request.strip():
            raise ConfigError(f'{text!r} is no fault such as {"http: POST /charge #1 lost"!r}: {", ".join(kinds)}')
        return cls(
            proxy=proxy,
            request=request.strip(),
            nth=int(match['nth']),
            kind=Kind(match['kind']),
            detail=match['detail'] or '',
            for_ever=bool(match['open']),
        )


class Outcome(str, Enum):
    """What became of a test under a fault. They are in the order of how bad they are, the worst first."""

    WRONG = 'wrong'
    TWICE = 'twice'
    HUNG = 'hung'
    LEAK = 'leak'
    STORM = 'storm'
    LEAKED = 'leaked'
    DECLARED = 'declared'
    RETRIED = 'retried'
    ABSORBED = 'absorbed'
    NOT_HIT = 'not hit'

    @property
    def letter(self) -> str:
        """The letter of it in a matrix: capital if something is to be mended."""
        return LETTERS[self]

    @property
    def is_finding(self) -> bool:
        """Whether something is to be mended."""
        return LETTERS[self].isupper()


LETTERS = {
    Outcome.WRONG: 'W',
    Outcome.TWICE: 'T',
    Outcome.HUNG: 'H',
    Outcome.LEAK: 'K',
    Outcome.STORM: 'S',
    Outcome.LEAKED: 'L',
    Outcome.DECLARED: 'd',
    Outcome.RETRIED: 'r',
    Outcome.ABSORBED: '.',
    Outcome.NOT_HIT: '-',
}

#: From the worst to the best.
SEVERITY = tuple(Outcome)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run did not pass."""

    #: ``setup``, ``call`` or ``teardown``.
    phase: str
    #: The names of the exception's class, and more as of `list_kinds`; empty if it was a command.
    kinds: tuple[str, ...] = ()
    message: str = ''
    is_assertion: bool = False
    #: The status of HTTP that was asserted on, if it was one.
    status: int | None = None


def list_kinds(error: BaseException) -> tuple[str, ...]:
    """Return the names of an exception's class and of those that it extends, with their modules."""
    return tuple(f'{kind.__module__}.{kind.__qualname__}' for kind in type(error).__mro__ if kind is not object)


class Run(msgspec.Struct, kw_only=True):
    """One run of a test, as far as it can be seen from outside."""

    seconds: float
    failure: Failure | None = None
    #: Whether it was ended because it had taken too long. What came behind that is not in it.
    hung: bool = False
    #: Whether the faults have met their requests.
    hit: bool = True
    #: The exchanges of the application, in the order of their requests; and how many there were of the test itself.
    entries: Sequence[Entry] = ()
    own: int = 0
    #: The proxies at which a connection of the application was left open behind the test, more than in a clean run.
    left_open: Sequence[str] = ()

    @property
    def has_passed(self) -> bool:
        """Whether the test has ended in time, and well."""
        return self.failure is None and not self.hung


class Runner(Protocol):
    """Runs one test, or one command, as often as it is told."""

    @property
    def test(self) -> str:
        """The name of the test."""

    @property
    def proxies(self) -> Sequence[ExploredProxy]:
        """The proxies that the last run has used, in the order in which they were made."""

    def run(self, injections: Sequence[Injection] = (), limit: float | None = None) -> Run:
        """Run it with those faults, for up to *limit* seconds."""

    def renew(self) -> bool:
        """Have later runs begin in a fresh process, for this one is spoilt; return whether they will."""


class ExploredProxy(msgspec.Struct, frozen=True, kw_only=True):
    """What exploring has to know of a proxy."""

    name: str
    protocol: str
    #: Whether it speaks TLS with its clients, or refuses that to those who ask for it.
    is_tls: bool = False
    refuses_tls: bool = False

    @classmethod
    def of(cls, name: str, settings: ProxySettings) -> ExploredProxy:
        """Return what there is to know of a proxy with these *settings*, which exploring calls by that *name*."""
        is_tls = settings.client_leg is not None
        return cls(name=name, protocol=settings.protocol, is_tls=is_tls, refuses_tls=settings.tls == REFUSE)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test under one fault, or under several together."""

    test: str
    injections: tuple[Injection, ...]
    effect: Effect
    where: str
    outcomes: frozenset[Outcome]
    #: What is to be said of it, in a sentence: the assertion, the write that came twice.
    message: str = ''
    seconds: float = 0.0
    #: The seconds of each run with these faults, where there were several, as under load.
    times: Sequence[float] = ()
    #: The exchanges of this run.
    entries: Sequence[Entry] = ()

    @property
    def worst(self) -> Outcome:
        """The worst of the outcomes."""
        return min(self.outcomes, key=SEVERITY.index)


class Untried(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was possible, and was not tried."""

    injection: Injection
    #: What would have been tried together with it.
    also: tuple[Injection, ...] = ()
    #: Why, in words that fit others, too: ``out of budget``, ``silent once at redis is enough``.
    reason: str


def _quote(word: str) -> str:
    """Return *word* as a shell takes it: in double quotes if it has single ones, which is easier to read."""
    if "'" in word and '!' not in word:
        return '"' + _SPECIAL.sub(r'\\\g<0>', word) + '"'
    return shlex.quote(word)


class ReplayCommand(msgspec.Struct, frozen=True, kw_only=True):
    """How to try one cell again: a command, with a flag for each fault."""

    #: The words before the flags, and behind them.
    before: tuple[str, ...]
    after: tuple[str, ...] = ()
    flag: str = '--vaurien-fault'

    def format(self, injections: Iterable[Injection]) -> str:
        """Return the line that a shell takes."""
        flags = [word for injection in injections for word in (self.flag, str(injection))]
        return ' '.join(map(_quote, [*self.before, *flags, *self.after]))


class Explored(msgspec.Struct, kw_only=True):
    """What was found out about one test."""

    test: str
    #: How to try one of its cells again; None if it is a test of pytest, of that name.
    replay: ReplayCommand | None = None
    proxies: Sequence[ExploredProxy] = ()
    points: Sequence[Point] = ()
    cells: list[Cell] = []
    untried: list[Untried] = []
    #: The exchanges of a clean run, and how many there were of the test itself.
    clean: Sequence[Entry] = ()
    own: int = 0
    #: The proxies that the test watches itself, or for which it chooses the faults, so that they were left to it.
    apart: Sequence[str] = ()
    #: The seconds of each clean run from which the points were learnt.
    times: Sequence[float] = ()
    #: Whether clean runs were alike.
    is_stable: bool = True
    #: Why the test could not be explored at all; empty if it could.
    problem: str = ''
    runs: int = 0
    seconds: float = 0.0

    @property
    def says_anything(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.runs or self.cells or self.problem or self.apart)

    def format_replay(self, injections: Iterable[Injection]) -> str:
        """Return the line for a shell that tries those faults again."""
        return (self.replay or ReplayCommand(before=('pytest', self.test))).format(injections)
