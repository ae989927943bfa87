"""What can be written after ``conntest``."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaurien.conntest.flags import parse
from vaurien.conntest.plan import Plan
from vaurien.errors import ConfigError

URL = 'http://localhost:8080'


def test_server() -> None:
    given = parse(['server'])
    assert (given.port, given.host, given.max_groups, given.max_memory) == (8080, '', 1000, 256)
    assert (given.no_upstream, given.verbose) == (False, False)


@pytest.mark.parametrize('words', [['-p', '9000'], ['-p=9000'], ['-p9000'], ['--port=9000']], ids=str)
def test_a_port(words: list[str]) -> None:
    assert parse(['server', *words]).port == 9000


def test_client() -> None:
    given = parse(['client', '-r', URL, '-g', 'x', '-f', 'report.json', '-d', 'data'])
    assert (given.remote, given.group, given.report) == (URL, 'x', 'report.json')
    assert (given.data, given.timeout, given.delete) == (b'data', 60.0, False)


def test_run() -> None:
    given = parse(['run', '-r', URL])
    assert given.plan == Plan(run_count=100, concurrency=1)
    assert (given.report, given.data) == (None, None)


def test_the_settings_of_a_group() -> None:
    line = """--run-count 7 --concurrency 3 --client-delay-ns 1 --server-delay-ns 2 --description d
    --upstream-endpoint http://localhost/ --upstream-timeout-ns 4"""
    assert parse(['run', '-r', URL, *line.split()]).plan == Plan(
        description='d',
        run_count=7,
        concurrency=3,
        client_delay_ns=1,
        server_delay_ns=2,
        upstream_endpoint='http://localhost/',
        upstream_timeout_ns=4,
    )


@pytest.mark.parametrize('data', ['-', '-d', '--data', '-f', '--report=x', 'x y', ''])
@pytest.mark.parametrize('flag', ['-d', '--data'])
def test_data_may_look_like_a_flag(flag: str, data: str) -> None:
    given = parse(['client', flag, data, '-r', URL, '-g', 'x', '-f', 'report.json'])
    assert (given.data, given.report) == (data.encode(), 'report.json')


def test_reports() -> None:
    assert parse(['plot', 'report.json']).output == Path('roundtrip.png')
    assert parse(['plot', 'report.json', '-o', 'x.svg']).output == Path('x.svg')
    assert parse(['summary', 'report.json']).report == Path('report.json')


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('', 'the following arguments are required: COMMAND, see conntest --help'),
        ('serve', "unknown command 'serve', did you mean 'server'?"),
        ('client -r {url} -g x', 'the following arguments are required: -f/--report, see conntest client --help'),
        ('client -r {url} -f report', 'the following arguments are required: -g/--group'),
        ('client -g x -f report', 'the following arguments are required: -r/--remote'),
        ('client -r {url} -g x -f report -d', '-d/--data: expected one argument'),
        ('client -r {url} -g x -f report -d x --data-file y', '--data-file: not allowed with argument -d/--data'),
        ('client -r {url} -g x -f report --data-file nowhere', 'cannot read nowhere: No such file or directory'),
        ('client -r {url} -g x -f report --timeout 0', "--timeout: expected float > 0.0, got '0'"),
        ('client -r {url} -g x -f report --timeout nan', "--timeout: expected float > 0.0, got 'nan'"),
        ('client -r {url} -g x -f report more', "unexpected argument 'more', see conntest client --help"),
        ('client -r {url} -g x -f report --run-count 5', 'unknown flag --run-count, see conntest client --help'),
        ('run -r {url} --run-count 0', "--run-count: expected int >= 1, got '0': a test without runs tests nothing"),
        ('run -r {url} --run-count -1', "--run-count: expected int >= 0, got '-1'"),
        ('run -r {url} --run-count many', "--run-count: expected int, got 'many'"),
        ('run -r {url} --description \udcff', '--description: expected one line of text'),
        ('run -r {url} --concurrency -1', "--concurrency: expected int >= 0, got '-1'"),
        (
            'run -r {url} --server-delay-ns=1_hour',
            "--server-delay-ns: expected a duration such as 200ms or 2s, got '1_hour'",
        ),
        ('run -r {url} --server-delay-ns 2h', "--server-delay-ns: expected at most 1h, got '2h'"),
        ('run -r {url} --client-delay-ns 2d', '--client-delay-ns: expected a duration such as 200ms or 2s'),
        ('run -r {url} --client-delay-ns 25h', "--client-delay-ns: expected at most 24h, got '25h'"),
        ('run -r {url} --timeout 25h', "--timeout: expected at most 24h, got '25h'"),
        ('run -r {url} --upstream-endpoint x', "--upstream-endpoint: 'x' is not a URL: expected http://host:port"),
        ('server -p 70000', "-p/--port: expected int <= 65535, got '70000', see conntest server --help"),
        ('server -p -1', "-p/--port: expected int >= 0, got '-1'"),
        ('server -p http', "-p/--port: expected int, got 'http'"),
        ('server --max-groups 0', "--max-groups: expected int >= 1, got '0'"),
        ('server --max-memory much', "--max-memory: expected a size such as 4096B or 64KB, got 'much'"),
        ('server --max-group 5', 'unknown flag --max-group, did you mean --max-groups?'),
        ('server 8080', "unexpected argument '8080', see conntest server --help"),
        ('plot', 'the following arguments are required: REPORT, see conntest plot --help'),
    ],
)
def test_mistakes(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(line.format(url=URL).split())
    assert str(caught.value).startswith(said)
