"""A metric of proxies: its name, its labels, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vaurien.engine.proxy import ProxyServer
from vaurien.records.counts import Counts
from vaurien.records.histogram import Histogram

#: A series: the values of the labels, in their order, and the arguments of ``add_metric`` that follow them.
Series = tuple[list[str], Any]


class HistogramFamily(Metric):
    """A metric of histograms. Its samples are those of the classic buckets; the histograms have the others, too."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        super().__init__(name, documentation, 'histogram')
        self._labels = labels
        #: The labels and the histogram of each series.
        self.histograms: list[tuple[dict[str, str], Histogram]] = []

    def add_metric(self, values: Sequence[str], histogram: Histogram) -> None:
        """Add a series with these *values* of the labels."""
        labels, count = dict(zip(self._labels, values, strict=True)), 0
        self.histograms.append((labels, histogram))
        for bound, count in histogram.buckets():
            self.add_sample(f'{self.name}_bucket', {**labels, 'le': bound}, count)
        self.add_sample(f'{self.name}_count', labels, count)
        self.add_sample(f'{self.name}_sum', labels, histogram.seconds)


class Family(NamedTuple):
    """A metric, with a series, or several, for each proxy."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily] | type[HistogramFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    #: Returns the series of a proxy. Its counts are given, because adding them up takes time.
    read: Callable[[ProxyServer, Counts], Iterable[Series]]

    def make(self) -> Any:
        """Return the metric without a series."""
        return self.kind(self.name, self.help, labels=self.labels)
