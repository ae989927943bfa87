"""``loads-broker``: a cluster that stands between runs."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.loads.commands import Started, wait_until
from tests.loads.conftest import Shop, StartAgents, StartLoads
from tests.servers import HOST, TIMEOUT, free_port

TEST = 'far.test_far.TestFar.test_far'
SLOW = 'far.test_far.TestFar.test_slowly'


class Cluster:
    """A broker, and agents by name."""

    def __init__(self, shop: Shop, start: StartLoads, agents: StartAgents, *names: str) -> None:
        self.shop = shop
        self.start = start
        self.port = free_port()
        self.broker = self.start_broker()
        self.agents = agents(self.port, *names)
        for name in names:
            self.broker.wait_for(f'agent {name} is here')

    def start_broker(self) -> Started:
        broker = self.start('loads-broker', '--bind', f'{HOST}:{self.port}')
        broker.wait_for('loads-broker 2.0.0: .*, Ctrl-C ends')
        return broker

    def flags(self, *flags: str) -> list[str]:
        return [*flags, '--broker', f'{HOST}:{self.port}']


@pytest.fixture
def cluster(shop: Shop, start: StartLoads, agents: StartAgents) -> Cluster:
    return Cluster(shop, start, agents, 'alpha', 'beta')


def test_runs_one_after_the_other(shop: Shop, cluster: Cluster, scratch: Path) -> None:
    pinged, checked, done, failed, last = shop.run_all(
        [
            cluster.flags('--ping-broker'),
            cluster.flags('--check-cluster'),
            cluster.flags(TEST, '-u', '3', '--hits', '2', '--agents', '2', '--output', 'stdout,json'),
            cluster.flags('far.test_far.TestFar.test_fails', '--agents', '1'),
            cluster.flags('--ping-broker'),
        ]
    )
    first, second, *there = pinged.out.splitlines()
    assert first == f'loads-broker 2.0.0 at {HOST}:{cluster.port}, process {cluster.broker.process.pid}'
    assert second == 'agents: 2'
    assert all(re.fullmatch(r'  (alpha|beta): idle, Python [\d.]+, vaurien 2\.0\.0', line) for line in there), pinged
    assert checked.status == 0, checked
    assert sorted(checked.out.splitlines()[-2:]) == ['alpha: ok', 'beta: ok']
    assert (done.status, done.counts()) == (0, (12, 12, 0, 0)), done
    assert shop.counted('far') == done.number('far') == 12
    assert re.search(r'^  GET far +12 ', done.out, re.MULTILINE)
    assert (failed.status, failed.counts()) == (1, (1, 0, 1, 0)), failed
    assert 'last run: far.test_far.TestFar.test_fails' in last.out
    cluster.broker.signal(signal.SIGINT)
    assert cluster.broker.wait().status == 0
    for agent in cluster.agents:
        agent.signal(signal.SIGTERM)
        assert agent.wait().status == 0
    assert list(scratch.iterdir()) == []


def test_a_broker_that_is_restarted(shop: Shop, cluster: Cluster) -> None:
    assert shop.run(*cluster.flags(TEST, '--agents', '2')).status == 0
    cluster.broker.signal(signal.SIGKILL)
    cluster.broker.wait()
    cluster.start_broker()
    done = shop.run(*cluster.flags(TEST, '--agents', '2'))
    assert (done.status, done.counts()) == (0, (2, 2, 0, 0)), done


def test_detach_and_attach(shop: Shop, cluster: Cluster) -> None:
    left = shop.run(*cluster.flags(SLOW, '-u', '2', '--hits', '20', '--agents', '2', '--detach'))
    assert (left.status, left.err) == (0, '')
    assert left.out == f'left with the broker: loads-runner --attach --broker {HOST}:{cluster.port} follows it\n'
    busy = shop.run(*cluster.flags(TEST, '--agents', '1'))
    assert busy.status == 1
    assert busy.err.startswith(f'loads-runner: error: the broker is busy with {SLOW}: --attach follows it')
    followed = shop.run(*cluster.flags('--attach'))
    assert (followed.status, followed.counts()) == (0, (80, 80, 0, 0)), followed
    assert shop.counted('slowly') == 80
    again = shop.run(*cluster.flags('--attach'))
    assert (again.status, again.counts()) == (0, (80, 80, 0, 0)), again


def test_leaving_and_purging(shop: Shop, cluster: Cluster) -> None:
    shop.run(*cluster.flags(SLOW, '--hits', '1000', '--agents', '1', '--detach'))
    follower = cluster.start('loads-runner', *cluster.flags('--attach'))
    wait_until(lambda: shop.counted('slowly') > 10)
    follower.signal(signal.SIGINT)
    assert follower.wait().status == 130
    before = shop.counted('slowly')
    wait_until(lambda: shop.counted('slowly') > before)
    purged = shop.run(*cluster.flags('--purge-broker'))
    assert (purged.status, purged.out) == (0, f'stopped {SLOW}, results forgotten\n')
    nothing = shop.run(*cluster.flags('--attach'))
    assert (nothing.status, nothing.err) == (1, 'loads-runner: error: the broker has no run\n')


def test_a_runner_that_dies_stops_its_run(shop: Shop, cluster: Cluster) -> None:
    runner = cluster.start('loads-runner', *cluster.flags(SLOW, '--hits', '1000', '--agents', '2'))
    wait_until(lambda: shop.counted('slowly') > 4)
    runner.signal(signal.SIGKILL)
    cluster.broker.wait_for(f'{SLOW} is over', 10 + TIMEOUT)
    count = shop.counted('slowly')
    assert shop.run(*cluster.flags('--ping-broker')).status == 0
    assert shop.counted('slowly') == count


def test_ctrl_c_stops_a_run_of_the_broker(shop: Shop, cluster: Cluster) -> None:
    runner = cluster.start('loads-runner', *cluster.flags(SLOW, '--hits', '1000', '--agents', '2', '--quiet'))
    wait_until(lambda: shop.counted('slowly') > 4)
    runner.signal(signal.SIGINT)
    done = runner.wait()
    assert done.status == 130, done
    assert done.number('Hits') > 0
    assert 'Interrupted' in done.out


def test_where_no_broker_is(shop: Shop) -> None:
    address = f'{HOST}:{free_port()}'
    flags = ('--ping-broker', '--check-cluster', '--attach', '--purge-broker')
    for done in shop.run_all([flag, '--broker', address] for flag in flags):
        assert (done.status, done.err.strip()) == (1, f'loads-runner: error: no broker at {address}')
    redis = shop.redis.address
    done = shop.run('--ping-broker', '--broker', redis)
    said = f'loads-runner: error: what listens at {redis} is no loads-broker, or runs a test of its own\n'
    assert (done.status, done.err) == (1, said)


def test_the_secret_of_the_broker(shop: Shop, start: StartLoads, agents: StartAgents) -> None:
    shop.environment['LOADS_SECRET'] = 'the right one'
    cluster = Cluster(shop, start, agents, 'alpha')
    assert shop.run(*cluster.flags(TEST, '--agents', '1')).status == 0
    wrong = shop.run(*cluster.flags(TEST, '--agents', '1', '--secret', 'a guess'))
    said = f'loads-runner: error: the broker at {HOST}:{cluster.port} has another --secret\n'
    assert (wrong.status, wrong.err) == (1, said)
