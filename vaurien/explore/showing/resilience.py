"""The page that a team puts before a release: what was tried and survived, how long it took, what to mend first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from vaurien import __version__
from vaurien.explore.model import SEVERITY, Cell, Explored, Outcome
from vaurien.explore.showing.baseline import Baseline
from vaurien.explore.showing.document import make_document
from vaurien.explore.showing.elements import make_elements, make_finding
from vaurien.explore.showing.findings import find_findings
from vaurien.explore.showing.matrix import KINDS
from vaurien.explore.showing.score import count_untried, was_tried
from vaurien.framing.trials import Kind

#: What runs without a fault are called, beside the kinds of faults.
CLEAN = 'clean'
#: The most times of one kind that are drawn, spread over all of them.
DRAWN = 120


def make_resilience_page(explored: Sequence[Explored], baseline: Baseline, title: str, when: datetime) -> str:
    """Return the document. *when* is when it was found out."""
    data = {
        **make_elements(explored),
        'title': title,
        'when': f'{when.day} {when:%B %Y}',
        'version': __version__,
        'findings': [
            {**make_finding(finding), 'replay': finding.replay} for finding in find_findings(explored, baseline)
        ],
        'dependencies': [_make_dependency(explored, *proxy) for proxy in _find_proxies(explored)],
        'untried': [f'{number}: {reason}' for reason, number in count_untried(explored).most_common()],
        'problems': [f'{test.test}: {test.problem}' for test in explored if test.problem],
    }
    return make_document(title, data, styles=['page.css', 'resilience.css'], scripts=['elements.js', 'resilience.js'])


def _find_proxies(explored: Sequence[Explored]) -> list[tuple[str, str]]:
    """Return the names of all proxies, with their protocols."""
    return list(dict.fromkeys((proxy.name, proxy.protocol) for test in explored for proxy in test.proxies))


def _make_dependency(explored: Sequence[Explored], name: str, protocol: str) -> dict[str, Any]:
    cells = [cell for test in explored for cell in test.cells if cell.injections[0].proxy == name]
    left = Counter(one.injection.kind for test in explored for one in test.untried if one.injection.proxy == name)
    clean = [
        (seconds, Outcome.ABSORBED, test.test)
        for test in explored
        if any(point.proxy == name for point in test.points)
        for seconds in test.times
    ]
    return {
        'name': name,
        'protocol': protocol,
        'squares': [_make_square([cell for cell in cells if _kind(cell) is kind], left[kind]) for kind in KINDS],
        'times': [
            times
            for kind, found in [(CLEAN, clean), *((kind.value, list(_list_times(cells, kind))) for kind in KINDS)]
            if (times := _make_times(kind, found))
        ],
    }


def _kind(cell: Cell) -> Kind:
    return cell.injections[0].kind


def _make_square(cells: Sequence[Cell], untried: int) -> dict[str, Any]:
    met = [cell for cell in cells if was_tried(cell)]
    worst = min((cell.worst for cell in met), key=SEVERITY.index, default=None)
    return {
        'survived': sum(not cell.worst.is_finding for cell in met),
        'tried': len(met),
        'possible': len(cells) + untried,
        'outcome': worst.value if worst else '',
    }


def _list_times(cells: Sequence[Cell], kind: Kind) -> Iterator[tuple[float, Outcome, str]]:
    for cell in cells:
        if _kind(cell) is kind and was_tried(cell):
            for seconds in cell.times or (cell.seconds,):
                yield seconds, cell.worst, f'{cell.injections[0]}: {cell.worst.value}'


def _make_times(kind: str, found: Sequence[tuple[float, Outcome, str]]) -> dict[str, Any] | None:
    """Return how long runs took; None if there were none."""
    if not found:
        return None
    listed = sorted(found, key=lambda one: one[0])
    step = max(1, -(-len(listed) // DRAWN))
    return {
        'kind': kind,
        'median': median(seconds for seconds, _, _ in listed),
        'most': listed[-1][0],
        'count': len(listed),
        # The slowest one is always among them.
        'dots': [
            {'seconds': seconds, 'outcome': outcome.value, 'title': title}
            for seconds, outcome, title in listed[::-step]
        ],
    }
