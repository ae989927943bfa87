"""What sends to a collector: exporters that say once that it cannot be reached, and once that it can again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

#: Seconds that sending a batch may take, attempts after the first one included.
TIMEOUT = 5.0

logger = logging.getLogger(__name__)


class Reachability(logging.Handler):
    """Knows whether the collector takes what it is sent.

    The library logs a line for each attempt, and whatever it drops. Those lines come here, and go nowhere else.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._reason = ''
        self._is_failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep why something has failed, of all that the library says."""
        if record.levelno >= logging.ERROR:
            self._reason = record.getMessage()

    def note(self, *, is_sent: bool) -> None:
        """Note what has become of a batch; log it if that is news."""
        if is_sent and self._is_failing:
            logger.info('OpenTelemetry: %s takes what it is sent again', self._url)
        elif not (is_sent or self._is_failing):
            logger.warning('OpenTelemetry: cannot send to %s, and drops what does not fit: %s', self._url, self._reason)
        self._is_failing = not is_sent


class SpanSender(OTLPSpanExporter):
    """Sends spans."""

    def __init__(self, url: str, reachability: Reachability) -> None:
        super().__init__(f'{url}/v1/traces', timeout=TIMEOUT)
        self._reachability = reachability

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some of them."""
        result = super().export(spans)
        self._reachability.note(is_sent=result is SpanExportResult.SUCCESS)
        return result


class LogSender(OTLPLogExporter):
    """Sends records of the log."""

    def __init__(self, url: str, reachability: Reachability) -> None:
        super().__init__(f'{url}/v1/logs', timeout=TIMEOUT)
        self._reachability = reachability

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send some of them."""
        result = super().export(batch)
        self._reachability.note(is_sent=result is LogRecordExportResult.SUCCESS)
        return result


class MetricSender(OTLPMetricExporter):
    """Sends metrics."""

    def __init__(self, url: str, reachability: Reachability) -> None:
        super().__init__(f'{url}/v1/metrics', timeout=TIMEOUT)
        self._reachability = reachability

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 1000 * TIMEOUT, **options: Any
    ) -> MetricExportResult:
        """Send them."""
        result = super().export(metrics_data, timeout_millis, **options)
        self._reachability.note(is_sent=result is MetricExportResult.SUCCESS)
        return result
