"""What travels is what travels between client and server of the original.

``golden/`` holds what these said to each other, and the report that they left: three runs of a group whose upstream
answers 404, and one run, without data, of a group whose upstream is not there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vaurien.conntest.messages import Report, RunGroup

GOLDEN = Path(__file__).parent / 'golden'


def in_order(value: Any) -> Any:
    """Return *value* with its objects as lists, so that the order of their fields counts."""
    if isinstance(value, dict):
        return [(name, in_order(item)) for name, item in value.items()]
    return [in_order(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('no_groups.json', list[RunGroup] | None),
        ('created.json', RunGroup),
        ('group.json', RunGroup),
        ('failed_upstream.json', RunGroup),
        ('report.json', Report),
    ],
)
def test_golden(name: str, kind: Any) -> None:
    text = (GOLDEN / name).read_bytes()
    message = msgspec.json.decode(text, type=kind)
    assert in_order(json.loads(msgspec.json.encode(message))) == in_order(json.loads(text))


def test_data_are_bytes() -> None:
    group = msgspec.json.decode((GOLDEN / 'group.json').read_bytes(), type=RunGroup)
    assert [run.data for run in group.test_runs or ()] == ['h€llo'.encode()] * 3


@pytest.mark.parametrize('empty', ['', ',"data":null'])
def test_empty_data_are_absent_or_null(empty: str) -> None:
    text = (GOLDEN / 'failed_upstream.json').read_text().replace(',"client_start"', f'{empty},"client_start"')
    group = msgspec.json.decode(text, type=RunGroup)
    assert group.test_runs is not None
    assert group.test_runs[0].data is None
