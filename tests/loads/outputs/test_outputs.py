"""Where results go: files, Locust's own formats, its live page, StatsD, InfluxDB."""

from __future__ import annotations

import csv
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from tests.loads.conftest import Shop, Starter
from tests.servers import HOST, TIMEOUT, free_port


def test_several_files(shop: Shop) -> None:
    outputs = ['--output', 'stdout', '--output', 'file,json', '--output', 'csv', '--output', 'html']
    names = ['--output-file-filename', 'summary.txt', '--output-html-filename', 'report.html', '--output-csv-prefix']
    done = shop.run('shop.TestShop.test_order', '-u', '2', '--hits', '5', *outputs, *names, 'orders')
    assert (done.status, done.counts()) == (0, (10, 10, 0, 0)), done
    assert (shop.folder / 'summary.txt').read_text() in f'{done.out}\n'
    check_json(json.loads((shop.folder / 'loads.json').read_text()))
    rows = read_csv(shop.folder / 'orders_stats.csv')
    assert [(row['Type'], row['Name'], row['Request Count']) for row in rows] == [
        ('GET', '/ok', '10'),
        ('', 'Aggregated', '10'),
    ]
    assert read_csv(shop.folder / 'orders_stats_history.csv')[-1]['Total Request Count'] == '10'
    assert read_csv(shop.folder / 'orders_failures.csv') == []
    page = (shop.folder / 'report.html').read_text()
    assert '"num_requests": 10' in page
    assert 'shop.TestShop.test_order' in page


def check_json(report: dict[str, object]) -> None:
    same = {name: report[name] for name in ('test', 'status', 'hits', 'success', 'errors', 'missing', 'interrupted')}
    assert same == {
        'test': 'shop.TestShop.test_order',
        'status': 0,
        'hits': 10,
        'success': 10,
        'errors': 0,
        'missing': 0,
        'interrupted': False,
    }
    assert report['counters'] == {'orders': 10}
    assert report['requests'] == [report['total'] | {'method': 'GET', 'name': '/ok'}]  # type: ignore[operator]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_json_alone_on_standard_output(shop: Shop) -> None:
    flags = ['--output', 'json', '--output-json-filename', '-', '--quiet']
    done = shop.run('shop.TestOutcomes.test_error', '--hits', '2', *flags)
    report = json.loads(done.out)
    assert (done.status, done.err, report['status'], report['errors']) == (1, '', 1, 2)
    (problem,) = report['problems']
    assert (problem['kind'], problem['message'], problem['count']) == ('error', 'RuntimeError: out of order', 2)
    assert "raise RuntimeError('out of order')" in problem['traceback']


def test_errors_are_exceptions_of_locust(shop: Shop) -> None:
    done = shop.run('shop.TestOutcomes.test_error', '--hits', '3', '--output', 'csv')
    assert (done.status, done.out) == (1, '')
    (row,) = read_csv(shop.folder / 'loads_exceptions.csv')
    assert (row['Count'], row['Message']) == ('3', 'error: RuntimeError: out of order')


def test_the_live_page(shop: Shop, start: Starter) -> None:
    port = free_port()
    runner = start('loads-runner', *['shop.TestShop.test_order', '-u', '4', '-d', '100', '--web-port'], str(port))
    url = runner.wait_for('live page: (http://.*)')[1]
    assert '<title>Locust' in requests.get(url, timeout=TIMEOUT).text
    while (seen := requests.get(f'{url}/stats/requests', timeout=TIMEOUT).json())['total_rps'] == 0:
        assert runner.process.poll() is None
    assert (seen['state'], seen['user_count']) == ('running', 4)
    refused = requests.post(f'{url}/swarm', data={'user_count': 9, 'spawn_rate': 9}, timeout=TIMEOUT)
    assert refused.status_code == 403
    assert requests.get(f'{url}/stats/reset', timeout=TIMEOUT).status_code == 403
    foreign = {'Origin': 'http://example.com'}
    assert requests.post(f'{url}/stop', headers=foreign, timeout=TIMEOUT).status_code == 403
    assert requests.get(url, headers={'Host': 'example.com'}, timeout=TIMEOUT).status_code == 403
    assert requests.post(f'{url}/stop', headers={'Origin': url}, timeout=TIMEOUT).json()['success']
    done = runner.wait()
    assert done.status == 130, done
    assert done.number('Hits') > 0


def test_a_page_that_cannot_be(shop: Shop) -> None:
    done = shop.run('shop.TestShop.test_order', '--web-port', str(shop.nginx.port))
    said = f'loads-runner: error: cannot listen on {HOST}:{shop.nginx.port}: address already in use\n'
    assert (done.status, done.out, done.err) == (1, '', said)


def test_statsd(shop: Shop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        receiver.settimeout(TIMEOUT)
        port = receiver.getsockname()[1]
        flags = ['--statsd', f'{HOST}:{port}', '--project-name', 'my shop']
        done = shop.run('shop.TestShop.test_order', '-u', '2', '--hits', '5', *flags)
        assert done.status == 0, done
        lines: list[str] = []
        while f'loads.my_shop.hits:{10}|c' not in lines or len(lines) < 14:
            lines += receiver.recv(65536).decode().split('\n')
    counts: Counter[str] = Counter()
    for line in lines:
        name, value, kind = re.fullmatch(r'loads\.my_shop\.(.+):([\d.]+)\|(c|ms|g)', line).groups()  # type: ignore[union-attr]
        counts[name] += 1 if kind == 'ms' else int(value)
    assert counts == {'hits': 10, 'success': 10, 'counter.orders': 10, 'request.GET_ok': 10, 'users': 0}


class FakeInfluxDB:
    """What InfluxDB's write API takes, kept; no InfluxDB that has this API can be installed from Debian."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.lines: list[str] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers['Content-Length'])).decode()
                fake.requests.append((self.path, self.headers['Authorization']))
                fake.lines += body.splitlines()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self.server = HTTPServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

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
    assert re.fullmatch('.* WARNING InfluxDB takes nothing: .*Connection refused.*\n', done.err), done
