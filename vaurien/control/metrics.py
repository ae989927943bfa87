"""The responder of ``/metrics``, in the formats of Prometheus, and every metric of it.

The formats are described at https://prometheus.io/docs/instrumenting/exposition_formats. All values are read when
Prometheus asks: a series exists as long as its proxy does, and is up to date while links are open.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping

import falcon
import gevent
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vaurien import __version__
from vaurien.console.writer import count_lost
from vaurien.control.metric_family import Family, HistogramFamily, Series
from vaurien.control.protobuf import CONTENT_TYPE as PROTOBUF, write_protobuf
from vaurien.control.sources import Sources
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.turns import get_turns, pausing
from vaurien.live.live import Live
from vaurien.records.counters import PEERS
from vaurien.records.histogram import Histogram
from vaurien.toxiproxy.metrics import FAMILIES as TOXIPROXY_FAMILIES
from vaurien.toxiproxy.middleware import begin

#: The version of the text format that every Prometheus reads.
CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'


def _read_held(proxy: ProxyServer) -> Iterator[Series]:
    for (kind, name), histogram in proxy.counters.histograms.items():
        yield [proxy.name, kind, name], [histogram]


def _read_times(proxy: ProxyServer, histograms: Iterable[tuple[str, Histogram]]) -> Iterator[Series]:
    for name, histogram in histograms:
        yield [proxy.name, proxy.settings.protocol, name], [histogram]


#: How many samples of a metric are written at once: more would keep everybody waiting.
PART = 250

PROXY = ('proxy',)
FAULT = ('proxy', 'kind', 'name')
TIMED = ('proxy', 'protocol', 'class')

#: The metrics of every proxy.
FAMILIES = (
    *TOXIPROXY_FAMILIES,
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
        'Exchanges begun: requests, or chunks from the client if the protocol is tcp.',
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
        'vaurien_tls_failures_total',
        'Links that were closed because the handshake of TLS with the client or the backend has failed.',
        (*PROXY, 'peer'),
        lambda proxy, counts: [([proxy.name, peer], [proxy.counters.tls_failures[peer]]) for peer in PEERS],
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
        HistogramFamily,
        'vaurien_added_latency_seconds',
        'How long behaviors held exchanges and toxics held chunks before they went on.',
        FAULT,
        lambda proxy, counts: _read_held(proxy),
    ),
    Family(
        HistogramFamily,
        'vaurien_backend_seconds',
        'How long the backend took, from the request sent to the end of its reply, of the exchanges that were timed.',
        TIMED,
        lambda proxy, counts: _read_times(proxy, proxy.times.backend()),
    ),
    Family(
        HistogramFamily,
        'vaurien_client_seconds',
        'What clients felt, from the request having come until the reply was sent, of the exchanges that were timed.',
        TIMED,
        lambda proxy, counts: _read_times(proxy, proxy.times.client()),
    ),
)


class ProxiesCollector(Collector):
    """Reads all proxies when Prometheus asks."""

    def __init__(
        self,
        proxies: Mapping[str, ProxyServer],
        live: Live | None = None,
        count_lost: Callable[[], int] = count_lost,
    ) -> None:
        """*live* counts what happens and sends it to the readers of events; None: nobody can read any.

        *count_lost* is as in `Sources`.
        """
        self._proxies = proxies
        self._live = live
        self._count_lost = count_lost

    def collect(self) -> Iterator[Metric]:
        """Yield one metric after the other. One with many series comes in several parts."""
        pause = get_turns().begin()
        proxies = [(proxy, proxy.counters.counts(pause)) for proxy in pausing(list(self._proxies.values()), pause)]
        for family in FAMILIES:
            metric = family.make()
            for proxy, counts in proxies:
                for labels, value in list(family.read(proxy, counts)):
                    metric.add_metric(labels, *value)
                if len(metric.samples) >= PART:
                    yield metric
                    pause()
                    metric = family.make()
            yield metric
        lost = CounterMetricFamily(
            'vaurien_lines_lost_total',
            'Lines of the log, the journal, the standard output and the standard error that could not be written.',
        )
        lost.add_metric([], self._count_lost())
        yield lost
        if self._live is not None:
            yield from _describe_readers(self._live)
        versions = {'version': __version__, 'python': platform.python_version(), 'gevent': gevent.__version__}
        build = GaugeMetricFamily(
            'vaurien_build_info', 'The versions that run; the value is always 1.', labels=list(versions)
        )
        build.add_metric(list(versions.values()), 1)
        yield build


def _describe_readers(live: Live) -> Iterator[Metric]:
    readers = GaugeMetricFamily('vaurien_events_readers', 'Clients that follow the events.')
    readers.add_metric([], live.readers)
    yield readers
    dropped = CounterMetricFamily(
        'vaurien_events_dropped_total',
        'Clients that were dropped because they read the events too slowly.',
    )
    dropped.add_metric([], live.dropped)
    yield dropped


def make_registry(sources: Sources) -> CollectorRegistry:
    """Return the metrics of the proxies in *sources*, of who looks at them, and of their process."""
    registry = CollectorRegistry()
    registry.register(ProxiesCollector(sources.proxies, sources.live, sources.count_lost))
    ProcessCollector(registry=registry)
    return registry


class _Part:
    """A part of the metrics, for `generate_latest`."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


def write_text(families: Iterable[Metric]) -> bytes:
    """Return the metrics in the text format. Other requests are served between two parts."""
    texts: list[bytes] = []
    last = ''
    for metric in families:
        text: bytes = generate_latest(_Part(metric))  # it only calls `collect`
        texts.append(text.split(b'\n', 2)[2] if metric.name == last else text)  # without the two lines of its head
        last = metric.name
    return b''.join(texts)


#: What writes each format. The first one is for whoever has no preference.
WRITERS = {CONTENT_TYPE: write_text, PROTOBUF: write_protobuf}


class MetricsResource:
    """The responder of ``/metrics``. Like Toxiproxy's, it answers to every method, but not to browsers."""

    def __init__(self, sources: Sources) -> None:
        self._registry = make_registry(sources)
        self._live = sources.live

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the metrics."""
        begin(req, resp)
        self._live.look()
        resp.content_type = req.client_prefers(WRITERS) or CONTENT_TYPE
        resp.append_header('Vary', 'Accept')
        resp.data = WRITERS[resp.content_type](self._registry.collect())

    on_head = on_post = on_put = on_patch = on_delete = on_options = on_get
