"""Results in files and on standard output: `stdout`, `null`, `file`, `json`, and Locust's own `csv` and `html`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.loads.conftest import Shop


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


@pytest.mark.parametrize('name', ['file', 'json', 'html', 'csv'])
def test_a_disk_that_is_full(shop: Shop, name: str) -> None:
    option, file = ('prefix', 'full_stats.csv') if name == 'csv' else ('filename', 'full')
    (shop.folder / file).symlink_to('/dev/full')
    done = shop.run('shop.TestShop.test_order', '--output', f'stdout,{name}', f'--output-{name}-{option}', 'full')
    assert (done.status, done.err) == (1, f'loads-runner: error: cannot write {file}: No space left on device\n')
    assert 'Hits: 1' in done.out


def test_json_alone_on_standard_output(shop: Shop) -> None:
    flags = ['--output', 'json', '--output-json-filename', '-', '--quiet']
    done = shop.run('shop.TestOutcomes.test_error', '--hits', '2', *flags)
    report = json.loads(done.out)
    assert (done.status, done.err, report['status'], report['errors']) == (1, '', 1, 2)
    (problem,) = report['problems']
    assert (problem['kind'], problem['message'], problem['count']) == ('error', 'RuntimeError: out of order', 2)
    assert "raise RuntimeError('out of order')" in problem['traceback']


def test_what_tests_print_is_not_in_the_json(shop: Shop) -> None:
    flags = ['--output', 'json', '--output-json-filename', '-', '--quiet']
    done = shop.run('shop.TestOutcomes.test_print', *flags)
    assert json.loads(done.out)['success'] == 1
    assert sorted(done.err.splitlines()) == ['what a program says', 'what a test says']


def test_errors_are_exceptions_of_locust(shop: Shop) -> None:
    done = shop.run('shop.TestOutcomes.test_error', '--hits', '3', '--output', 'csv')
    assert (done.status, done.out) == (1, '')
    (row,) = read_csv(shop.folder / 'loads_exceptions.csv')
    assert (row['Count'], row['Message']) == ('3', 'error: RuntimeError: out of order')
