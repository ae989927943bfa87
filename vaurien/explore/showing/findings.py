"""What is to be mended: the cells of all tests that belong to one line of the application, worst first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from vaurien.explore.model import SEVERITY, Cell, Explored, Outcome
from vaurien.explore.showing.baseline import Baseline
from vaurien.framing.trials import Kind

#: What stands for all requests of a proxy.
ANY = '*'

#: By what cells are put together: the outcomes that say why come before those that say what followed from it.
CAUSES = (Outcome.TWICE, Outcome.STORM, Outcome.LEAK, Outcome.HUNG, Outcome.WRONG, Outcome.LEAKED)


class Finding(NamedTuple):
    """One thing to mend. It may show under several faults, and in several tests."""

    proxy: str
    #: The name of the protocol; empty if nobody knows.
    protocol: str
    #: The text of the request; `ANY` if it is a matter of the proxy's client as a whole.
    request: str
    #: The line of the application that asked; empty if there are several, or if nobody knows.
    where: str
    #: The outcome that says most about why.
    cause: Outcome
    #: The cells, in the order in which they were tried, each with what was found out about its test.
    cells: Sequence[tuple[Explored, Cell]]
    #: Why it is accepted; empty if it is new.
    reason: str = ''

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


def find_findings(explored: Sequence[Explored], baseline: Baseline) -> list[Finding]:
    """Return what is to be mended: what is new first, and the worst of that first."""
    groups: dict[tuple[object, ...], list[tuple[Explored, Cell]]] = {}
    for test, cell in _iterate_cells(explored):
        reason = baseline.find(cell)
        groups.setdefault((*_find_place(cell), _find_cause(cell), reason), []).append((test, cell))
    found = [_make(cells, baseline) for cells in groups.values()]
    return sorted(found, key=lambda finding: (bool(finding.reason), SEVERITY.index(finding.worst)))


def should_fail(findings: Iterable[Finding], outcomes: Collection[Outcome]) -> bool:
    """Return whether one of the *findings* is new and has one of the *outcomes*."""
    return any(not finding.reason and not set(outcomes).isdisjoint(finding.outcomes) for finding in findings)


def _iterate_cells(explored: Sequence[Explored]) -> Iterator[tuple[Explored, Cell]]:
    return ((test, cell) for test in explored for cell in test.cells if cell.worst.is_finding)


def _find_cause(cell: Cell) -> Outcome:
    return min(cell.outcomes & set(CAUSES), key=CAUSES.index)


def _find_place(cell: Cell) -> tuple[str, str, str]:
    """Return what the cells of one finding have in common: proxies, requests and the line of the application."""
    proxies = ' and '.join(dict.fromkeys(one.proxy for one in cell.injections))
    if _is_of_client(cell):
        return proxies, ANY, ''
    return proxies, ' and '.join(dict.fromkeys(one.request for one in cell.injections)), cell.where


def _is_of_client(cell: Cell) -> bool:
    """Return whether the way in which an application connects is to be mended: a timeout is missing there."""
    return _find_cause(cell) is Outcome.HUNG and {one.kind for one in cell.injections} == {Kind.SILENT}


def _make(cells: list[tuple[Explored, Cell]], baseline: Baseline) -> Finding:
    test, cell = cells[0]
    proxy, request, where = _find_place(cell)
    protocols = {one.name: one.protocol for one in test.proxies}
    lines = {other.where for _, other in cells}
    return Finding(
        proxy=proxy,
        protocol=protocols.get(proxy, ''),
        request=request,
        where=where or (cell.where if len(lines) == 1 else ''),
        cause=_find_cause(cell),
        cells=cells,
        reason=baseline.find(cell),
    )
