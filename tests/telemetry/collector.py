"""A stand-in for a collector of OpenTelemetry: it takes OTLP over HTTP, as the specification has it, and keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.servers import HOST

PATHS: dict[str, Any] = {
    '/v1/traces': ExportTraceServiceRequest,
    '/v1/metrics': ExportMetricsServiceRequest,
    '/v1/logs': ExportLogsServiceRequest,
}


class FakeCollector:
    """What a collector was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Any] = []

    @property
    def spans(self) -> list[Any]:
        """The spans."""
        return [
            span
            for request in self._of('/v1/traces')
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics that came last, by name."""
        return {
            metric.name: metric
            for request in self._of('/v1/metrics')
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    @property
    def records(self) -> list[Any]:
        """The records of the log."""
        return [
            record
            for request in self._of('/v1/logs')
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def _of(self, path: str) -> list[Any]:
        return [request for request in self.requests if isinstance(request, PATHS[path])]


def attributes_of(one: Any) -> dict[str, Any]:
    """Return the attributes of a span, a point or a record."""
    return {given.key: getattr(given.value, given.value.WhichOneof('value')) for given in one.attributes}


@contextmanager
def collecting() -> Iterator[FakeCollector]:
    """Serve a collector within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # of the library
            body = self.rfile.read(int(self.headers['Content-Length']))
            assert self.headers['Content-Type'] == 'application/x-protobuf'
            collector.requests.append(PATHS[self.path].FromString(body))
            self.send_response(200)
            self.send_header('Content-Type', 'application/x-protobuf')
            self.send_header('Content-Length', '0')
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        collector = FakeCollector(f'http://{HOST}:{server.server_port}')
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
