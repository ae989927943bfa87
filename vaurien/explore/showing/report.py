"""The directory of a report: what was found out, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vaurien.console.files import writing
from vaurien.explore.model import Explored
from vaurien.explore.showing.baseline import NOTHING, Baseline, format_baseline
from vaurien.explore.showing.records import write_records

#: What is in the directory.
RECORDS = 'explore.json'
BASELINE = 'baseline.toml'


def write_report(directory: Path, explored: Sequence[Explored], baseline: Baseline = NOTHING) -> None:
    """Write all files, also over older ones; raise `ConfigError`."""
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    write_records(directory / RECORDS, explored)
    with writing(directory / BASELINE):
        (directory / BASELINE).write_text(format_baseline(explored, baseline))
