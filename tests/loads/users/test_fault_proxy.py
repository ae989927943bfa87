"""``--vaurien``: faults on the way to the server, and what the test makes of them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.loads.conftest import Shop
from tests.servers import HOST, free_port

#: The first request of every user fails: they are counted over all of them.
ERROR = "protocol=http behavior=100:error(code=503,nth='1-4')"


def run_all(shop: Shop, *lines: tuple[str, ...]) -> list[dict[str, object]]:
    """Reports of runs against nginx."""
    flags = ['--server-url', shop.nginx.url, '--output', 'json', '--output-json-filename', '-', '--quiet']
    return [json.loads(done.out) for done in shop.run_all([*line, *flags] for line in lines)]


def test_what_a_test_makes_of_faults(shop: Shop) -> None:
    answered, retried, thread, failed, app, closed = run_all(
        shop,
        ('faulty.TestFaults.test_answered', '-u', '2', '--hits', '5', '--vaurien', ERROR),
        ('faulty.TestFaults.test_retried', '-u', '1', '--hits', '5', '--vaurien', ERROR.replace('1-4', 'every 3')),
        ('faulty.TestFaults.test_in_a_thread', '--hits', '5', '--vaurien', ERROR.replace('1-4', 'every 3')),
        ('faulty.TestFaults.test_failed', '-u', '2', '--hits', '5', '--vaurien', ERROR),
        ('faulty.TestFaults.test_app', '-u', '2', '--hits', '5', '--vaurien', ERROR),
        ('faulty.TestFaults.test_closed', '--hits', '5', '--vaurien', "protocol=http behavior=blackout(nth='every 2')"),
    )
    assert answered['faults'] == {'injected': {'error': 4}, 'met': {'answered': 4}, 'stray': 0}
    assert (answered['status'], answered['success']) == (0, 10)
    assert retried['faults'] == {'injected': {'error': 2}, 'met': {'retried': 2}, 'stray': 0}
    assert (retried['status'], retried['success']) == (0, 5)
    assert (thread['faults'], thread['success']) == (retried['faults'], 5)
    assert failed['faults'] == {'injected': {'error': 4}, 'met': {'failed': 4}, 'stray': 0}
    assert (failed['status'], failed['failures']) == (1, 4)
    assert app['faults'] == {'injected': {'error': 4}, 'met': {'failed': 4}, 'stray': 0}
    assert closed['faults'] == {'injected': {'blackout': 4}, 'met': {'retried': 4}, 'stray': 0}


def test_the_summary_tells(shop: Shop) -> None:
    flags = ['--vaurien', f'{ERROR} backend={shop.nginx.address}']
    done = shop.run('faulty.TestFaults.test_failed', '-u', '2', '--hits', '3', *flags)
    assert done.status == 1
    assert 'Faults injected: 4 error\nHits that met one: 4 (0 answered, 0 retried, 4 failed)\n' in done.out


def test_a_server_that_the_test_reaches_without_it(shop: Shop) -> None:
    flags = ['--vaurien', f'protocol=http backend={shop.nginx.address} behavior=100:error']
    done = shop.run('faulty.TestFaults.test_hidden', *flags)
    assert 'Faults injected: none\n' in done.out, done


def test_another_protocol(shop: Shop) -> None:
    behavior = "100:error(match='GET user:1', nth='every 2')"
    flags = ['--vaurien', f'protocol=redis backend={shop.redis.address} behavior={behavior}']
    done = shop.run('faulty.TestFaults.test_redis', '--hits', '6', *flags)
    assert (done.status, done.counts()) == (0, (6, 6, 0, 0)), done
    assert 'Faults injected: 5 error\nHits that met one: 5 (0 answered, 5 retried, 0 failed)' in done.out


def test_each_agent_has_its_own(shop: Shop, scratch: Path) -> None:
    flags = ['--server-url', shop.nginx.url, '--agents', '2', '--vaurien', ERROR]
    done = shop.run('faulty.TestFaults.test_failed', '-u', '2', '--hits', '5', *flags)
    assert (done.status, done.counts()) == (1, (20, 12, 0, 8)), done
    assert 'Faults injected: 8 error\nHits that met one: 8 (0 answered, 0 retried, 8 failed)' in done.out


def test_commands_meet_faults(shop: Shop) -> None:
    flags = ['--server-url', shop.nginx.url, '--vaurien', ERROR]
    done = shop.run('test', '-u', '2', '--hits', '5', '--test-runner', './script.sh {test}', *flags)
    assert (done.status, done.counts()) == (1, (10, 6, 0, 4)), done
    assert 'Faults injected: 4 error\nHits that met one: 4 (0 answered, 0 retried, 4 failed)' in done.out, done.out


def test_an_address_of_its_own(shop: Shop) -> None:
    port = free_port()
    shop.environment['SERVER'] = f'http://{HOST}:{port}'
    words = f'protocol=http proxy={HOST}:{port} backend={shop.nginx.address} behavior=100:error'
    done = shop.run('faulty.TestFaults.test_hidden', '--hits', '3', '--vaurien', words)
    assert 'Faults injected: 3 error\nHits that met one: 3 (3 answered, 0 retried, 0 failed)' in done.out
    taken = f'proxy={shop.nginx.address} backend={HOST}:{port} behavior=error'
    refused = shop.run('faulty.TestFaults.test_hidden', '--vaurien', taken)
    assert (refused.status, refused.out) == (1, '')
    assert refused.err == f'loads-runner: error: cannot listen on {shop.nginx.address}: address already in use\n'
