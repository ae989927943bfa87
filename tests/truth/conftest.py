"""A row for each thing that the tests of this folder show, for the pages ``docs/fidelity.md`` and ``docs/tls.md``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from docs.fidelity import KINDS, Answers, Row

Record = Callable[[Row | Answers], None]
Show = Callable[..., None]


@pytest.fixture
def record(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Record:
    """Record a row. ``make fidelity`` writes it into its page, which has to have it in any other run."""
    is_written = request.config.getoption('xmlpath') is not None

    def record(row: Row | Answers) -> None:
        name, page = KINDS[type(row)]
        record_property(name, json.dumps(row._asdict()))
        is_there = is_written or f'{row.line}\n' in page.read_text()
        assert is_there, f'{page.name} lacks a row, make fidelity writes it: {row.line}'

    return record


@pytest.fixture
def show(record: Record) -> Show:
    """Say what a test shows: ``show(protocol=…, driver=…, situation=…, fault=…, real=…)``, one row or several.

    *real* is how the real server was made to fail so; or ``by the manual:`` and where that says it, if it cannot be
    made to fail here.
    """

    def show(**fields: str) -> None:
        record(Row(**fields))

    return show
