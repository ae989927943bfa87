"""The span of an exchange, with the attributes of https://opentelemetry.io/docs/specs/semconv/."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from time import time
from typing import Any

from gevent import get_hub
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vaurien.address import Address
from vaurien.framing.meaning import ReplyClass
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink, Observer

#: What the databases are called there.
SYSTEMS = {'mysql': 'mysql', 'postgres': 'postgresql', 'redis': 'redis', 'memcache': 'memcached'}

SECOND = 1_000_000_000

_propagator = TraceContextTextMapPropagator()


class SpanObserver(Observer):
    """Makes spans of the exchanges of one proxy."""

    wants_traces = True

    def __init__(
        self, tracer: Tracer, protocol: str, find_backend: Callable[[], Address], *, takes_all: bool = False
    ) -> None:
        """*takes_all*: exchanges without a fault have spans, too."""
        self._tracer = tracer
        self._protocol = protocol
        self._find_backend = find_backend
        self._takes_all = takes_all
        self._clients: dict[int, Address | None] = {}

    def on_link(self, link: ObservedLink) -> None:
        self._clients[link.number] = link.client_address

    def on_closed(self, link: ObservedLink) -> None:
        self._clients.pop(link.number, None)

    def on_exchange(self, entry: Entry) -> None:
        if self._takes_all or entry.behavior is not None:
            # In a moment: the client is not to wait for it.
            get_hub().loop.run_callback(self._make_span, entry, self._clients.get(entry.link), time())

    def _make_span(self, entry: Entry, client: Address | None, now: float) -> None:
        is_database = self._protocol in SYSTEMS
        context = _propagator.extract({'traceparent': entry.traceparent}) if entry.traceparent else None
        span = self._tracer.start_span(
            entry.request if is_database else entry.request.partition(' ')[0] or self._protocol,
            context,
            SpanKind.CLIENT if is_database else SpanKind.SERVER,
            self._describe(entry, client),
            start_time=int(entry.time * SECOND),
        )
        if entry.reply is None:
            span.set_status(Status(StatusCode.ERROR, 'no reply'))
        elif entry.reply not in (ReplyClass.OK, ReplyClass.NOTHING):
            span.set_status(Status(StatusCode.ERROR, entry.reply.value))
        span.end(int((now if entry.seconds is None else entry.time + entry.seconds) * SECOND))

    def _describe(self, entry: Entry, client: Address | None) -> Mapping[str, Any]:
        backend = self._find_backend()
        attributes: dict[str, Any] = {
            'server.address': backend.host,
            'server.port': backend.port,
            'network.transport': 'tcp',
            'vaurien.proxy': entry.proxy,
            'vaurien.link': entry.link,
            'vaurien.exchange': entry.exchange,
            'vaurien.executed': entry.executed,
        }
        if client is not None:
            attributes |= {'network.peer.address': client.host, 'network.peer.port': client.port}
        if self._protocol in SYSTEMS:
            attributes |= {'db.system.name': SYSTEMS[self._protocol], 'db.query.summary': entry.request}
        elif self._protocol == 'http':
            method, _, target = entry.request.partition(' ')
            path, _, query = target.partition('?')
            attributes |= {'network.protocol.name': 'http', 'http.request.method': method, 'url.path': path}
            if query:
                attributes['url.query'] = query
        else:
            attributes |= {'network.protocol.name': self._protocol, 'vaurien.request': entry.request}
        if entry.behavior is not None:
            attributes |= {'vaurien.fault': entry.behavior, 'vaurien.fault.options': json.dumps(entry.options)}
        return attributes
