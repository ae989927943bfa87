"""What the proxies of a process count, as Prometheus reads it (https://prometheus.io/docs/instrumenting/exposition_formats).

Everything is read when it is asked for: a series is there as long as its proxy is, and is up to date also while links
are open. The two counters of bytes have the names and labels of Toxiproxy's.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import falcon
import gevent
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from vaurien import __version__
from vaurien.engine.proxy import ProxyServer
from vaurien.records.counts import Counts
from vaurien.toxiproxy.middleware import begin

#: The version of the text format that every Prometheus reads.
CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

#: The values of the labels of one series, in their order, and what the series is about.
Sample = tuple[list[str], Any]


class Family(NamedTuple):
    """One metric: what it is made with, and how it is read from a proxy, whose counts are at hand."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily] | type[HistogramMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[ProxyServer, Counts], Iterable[Sample]]

    def make(self) -> Any:
        """Without a series."""
        return self.kind(self.name, self.help, labels=self.labels)


def _read_streams(proxy: ProxyServer, upstream: int, downstream: int) -> Iterator[Sample]:
    for direction, value in (('upstream', upstream), ('downstream', downstream)):
        yield [direction, proxy.address.written, proxy.name, proxy.backend.written], [value]


def _read_held(proxy: ProxyServer) -> Iterator[Sample]:
    for (kind, name), histogram in proxy.counters.histograms.items():
        yield [proxy.name, kind, name], [list(histogram.buckets()), histogram.seconds]


PROXY = ('proxy',)
FAULT = ('proxy', 'kind', 'name')
STREAM = ('direction', 'listener', 'proxy', 'upstream')

#: What there is of each proxy.
FAMILIES = (
    Family(
        CounterMetricFamily,
        'toxiproxy_proxy_received_bytes_total',
        'Bytes read from the source of a stream, before anything is done to them.',
        STREAM,
        lambda proxy, counts: _read_streams(proxy, counts.upstream_received, counts.downstream_received),
    ),
    Family(
        CounterMetricFamily,
        'toxiproxy_proxy_sent_bytes_total',
        'Bytes written to the destination of a stream, after behaviors and toxics.',
        STREAM,
        lambda proxy, counts: _read_streams(proxy, counts.upstream_sent, counts.downstream_sent),
    ),
    Family(
        GaugeMetricFamily,
        'vaurien_links_open',
        'Links that are open.',
        PROXY,
        lambda proxy, counts: [([proxy.name], [len(proxy.links)])],
    ),
    Family(
        CounterMetricFamily,
        'vaurien_links_total',
        'Clients accepted.',
        PROXY,
        lambda proxy, counts: [([proxy.name], [proxy.links_total])],
    ),
    Family(
        CounterMetricFamily,
        'vaurien_exchanges_total',
        'Exchanges begun: requests, or, where the protocol is tcp, chunks from the client.',
        PROXY,
        lambda proxy, counts: [([proxy.name], [counts.exchanges])],
    ),
    Family(
        CounterMetricFamily,
        'vaurien_connect_failures_total',
        'Links for which no address of the backend accepted a connection.',
        PROXY,
        lambda proxy, counts: [([proxy.name], [proxy.counters.connect_failures])],
    ),
    Family(
        CounterMetricFamily,
        'vaurien_faults_total',
        'Exchanges that a behavior was applied to; chunks that a toxic held, changed or dropped.',
        FAULT,
        lambda proxy, counts: [
            ([proxy.name, kind, name], [histogram.hits])
            for (kind, name), histogram in proxy.counters.histograms.items()
        ],
    ),
    Family(
        HistogramMetricFamily,
        'vaurien_added_latency_seconds',
        'For how long behaviors held exchanges and toxics held chunks, until they went on.',
        FAULT,
        lambda proxy, counts: _read_held(proxy),
    ),
)


class ProxiesCollector(Collector):
    """Reads all proxies when it is asked."""

    def __init__(self, proxies: Mapping[str, ProxyServer]) -> None:
        self._proxies = proxies

    def collect(self) -> Iterator[Metric]:
        """One metric after the other."""
        proxies = [(proxy, proxy.counters.counts()) for proxy in self._proxies.values()]
        for family in FAMILIES:
            metric = family.make()
            for proxy, counts in proxies:
                for labels, value in family.read(proxy, counts):
                    metric.add_metric(labels, *value)
            yield metric
        versions = {'version': __version__, 'python': platform.python_version(), 'gevent': gevent.__version__}
        build = GaugeMetricFamily('vaurien_build_info', 'What runs; the value is always 1.', labels=list(versions))
        build.add_metric(list(versions.values()), 1)
        yield build


def make_registry(proxies: Mapping[str, ProxyServer]) -> CollectorRegistry:
    """What there is of *proxies*, and of the process that they run in."""
    registry = CollectorRegistry()
    registry.register(ProxiesCollector(proxies))
    ProcessCollector(registry=registry)
    return registry


class MetricsResource:
    """The responder of ``/metrics``: like Toxiproxy's, whatever the method is."""

    def __init__(self, proxies: Mapping[str, ProxyServer]) -> None:
        self._registry = make_registry(proxies)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the metrics."""
        begin(req, resp)
        resp.content_type = CONTENT_TYPE
        resp.data = generate_latest(self._registry)

    on_head = on_post = on_put = on_patch = on_delete = on_options = on_get
