"""``loads-broker``: a cluster that stands between runs, and what ``loads-runner`` does with it (`cli/cluster.py`)."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.commands import Process
from tests.loads.commands import Started, wait_until
from tests.loads.conftest import Shop, Starter
from tests.loop import in_loop
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from vaurien.address import Address
from vaurien.loads.cluster.broker_client import BrokerClient

TEST = 'far.test_far.TestFar.test_far'
SLOW = 'far.test_far.TestFar.test_slowly'
GATED = 'far.test_far.TestFar.test_gated'

#: Seconds of silence that broker and agents take for an end; three heartbeats, on a machine that may be busy.
SILENCE = 3


class Cluster:
    """A broker, and the agents alpha and beta."""

    def __init__(self, start: Starter) -> None:
        self.start = start
        self.shop = start.shop
        self.broker, self.port = self.start_broker(0)
        self.agents = start.agents(self.port, 'alpha', 'beta', flags=('--heartbeat-timeout', str(SILENCE)))
        for name in ('alpha', 'beta'):
            self.broker.wait_for(f'agent {name} is here')

    def start_broker(self, port: int) -> tuple[Started, int]:
        """Start a broker, and return it with its port."""
        broker = self.start('loads-broker', '--bind', f'{HOST}:{port}', '--heartbeat-timeout', str(SILENCE))
        listening = broker.wait_for(r'loads-broker 2\.0\.0: \S+:(\d+), Ctrl-C ends')
        return broker, int(listening[1])

    def restart(self) -> None:
        """Kill the broker and start another one."""
        self.broker.signal(signal.SIGKILL)
        self.broker.wait()
        self.broker, _ = self.start_broker(self.port)

    def flags(self, *flags: str) -> list[str]:
        """Return flags for this broker."""
        return [*flags, '--broker', f'{HOST}:{self.port}']

    def is_idle(self) -> bool:
        """Return whether its last run is over, or was purged."""

        def ask() -> bool:
            client = BrokerClient(Address(HOST, self.port), '')
            client.close()
            run = client.about['run']
            return run is None or bool(run['over'])

        return in_loop(ask)

    def end(self) -> None:
        """End everything in order, and check that nothing is left."""
        self.broker.signal(signal.SIGINT)
        assert self.broker.wait().status == 0
        for agent in self.agents:
            agent.signal(signal.SIGTERM)
        assert [agent.wait().status for agent in self.agents] == [0, 0]
        assert list((self.shop.folder.parent / 'scratch').iterdir()) == []


@pytest.fixture(scope='module')
def standing(tmp_path_factory: pytest.TempPathFactory, make_shop: Callable[..., Shop]) -> Iterator[Cluster]:
    """A cluster for all tests, which ends in order."""
    with Starter(make_shop(tmp_path_factory.mktemp('cluster'))) as start:
        cluster = Cluster(start)
        yield cluster
        cluster.end()


@pytest.fixture
def cluster(standing: Cluster) -> Cluster:
    """The cluster, with all counts at zero, ready for a run: one that was purged takes a moment to end."""
    wait_until(standing.is_idle)
    standing.shop.forget()
    return standing


@pytest.fixture
def shop(cluster: Cluster) -> Shop:
    """The folder that everything is started in."""
    return cluster.shop


@pytest.mark.slow
def test_runs_one_after_the_other(shop: Shop, cluster: Cluster) -> None:
    pinged, checked, done, failed, last = shop.run_all(
        [
            cluster.flags('--ping-broker'),
            cluster.flags('--check-cluster'),
            cluster.flags(TEST, '-u', '3', '--hits', '2', '--agents', '2', '--output', 'stdout,json'),
            cluster.flags('far.test_far.TestFar.test_fails', '--agents', '1'),
            cluster.flags('--ping-broker'),
        ]
    )
    first, *_, count, one, two = pinged.out.splitlines()
    assert first == f'loads-broker 2.0.0 at {HOST}:{cluster.port}, process {cluster.broker.process.pid}'
    assert count == 'agents: 2'
    for line in (one, two):
        assert re.fullmatch(r'  (alpha|beta): idle, Python [\d.]+, vaurien 2\.0\.0', line)
    assert checked.status == 0, checked
    assert sorted(checked.out.splitlines()[-2:]) == ['alpha: ok', 'beta: ok']
    assert (done.status, done.counts()) == (0, (12, 12, 0, 0)), done
    assert shop.counted('far') == done.number('far') == 12
    assert re.search(r'^  GET far +12 ', done.out, re.MULTILINE)
    assert (failed.status, failed.counts()) == (1, (1, 0, 1, 0)), failed
    assert 'last run: far.test_far.TestFar.test_fails' in last.out


def test_a_broker_that_is_restarted(shop: Shop, cluster: Cluster) -> None:
    cluster.restart()
    done = shop.run(*cluster.flags(TEST, '--agents', '2'))
    assert (done.status, done.counts()) == (0, (2, 2, 0, 0)), done


def test_detach_and_attach(shop: Shop, cluster: Cluster) -> None:
    left, busy = shop.run_all(
        [
            cluster.flags(GATED, '-u', '2', '--hits', '2', '--agents', '2', '--detach'),
            cluster.flags(TEST, '--agents', '1'),
        ]
    )
    assert (left.status, left.err.strip()) == (0, '')
    assert left.out == f'left with the broker: loads-runner --attach --broker {HOST}:{cluster.port} follows it\n'
    assert busy.status == 1, busy
    assert busy.err.strip().startswith(f'loads-runner: error: the broker is busy with {GATED}: --attach follows it')
    follower = cluster.start('loads-runner', *cluster.flags('--attach'))
    wait_until(lambda: shop.counted('waiting') >= 4)
    shop.open_gate()
    followed = follower.wait()
    assert (followed.status, followed.counts()) == (0, (8, 8, 0, 0)), followed
    again = shop.run(*cluster.flags('--attach'))
    assert (again.status, again.counts()) == (0, (8, 8, 0, 0)), again


def test_leaving_and_purging(shop: Shop, cluster: Cluster) -> None:
    shop.run(*cluster.flags(SLOW, '--hits', '1000', '--agents', '1', '--detach'))
    follower = cluster.start('loads-runner', *cluster.flags('--attach'))
    wait_until(lambda: shop.counted('slowly') > 2)
    follower.signal(signal.SIGINT)
    assert follower.wait().status == 130
    before = shop.counted('slowly')
    wait_until(lambda: shop.counted('slowly') > before)
    purged, nothing = shop.run_all([cluster.flags('--purge-broker'), cluster.flags('--attach')])
    assert (purged.status, purged.out) == (0, f'stopped {SLOW}, results deleted\n')
    assert (nothing.status, nothing.err.strip()) == (1, 'loads-runner: error: the broker has no run')


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_a_runner_that_ends_stops_its_run(shop: Shop, cluster: Cluster, how: signal.Signals) -> None:
    flags = cluster.flags(SLOW, '--hits', '1000', '--agents', '2', '--quiet')
    runner = cluster.start('loads-runner', *flags)
    wait_until(lambda: shop.counted('slowly') > 4)
    runner.signal(how)
    done = runner.wait()
    if how == signal.SIGINT:
        assert done.status == 130, done
        assert done.number('Hits') > 0
        assert 'Interrupted' in done.out
    wait_until(cluster.is_idle, SILENCE + 6 * TIMEOUT)
    count = shop.counted('slowly')
    assert cluster.is_idle()
    assert shop.counted('slowly') == count


@pytest.mark.slow
def test_a_broker_that_is_gone_leaves_the_results(shop: Shop, cluster: Cluster) -> None:
    flags = ('--hits', '1000', '--agents', '2', '--quiet', '--heartbeat-timeout', str(SILENCE))
    runner = cluster.start('loads-runner', *cluster.flags(SLOW, *flags))
    wait_until(lambda: shop.counted('slowly') > 20)
    cluster.broker.signal(signal.SIGKILL)
    done = runner.wait()
    said = f'loads-runner: error: the broker at {HOST}:{cluster.port} has gone'
    assert (done.status, done.err.splitlines()[-1]) == (1, said)
    assert done.number('Hits') > 0
    assert 'Interrupted' in done.out
    cluster.restart()


def test_where_no_broker_is(shop: Shop) -> None:
    nowhere = f'{HOST}:{free_port()}'
    flags = ('--ping-broker', '--check-cluster', '--attach', '--purge-broker')
    for done in shop.run_all([flag, '--broker', nowhere] for flag in flags):
        assert (done.status, done.err.strip()) == (1, f'loads-runner: error: no broker at {nowhere}')


def test_interrupting_a_question(raw_backend: RawBackend) -> None:
    runner = Process('loads-runner', '--ping-broker', '--broker', raw_backend.address)
    try:
        raw_backend.accept().close()  # it looks whether anybody listens
        with raw_backend.accept() as peer:
            peer.recv()
            assert runner.stop(signal.SIGINT) == (130, '', '')
    finally:
        runner.kill()


def test_a_host_without_address(shop: Shop, start: Starter) -> None:
    broker = start('loads-broker', '--bind', 'nowhere.invalid:5557', '--secret', 'x').wait()
    runner = shop.run('shop.TestShop.test_order', '-a', '1', '--broker', 'nowhere.invalid:5557', '--secret', 'x')
    for name, done in (('loads-broker', broker), ('loads-runner', runner)):
        assert re.fullmatch(f'{name}: error: cannot resolve nowhere.invalid: [^\n]+\n', done.err), done
        assert done.status == 1


def test_an_address_that_is_taken(shop: Shop, start: Starter) -> None:
    address = shop.redis.address
    done = start('loads-broker', '--bind', address).wait()
    assert (done.status, done.err) == (1, f'loads-broker: error: cannot listen on {address}: address already in use\n')


def test_the_secret_of_the_broker(shop: Shop, start: Starter) -> None:
    broker = start('loads-broker', '--bind', f'{HOST}:0', LOADS_SECRET='the right one')
    port = broker.wait_for(r':(\d+), Ctrl-C ends')[1]
    flags = ['--ping-broker', '--broker', f'{HOST}:{port}', '--secret']
    right, wrong = shop.run_all([[*flags, 'the right one'], [*flags, 'a guess']])
    assert right.status == 0, right
    said = f'loads-runner: error: the broker at {HOST}:{port} has another --secret'
    assert (wrong.status, wrong.err.strip()) == (1, said)
