"""The metrics of proxies that Toxiproxy has, with its names and labels.

They are described at https://github.com/Shopify/toxiproxy/blob/main/METRICS.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily

from vaurien.control.metric_family import Family, Series
from vaurien.engine.proxy import ProxyServer

LABELS = ('direction', 'listener', 'proxy', 'upstream')


def _read_streams(proxy: ProxyServer, upstream: int, downstream: int) -> Iterator[Series]:
    for direction, value in (('upstream', upstream), ('downstream', downstream)):
        yield [direction, proxy.address.written, proxy.name, proxy.backend.written], [value]


FAMILIES = (
    Family(
        CounterMetricFamily,
        'toxiproxy_proxy_received_bytes_total',
        'Bytes read from the source of a stream, before anything is done to them.',
        LABELS,
        lambda proxy, counts: _read_streams(proxy, counts.upstream_received, counts.downstream_received),
    ),
    Family(
        CounterMetricFamily,
        'toxiproxy_proxy_sent_bytes_total',
        'Bytes written to the destination of a stream, after behaviors and toxics.',
        LABELS,
        lambda proxy, counts: _read_streams(proxy, counts.upstream_sent, counts.downstream_sent),
    ),
)
