"""``conntest client`` and ``conntest run``, and `main` with them: whole tests, as a user makes them."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.commands import SCRIPTS, Process, insist, run
from tests.conntest import original
from tests.conntest.original import GROUP, Original
from tests.conntest.serving import Server, StartServer
from tests.loop import in_loop
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from vaurien.conntest.flags import parse
from vaurien.conntest.remote import Remote
from vaurien.conntest.run import command
from vaurien.conntest.timestamps import UNSET, parse_timestamp
from vaurien.errors import ConfigError, RemoteError

#: More of these than a fraction of a second may take.
MANY = 100_000


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / 'report.json'


@pytest.fixture
def counterpart() -> Iterator[Original]:
    """Return the server of the original, with five runs to make."""
    with original.serving(run_count=5, concurrency=2) as counterpart:
        yield counterpart


def read(report: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(report.read_bytes())
    return content


def client(url: str, group_id: str, report: Path, *flags: str | bytes) -> subprocess.CompletedProcess[str]:
    return run('conntest', 'client', '-r', url, '-g', group_id, '-f', str(report), *flags, timeout=4 * TIMEOUT)


def errors(report: Path) -> dict[int, str]:
    return {result['run_count']: result['error'] for result in read(report)['results'] if 'error' in result}


def test_a_test_without_fault(server: Server, report: Path) -> None:
    group_id = server.create(description='a test', run_count=20, concurrency=4)
    done = client(server.url, group_id, report)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.startswith('group     a test\nruns      20, 4 at a time\naverage ')
    assert done.stdout.endswith('errors    none\n')
    content = read(report)
    assert list(content) == ['client_run_group', 'server_run_group', 'results', 'average_response_time_ns']
    assert content['server_run_group'] == server.read(group_id)

    group = content['client_run_group']
    runs = group.pop('test_runs')
    created = {name: value for name, value in server.read(group_id).items() if name != 'test_runs'}
    assert group == {**created, 'remote_addr': server.url}
    assert sorted(test_run['run_count'] for test_run in runs) == list(range(1, 21))
    first = runs[0]
    assert list(first) == [
        *('run_group_id', 'remote_addr', 'run_count', 'time', 'data'),
        *('client_start', 'client_end', 'server_start', 'server_end'),
    ]
    assert (first['run_group_id'], first['remote_addr']) == (group_id, server.url)
    assert (first['server_start'], first['server_end']) == (UNSET, UNSET)
    assert len({uuid.UUID(base64.b64decode(test_run['data']).decode()) for test_run in runs}) == 20

    results = content['results']
    assert [result['run_count'] for result in results] == list(range(1, 21))
    assert list(results[0]) == [
        *('run_id', 'run_group_id', 'run_count', 'client_time', 'server_time'),
        *('client_duration_ns', 'server_duration_ns'),
    ]
    by_count = {test_run['run_count']: test_run for test_run in runs}
    recorded = {test_run['run_count']: test_run for test_run in content['server_run_group']['test_runs']}
    for result in results:
        sent, seen = by_count[result['run_count']], recorded[result['run_count']]
        assert (result['client_time'], result['server_time']) == (sent['time'], seen['time'])
        assert result['run_id'] == seen['run_id']
        assert result['client_duration_ns'] == parse_timestamp(sent['client_end']) - parse_timestamp(
            sent['client_start']
        )
        assert result['server_duration_ns'] == parse_timestamp(seen['server_end']) - parse_timestamp(
            seen['server_start']
        )
        assert 0 < result['server_duration_ns'] < result['client_duration_ns']
    average = sum(result['client_duration_ns'] for result in results) // 20
    assert content['average_response_time_ns'] == average


def test_in_one_go(server: Server, report: Path) -> None:
    settings = {
        'description': 'in one go',
        'run_count': 7,
        'concurrency': 3,
        'client_delay_ns': 1000,
        'server_delay_ns': 2000,
        'upstream_endpoint': f'http://{HOST}:{server.port}/test-groups/nothing',
        'upstream_timeout_ns': 5_000_000_000,
    }
    flags = [word for name, value in settings.items() for word in (f'--{name.replace("_", "-")}', str(value))]
    done = run('conntest', 'run', '-r', server.url, '-f', str(report), *flags, timeout=4 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith('errors    none\nupstream  7 × 404\n')
    content = read(report)
    assert content['server_run_group'].items() > settings.items()
    assert content['client_run_group'].items() > settings.items()
    assert len(content['results']) == 7


def test_in_one_go_without_a_report(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run('conntest', 'run', '-r', f'{server.url}/', '--delete', timeout=4 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('runs      100, 1 at a time\n')
    assert list(tmp_path.iterdir()) == []


def test_a_report_on_standard_output(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run('conntest', 'run', '-r', server.url, '--run-count', '3', '-f', '-', timeout=4 * TIMEOUT)
    assert (done.returncode, len(json.loads(done.stdout)['results'])) == (0, 3)
    assert done.stderr.startswith('runs      3, 1 at a time\n')
    assert list(tmp_path.iterdir()) == []


def test_the_server_forgets_the_group_if_asked(start_server: StartServer, report: Path) -> None:
    server = start_server()
    kept, forgotten = server.create(run_count=1), server.create(run_count=1)
    assert client(server.url, kept, report).returncode == 0
    assert client(server.url, forgotten, report, '--delete').returncode == 0
    assert [group['run_group_id'] for group in server.call('GET', '/test-groups').json()] == [kept]


def test_a_group_without_runs(server: Server, report: Path) -> None:
    group_id = server.create()
    done = client(server.url, group_id, report)
    assert (done.returncode, done.stdout) == (0, 'runs      0, 1 at a time\nerrors    none\n')
    assert done.stderr == f'conntest: warning: the group {group_id} has a run_count of 0, so nothing is tested\n'
    content = read(report)
    assert (content['results'], content['average_response_time_ns']) == ([], 0)


def test_a_group_may_be_run_again(server: Server, report: Path) -> None:
    group_id = server.create(run_count=3)
    for _ in range(2):
        assert client(server.url, group_id, report).returncode == 0
    content = read(report)
    assert len(content['client_run_group']['test_runs']) == 3
    assert len(content['server_run_group']['test_runs']) == 6


@pytest.mark.parametrize(
    'data',
    [b'h\xc3\xa9llo', b'\xff\xfe\x80\r\n%s \xc3', b'-g', b'-dash', b'--data=x', b'@file', b' '],
    ids=repr,
)
def test_data_arrive_as_typed(server: Server, report: Path, data: bytes) -> None:
    group_id = server.create(run_count=2)
    assert client(server.url, group_id, report, '-d', data).returncode == 0
    for side in ('client_run_group', 'server_run_group'):
        assert [base64.b64decode(test_run['data']) for test_run in read(report)[side]['test_runs']] == [data] * 2
    line = ['client', '-r', server.url, '-g', group_id, '-f', str(report)]
    assert parse([*line, '--data', os.fsdecode(data)]).data == data


def test_no_bytes(server: Server, report: Path) -> None:
    assert client(server.url, server.create(run_count=2), report, '-d', '').returncode == 0
    content = read(report)
    sides = content['client_run_group'], content['server_run_group']
    assert [test_run.get('data') for side in sides for test_run in side['test_runs']] == [None] * 4


def test_data_from_a_file(server: Server, report: Path, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    (tmp_path / 'data.bin').write_bytes(data)
    flags = ('--data-file', str(tmp_path / 'data.bin'))
    assert client(server.url, server.create(run_count=1), report, *flags).returncode == 0
    assert base64.b64decode(read(report)['server_run_group']['test_runs'][0]['data']) == data


class TestOriginal:
    """Runs against the server of the original, and against a faulty one."""

    def test_all_is_well(self, counterpart: Original, report: Path) -> None:
        done = client(counterpart.url, GROUP, report)
        assert (done.returncode, errors(report)) == (0, {}), done.stderr
        assert [result['run_count'] for result in read(report)['results']] == [1, 2, 3, 4, 5]
        assert read(report)['results'][0]['server_time'] == original.MOMENT

    def test_discrepancies(self, counterpart: Original, report: Path) -> None:
        counterpart.lost, counterpart.altered, counterpart.doubled, counterpart.refused = {1}, {2}, {3}, {5}
        done = client(counterpart.url, GROUP, report)
        assert done.returncode == 1
        assert errors(report) == {
            1: 'server run not found',
            2: 'data mismatch',
            3: 'seen 2 times by the server',
            5: 'bad status code: 400; server run not found',
        }
        assert 'errors    4 (80.0 %)\n' in done.stdout
        assert '               1  data mismatch\n' in done.stdout
        (good,) = [result for result in read(report)['results'] if 'error' not in result]
        assert good['run_count'] == 4
        assert read(report)['average_response_time_ns'] == good['client_duration_ns']

    def test_runs_that_nobody_sent(self, counterpart: Original, report: Path) -> None:
        counterpart.record(4, b'from before')
        counterpart.doubled = {9}
        counterpart.settings['run_count'] = 3
        late = counterpart.describe

        def describe() -> bytes:
            if len(counterpart.runs) == 4:
                counterpart.record(9, b'from elsewhere')
            return late()

        counterpart.describe = describe  # type: ignore[method-assign]
        done = client(counterpart.url, GROUP, report)
        assert done.returncode == 1
        assert errors(report) == {9: 'never sent by this client'}
        assert len(read(report)['results']) == 5

    def test_all_is_lost(self, counterpart: Original, report: Path) -> None:
        counterpart.lost = {1, 2, 3, 4, 5}
        assert client(counterpart.url, GROUP, report).returncode == 1
        content = read(report)
        assert len(content['results']) == 5
        assert content['average_response_time_ns'] == 0

    def test_a_record_that_cannot_be_had(self, counterpart: Original, report: Path) -> None:
        counterpart.forgets = True
        done = client(counterpart.url, GROUP, report)
        assert done.returncode == 1
        *warnings, last = done.stderr.splitlines()
        assert [warning.rpartition('; ')[2] for warning in warnings] == [f'attempt {n} follows' for n in range(2, 10)]
        assert last == (
            'conntest: error: nothing was compared, because the record of the server is missing: '
            f'{counterpart.url} answers 500: out of order'
        )
        content = read(report)
        assert content['server_run_group'] is None
        assert (len(content['results']), errors(report)) == (5, {})
        assert 'compared  no, the record of the server is missing\n' in done.stdout

    def test_it_deletes_nothing(self, counterpart: Original, report: Path) -> None:
        done = client(counterpart.url, GROUP, report, '--delete')
        assert (done.returncode, len(read(report)['results'])) == (1, 5)
        assert done.stderr == f'conntest: error: {counterpart.url} answers 405: Method Not Allowed\n'

    def test_an_answer_that_does_not_come(self, counterpart: Original, report: Path) -> None:
        counterpart.unanswered = {2}
        assert client(counterpart.url, GROUP, report, '--timeout', '0.2').returncode == 1
        assert errors(report) == {2: 'no answer within 0.2 s'}

    def test_over_tls(self, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        authority = trustme.CA()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert('localhost').configure_cert(tls)
        with original.serving(tls, run_count=5, concurrency=2, client_delay_ns=20_000_000) as counterpart:
            with pytest.raises(RemoteError, match='certificate verify failed'):
                Remote(counterpart.url).fetch(GROUP)
            authority.cert_pem.write_to_path(str(tmp_path / 'ca.pem'))
            monkeypatch.setenv('SSL_CERT_FILE', str(tmp_path / 'ca.pem'))
            done = client(counterpart.url, GROUP, report)
            assert (done.returncode, errors(report)) == (0, {}), done.stderr

    def test_without_a_number_it_is_one_at_a_time(self, counterpart: Original, report: Path) -> None:
        counterpart.settings['concurrency'] = 0
        assert client(counterpart.url, GROUP, report).stdout.startswith('runs      5, 1 at a time\n')


def test_starts_are_as_far_apart_as_asked_for(server: Server, report: Path) -> None:
    group_id = server.create(run_count=6, concurrency=6, client_delay_ns=50_000_000, server_delay_ns=200_000_000)
    began = time.monotonic()
    assert client(server.url, group_id, report).returncode == 0
    assert time.monotonic() - began >= 5 * 0.05 + 0.2
    starts = [parse_timestamp(test_run['client_start']) for test_run in read(report)['client_run_group']['test_runs']]
    # Six are on their way at a time: one after the other they would take 1.2 s. The first may be a little late.
    assert 0.24 <= (max(starts) - min(starts)) / 1e9 < 1.2
    assert all(result['client_duration_ns'] >= 200_000_000 for result in read(report)['results'])


def test_no_more_at_a_time_than_asked_for(server: Server, report: Path) -> None:
    group_id = server.create(run_count=12, concurrency=3, server_delay_ns=20_000_000)
    assert client(server.url, group_id, report).returncode == 0
    events = []
    for test_run in read(report)['client_run_group']['test_runs']:
        events += [(parse_timestamp(test_run['client_start']), 1), (parse_timestamp(test_run['client_end']), -1)]
    under_way = most = 0
    for _, change in sorted(events):
        under_way += change
        most = max(most, under_way)
    assert most == 3


class TestConnectionsThatEnd:
    """A kept connection that the server closes between two runs is no failure."""

    def test_between_two_runs(self, report: Path) -> None:
        class Impatient(original.Handler):
            timeout = 0.05

        with original.serving(run_count=3, client_delay_ns=300_000_000) as counterpart:
            counterpart.RequestHandlerClass = Impatient
            assert client(counterpart.url, GROUP, report).returncode == 0


class TestInterrupted:
    """Ctrl-C ends a test cleanly, with a report on what was run."""

    @pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
    def test_what_was_run_is_reported(self, server: Server, report: Path, number: signal.Signals) -> None:
        group_id = server.create(run_count=MANY, concurrency=2, server_delay_ns=50_000_000)
        process = Process('conntest', 'client', '-r', server.url, '-g', group_id, '-f', str(report))
        try:
            self.wait_for_runs(server, group_id, 3)
            status, out, log = process.stop(number)
        finally:
            process.kill()
        results = read(report)['results']
        assert status == 130
        assert 3 <= len(results) < MANY
        assert log == f'conntest: error: interrupted after {len(results)} of {MANY} runs'
        assert out.startswith(f'runs      {len(results)}, 2 at a time\n')
        assert set(errors(report).values()) <= {'interrupted', 'interrupted; server run not found'}
        assert 1 <= len(errors(report)) <= 2

    def test_twice_is_at_once(self, server: Server, report: Path, raw_backend: RawBackend) -> None:
        group_id = server.create(run_count=1, server_delay_ns=50_000_000)
        process = Process(
            'conntest', 'client', '-r', f'http://{raw_backend.address}', '-g', group_id, '-f', str(report)
        )
        try:
            with raw_backend.accept() as peer:
                peer.recv_until(b'\r\n\r\n')
                group = json.dumps({**server.read(group_id), 'run_count': MANY}).encode()
                peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(group), group))
                with raw_backend.accept() as first:  # under way, so the signals are caught
                    first.recv_until(b'\r\n\r\n')
                    process.process.send_signal(signal.SIGINT)
                    with raw_backend.accept() as last:
                        last.recv_until(b'\r\n\r\n')  # asks for the record, which never comes
                        insist(process.process, signal.SIGINT)
                        assert process.wait()[0] == 130
        finally:
            process.kill()
        assert not report.exists()

    def test_a_server_that_is_silent_then(self, server: Server, report: Path) -> None:
        group_id = server.create(run_count=MANY, concurrency=2, server_delay_ns=50_000_000)
        process = Process('conntest', 'client', '-r', server.url, '-g', group_id, '-f', str(report), '--delete')
        try:
            self.wait_for_runs(server, group_id, 3)
            server.process.send_signal(signal.SIGSTOP)
            status, out, log = process.stop(signal.SIGINT)
        finally:
            server.process.send_signal(signal.SIGCONT)
            process.kill()
        assert status == 130
        said = f'cannot reach {server.url}: no answer within 3 s'
        assert log.splitlines() == [
            f'conntest: warning: {said}; attempt 2 follows',
            f'conntest: warning: nothing was compared, because the record of the server is missing: {said}',
            f'conntest: error: interrupted after {len(read(report)["results"])} of {MANY} runs',
        ]
        assert 'compared  no, the record of the server is missing' in out

    def test_before_the_first_answer(self, raw_backend: RawBackend) -> None:
        process = Process('conntest', 'run', '-r', f'http://{raw_backend.address}')
        try:
            with raw_backend.accept() as peer:
                peer.recv_until(b'\r\n\r\n')
                assert process.stop(signal.SIGINT) == (130, '', '')
        finally:
            process.kill()

    @staticmethod
    def wait_for_runs(server: Server, group_id: str, count: int) -> None:
        deadline = time.monotonic() + TIMEOUT
        while len(server.read(group_id)['test_runs'] or ()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


class TestMistakes:
    """A mistake is one line, and nothing is run."""

    @pytest.mark.parametrize(
        ('url', 'said', 'status'),
        [
            ('localhost:8080', "'localhost:8080' is not a URL: expected http://host:port", 2),
            ('http://nowhere.invalid', 'cannot reach http://nowhere.invalid: ', 1),
        ],
    )
    def test_how_they_are_told(self, report: Path, url: str, said: str, status: int) -> None:
        done = client(url, GROUP, report)
        assert done.stderr.startswith(f'conntest: error: {said}')
        assert done.stderr.count('\n') == 1
        assert (done.stdout, done.returncode) == ('', status)
        assert not report.exists()

    @pytest.mark.parametrize(
        ('arguments', 'said'),
        [
            ('client -r {url} -g x -f {report}', "{url} has no test group 'x'"),
            ('client -r {url} -g x?y -f {report}', "{url} has no test group 'x?y'"),
            ('client -r {url}/nothing -g x -f {report}', "{url}/nothing has no test group 'x'"),
            ('client -r localhost:8080 -g x -f {report}', "'localhost:8080' is not a URL: expected http://host:port"),
            ('client -r http://localhost:70000 -g x -f {report}', "'http://localhost:70000' is not a URL: port out of"),
            ('client -r {url}/?x -g x -f {report}', "'{url}/?x' has more than host, port and path: expected http://"),
            ('client -r http://a@b -g x -f {report}', "'http://a@b' has more than host, port and path"),
            ('client -r {url}/é -g x -f {report}', "'{url}/é' is not a URL: expected http://host:port"),
            ('client -r http://nowhere.invalid -g x -f {report}', 'cannot reach http://nowhere.invalid: '),
            ('client -r {nobody} -g x -f {report}', 'cannot reach {nobody}: connection refused'),
            (
                'client -r {url} -g x -f {report} --data-file {here}/no',
                'cannot read {here}/no: No such file or directory',
            ),
            ('client -r {url} -g {group} -f {here}', 'cannot write {here}: Is a directory'),
            ('client -r {url} -g {group} -f {here}/no/report', 'cannot write {here}/no/report: No such file or dir'),
            ('run -r {nobody}', 'cannot reach {nobody}: connection refused'),
        ],
    )
    def test_of_a_command_line(self, server: Server, report: Path, arguments: str, said: str) -> None:
        places = {
            'url': server.url,
            'nobody': f'http://{HOST}:{free_port()}',
            'report': str(report),
            'here': str(report.parent),
            'group': server.create(run_count=1),
        }
        with pytest.raises((ConfigError, RemoteError), match='^' + re.escape(said.format(**places))):
            in_loop(lambda: command(parse(arguments.format(**places).split())))
        assert not report.exists()

    def test_more_runs_at_a_time_than_connections_fit(self, server: Server) -> None:
        line = f'run -r {server.url} --concurrency 1000000000 --run-count 1000000000'
        said = r'about \d+ of the 1000000000 connections fit into the \d+ file descriptors .* ulimit -Hn 10\d{8} '
        with pytest.raises(ConfigError, match=said):
            in_loop(lambda: command(parse(line.split())))

    @pytest.mark.parametrize(
        ('answer', 'said'),
        [
            (b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'is no conntest server: JSON is malformed'),
            (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', 'is no conntest server: Object missing required field'),
            (b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', 'answers 403: Forbidden'),
        ],
    )
    def test_a_server_of_another_kind(self, raw_backend: RawBackend, report: Path, answer: bytes, said: str) -> None:
        def script(peer: Any) -> None:
            peer.recv_until(b'\r\n\r\n')
            peer.send(answer)

        raw_backend.serve(script)
        done = client(f'http://{raw_backend.address}', GROUP, report)
        assert done.stderr.startswith(f'conntest: error: http://{raw_backend.address} {said}')
        assert (done.stdout, done.returncode, done.stderr.count('\n')) == ('', 1, 1)

    def test_a_server_that_is_silent(self, raw_backend: RawBackend, report: Path) -> None:
        url = f'http://{raw_backend.address}'  # the system accepts connections, and nobody reads from them
        done = run('conntest', 'run', '-r', url, '-f', str(report), '--timeout', '200ms', timeout=4 * TIMEOUT)
        said = f'cannot reach {url}: no answer within 0.2 s'
        assert done.stderr == f'conntest: warning: {said}; attempt 2 follows\nconntest: error: {said}\n'
        assert (done.stdout, done.returncode, report.exists()) == ('', 1, False)

    def test_a_full_server(self, start_server: StartServer, report: Path) -> None:
        server = start_server('--max-groups', '1')
        server.create()
        done = run('conntest', 'run', '-r', server.url, '-f', str(report), timeout=4 * TIMEOUT)
        assert done.stderr.startswith(f'conntest: error: {server.url} answers 507: this server keeps no more')
        assert (done.returncode, report.exists()) == (1, False)

    def test_a_report_that_no_longer_fits(self, server: Server) -> None:
        done = client(server.url, server.create(run_count=1), Path('/dev/full'))
        assert done.stderr == 'conntest: error: cannot write /dev/full: No space left on device\n'
        assert done.returncode == 1
        assert done.stdout.endswith('errors    none\n')


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'vaurien.conntest', '--version'], capture_output=True, text=True, timeout=2 * TIMEOUT
    )
    assert done.stdout.startswith('conntest ')


def test_nobody_reads_what_it_prints(server: Server) -> None:
    with subprocess.Popen([str(SCRIPTS / 'conntest'), 'run', '-r', server.url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(4 * TIMEOUT) == 0


def test_environment_proxies_are_none_of_its_business(server: Server) -> None:
    nobody = f'http://{HOST}:{free_port()}'
    done = subprocess.run(
        [str(SCRIPTS / 'conntest'), 'run', '-r', server.url, '--run-count', '2'],
        env={**os.environ, 'http_proxy': nobody, 'HTTP_PROXY': nobody},
        timeout=4 * TIMEOUT,
        capture_output=True,
    )
    assert done.returncode == 0
