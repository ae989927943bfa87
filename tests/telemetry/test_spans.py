"""The span of an exchange, whatever is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gevent
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.loop import in_loop
from vaurien.address import Address
from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.records.counts import Counts
from vaurien.records.entry import Entry
from vaurien.telemetry.spans import SpanObserver

CLIENT = Address('127.0.0.1', 40_000)


class FakeLink:
    """A link with a client."""

    number = 3
    client_address = CLIENT

    def counts(self) -> Counts:
        return Counts()


def observe(protocol: str, *entries: Entry, takes_all: bool = False) -> Sequence[ReadableSpan]:
    """Return the spans of exchanges of one link."""

    def make() -> Sequence[ReadableSpan]:
        memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(memory))
        observer = SpanObserver(provider.get_tracer('test'), protocol, lambda: Address('db', 5), takes_all=takes_all)
        observer.on_link(FakeLink())
        for entry in entries:
            observer.on_exchange(entry)
        observer.on_closed(FakeLink())  # by which the client is forgotten, and not those who are asked for
        gevent.sleep(0)
        return memory.get_finished_spans()

    return in_loop(make)


def make_entry(request: str, **fields: Any) -> Entry:
    usual = {'time': 1000.0, 'seconds': 0.5, 'reply': ReplyClass.OK, 'behavior': 'delay'}
    return Entry(proxy='a', link=3, exchange=1, request=request, nth=1, effect=Effect.READ, **{**usual, **fields})


def test_times_and_peers() -> None:
    (span,) = observe('redis', make_entry('GET user:1'))
    assert (span.name, span.start_time, span.end_time) == ('GET user:1', 1000 * 10**9, 1000 * 10**9 + 10**9 // 2)
    assert span.attributes is not None
    assert span.attributes['network.peer.port'] == CLIENT.port
    assert (span.attributes['server.address'], span.attributes['db.system.name']) == ('db', 'redis')
    assert span.status.is_unset


@pytest.mark.parametrize(
    ('reply', 'said'), [(None, 'no reply'), (ReplyClass.ERROR, 'error'), (ReplyClass.ROLLED_BACK, 'rolled back')]
)
def test_what_is_an_error(reply: ReplyClass | None, said: str) -> None:
    (span,) = observe('http', make_entry('GET /', reply=reply, seconds=None))
    assert (span.status.is_ok, span.status.description) == (False, said)
    assert span.end_time is not None
    assert span.end_time > 1000 * 10**9


def test_which_exchanges_have_one() -> None:
    entries = [make_entry('4 bytes'), make_entry('5 bytes', behavior=None)]
    assert [span.attributes and span.attributes['vaurien.request'] for span in observe('tcp', *entries)] == ['4 bytes']
    assert len(observe('tcp', *entries, takes_all=True)) == 2
