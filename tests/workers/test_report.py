"""The numbers of several workers together."""

from __future__ import annotations

import pytest

from vaurien.records.counts import Counts
from vaurien.records.histogram import Histogram
from vaurien.workers.report import Report, RuleCounts, add_up


def held(*seconds: float) -> Histogram:
    histogram = Histogram()
    for one in seconds:
        histogram.count_hits()
        histogram.add(one)
    return histogram


def test_everything_is_added_up() -> None:
    one = Report(
        Counts(1, 2, 3, 4, 5), 1, {'client': 1}, {('behavior', 'delay'): held(0.002)}, 7, {0: RuleCounts(3, 2, 1)}
    )
    other = Report(
        Counts(10, 20, 30, 40, 50),
        2,
        {'client': 2, 'backend': 1},
        {('behavior', 'delay'): held(0.2, 20), ('toxic', 'slow'): held(1)},
        7,
        {0: RuleCounts(1, 1, 1), 2: RuleCounts(5, 5, 5)},
    )
    total = add_up([one, other], 7)
    assert total.counts == (11, 22, 33, 44, 55)
    assert total.connect_failures == 3
    assert total.tls_failures == {'client': 3, 'backend': 1}
    assert total.rules == {0: (4, 3, 2), 2: (5, 5, 5)}
    delay = total.histograms['behavior', 'delay']
    assert delay.hits == 3
    assert delay.seconds == pytest.approx(20.202)
    assert list(delay.buckets()) == list(held(0.002, 0.2, 20).buckets())
    assert delay.exponential == held(0.002, 0.2, 20).exponential
    assert total.histograms['toxic', 'slow'].hits == 1
    assert one.histograms['behavior', 'delay'].hits == 1  # and what was added is as before


def test_rules_of_another_arming_do_not_count() -> None:
    reports = [
        Report(Counts(1), arming=1, rules={0: RuleCounts(9, 9, 9)}),
        Report(Counts(2), arming=2, rules={0: RuleCounts(1)}),
    ]
    assert add_up(reports, 2) == Report(Counts(3), arming=2, rules={0: RuleCounts(1)})
