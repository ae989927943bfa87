"""The page of a report: matrices, findings beside them, and behind each cell the clean and the faulty run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaurien import __version__
from vaurien.explore.model import SEVERITY, Cell, Explored
from vaurien.explore.showing.baseline import Baseline
from vaurien.explore.showing.document import make_document
from vaurien.explore.showing.elements import make_elements, make_finding
from vaurien.explore.showing.findings import Finding, find_findings
from vaurien.explore.showing.matrix import Row, Square, make_rows
from vaurien.explore.showing.score import Score, count_untried
from vaurien.explore.showing.sequences import SHOWN, align
from vaurien.explore.showing.words import describe_apart, describe_fault
from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.records.entry import Entry


def make_page(explored: Sequence[Explored], baseline: Baseline) -> str:
    """Return the document."""
    page = _Page(explored, baseline)
    return make_document('What survives · Vaurien', page.data, styles=['page.css'], scripts=['elements.js', 'page.js'])


class _Page:
    """The data of one page. Cells are known by their numbers, which are those of ``explore.json``, from 0."""

    def __init__(self, explored: Sequence[Explored], baseline: Baseline) -> None:
        self._baseline = baseline
        self._numbers: dict[int, int] = {}
        self._texts: dict[str, int] = {}
        for cell in (cell for test in explored for cell in test.cells):
            self._numbers[id(cell)] = len(self._numbers)
        self.data: dict[str, Any] = {
            **make_elements(explored),
            'version': __version__,
            'untried': [f'{number} ({reason})' for reason, number in count_untried(explored).most_common()],
            'findings': [self._make_finding(finding) for finding in find_findings(explored, baseline)],
            'explored': [self._make_test(test) for test in explored],
            'cells': [self._make_cell(i, test, cell) for i, test in enumerate(explored) for cell in test.cells],
        }
        self.data['texts'] = list(self._texts)

    def _make_finding(self, finding: Finding) -> dict[str, Any]:
        return {
            **make_finding(finding),
            'cells': [self._numbers[id(cell)] for _, cell in finding.cells],
        }

    def _make_test(self, test: Explored) -> dict[str, Any]:
        return {
            'name': test.test,
            'score': Score.count([test]),
            'own': test.own,
            'isStable': test.is_stable,
            'problem': test.problem,
            'apart': describe_apart(test),
            'rows': [self._make_row(row) for row in make_rows(test)],
            'clean': self._make_exchanges(test.clean),
        }

    def _make_row(self, row: Row) -> dict[str, Any]:
        return {
            'proxy': row.proxy,
            'request': row.request,
            'number': row.number,
            'where': row.where,
            'squares': [self._make_square(square) for square in row.squares],
        }

    def _make_square(self, square: Square) -> dict[str, Any]:
        return {
            'letter': square.letter,
            'outcome': square.worst.value if square.worst else '',
            'cells': [self._numbers[id(cell)] for cell in square.cells],
            'untried': list(square.untried),
        }

    def _make_cell(self, number: int, test: Explored, cell: Cell) -> dict[str, Any]:
        return {
            'test': number,
            'fault': ', '.join(map(str, cell.injections)),
            'words': describe_fault(cell.injections),
            'outcomes': [outcome.value for outcome in SEVERITY if outcome in cell.outcomes],
            'worst': cell.worst.value,
            'where': cell.where,
            'message': cell.message,
            'replay': test.format_replay(cell.injections),
            'reason': self._baseline.find(cell) if cell.worst.is_finding else '',
            'faulty': self._make_exchanges(cell.entries),
            'rows': align(test.clean, cell.entries),
        }

    def _make_exchanges(self, entries: Sequence[Entry]) -> dict[str, Any]:
        """Return the first exchanges of a run, and how many more there are."""
        begin = entries[0].time if entries else 0.0
        shown = [self._make_exchange(entry, begin) for entry in entries[:SHOWN]]
        return {'shown': shown, 'more': len(entries[SHOWN:])}

    def _make_exchange(self, entry: Entry, begin: float) -> list[Any]:
        """Return an exchange in the order in which the script takes it apart, since a page may have 100,000 of them."""
        reply = entry.reply.value if entry.reply else 'no reply'
        return [
            self._number(entry.request),
            self._number(entry.proxy),
            self._number(entry.where),
            self._number(reply if entry.executed else f'{reply}, not carried out'),
            self._number(entry.behavior or ''),
            int(entry.effect is Effect.CONNECT),
            int(entry.reply in (ReplyClass.OK, ReplyClass.NOTHING)),
            _round(entry.time - begin),
            None if entry.seconds is None else _round(entry.seconds),
        ]

    def _number(self, text: str) -> int:
        """Return the number of a text, of which the page has one copy."""
        return self._texts.setdefault(text, len(self._texts))


def _round(seconds: float) -> float:
    """Return milliseconds."""
    return round(1000 * seconds, 1)
