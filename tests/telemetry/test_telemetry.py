"""``--otel``: what a collector gets of the running command, and what becomes of the command if there is none."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator

import psycopg
import pymysql
import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand, call
from tests.servers import HOST, TIMEOUT, Server, free_port
from tests.telemetry.collector import FakeCollector, attributes_of, collecting
from vaurien.cli.companions import import_telemetry
from vaurien.cli.main import main
from vaurien.errors import ConfigError
from vaurien.settings import Settings

TRACE, SPAN = '0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'
TRACEPARENT = f'00-{TRACE}-{SPAN}-01'
ERROR = 2


def ask_mysql(port: int, statement: str) -> None:
    with pymysql.connect(host=HOST, port=port, user='tester', password='secret') as client, client.cursor() as cursor:
        cursor.execute(statement)


def ask_postgres(port: int, statement: str) -> None:
    with psycopg.connect(
        f'host={HOST} port={port} user=tester password=secret dbname=postgres', sslmode='disable'
    ) as client:
        client.execute(statement)


SYSTEMS = {'mysql': ('mariadb', 'mysql', ask_mysql), 'postgresql': ('postgres', 'postgres', ask_postgres)}


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    with collecting() as collector:
        yield collector


def test_the_span_of_a_faulted_request(vaurien_command: StartCommand, nginx: Server, collector: FakeCollector) -> None:
    behavior = "100:error(match='GET /bad*', code=503)"
    command = vaurien_command(
        '--backend', nginx.address, '--protocol', 'http', '--behavior', behavior, '--otel', collector.url
    )
    url = f'http://{command.address}'
    with requests.Session() as session:
        session.get(f'{url}/', timeout=TIMEOUT)
        before = time.time()
        session.get(f'{url}/bad?a=1', headers={'traceparent': TRACEPARENT}, timeout=TIMEOUT)
        after = time.time()
    assert command.stop(signal.SIGINT)[0] == 0
    (span,) = collector.spans
    assert (span.name, span.kind, span.status.code) == ('GET', 2, ERROR)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    assert before - 0.1 <= span.start_time_unix_nano / 1e9 <= span.end_time_unix_nano / 1e9 <= after + 0.1
    attributes = attributes_of(span)
    assert attributes.pop('network.peer.port') > 0
    assert '"code": 503' in attributes.pop('vaurien.fault.options')
    assert attributes == {
        'http.request.method': 'GET',
        'url.path': '/bad',
        'url.query': 'a=1',
        'network.peer.address': HOST,
        'network.protocol.name': 'http',
        'network.transport': 'tcp',
        'server.address': HOST,
        'server.port': nginx.port,
        'vaurien.proxy': 'vaurien',
        'vaurien.link': 1,
        'vaurien.exchange': 2,
        'vaurien.executed': False,
        'vaurien.fault': 'error',
    }


def test_the_log_and_the_metrics(vaurien_command: StartCommand, nginx: Server, collector: FakeCollector) -> None:
    command = vaurien_command(
        *('--backend', nginx.address, '--protocol', 'http', '--behavior', '100:delay(sleep=0)'),
        *('--otel', collector.url),
    )
    requests.get(f'http://{command.address}/', timeout=TIMEOUT)
    eventually(lambda: collector.records)  # without waiting for the end
    assert command.stop()[0] == 0
    record = next(record for record in collector.records if 'delay on' in record.body.string_value)
    assert record.body.string_value == 'link 1 exchange 1: delay on GET /'
    assert (record.severity_text, attributes_of(record)['vaurien.proxy']) == ('INFO', 'vaurien')
    (faults,) = collector.metrics['vaurien_faults'].sum.data_points
    assert (faults.as_int, attributes_of(faults)['name']) == (1, 'delay')
    (held,) = collector.metrics['vaurien_added_latency_seconds'].histogram.data_points
    assert (held.count, sum(held.bucket_counts)) == (1, 1)
    assert len(held.bucket_counts) == len(held.explicit_bounds) + 1
    assert collector.metrics['vaurien_added_latency_seconds'].unit == 's'


@pytest.mark.parametrize('system', ['mysql', 'postgresql'])
def test_the_comment_of_a_statement(
    system: str, request: pytest.FixtureRequest, vaurien_command: StartCommand, collector: FakeCollector
) -> None:
    fixture, protocol, ask = SYSTEMS[system]
    server: Server = request.getfixturevalue(fixture)
    command = vaurien_command(
        '--backend', server.address, '--protocol', protocol, '--otel', collector.url, '--otel-all'
    )
    ask(command.port, f"SELECT 1 /*action='orders',traceparent='{TRACEPARENT}'*/")
    assert command.stop()[0] == 0
    span = next(span for span in collector.spans if span.parent_span_id)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    attributes = attributes_of(span)
    assert (attributes['db.system.name'], attributes['db.query.summary']) == (system, span.name)
    assert 'vaurien.fault' not in attributes


def test_a_collector_that_is_not_there(vaurien_command: StartCommand, nginx: Server) -> None:
    url = f'http://{HOST}:{free_port()}'
    command = vaurien_command(
        '--backend', nginx.address, '--protocol', 'http', '--behavior', '100:delay(sleep=0)', '--otel', url
    )
    for _ in range(50):
        assert requests.get(f'http://{command.address}/', timeout=TIMEOUT).status_code == 200
    command.wait_for_log(f'OpenTelemetry: cannot send to {url}')
    status, _, log = command.stop()
    assert status == 0
    assert log.count('OpenTelemetry') == 1
    assert 'Traceback' not in log


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, 'vaurien.telemetry.telemetry', raising=False)
    monkeypatch.setitem(sys.modules, 'opentelemetry.sdk._logs', None)
    with pytest.raises(ConfigError, match=r"^otel: it needs OpenTelemetry: pip install 'vaurien\[otel\]'"):
        import_telemetry(Settings(otel='http://localhost:4318'))


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (['--otel', 'localhost:4318'], "--otel: expected a URL such as http://localhost:4318, got 'localhost:4318'"),
        (['--otel', 'http://localhost:99999'], '--otel: expected a URL'),
        (['--otel-all'], '--otel-all: it is of no use without --otel URL'),
    ],
)
def test_mistakes(flags: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('vaurien.cli.main.patch_standard_library', lambda: None)
    result = call(main, *flags)
    assert (result.returncode, result.stderr.count('\n')) == (2, 1)
    assert said in result.stderr
