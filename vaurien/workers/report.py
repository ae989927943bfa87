"""What a worker has counted on a proxy, and what all of them have together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import NamedTuple

from vaurien.records.counters import Kind, Peer
from vaurien.records.counts import Counts
from vaurien.records.faults import Fault
from vaurien.records.histogram import Histogram


class RuleCounts(NamedTuple):
    """The numbers of a rule since it was armed."""

    seen: int = 0
    matched: int = 0
    hits: int = 0


class Report(NamedTuple):
    """The numbers of a proxy."""

    counts: Counts = Counts()
    connect_failures: int = 0
    tls_failures: Mapping[Peer, int] = {}
    histograms: Mapping[tuple[Kind, str], Histogram] = {}
    #: Which arming the rules are of, and the counts of each, by its place in that.
    arming: int = 0
    rules: Mapping[int, RuleCounts] = {}


class LastReport(NamedTuple):
    """What a worker knows of a proxy that it has stopped."""

    report: Report = Report()
    #: The last faults, and those that nobody has taken.
    faults: Sequence[Fault] = ()
    untaken: Sequence[Fault] = ()


def add_up(reports: Iterable[Report], arming: int) -> Report:
    """Return the sum of *reports*, of whose rules those of that *arming* count."""
    counts, failures, insecure = Counts(), 0, Counter[Peer]()
    histograms: dict[tuple[Kind, str], Histogram] = {}
    rules: dict[int, RuleCounts] = {}
    for report in reports:
        counts = Counts._make(map(add, counts, report.counts))
        failures += report.connect_failures
        insecure.update(report.tls_failures)
        for source, histogram in report.histograms.items():
            histograms.setdefault(source, Histogram()).merge(histogram)
        if report.arming == arming:
            for place, counted in report.rules.items():
                rules[place] = RuleCounts._make(map(add, rules.get(place, RuleCounts()), counted))
    return Report(counts, failures, insecure, histograms, arming, rules)
