"""A row for each thing that the tests of this folder show, for the page ``docs/fidelity.md``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from docs.fidelity import PAGE, Row

Show = Callable[..., None]


@pytest.fixture
def show(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Show:
    """Say what a test shows: ``show(protocol=…, driver=…, situation=…, fault=…, real=…)``, one row or several.

    *real* is how the real server was made to fail so; or ``by the manual:`` and where that says it, if it cannot be
    made to fail here. ``make fidelity`` writes the rows into the page, which has to have them in any other run.
    """
    is_written = request.config.getoption('xmlpath') is not None
    page = PAGE.read_text()

    def show(**fields: str) -> None:
        row = Row(**fields)
        record_property('truth', json.dumps(row._asdict()))
        assert is_written or row.line in page, f'{PAGE.name} lacks a row, make fidelity writes it: {row.line}'

    return show
