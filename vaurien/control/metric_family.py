"""A metric of proxies: its name, its labels, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from vaurien.engine.proxy import ProxyServer
from vaurien.records.counts import Counts

#: A series: the values of the labels, in their order, and the arguments of ``add_metric`` that follow them.
Series = tuple[list[str], Any]


class Family(NamedTuple):
    """A metric, with a series, or several, for each proxy."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily] | type[HistogramMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    #: Returns the series of a proxy. Its counts are given, because adding them up takes time.
    read: Callable[[ProxyServer, Counts], Iterable[Series]]

    def make(self) -> Any:
        """Return the metric without a series."""
        return self.kind(self.name, self.help, labels=self.labels)
