"""``explore.json``: what was found out, for programs. It is written and read here, and nothing of it is lost.

``cells`` has a record for each cell, ``untried`` one for each fault that was not tried, ``tests`` one for each test.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from vaurien.console.files import read_file, write_file
from vaurien.errors import ConfigError, find_reason
from vaurien.explore.model import (
    SEVERITY,
    Cell,
    Explored,
    ExploredProxy,
    Injection,
    Outcome,
    Point,
    ReplayCommand,
    Untried,
)
from vaurien.explore.showing.score import Score
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind
from vaurien.records.entry import Entry

#: The form of the file. It changes if those who read an older one would misunderstand it.
FORM = 1
#: The most bytes of a file.
MAX_SIZE = 1 << 30


class _Fault(msgspec.Struct, frozen=True, kw_only=True):
    proxy: str
    request: str
    nth: int
    kind: Kind
    detail: str = ''
    ever: bool = False
    #: The text that ``--vaurien-fault`` takes.
    fault: str = ''

    @property
    def injection(self) -> Injection:
        """What it was made of."""
        return Injection(
            proxy=self.proxy,
            request=self.request,
            nth=self.nth,
            kind=self.kind,
            detail=self.detail,
            for_ever=self.ever,
        )


class _CellRecord(_Fault, frozen=True, kw_only=True):
    test: str
    effect: Effect
    where: str
    #: Worst first.
    outcomes: list[Outcome]
    message: str
    replay: str
    seconds: float
    times: tuple[float, ...] = ()
    #: The other faults, if there were several together.
    also: tuple[_Fault, ...] = ()
    entries: tuple[Entry, ...] = ()


class _UntriedRecord(_Fault, frozen=True, kw_only=True):
    test: str
    reason: str
    also: tuple[_Fault, ...] = ()


class _TestRecord(msgspec.Struct, frozen=True, kw_only=True):
    test: str
    score: Score
    proxies: tuple[ExploredProxy, ...]
    points: tuple[Point, ...]
    clean: tuple[Entry, ...]
    own: int
    apart: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    is_stable: bool
    problem: str
    runs: int
    seconds: float
    replay: ReplayCommand | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True):
    form: int
    score: Score
    tests: list[_TestRecord]
    cells: list[_CellRecord]
    untried: list[_UntriedRecord]


def write_records(path: Path, explored: Sequence[Explored]) -> None:
    """Write the file; raise `UnwrittenError`."""
    file = _File(
        form=FORM,
        score=Score.count(explored),
        tests=[_record_test(test) for test in explored],
        cells=[_record_cell(test, cell) for test in explored for cell in test.cells],
        untried=[_record_untried(test, one) for test in explored for one in test.untried],
    )
    write_file(path, msgspec.json.encode(file) + b'\n')


def read_records(path: Path) -> list[Explored]:
    """Return what was written; raise `ConfigError`, which begins with *path*."""
    try:
        file = msgspec.json.decode(read_file(path, MAX_SIZE), type=_File)
        if file.form != FORM:
            raise ConfigError(f'this version reads files of form {FORM}, and this one is of form {file.form}', 'form')
        tests = {record.test: _read_test(record) for record in file.tests}
        for record in file.cells:
            _find_test(tests, record.test).cells.append(_read_cell(record))
        for one in file.untried:
            also = tuple(other.injection for other in one.also)
            _find_test(tests, one.test).untried.append(Untried(injection=one.injection, also=also, reason=one.reason))
    except RecursionError:
        raise ConfigError('nested too deeply', str(path)) from None
    except (ConfigError, OSError, msgspec.DecodeError) as error:
        raise ConfigError(find_reason(error) if isinstance(error, OSError) else str(error), str(path)) from None
    return list(tests.values())


def _record_fault(injection: Injection) -> dict[str, Any]:
    return {
        'proxy': injection.proxy,
        'request': injection.request,
        'nth': injection.nth,
        'kind': injection.kind,
        'detail': injection.detail,
        'ever': injection.for_ever,
        'fault': str(injection),
    }


def _record_also(injections: Sequence[Injection]) -> tuple[_Fault, ...]:
    return tuple(_Fault(**_record_fault(one)) for one in injections)


def _record_cell(test: Explored, cell: Cell) -> _CellRecord:
    first, *others = cell.injections
    return _CellRecord(
        **_record_fault(first),
        test=test.test,
        effect=cell.effect,
        where=cell.where,
        outcomes=sorted(cell.outcomes, key=SEVERITY.index),
        message=cell.message,
        replay=test.format_replay(cell.injections),
        seconds=cell.seconds,
        times=tuple(cell.times),
        also=_record_also(others),
        entries=tuple(cell.entries),
    )


def _record_untried(test: Explored, untried: Untried) -> _UntriedRecord:
    return _UntriedRecord(
        **_record_fault(untried.injection),
        test=test.test,
        reason=untried.reason,
        also=_record_also(untried.also),
    )


def _record_test(test: Explored) -> _TestRecord:
    return _TestRecord(
        test=test.test,
        score=Score.count([test]),
        proxies=tuple(test.proxies),
        points=tuple(test.points),
        clean=tuple(test.clean),
        own=test.own,
        apart=tuple(test.apart),
        times=tuple(test.times),
        is_stable=test.is_stable,
        problem=test.problem,
        runs=test.runs,
        seconds=test.seconds,
        replay=test.replay,
    )


def _read_test(record: _TestRecord) -> Explored:
    return Explored(
        test=record.test,
        replay=record.replay,
        proxies=record.proxies,
        points=record.points,
        clean=record.clean,
        own=record.own,
        apart=record.apart,
        times=record.times,
        is_stable=record.is_stable,
        problem=record.problem,
        runs=record.runs,
        seconds=record.seconds,
    )


def _read_cell(record: _CellRecord) -> Cell:
    if not record.outcomes:
        raise ConfigError(f'the cell of {record.fault!r} has no outcome', 'cells')
    return Cell(
        test=record.test,
        injections=(record.injection, *(other.injection for other in record.also)),
        effect=record.effect,
        where=record.where,
        outcomes=frozenset(record.outcomes),
        message=record.message,
        seconds=record.seconds,
        times=record.times,
        entries=record.entries,
    )


def _find_test(tests: dict[str, Explored], name: str) -> Explored:
    if name not in tests:
        raise ConfigError(f'there is no test {name!r}', 'tests')
    return tests[name]
