"""The directory of a report: what was found out, for people and for programs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from vaurien.console.files import check_writable, write_file, writing
from vaurien.errors import UnwrittenError
from vaurien.explore.model import SEVERITY, Explored, Outcome
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


def check_report(directory: Path) -> None:
    """Make the directory of a report; raise `ConfigError` if that, or its page, cannot be written."""
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    check_writable(directory / PAGE)


def write_report(
    directory: Path,
    explored: Sequence[Explored],
    baseline: Baseline = NOTHING,
    failing: Collection[Outcome] = SEVERITY,
) -> None:
    """Write all files, also over older ones; raise `UnwrittenError`.

    A finding fails if it is new and one of *failing*.
    """
    with writing(directory, UnwrittenError):
        directory.mkdir(parents=True, exist_ok=True)
    write_records(directory / RECORDS, explored)
    files = {
        PAGE: make_page(explored, baseline).encode(),
        BASELINE: format_baseline(explored, baseline).encode(),
        SARIF: format_sarif(find_findings(explored, baseline)),
        JUNIT: format_junit(explored, baseline, failing),
    }
    for name, content in files.items():
        write_file(directory / name, content)
