"""SARIF: the file fits the schema of OASIS, and each finding is at its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.explore.showing.sample import PLACE, POINTS, make_cell, make_explored
from vaurien.explore.model import Explored, Outcome, Point
from vaurien.explore.showing.baseline import NOTHING, Accepted, Baseline
from vaurien.explore.showing.findings import find_findings
from vaurien.explore.showing.sarif import format_sarif
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

SCHEMA = Path(__file__).parents[2] / 'samples' / 'sarif-schema-2.1.0.json'


def results(explored: Sequence[Explored], baseline: Baseline = NOTHING) -> list[dict[str, Any]]:
    """The results of a file that fits the schema."""
    file = json.loads(format_sarif(find_findings(explored, baseline)))
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()), validate_formats=True)
    assert [
        f'{"/".join(map(str, error.instance_path))}: {error.message}' for error in validator.iter_errors(file)
    ] == []
    found: list[dict[str, Any]] = file['runs'][0]['results']
    return found


def test_each_finding_is_at_the_line_that_asked() -> None:
    found = results(make_explored())
    assert [(one['ruleId'], one['level'], locate(one)) for one in found] == [
        ('wrong', 'error', 'shop/orders.py:44'),
        ('wrong', 'error', 'shop/payments.py:31'),
        ('hung', 'error', 'shop/orders.py:41'),
        ('leak', 'warning', 'shop/orders.py:41'),
        ('storm', 'warning', 'shop/payments.py:31'),
        ('leaked', 'warning', 'shop/payments.py:31'),
    ]
    assert found[1]['message']['text'] == (
        'payments: POST /charge if it is carried out and its reply is lost, or the reply breaks off: POST /charge was '
        'carried out twice. Make the write repeatable, for example by an idempotency key, or do not try it again.'
    )
    assert found[1]['properties'] == {
        'outcomes': ['wrong', 'twice'],
        'tests': [PLACE],
        'replay': f"pytest {PLACE} --vaurien-fault 'payments: POST /charge #1 lost'",
    }


def locate(result: dict[str, Any]) -> str:
    """Return the file of a result, and the line if it has one."""
    [location] = result['locations']
    place = location['physicalLocation']
    return ':'.join([place['artifactLocation']['uri'], *(str(line) for line in place.get('region', {}).values())])


@pytest.mark.parametrize(
    ('where', 'place'),
    [
        ('src/my shop/ü.py:7', 'src/my%20shop/%C3%BC.py:7'),
        ('/srv/shop/a b.py:7', 'file:///srv/shop/a%20b.py:7'),
        ('', 'tests/test_orders.py'),
        ('somewhere', 'tests/test_orders.py'),
    ],
)
def test_any_place_is_a_uri(where: str, place: str) -> None:
    point = Point(proxy='http', request='POST /', nth=1, effect=Effect.WRITE, where=where)
    [result] = results([Explored(test=PLACE, cells=[make_cell(point, Kind.LOST, Outcome.WRONG)])])
    assert locate(result) == place


def test_a_command_whose_lines_nobody_knows_is_named() -> None:
    point = Point(proxy='http', request='POST /', nth=1, effect=Effect.WRITE)
    [result] = results([Explored(test='npm test', cells=[make_cell(point, Kind.LOST, Outcome.WRONG, test='npm test')])])
    assert result['locations'] == [{'logicalLocations': [{'fullyQualifiedName': 'npm test'}]}]


def test_what_is_accepted_is_suppressed_for_its_reason() -> None:
    faults = ('payments: POST /charge #1+ refused',)
    baseline = Baseline([Accepted(faults=faults, outcomes=frozenset({Outcome.STORM}), reason='They limit it.')])
    found = results(make_explored(), baseline)
    assert [one['suppressions'] for one in found if 'suppressions' in one] == [
        [{'kind': 'external', 'status': 'accepted', 'justification': 'They limit it.'}]
    ]


def test_a_finding_is_known_again_when_lines_have_moved() -> None:
    def fingerprint(line: int, kind: Kind = Kind.LOST, outcome: Outcome = Outcome.WRONG) -> Any:
        point = Point(proxy='http', request='POST /', nth=1, effect=Effect.WRITE, where=f'a.py:{line}')
        return results([Explored(test=PLACE, cells=[make_cell(point, kind, outcome)])])[0]['partialFingerprints']

    assert fingerprint(1) == fingerprint(99, Kind.HALF)
    assert fingerprint(1) != fingerprint(1, outcome=Outcome.TWICE)


def test_the_file_has_a_rule_for_each_result_and_no_result_without_a_finding() -> None:
    assert results([]) == []
    file = json.loads(format_sarif(find_findings(make_explored(), NOTHING)))
    rules = [rule['id'] for rule in file['runs'][0]['tool']['driver']['rules']]
    assert rules == ['wrong', 'twice', 'hung', 'leak', 'storm', 'leaked']
    assert all(rules[one['ruleIndex']] == one['ruleId'] for one in file['runs'][0]['results'])


def test_other_requests_of_a_finding_are_related_locations() -> None:
    message = 'AssertionError: a lock runs out by itself'
    cells = [make_cell(point, Kind.LOST, Outcome.WRONG, message=message) for point in POINTS[1:4]]
    [result] = results([Explored(test=PLACE, cells=cells)])
    assert [
        (one['message']['text'], one['physicalLocation']['artifactLocation']['uri'])
        for one in result['relatedLocations']
    ] == [
        ('postgres: BEGIN', 'shop/orders.py'),
        ('postgres: INSERT INTO orders (customer, total) VALUES ($1, $2)', 'shop/orders.py'),
    ]
