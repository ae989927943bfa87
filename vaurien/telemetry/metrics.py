"""The metrics of Prometheus, as OpenTelemetry has them.

They are converted, not declared again: what ``GET /metrics`` has, a collector gets.
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ says how.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, cast

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric as Family
from prometheus_client.samples import Sample

CUMULATIVE = AggregationTemporality.CUMULATIVE
#: The unit of a metric, by the end of its name (https://ucum.org).
UNITS = {'seconds': 's', 'bytes': 'By'}


def convert(
    families: Iterable[Family], resource: Resource, scope: InstrumentationScope, began: int, now: int
) -> MetricsData:
    """Return the metrics of *families*, counted from *began* to *now*, in nanoseconds since the epoch."""
    metrics = [_convert(family, began, now) for family in families if family.samples]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, metrics, '')], '')])


def _convert(family: Family, began: int, now: int) -> Metric:
    data: Any
    if family.type == 'histogram':
        data = Histogram(_make_histograms(family.samples, began, now), CUMULATIVE)
    else:
        points = [NumberDataPoint(one.labels, began, now, one.value) for one in family.samples]
        data = Sum(points, CUMULATIVE, is_monotonic=True) if family.type == 'counter' else Gauge(points)
    return Metric(family.name, family.documentation, UNITS.get(family.name.rpartition('_')[2], '1'), data)


def _make_histograms(samples: Iterable[Sample], began: int, now: int) -> list[HistogramDataPoint]:
    """Return a point for each series: buckets of Prometheus have the counts of all below them, too."""
    series: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != 'le'}
        found = series.setdefault(tuple(labels.items()), {'bounds': [], 'counts': [], 'sum': 0.0})
        if sample.name.endswith('_sum'):
            found['sum'] = sample.value
        elif 'le' in sample.labels:
            found['bounds'].append(float(sample.labels['le']))
            found['counts'].append(int(sample.value))
    points = []
    for labels_of, found in series.items():
        counts = found['counts']
        own = [count - before for count, before in zip(counts, [0, *counts], strict=False)]
        bounds = [bound for bound in found['bounds'] if bound != inf]
        unknown = cast('float', None)  # the least and the most are not kept; the protocol may go without
        total = counts[-1] if counts else 0
        points.append(
            HistogramDataPoint(dict(labels_of), began, now, total, found['sum'], own, bounds, unknown, unknown)
        )
    return points
