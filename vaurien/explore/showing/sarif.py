"""Findings as SARIF 2.1.0, which editors and code hosts show beside the line of the application.

OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01, 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from vaurien import __version__
from vaurien.explore.model import Outcome
from vaurien.explore.showing.findings import Finding
from vaurien.explore.showing.words import OUTCOMES, REMEDIES, describe_place, summarize

SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'

#: The outcomes that are there to be mended; each is a rule.
RULES = tuple(outcome for outcome in Outcome if outcome.is_finding)
#: Those that lose or double something, or that stop the application.
ERRORS = frozenset({Outcome.WRONG, Outcome.TWICE, Outcome.HUNG})


def format_sarif(findings: Sequence[Finding]) -> bytes:
    """Return the file."""
    driver = {'name': 'Vaurien', 'version': __version__, 'rules': list(map(_make_rule, RULES))}
    run = {
        'tool': {'driver': driver},
        'columnKind': 'unicodeCodePoints',
        'results': list(map(_make_result, findings)),
    }
    return msgspec.json.format(msgspec.json.encode({'$schema': SCHEMA, 'version': '2.1.0', 'runs': [run]}))


def _make_rule(outcome: Outcome) -> dict[str, Any]:
    return {
        'id': outcome.value,
        'shortDescription': {'text': OUTCOMES[outcome]},
        'help': {'text': REMEDIES.get(outcome, OUTCOMES[outcome])},
        'defaultConfiguration': {'level': _find_level(outcome)},
    }


def _make_result(finding: Finding) -> dict[str, Any]:
    result = {
        'ruleId': finding.worst.value,
        'ruleIndex': RULES.index(finding.worst),
        'level': _find_level(finding.worst),
        'message': {'text': f'{describe_place(finding)} {summarize(finding)}'},
        'locations': [_locate(finding.where, finding.tests[0])],
        # By what it is known again when lines have moved.
        'partialFingerprints': {'vaurienFinding/v1': sha256(finding.key.encode()).hexdigest()},
        'properties': {
            'outcomes': [outcome.value for outcome in finding.outcomes],
            'tests': finding.tests,
            'replay': finding.replay,
        },
    }
    if others := [place for place in finding.places[1:] if place.where]:
        result['relatedLocations'] = [
            {'id': i, 'message': {'text': str(place)}, **_locate(place.where, finding.tests[0])}
            for i, place in enumerate(others)
        ]
    if finding.reason:
        result['suppressions'] = [{'kind': 'external', 'status': 'accepted', 'justification': finding.reason}]
    return result


def _locate(where: str, test: str) -> dict[str, Any]:
    """Return the line of the application; if nobody knows it, the file of the test, or at least its name."""
    path, _, line = where.rpartition(':')
    location: dict[str, Any] = {'logicalLocations': [{'fullyQualifiedName': test}]}
    if path and line.isdigit():
        location['physicalLocation'] = {
            'artifactLocation': {'uri': _make_uri(path)},
            'region': {'startLine': max(int(line), 1)},
        }
    elif '::' in test:
        location['physicalLocation'] = {'artifactLocation': {'uri': _make_uri(test.partition('::')[0])}}
    return location


def _make_uri(path: str) -> str:
    return Path(path).as_uri() if path.startswith('/') else quote(path)


def _find_level(outcome: Outcome) -> str:
    return 'error' if outcome in ERRORS else 'warning'
