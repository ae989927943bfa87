"""Telemetry of a process: spans, metrics and the log go to a collector, from the start to the end.

Nobody waits for the collector. What is to be sent waits in bounded queues, from which the oldest is dropped. Each queue
has a thread of the library, which is a greenlet where gevent has patched the standard library; so batches are small:
while one is encoded, nothing else runs.
"""

from __future__ import annotations

import logging
import os
from time import time_ns

import gevent
from gevent.pool import Group
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from vaurien import __version__
from vaurien.address import Address
from vaurien.control.metrics import ProxiesCollector
from vaurien.engine.proxies import Proxies
from vaurien.settings import ProxySettings
from vaurien.telemetry.metrics import convert
from vaurien.telemetry.records import CollectedHandler
from vaurien.telemetry.senders import LogSender, MetricSender, Reachability, SpanSender
from vaurien.telemetry.spans import SpanObserver

NAME = 'vaurien'
#: How many spans, or records of the log, wait at most, and how many are sent together.
MOST = 2048
BATCH = 32
#: Milliseconds after which they are sent, however few there are; and seconds between two times that metrics are.
DELAY = 1000
INTERVAL = 10.0
#: Seconds that sending the rest may take at the end.
GRACE = 2.0


class Telemetry:
    """Sends to one collector what happens on the proxies of a process."""

    def __init__(self, url: str, *, takes_all: bool = False) -> None:
        """*url* is that of the collector. Exchanges without a fault have spans as well if it *takes_all*."""
        url = url.rstrip('/')
        self._takes_all = takes_all
        self._library = logging.getLogger('opentelemetry')
        self._reachability = Reachability(url)
        self._resource = Resource.create(
            {'service.name': os.environ.get('OTEL_SERVICE_NAME', NAME), 'service.version': __version__}
        )
        self._spans, self._logs = SpanSender(url, self._reachability), LogSender(url, self._reachability)
        self._metrics = MetricSender(url, self._reachability)
        # Every fault is worth a span, also one in a trace of which the application keeps nothing.
        self._tracing = TracerProvider(ALWAYS_ON, self._resource, shutdown_on_exit=False)
        self._logging = LoggerProvider(self._resource, shutdown_on_exit=False)
        self._handler = CollectedHandler(self._logging.get_logger(NAME, __version__))
        self._greenlets = Group()
        self._proxies: Proxies | None = None
        self._began = time_ns()

    def make_observer(self, settings: ProxySettings) -> SpanObserver:
        """Return what observes a proxy."""
        tracer = self._tracing.get_tracer(NAME, __version__)

        def find_backend() -> Address:
            proxy = None if self._proxies is None else self._proxies.get(settings.name)
            return settings.backend if proxy is None else proxy.backend

        return SpanObserver(tracer, settings.protocol, find_backend, takes_all=self._takes_all)

    def start(self, proxies: Proxies) -> None:
        """Begin to send."""
        self._proxies = proxies
        self._library.addHandler(self._reachability)
        self._library.propagate = False
        self._tracing.add_span_processor(
            BatchSpanProcessor(
                self._spans, max_queue_size=MOST, schedule_delay_millis=DELAY, max_export_batch_size=BATCH
            )
        )
        self._logging.add_log_record_processor(
            BatchLogRecordProcessor(
                self._logs, max_queue_size=MOST, schedule_delay_millis=DELAY, max_export_batch_size=BATCH
            )
        )
        logging.getLogger().addHandler(self._handler)
        self._greenlets.spawn(self._send_metrics_again, proxies)

    def close(self) -> None:
        """Send what is left, as far as that is possible soon."""
        if self._proxies is None:
            return
        logging.getLogger().removeHandler(self._handler)
        self._greenlets.kill()
        last = Group()
        last.spawn(self._send_metrics, self._proxies)
        last.spawn(self._tracing.shutdown)
        last.spawn(self._logging.shutdown)
        last.join(GRACE)
        for sender in (self._spans, self._logs, self._metrics):
            sender.shutdown()
        last.kill(block=False)
        self._library.removeHandler(self._reachability)
        self._proxies = None

    def _send_metrics_again(self, proxies: Proxies) -> None:
        while True:
            gevent.sleep(INTERVAL)
            self._send_metrics(proxies)

    def _send_metrics(self, proxies: Proxies) -> None:
        scope = InstrumentationScope(NAME, __version__)
        families = ProxiesCollector(proxies).collect()
        self._metrics.export(convert(families, self._resource, scope, self._began, time_ns()))
