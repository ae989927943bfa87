"""What became of the hits: counts that add up over users, processes and machines.

A *hit* is one run of the test by one user.
"""

from __future__ import annotations

import re
import traceback
import unittest
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import msgspec

#: Distinct problems, and counters of tests' own, that are kept apart: what comes after them is counted together.
MAX_PROBLEMS = 100
MAX_COUNTERS = 1000
#: The most characters of a traceback, of whose middle the rest is left out.
MAX_TRACEBACK = 8000
OTHERS = '(others)'
MORE = (OTHERS, 'more kinds than are kept apart', '')

#: How a hit ends. Expected failures are successes, unexpected successes are failures.
Outcome = Literal['success', 'error', 'failure', 'skipped']
#: What a test makes of a fault: its hit fails; it succeeds, having asked again; or it succeeds as it is.
Met = Literal['answered', 'retried', 'failed']

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_UNITTEST = str(Path(unittest.__file__).parent)
_ADDRESS = re.compile(r'0x[0-9a-f]+')


class Problem(msgspec.Struct):
    """One kind of error or failure: how often, and the first of them in full."""

    kind: str
    message: str
    traceback: str
    count: int = 0


class TestStats(msgspec.Struct):
    """Counts of one process, or of many added up."""

    __test__ = False

    success: int = 0
    error: int = 0
    failure: int = 0
    skipped: int = 0
    #: Hits that were cut off by the end of the run; they are in none of the counts above.
    cut: int = 0
    #: Time spent in hits, in seconds; and how many took how many milliseconds, rounded to two digits.
    seconds: float = 0.0
    times: dict[int, int] = msgspec.field(default_factory=dict)
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    websockets: int = 0
    websocket_bytes: int = 0
    problems: dict[str, Problem] = msgspec.field(default_factory=dict)
    #: Faults that were injected, by behavior; hits that met one, by what the test made of it.
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    met: dict[Met, int] = msgspec.field(default_factory=dict)
    #: Faults on connections of nobody known.
    stray_faults: int = 0

    @property
    def hits(self) -> int:
        """Hits that came to their end."""
        return self.success + self.error + self.failure + self.skipped

    def end_hit(self, outcome: Outcome, seconds: float) -> None:
        """A hit came to its end."""
        setattr(self, outcome, getattr(self, outcome) + 1)
        self.seconds += seconds
        bucket = round_ms(1000 * seconds)
        self.times[bucket] = self.times.get(bucket, 0) + 1

    def cut_hit(self) -> None:
        """Count a hit that was cut off."""
        self.cut += 1

    def open_websocket(self) -> None:
        """Count a web socket that was opened."""
        self.websockets += 1

    def receive(self, size_bytes: int) -> None:
        """Count what came over a web socket."""
        self.websocket_bytes += size_bytes

    def add_fault(self, behavior: str, *, stray: bool) -> None:
        """Count a fault that was injected; it is *stray* if it is on nobody's connection."""
        self.faults[behavior] = self.faults.get(behavior, 0) + 1
        self.stray_faults += stray

    def end_meeting(self, met: Met) -> None:
        """Count a hit that met a fault, by what the test made of it."""
        self.met[met] = self.met.get(met, 0) + 1

    def count(self, name: str, count: int) -> None:
        """A counter of a test's own goes up."""
        name = name if name in self.counters or len(self.counters) < MAX_COUNTERS else OTHERS
        self.counters[name] = self.counters.get(name, 0) + count

    def add_problem(self, kind: str, key: str, message: str, tell: Callable[[], str]) -> None:
        """A hit has an error or a failure; *tell* is only called for the first of a kind."""
        if key not in self.problems and len(self.problems) >= MAX_PROBLEMS:
            self.problems.setdefault(OTHERS, Problem(*MORE)).count += 1
            return
        if key not in self.problems:
            self.problems[key] = Problem(kind, message, shorten(tell()))
        self.problems[key].count += 1

    def add_exception(self, kind: str, exc_info: ExcInfo) -> None:
        """Likewise, for something that a test raised."""
        type_, error, trace = exc_info
        message = traceback.format_exception_only(type_, error)[-1].strip()
        frame = _innermost(trace)
        key = f'{kind} {frame} {_ADDRESS.sub("0x", message)}'
        self.add_problem(kind, key, message, lambda: format_exception(exc_info))

    def add(self, other: TestStats) -> None:
        """Add what another process counted."""
        for name in ('success', 'error', 'failure', 'skipped', 'cut', 'seconds'):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ('websockets', 'websocket_bytes', 'stray_faults'):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ('times', 'faults', 'met'):
            counts = getattr(self, name)
            for key, count in getattr(other, name).items():
                counts[key] = counts.get(key, 0) + count
        for counter, count in other.counters.items():
            self.count(counter, count)
        for key, problem in other.problems.items():
            known = self.problems.get(key)
            if known is not None:
                known.count += problem.count
            elif len(self.problems) < MAX_PROBLEMS or key == OTHERS:
                self.problems[key] = msgspec.structs.replace(problem)
            else:
                self.problems.setdefault(OTHERS, Problem(*MORE)).count += problem.count

    def take(self) -> TestStats:
        """Everything counted since the last time."""
        taken = TestStats()
        for name in self.__struct_fields__:
            fresh = getattr(taken, name)
            setattr(taken, name, getattr(self, name))
            setattr(self, name, fresh)
        return taken

    def to_data(self) -> Any:
        """As plain values, for a message or a file."""
        return msgspec.to_builtins(self, str_keys=True)

    @classmethod
    def from_data(cls, data: Any) -> TestStats:
        """What `to_data` gave; raises `msgspec.ValidationError`."""
        return msgspec.convert(data, cls, strict=False)


def round_ms(milliseconds: float) -> int:
    """To two digits, as Locust rounds response times: no more than some 300 different ones."""
    if milliseconds < 100:
        return round(milliseconds)
    scale = 10 if milliseconds < 1000 else 100 if milliseconds < 10_000 else 1000
    return round(milliseconds / scale) * scale


def percentile(times: dict[int, int], share: float) -> int:
    """The time in milliseconds within which that *share* of them (0 to 1) was done, by nearest rank."""
    left = share * sum(times.values())
    for milliseconds in sorted(times):
        left -= times[milliseconds]
        if left <= 1e-9:
            return milliseconds
    return 0


def shorten(text: str) -> str:
    """*text*, without its middle if it is too long."""
    half = MAX_TRACEBACK // 2
    return text if len(text) <= MAX_TRACEBACK else f'{text[:half]}\n[…]\n{text[-half:]}'


def format_exception(exc_info: ExcInfo) -> str:
    """A traceback without the frames of unittest, which are the same in all of them."""
    told = traceback.TracebackException(*exc_info, compact=True)
    links: list[traceback.TracebackException | None] = [told]
    while links:
        one = links.pop()
        if one is not None:
            kept = [frame for frame in one.stack if not _is_machinery(frame.filename)]
            one.stack = traceback.StackSummary.from_list(kept or one.stack)
            links += [one.__cause__, one.__context__]
    return ''.join(told.format()).rstrip()


def _is_machinery(filename: str) -> bool:
    return filename.startswith(_UNITTEST)


def _innermost(trace: TracebackType | None) -> str:
    """The last place of the test itself, or of what it calls; not that of an ``assertEqual``.

    Of a file only the name: each agent has it in another folder.
    """
    place = ''
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if not _is_machinery(filename):
            place = f'{Path(filename).name}:{trace.tb_lineno}'
        trace = trace.tb_next
    return place
