"""Metrics of Prometheus as OpenTelemetry has them."""

from __future__ import annotations

from opentelemetry.sdk.metrics.export import Gauge, Histogram, Sum
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from vaurien.telemetry.metrics import convert


def test_each_kind() -> None:
    counter = CounterMetricFamily('moved_bytes_total', 'Bytes.', labels=['proxy'])
    counter.add_metric(['a'], 7)
    gauge = GaugeMetricFamily('open', 'Links.')
    gauge.add_metric([], 2)
    histogram = HistogramMetricFamily('held_seconds', 'Times.', labels=['proxy'])
    histogram.add_metric(['a'], [('0.1', 1), ('1.0', 4), ('+Inf', 5)], 3.5)
    empty = GaugeMetricFamily('nothing', 'None.', labels=['proxy'])
    families = [counter, gauge, histogram, empty]
    data = convert(families, Resource({}), InstrumentationScope('test'), 1, 2)
    moved, opened, held = data.resource_metrics[0].scope_metrics[0].metrics
    assert (moved.name, moved.unit) == ('moved_bytes', 'By')
    assert isinstance(moved.data, Sum)
    assert moved.data.is_monotonic
    assert [(point.attributes, point.value) for point in moved.data.data_points] == [({'proxy': 'a'}, 7)]
    assert isinstance(opened.data, Gauge)
    assert opened.data.data_points[0].value == 2
    assert isinstance(held.data, Histogram)
    (point,) = held.data.data_points
    assert (point.bucket_counts, point.explicit_bounds) == ([1, 3, 1], [0.1, 1.0])
    assert (point.count, point.sum, point.attributes) == (5, 3.5, {'proxy': 'a'})
    assert (point.start_time_unix_nano, point.time_unix_nano) == (1, 2)
