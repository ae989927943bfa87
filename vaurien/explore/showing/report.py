"""The directory of a report: what was found out, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from vaurien.console.files import writing
from vaurien.explore.model import Explored
from vaurien.explore.showing.baseline import NOTHING, Baseline, format_baseline
from vaurien.explore.showing.findings import find_findings
from vaurien.explore.showing.junit import format_junit
from vaurien.explore.showing.page import make_page
from vaurien.explore.showing.records import write_records
from vaurien.explore.showing.sarif import format_sarif

#: What is in the directory.
RECORDS = 'explore.json'
BASELINE = 'baseline.toml'
PAGE = 'index.html'
SARIF = 'explore.sarif'
JUNIT = 'junit.xml'


def write_report(directory: Path, explored: Sequence[Explored], baseline: Baseline = NOTHING) -> None:
    """Write all files, also over older ones; raise `ConfigError`."""
    explored = list(map(_make_encodable, explored))
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    write_records(directory / RECORDS, explored)
    files = {
        PAGE: make_page(explored, baseline).encode(),
        BASELINE: format_baseline(explored, baseline).encode(),
        SARIF: format_sarif(find_findings(explored, baseline)),
        JUNIT: format_junit(explored, baseline),
    }
    for name, content in files.items():
        with writing(directory / name):
            (directory / name).write_bytes(content)


def _make_encodable(test: Explored) -> Explored:
    """Return *test* with an escape for what no encoding has: half characters, which Python makes of odd bytes."""
    cells = [msgspec.structs.replace(cell, message=_escape(cell.message)) for cell in test.cells]
    return msgspec.structs.replace(test, cells=cells, problem=_escape(test.problem))


def _escape(text: str) -> str:
    return text.encode(errors='backslashreplace').decode()
