"""What StatsD gets once a second: only what is new, under names that it takes."""

from __future__ import annotations

import re
import socket
from collections import Counter

import pytest

from tests.loads.conftest import Shop
from tests.loads.users.test_run import StillRun, request
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.errors import StartError
from vaurien.loads.outputs.statsd import StatsD, clean


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


def test_second_by_second(run: StillRun) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        receiver.settimeout(TIMEOUT)

        def received() -> list[str]:
            return sorted(receiver.recv(65536).decode().split('\n'))

        output = StatsD(Address(*receiver.getsockname()))
        output.start(run)
        run.stats.end_hit('success', 0.1)
        run.stats.count('orders/day', 2)
        request(run, '/a', 10)
        request(run, '/a', 10)
        output.tick(run)
        assert received() == [
            'loads.my_shop.counter.orders_day:2|c',
            'loads.my_shop.hits:1|c',
            *2 * ['loads.my_shop.request.GET_a:10.000000|ms'],
            'loads.my_shop.success:1|c',
            'loads.my_shop.users:0|g',
        ]
        request(run, '/a', 30, ConnectionError('refused'))
        output.tick(run)
        assert received() == [
            'loads.my_shop.failed.GET_a:1|c',
            'loads.my_shop.request.GET_a:30.000000|ms',
            'loads.my_shop.users:0|g',
        ]
        output.finish(run, run.report())
        assert received() == ['loads.my_shop.users:0|g']


@pytest.mark.parametrize(
    ('name', 'cleaned'), [('GET /a/b?c', 'GET_a_b_c'), ('a.b:c|d', 'a_b_c_d'), ('-a_1', '-a_1'), ('', '')]
)
def test_names(name: str, cleaned: str) -> None:
    assert clean(name) == cleaned


def test_a_host_that_cannot_be_found(run: StillRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    with pytest.raises(StartError, match='cannot send to StatsD at nowhere:8125: name or service not known'):
        StatsD(Address('nowhere', 8125)).start(run)
