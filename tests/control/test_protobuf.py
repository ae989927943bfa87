"""Metrics in the protobuf format, read by the library of protobuf."""

from __future__ import annotations

from math import inf

from hypothesis import given, strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tests.control.messages import COUNTER, GAUGE, HISTOGRAM, decode, labels_of, read_buckets
from vaurien.control.metric_family import HistogramFamily
from vaurien.control.protobuf import write_protobuf
from vaurien.records.exponential import FIRST, LAST, SCHEMA, find_bound, find_place
from vaurien.records.histogram import BOUNDS, Histogram


def hold(*durations: float) -> Histogram:
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    return histogram


def make_family(*histograms: Histogram) -> HistogramFamily:
    """Return a family with a series for each histogram."""
    family = HistogramFamily('held_seconds', 'Times.', ('proxy', 'name'))
    for number, histogram in enumerate(histograms):
        family.add_metric([str(number), ''], histogram)
    return family


def test_a_counter_and_a_gauge() -> None:
    counter = CounterMetricFamily('moved_bytes_total', 'Bytes.\n"moved"', labels=['proxy', 'direction'])
    counter.add_metric(['a "b"\n\\c\u2028\xe9', 'up'], 2.0**60)
    gauge = GaugeMetricFamily('open', '')
    gauge.add_metric([], -0.5)
    moved, opened = decode(write_protobuf([counter, gauge]))
    assert (moved.name, moved.help, moved.type) == ('moved_bytes_total', 'Bytes.\n"moved"', COUNTER)
    (series,) = moved.metric
    assert [(pair.name, pair.value) for pair in series.label] == [
        ('direction', 'up'),
        ('proxy', 'a "b"\n\\c\u2028\xe9'),
    ]
    assert series.counter.value == 2**60
    assert (opened.name, opened.help, opened.type) == ('open', '', GAUGE)
    assert (labels_of(opened.metric[0]), opened.metric[0].gauge.value) == ({}, -0.5)


def test_parts_of_a_family_are_one() -> None:
    """Of each one, the collector yields as much as is to be written at once."""
    parts = [make_family(hold(1.0)), make_family(hold(2.0), hold(3.0)), make_family()]
    family, other = decode(write_protobuf([*parts, GaugeMetricFamily('open', 'Links.')]))
    assert (family.name, family.type, family.help) == ('held_seconds', HISTOGRAM, 'Times.')
    assert [series.histogram.sample_sum for series in family.metric] == [1.0, 2.0, 3.0]
    assert [labels_of(series)['proxy'] for series in family.metric] == ['0', '0', '1']
    assert (other.name, list(other.metric)) == ('open', [])


def test_a_histogram_without_a_duration_is_a_native_one() -> None:
    """For Prometheus, one with a threshold is."""
    (family,) = decode(write_protobuf([make_family(Histogram())]))
    histogram = family.metric[0].histogram
    assert (histogram.sample_count, histogram.sample_sum, histogram.zero_count) == (0, 0.0, 0)
    assert (histogram.schema, histogram.zero_threshold) == (SCHEMA, find_bound(FIRST))
    assert read_buckets(histogram) == {}


@given(st.lists(st.floats(0, 100) | st.sampled_from([0.0, 1e-9, 0.001, 0.0011, 1.0, 1.01, 1e9])))
def test_a_histogram_has_both_kinds_of_buckets(durations: list[float]) -> None:
    histogram = hold(*durations)
    (family,) = decode(write_protobuf([make_family(histogram)]))
    (series,) = family.metric
    assert labels_of(series) == {'proxy': '0', 'name': ''}
    read = series.histogram
    assert (read.sample_count, read.sample_sum) == (len(durations), histogram.seconds)
    assert {bucket.upper_bound: bucket.cumulative_count for bucket in read.bucket} == {
        bound: sum(duration <= bound for duration in durations) for bound in (*BOUNDS, inf)
    }
    buckets = read_buckets(read)
    assert read.zero_count + sum(buckets.values()) == len(durations)
    assert read.zero_count == sum(duration <= read.zero_threshold for duration in durations)
    indices = [FIRST + find_place(duration) for duration in durations]
    assert buckets == {index: indices.count(index) for index in set(indices) - {FIRST}}
    assert set(buckets) <= set(range(FIRST + 1, LAST + 1))
