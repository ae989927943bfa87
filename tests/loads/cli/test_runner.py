"""``loads-runner`` on one machine: exactly as many hits as asked for, and what became of them."""

from __future__ import annotations

import re
import signal
import subprocess

import pytest

from tests.commands import SCRIPTS
from tests.loads.conftest import Shop, Starter
from tests.peers import RawBackend
from tests.servers import TIMEOUT
from tests.terminal import Terminal


def test_the_example_of_the_seed(shop: Shop) -> None:
    done = shop.run('example.TestWebSite.test_es')
    assert (done.status, done.err) == (0, '')
    labels = r"""\[={47}\]  100%

Hits: 1
Started: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d
Duration: \d+\.\d\d seconds
Approximate Average RPS: \d+
Average request time: \d+\.\d\ds
Opened web sockets: 0
Bytes received via web sockets: 0

Success: 1
Errors: 0
Failures: 0
"""
    assert re.match(labels, done.out), done


def test_the_web_sockets_of_the_seed(shop: Shop) -> None:
    done = shop.run('example.TestWebSite.test_something', '-u', '3', '--hits', '2')
    assert (done.status, done.counts()) == (0, (6, 6, 0, 0)), done
    assert done.number('Opened web sockets') == 6
    assert done.number('Bytes received via web sockets') == 6 * len('somethinghappened')


def test_exactly_so_many_hits(shop: Shop) -> None:
    lines = {
        '-u 30 --hits 4': 30 * 4,
        '-u 1:2:3 --hits 20': (1 + 2 + 3) * 20,
        '-u 2:3 --hits 4:6': 2 * 4 + 2 * 6 + 3 * 4 + 3 * 6,
    }
    ends = shop.run_all(['shop.TestShop.test_order', *flags.split()] for flags in lines)
    for (flags, hits), done in zip(lines.items(), ends, strict=True):
        assert (flags, done.status, done.counts()) == (flags, 0, (hits, hits, 0, 0)), done
        assert done.number('orders') == hits
    assert shop.counted('orders') == sum(lines.values())


def test_durations(shop: Shop, start: Starter) -> None:
    lines = (
        ['shop.TestShop.test_slow', '-u', '4', '-d', '0.7'],
        ['shop.TestShop.test_endless', '-u', '2', '-d', '0.5'],
        ['shop.TestShop.test_stubborn', '-u', '2', '-d', '0.3'],
    )
    started = [start('loads-runner', *line) for line in lines]
    slow, endless, stubborn = (one.wait() for one in started)
    assert slow.status == 0, slow
    assert 0.7 <= slow.number('Duration') < 1 + TIMEOUT
    assert 4 <= slow.number('Hits') <= 4 * 5
    assert slow.number('Hits') == slow.number('Success')
    for cut in (endless, stubborn):
        assert (cut.status, cut.counts()) == (1, (0, 0, 0, 0)), cut
        assert cut.number('Cut off') == 2
        assert 'No hit came to its end' in cut.out
        assert cut.number('Duration') < 0.5 + 1 + TIMEOUT
    assert shop.noted() == 2 * ['cleaned up']


@pytest.mark.parametrize('test', ['test_order', 'test_app', 'test_fast'])
def test_a_server_that_is_silent(shop: Shop, raw_backend: RawBackend, test: str) -> None:
    url = f'http://{raw_backend.address}'  # the system accepts connections, and nobody reads from them
    done = shop.run(f'shop.TestShop.{test}', '-u', '1', '-d', '1', '--quiet', SERVER=url)
    assert (done.status, done.counts()) == (1, (0, 0, 0, 0)), done
    assert done.number('Cut off') == 1
    assert '\nNo hit came to its end: ' in done.out


#: By test: hits, successes, errors and failures of three hits, the exit status, something that is said.
OUTCOMES = {
    'test_success': ((3, 3, 0, 0), 0, ''),
    'test_failure': ((3, 0, 0, 3), 1, '3 x failure: AssertionError: 1 != 2'),
    'test_error': ((3, 0, 3, 0), 1, '3 x error: RuntimeError: out of order'),
    'test_exit': ((3, 0, 3, 0), 1, '3 x error: SystemExit: 3'),
    'test_skip': ((3, 0, 0, 0), 0, 'Skipped: 3'),
    'test_skipped': ((3, 0, 0, 0), 0, 'Skipped: 3'),
    'test_expected_failure': ((3, 3, 0, 0), 0, ''),
    'test_unexpected_success': ((3, 0, 0, 3), 1, 'succeeds, unexpectedly'),
    'test_parts': ((3, 0, 0, 3), 1, '3 x failure: AssertionError: 3 unexpectedly found in (1, 3)'),
    'test_skipped_part': ((3, 3, 0, 0), 0, ''),
}


def test_outcomes(shop: Shop) -> None:
    ends = shop.run_all([f'shop.TestOutcomes.{test}', '--hits', '3'] for test in OUTCOMES)
    for (test, (counts, status, said)), done in zip(OUTCOMES.items(), ends, strict=True):
        assert (test, done.status, done.counts()) == (test, status, counts), done
        assert said in done.out
    hits = 3 * (len(OUTCOMES) - 1)  # less the one that is skipped before its set-up
    assert [word for word in shop.noted() if word != 'test'] == hits * ['setUp', 'tearDown', 'cleanup']


def test_fixtures_of_the_class(shop: Shop) -> None:
    ready, skipped, broken, left = shop.run_all(
        [
            ['shop.TestFixtures.test_ready', '-u', '2:3', '--hits', '2'],
            ['shop.TestSkippedClass.test_one', '--hits', '2'],
            ['shop.TestBrokenClass.test_one'],
            ['shop.TestLeftBroken.test_one'],
        ]
    )
    assert (ready.status, ready.counts()) == (0, (10, 10, 0, 0)), ready
    assert shop.noted() == ['setUpClass', *10 * ['test'], 'tearDownClass']
    assert (skipped.status, skipped.number('Skipped')) == (0, 2), skipped
    assert (broken.status, broken.out) == (1, ''), broken
    assert 'in setUpClass' in broken.err
    last = broken.err.strip().splitlines()[-1]
    assert last == "loads-runner: error: setting up TestBrokenClass failed: RuntimeError('no database')"
    assert (left.status, left.counts()) == (1, (1, 1, 0, 0)), left
    assert 'after the last hit: RuntimeError: cannot clean up' in left.out


def test_what_went_wrong_is_told(shop: Shop) -> None:
    error, closed = shop.run_all(
        [
            ['shop.TestOutcomes.test_error', '-u', '5', '--hits', '4'],
            ['shop.TestShop.test_closed_port', '-u', '5', '--hits', '2'],
        ]
    )
    assert error.out.count('Traceback') == 1
    assert "raise RuntimeError('out of order')" in error.out
    assert 'unittest/case.py' not in error.out
    assert (closed.status, closed.counts()) == (1, (10, 0, 10, 0)), closed
    assert 'Connection refused' in closed.out
    assert re.search(r'10 x GET /: ConnectionError', closed.out), closed


def test_a_module_that_cannot_be_imported(shop: Shop) -> None:
    (shop.folder / 'broken.py').write_text('import no_such_thing\n')
    done = shop.run('broken.Test.test')
    assert (done.status, done.out) == (1, '')
    *trace, last = done.err.splitlines()
    assert last == "loads-runner: error: cannot import broken: ModuleNotFoundError: No module named 'no_such_thing'"
    assert trace[0] == 'Traceback (most recent call last):'
    assert 'broken.py", line 1' in trace[1]


def test_control_characters_of_a_module_that_cannot_be_imported(shop: Shop) -> None:
    (shop.folder / 'broken.py').write_text("raise ValueError('\\x1b[2J')\n")
    done = shop.run('broken.Test.test')
    assert done.status == 1
    assert all(map(str.isprintable, done.err.splitlines()))
    assert done.err.count('ValueError: \\x1b[2J') == 2


def test_clients(shop: Shop) -> None:
    tests = ('test_app', 'test_fast', 'test_another_server')
    for done in shop.run_all([f'shop.TestShop.{test}', '-u', '3', '--hits', '3'] for test in tests):
        assert (done.status, done.counts()) == (0, (9, 9, 0, 0)), done
        assert re.search(r'GET /ok +9 ', done.out)
    shop.environment['SERVER'] = shop.environment['CLOSED']
    done = shop.run('shop.TestShop.test_app', '--server-url', shop.nginx.url)
    assert done.status == 0, done


def test_requests_by_name(shop: Shop) -> None:
    done = shop.run('shop.TestShop.test_names', '--hits', '2')
    assert re.search(r'^  GET /ok +6 ', done.out, re.MULTILINE), done
    assert re.search(r'^  GET an upload +6 ', done.out, re.MULTILINE), done


def test_ctrl_c(shop: Shop, start: Starter) -> None:
    runner = start('loads-runner', 'shop.TestShop.test_endless', '-u', '3', '--hits', '2', '--quiet')
    while shop.counted('begun') < 3:
        assert runner.process.poll() is None, runner.said()
    runner.signal(signal.SIGINT)
    done = runner.wait()
    assert (done.status, done.counts()) == (130, (0, 0, 0, 0)), done
    assert 'Interrupted' in done.out
    assert done.number('Cut off') == 3
    assert 'Traceback' not in done.out + done.err


def test_users_take_turns_without_patching(shop: Shop) -> None:
    done = shop.run('shop.TestShop.test_slow', '-u', '3', '--hits', '1', '--no-patching', installed=True)
    assert (done.status, done.counts()) == (0, (3, 3, 0, 0)), done
    assert done.number('Duration') >= 0.6


def test_nothing_at_all(shop: Shop) -> None:
    done = shop.run('shop.TestShop.test_slow', '--quiet', '--output', 'null')
    assert (done.status, done.out, done.err) == (0, '', '')


def test_the_bar_on_a_terminal(shop: Shop) -> None:
    with Terminal() as terminal:
        terminal.start(
            *(str(SCRIPTS / 'loads-runner'), 'shop.TestShop.test_slow', '-u', '2', '--hits', '3'),
            environment=shop.environment,
            cwd=shop.folder,
            stdin=subprocess.DEVNULL,
        )
        status, shown = terminal.wait()
    assert status == 0
    assert re.search(r' \d+% \d hits, 2 users, 0 errors, 0 failures', shown), shown
    assert '\x1b[?25h\r\x1b[1A\x1b[2K[' + 47 * '=' + ']  100%\n\nHits: 6\n' in shown
