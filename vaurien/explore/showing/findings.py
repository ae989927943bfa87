"""What is to be mended: the cells of all tests that have the same cause, worst first."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from vaurien.explore.model import CONNECTION, SEVERITY, Cell, Explored, Outcome
from vaurien.explore.showing.baseline import Baseline
from vaurien.framing.trials import Kind

#: What stands for all requests of a proxy.
ANY = '*'

#: By what cells are put together: the outcomes that say why come before those that say what followed from it.
CAUSES = (Outcome.TWICE, Outcome.STORM, Outcome.LEAK, Outcome.HUNG, Outcome.WRONG, Outcome.LEAKED)

#: The beginning of a message of an assertion, and that of one which nobody has given words.
_ASSERTION, _WORDLESS = 'AssertionError: ', 'assert '
#: What `unittest` says of itself. Words of the test come behind a colon.
_UNITTEST = re.compile(
    r' (==|!=) | (unexpectedly|not) found in | not (less|greater) than | is (not )?an instance of | differ: '
    r'| is not (true|false|None)\b|unexpectedly (None|identical)| not (raised|triggered)\b|^Element counts were'
)


class Place(NamedTuple):
    """A request that a finding is about."""

    proxy: str
    #: Its text; `ANY` if it is a matter of the proxy's client as a whole.
    request: str
    #: The line of the application that asked; empty if nobody knows.
    where: str

    def __str__(self) -> str:
        return f'{self.proxy}: {"any request" if self.request == ANY else self.request}'


class Finding(NamedTuple):
    """One thing to mend. It may show at several requests, under several faults, and in several tests."""

    places: Sequence[Place]
    #: The name of the protocol of the first place; empty if nobody knows.
    protocol: str
    #: The outcome that says most about why.
    cause: Outcome
    #: The cells, in the order in which they were tried, each with what was found out about its test.
    cells: Sequence[tuple[Explored, Cell]]
    #: By what it is known again in another run.
    key: str
    #: Why it is accepted; empty if it is new.
    reason: str = ''

    @property
    def where(self) -> str:
        """The line of the application at the first place."""
        return self.places[0].where

    @property
    def outcomes(self) -> list[Outcome]:
        """What is wrong, worst first."""
        found = {outcome for _, cell in self.cells for outcome in cell.outcomes if outcome.is_finding}
        return sorted(found, key=SEVERITY.index)

    @property
    def worst(self) -> Outcome:
        """The worst of the outcomes."""
        return self.outcomes[0]

    @property
    def tests(self) -> list[str]:
        """The tests in which it shows."""
        return list(dict.fromkeys(cell.test for _, cell in self.cells))

    @property
    def messages(self) -> list[str]:
        """What is to be said of it, without repetition."""
        return list(dict.fromkeys(cell.message for _, cell in self.cells if cell.message))

    @property
    def replay(self) -> str:
        """The line for a shell that tries the first of its cells again."""
        explored, cell = self.cells[0]
        return explored.format_replay(cell.injections)


#: The cells of a finding that comes to be.
_Cells = list[tuple[Explored, Cell]]


def find_findings(explored: Sequence[Explored], baseline: Baseline) -> list[Finding]:
    """Return what is to be mended: what is new first, and the worst of that first."""
    groups: dict[tuple[Outcome, str, str | Place], _Cells] = {}
    for test, cell in _iterate_cells(explored):
        key = _find_cause(cell), baseline.find(cell), _find_promise(cell) or _find_place(cell)
        groups.setdefault(key, []).append((test, cell))
    merged: dict[object, _Cells] = {}
    for key, cells in groups.items():
        merged.setdefault(_find_line(*key, cells), []).extend(cells)
    found = [_make(cells, baseline) for cells in merged.values()]
    return sorted(found, key=lambda finding: (bool(finding.reason), SEVERITY.index(finding.worst)))


def should_fail(findings: Iterable[Finding], outcomes: Collection[Outcome]) -> bool:
    """Return whether one of the *findings* is new and has one of the *outcomes*."""
    return any(not finding.reason and not set(outcomes).isdisjoint(finding.outcomes) for finding in findings)


def _iterate_cells(explored: Sequence[Explored]) -> Iterator[tuple[Explored, Cell]]:
    return ((test, cell) for test in explored for cell in test.cells if cell.worst.is_finding)


def _find_cause(cell: Cell) -> Outcome:
    return min(cell.outcomes & set(CAUSES), key=CAUSES.index)


def _find_promise(cell: Cell) -> str:
    """Return what an assertion says in words of its own, as an invariant does: it is broken, by whichever request."""
    text = cell.message.removeprefix(_ASSERTION)
    is_promise = text != cell.message and not text.startswith(_WORDLESS)
    if _UNITTEST.search(text):
        text = text.partition(' : ')[2]
    return text if is_promise and _find_cause(cell) is Outcome.WRONG else ''


def _find_place(cell: Cell) -> Place:
    proxy = _join(one.proxy for one in cell.injections)
    # A client that waits without end has no timeout, which is mended where the application connects.
    if _find_cause(cell) is Outcome.HUNG and {one.kind for one in cell.injections} == {Kind.SILENT}:
        is_connecting = any(one.request == CONNECTION for one in cell.injections)  # for which it has another one
        return Place(proxy, CONNECTION if is_connecting else ANY, '')
    return Place(proxy, _join(one.request for one in cell.injections), cell.where)


def _find_line(cause: Outcome, reason: str, place: str | Place, cells: _Cells) -> object:
    """Return what those *cells* have in common with others that one line asks of a proxy, if the same becomes of it."""
    if isinstance(place, str) or not place.where:
        return cause, reason, place
    return cause, reason, place.proxy, place.where, frozenset(cell.message for _, cell in cells)


def _make(cells: _Cells, baseline: Baseline) -> Finding:
    test, cell = cells[0]
    cause = _find_cause(cell)
    places = list(dict.fromkeys(_find_place(one) for _, one in cells))
    lines = {one.where for _, one in cells}
    if not places[0].where and len(lines) == 1:
        places = [places[0]._replace(where=cell.where)]
    protocols = {one.name: one.protocol for one in test.proxies}
    return Finding(
        places=places,
        protocol=protocols.get(places[0].proxy, ''),
        cause=cause,
        cells=cells,
        key='\n'.join([cause.value, *([_find_promise(cell)] if _find_promise(cell) else sorted(map(str, places)))]),
        reason=baseline.find(cell),
    )


def _join(names: Iterable[str]) -> str:
    return ' and '.join(dict.fromkeys(names))
