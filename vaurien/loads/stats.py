"""How the hits ended: counts that add up over users, processes and machines.

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

#: The most kinds of problems, and counters of tests, that are kept apart. All others are counted together.
MAX_PROBLEMS = 100
MAX_COUNTERS = 1000
#: The most characters of a traceback. The middle of a longer one is left out.
MAX_TRACEBACK = 8000
OTHERS = '(others)'
MORE = (OTHERS, 'more kinds than are kept apart', '')

#: How a hit ends. An expected failure is a success, an unexpected success is a failure.
Outcome = Literal['success', 'error', 'failure', 'skipped']
#: What a test makes of a fault: it succeeds, succeeds after the same request again, or fails.
Met = Literal['answered', 'retried', 'failed']

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_UNITTEST = str(Path(unittest.__file__).parent)
_ADDRESS = re.compile(r'0x[0-9a-f]+')


class Problem(msgspec.Struct):
    """One kind of error or failure: its count, and the first one in full."""

    kind: str
    message: str
    traceback: str
    count: int = 0


class TestStats(msgspec.Struct):
    """The counts of one process, or of many added up."""

    __test__ = False

    success: int = 0
    error: int = 0
    failure: int = 0
    skipped: int = 0
    #: Hits that the end of the run cut off. They are in none of the counts above.
    cut: int = 0
    #: The time spent in hits, in seconds.
    seconds: float = 0.0
    #: Hits by their time in milliseconds, rounded to two digits.
    times: dict[int, int] = msgspec.field(default_factory=dict)
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    websockets: int = 0
    websocket_bytes: int = 0
    problems: dict[str, Problem] = msgspec.field(default_factory=dict)
    #: Injected faults by behavior, and hits that met one by what the test made of it.
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    met: dict[Met, int] = msgspec.field(default_factory=dict)
    #: Faults on connections that belong to no known user.
    stray_faults: int = 0

    @property
    def hits(self) -> int:
        """The number of hits that came to their end."""
        return self.success + self.error + self.failure + self.skipped

    def end_hit(self, outcome: Outcome, seconds: float) -> None:
        """Count a hit that came to its end."""
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
        """Add to a counter of the test."""
        name = name if name in self.counters or len(self.counters) < MAX_COUNTERS else OTHERS
        self.counters[name] = self.counters.get(name, 0) + count

    def add_problem(self, kind: str, key: str, message: str, describe: Callable[[], str]) -> None:
        """Count a problem of the kind *key*. *describe* is called only for the first of a kind."""
        if key not in self.problems and len(self.problems) >= MAX_PROBLEMS:
            self.problems.setdefault(OTHERS, Problem(*MORE)).count += 1
            return
        if key not in self.problems:
            self.problems[key] = Problem(kind, message, shorten(describe()))
        self.problems[key].count += 1

    def add_exception(self, kind: str, exc_info: ExcInfo) -> None:
        """Count an exception that a test raised."""
        type_, error, trace = exc_info
        message = traceback.format_exception_only(type_, error)[-1].strip()
        frame = _innermost(trace)
        key = f'{kind} {frame} {_ADDRESS.sub("0x", message)}'
        self.add_problem(kind, key, message, lambda: format_exception(exc_info))

    def add(self, other: TestStats) -> None:
        """Add the counts of another process."""
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
        """Return all that was counted, and begin again at zero."""
        taken = TestStats()
        for name in self.__struct_fields__:
            fresh = getattr(taken, name)
            setattr(taken, name, getattr(self, name))
            setattr(self, name, fresh)
        return taken

    def to_data(self) -> Any:
        """Return it as plain values, for a message."""
        return msgspec.to_builtins(self, str_keys=True)

    @classmethod
    def from_data(cls, data: Any) -> TestStats:
        """Return what `to_data` was called on. Raises `msgspec.ValidationError`."""
        return msgspec.convert(data, cls, strict=False)


def round_ms(milliseconds: float) -> int:
    """Round to two digits, as Locust rounds response times, so that there are at most some 300 different ones."""
    if milliseconds < 100:
        return round(milliseconds)
    scale = 10 if milliseconds < 1000 else 100 if milliseconds < 10_000 else 1000
    return round(milliseconds / scale) * scale


def percentile(times: dict[int, int], share: float) -> int:
    """Return the percentile of *times*, which counts by milliseconds, by nearest rank. *share* is from 0 to 1."""
    left = share * sum(times.values())
    for milliseconds in sorted(times):
        left -= times[milliseconds]
        if left <= 1e-9:
            return milliseconds
    return 0


def shorten(text: str) -> str:
    """Return *text* without its middle if it is too long."""
    half = MAX_TRACEBACK // 2
    return text if len(text) <= MAX_TRACEBACK else f'{text[:half]}\n[…]\n{text[-half:]}'


def format_exception(exc_info: ExcInfo) -> str:
    """Return the traceback without the frames of unittest, which are the same in every traceback."""
    whole = traceback.TracebackException(*exc_info, compact=True)
    errors: list[traceback.TracebackException | None] = [whole]
    while errors:
        one = errors.pop()
        if one is not None:
            kept = [frame for frame in one.stack if not _is_unittest(frame.filename)]
            one.stack = traceback.StackSummary.from_list(kept or one.stack)
            errors += [one.__cause__, one.__context__]
    return ''.join(whole.format()).rstrip()


def _is_unittest(filename: str) -> bool:
    return filename.startswith(_UNITTEST)


def _innermost(trace: TracebackType | None) -> str:
    """Return the line of the test that raised, and not that of an ``assertEqual`` in unittest.

    It has only the name of the file, because each agent has the file in another folder.
    """
    place = ''
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if not _is_unittest(filename):
            place = f'{Path(filename).name}:{trace.tb_lineno}'
        trace = trace.tb_next
    return place
