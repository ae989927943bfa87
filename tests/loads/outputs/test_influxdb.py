"""What InfluxDB gets once a second: only what is new, and later what it did not take."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.loads.conftest import Shop
from tests.loads.users.test_run import StillRun, request
from tests.peers import Peer, RawBackend, pour
from tests.servers import HOST
from vaurien.errors import ConfigError
from vaurien.loads.outputs import influxdb as influxdb_module
from vaurien.loads.outputs.influxdb import InfluxDB


class FakeInfluxDB:
    """A server that keeps what it is sent. Debian has no InfluxDB with this write API."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.refuses = False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers['Content-Length'])).decode()
                if not fake.refuses:
                    fake.requests.append((self.path, self.headers['Authorization']))
                    fake.lines += body.splitlines()
                self.send_response(503 if fake.refuses else 204)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self.server = HTTPServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def refuse(self, refuses: bool) -> None:
        """Take nothing from now on, or everything again."""
        self.refuses = refuses

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def influxdb() -> Iterator[FakeInfluxDB]:
    fake = FakeInfluxDB()
    yield fake
    fake.close()


def test_influxdb(shop: Shop, influxdb: FakeInfluxDB) -> None:
    url = f'http://{HOST}:{influxdb.server.server_port}/?org=acme&bucket=loads'
    flags = ['--influxdb', url, '--project-name', 'shop']
    done = shop.run('shop.TestShop.test_order', '-u', '2', '--hits', '5', *flags, INFLUXDB_V2_TOKEN='token')
    assert (done.status, done.err) == (0, ''), done
    path, token = influxdb.requests[0]
    assert re.fullmatch(r'/api/v2/write\?org=acme&bucket=loads&precision=\w+', path)
    assert token == 'Token token'
    hits = [int(found[1]) for line in influxdb.lines if (found := re.search(r'^loads,.*hits=(\d+)i', line))]
    assert sum(hits) == 10
    tags = 'name=/ok,project=shop,test=shop.TestShop.test_order'
    assert any(line.startswith(f'loads_request,method=GET,{tags} count=') for line in influxdb.lines), influxdb.lines
    assert any(line.startswith('loads_counter,name=orders,project=shop') for line in influxdb.lines)


def test_an_influxdb_that_does_not_answer(shop: Shop) -> None:
    url = shop.environment['CLOSED'] + '/?bucket=loads'
    done = shop.run('shop.TestShop.test_order', '--influxdb', url)
    assert (done.status, done.counts()) == (0, (1, 1, 0, 0)), done
    assert re.fullmatch('.* WARNING cannot write to InfluxDB: connection refused\n', done.err), done


def test_what_it_did_not_take_comes_later(
    run: StillRun, influxdb: FakeInfluxDB, caplog: pytest.LogCaptureFixture
) -> None:
    output = InfluxDB(f'http://{HOST}:{influxdb.server.server_port}/?bucket=loads')
    output.start(run)
    influxdb.refuse(True)
    for second in range(2):
        run.clock = 1000.0 + second
        run.stats.end_hit('success', 0.1)
        output.tick(run)
    assert influxdb.lines == []
    assert len(caplog.records) == 1  # and not each second
    influxdb.refuse(False)
    run.clock = 1002.0
    request(run, '/a', 10)
    output.tick(run)
    times = [(line.partition(',')[0], line.rpartition(' ')[2]) for line in influxdb.lines]
    assert times == [('loads', '1000'), ('loads', '1001'), ('loads', '1002'), ('loads_request', '1002')]
    assert [int(value) for line in influxdb.lines for value in re.findall(r'[ ,]hits=(\d+)i', line)] == [1, 1, 0]
    influxdb.lines.clear()
    output.finish(run, run.report())
    assert len(influxdb.lines) == 1


def test_an_influxdb_without_end(run: StillRun, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
    def script(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        pour(peer, b'HTTP/1.1 503 No\r\n\r\n', bytes(65536))

    raw_backend.serve(script)
    output = InfluxDB(f'http://{raw_backend.address}/?bucket=loads')
    output.start(run)
    output.tick(run)
    assert caplog.messages == ['cannot write to InfluxDB: it sends more than 1 MiB']


def test_no_more_is_kept_than_that(run: StillRun, influxdb: FakeInfluxDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influxdb_module, 'MAX_WAITING', 2)
    output = InfluxDB(f'http://{HOST}:{influxdb.server.server_port}/?bucket=loads')
    output.start(run)
    influxdb.refuse(True)
    for second in range(3):
        run.clock = 1000.0 + second
        output.tick(run)
    influxdb.refuse(False)
    run.clock = 1003.0
    output.finish(run, run.report())
    assert [line.rpartition(' ')[2] for line in influxdb.lines] == ['1002', '1003']


@pytest.mark.parametrize(
    'url', ['localhost:8086', 'http://localhost:8086', 'ftp://localhost/?bucket=b', 'http:///?bucket=b']
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match='expected http://HOST:PORT'):
        InfluxDB(url)
