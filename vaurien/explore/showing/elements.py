"""The data of what every page shows, with the script ``elements.js``: outcomes, kinds of faults, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from vaurien.explore.model import SEVERITY, Explored
from vaurien.explore.showing.findings import Finding
from vaurien.explore.showing.matrix import KINDS
from vaurien.explore.showing.score import Score
from vaurien.explore.showing.words import (
    FAULTS,
    OUTCOMES,
    count,
    describe_faults,
    describe_place,
    find_remedy,
    list_others,
)


def make_elements(explored: Sequence[Explored]) -> dict[str, Any]:
    """Return how much was tried and survived, the outcomes that there were, worst first, and the kinds of faults."""
    worst = Counter(cell.worst for test in explored for cell in test.cells)
    return {
        'score': Score.count(explored),
        'tests': count(len(explored), 'test'),
        'kinds': [{'name': kind.value, 'words': FAULTS[kind]} for kind in KINDS],
        'outcomes': [
            {
                'name': outcome.value,
                'letter': outcome.letter,
                'isFinding': outcome.is_finding,
                'words': OUTCOMES[outcome],
                'count': worst[outcome],
            }
            for outcome in SEVERITY
            if worst[outcome]
        ],
    }


def make_finding(finding: Finding) -> dict[str, Any]:
    """Return what is said of a finding."""
    return {
        'outcomes': [outcome.value for outcome in finding.outcomes],
        'place': describe_place(finding),
        'where': finding.where,
        'others': list_others(finding),
        'faults': describe_faults(finding),
        'messages': finding.messages,
        'remedy': find_remedy(finding),
        'reason': finding.reason,
    }
