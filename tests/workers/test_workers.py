"""The installed command with several workers: real servers, real clients."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest
import redis
import requests

from tests.behaviors.waiting import eventually
from tests.commands import Command, StartCommand, serving
from tests.control.messages import decode, read_buckets
from tests.engine.test_listener import cpu_seconds, descriptors
from tests.live.test_events import Followed
from tests.logs import own_root_logger
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server
from tests.toxiproxy.asking import Toxiproxy, path_of, port_of
from vaurien.cli import run as main
from vaurien.cli.flags import parse
from vaurien.client import Client
from vaurien.control.protobuf import CONTENT_TYPE as PROTOBUF
from vaurien.engine.reserve import RESERVE
from vaurien.errors import ConfigError

#: A request of Redis that has no effect, and its reply.
PING, PONG = b'*1\r\n$4\r\nPING\r\n', b'+PONG\r\n'
ERROR = b'-ERR'


@pytest.fixture(scope='module')
def spread() -> Iterator[Command]:
    """``vaurien --server`` with two workers, which must not complain, and ends well."""
    with serving('--server', '--workers', '2', '--log-level', 'warning') as command:
        yield command


@pytest.fixture
def api(spread: Command) -> Iterator[Toxiproxy]:
    """Asks it. There is no proxy."""
    asked = Toxiproxy(spread.api)
    with asked.session:
        asked.clear()
        yield asked
        asked.clear()


def workers_of(command: Command) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(command.pid).children()
    return children


@contextmanager
def clients(port: int, count: int) -> Iterator[list[Peer]]:
    """So many clients, each of which has its first reply."""
    with ExitStack() as stack:
        peers = []
        for _ in range(count):
            peers.append(Peer.connect(port))
            stack.callback(peers[-1].close)
            assert ask(peers[-1])
        yield peers


def ask(peer: Peer) -> bytes:
    """Ask for a reply, and return its line."""
    peer.send(PING)
    return peer.recv_until(b'\r\n')


def arm(url: str, **body: Any) -> requests.Response:
    return requests.put(f'{url}/behavior', json=body, timeout=TIMEOUT)


def show(url: str, what: str) -> Any:
    response = requests.get(f'{url}/{what}', timeout=TIMEOUT)
    assert response.status_code == 200, response.text
    return response.json()


def test_links_are_shared_out(spread: Command, api: Toxiproxy, redis_server: Server) -> None:
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    with clients(port, 6):
        held = [
            sum(one.raddr[1:] == (redis_server.port,) for one in worker.net_connections('tcp') if one.raddr)
            for worker in workers_of(spread)
        ]
        assert held == [3, 3]
        links = show(f'{spread.api}/proxies/r', 'links')['links']
        assert [link['id'] for link in links] == [1, 2, 3, 4, 5, 6]
        assert {link['backend'] for link in links} == {redis_server.address}


def test_what_is_known_is_added_up(spread: Command, api: Toxiproxy, redis_server: Server) -> None:
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    url = f'{spread.api}/proxies/r'
    assert arm(url, behaviors=[{'name': 'error', 'match': 'PING'}, {'name': 'delay', 'match': 'GET *'}]).ok
    with clients(port, 4) as peers:
        for peer in peers[:3]:
            ask(peer)
        status = show(url, 'status')
        assert (status['pid'], status['links']) == (spread.pid, {'open': 4, 'total': 4})
        assert (status['exchanges'], status['faults']) == (7, {'error': 7})
        assert [(one['seen'], one['matched'], one['hits']) for one in status['behaviors']] == [(7, 7, 7), (7, 0, 0)]
        assert status['bytes']['upstream'] == 7 * len(PING)
        faults = show(url, 'faults')['faults']
        faulty = [(one['link'], one['exchange']) for one in faults]
        assert faulty == [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2), (3, 2)]
        metrics = requests.get(f'{spread.api}/metrics', timeout=TIMEOUT).text
        for line in (
            'vaurien_exchanges_total{proxy="r"} 7.0',
            'vaurien_links_open{proxy="r"} 4.0',
            'vaurien_faults_total{kind="behavior",name="error",proxy="r"} 7.0',
            'vaurien_added_latency_seconds_count{kind="behavior",name="error",proxy="r"} 7.0',
        ):
            assert line in metrics
        answer = requests.get(f'{spread.api}/metrics', headers={'Accept': PROTOBUF}, timeout=TIMEOUT).content
        (held,) = (family.metric for family in decode(answer) if family.name == 'vaurien_added_latency_seconds')
        assert sum(one.histogram.zero_count + sum(read_buckets(one.histogram).values()) for one in held) == 7
        # What was counted stays when the proxy is disabled, and when it comes back.
        uptime = status['uptime']
        for enabled in (False, True):
            api.done('PATCH', path_of('r'), {'enabled': enabled})
            status = show(url, 'status')
            assert status['uptime'] > uptime
            assert (status['exchanges'], status['links']['total'], status['faults']) == (7, 4, {'error': 7})
            assert len(show(url, 'faults')['faults']) == 7
    assert requests.delete(f'{url}/faults', timeout=TIMEOUT).ok
    assert show(url, 'faults') == {'faults': []}


def test_arming_reaches_all_before_the_answer(spread: Command, api: Toxiproxy, redis_server: Server) -> None:
    """Clients that ask all the time: each reply to what is asked after the answer is as it is armed."""
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    url = f'{spread.api}/proxies/r'
    is_over = threading.Event()

    def load(peer: Peer) -> None:
        while not is_over.is_set():
            assert ask(peer)[:4] in (PONG[:4], ERROR)

    with clients(port, 8) as peers, ThreadPoolExecutor(8) as threads:
        loads = [threads.submit(load, peer) for peer in peers[4:]]
        try:
            for _ in range(5):
                for name, reply in (('error', ERROR), ('dummy', PONG)):
                    assert arm(url, name=name).json() == {'status': 'ok'}
                    assert {ask(peer)[: len(reply)] for peer in peers[:4]} == {reply}
        finally:
            is_over.set()
        for one in loads:
            one.result(TIMEOUT)


def test_toxics_reach_all_and_leave_all(spread: Command, api: Toxiproxy, echo_server: RawBackend) -> None:
    port = port_of(api.create('e', f'{HOST}:{echo_server.port}'))
    api.add_toxic('e', 'limit_data', bytes=1, name='short')
    for _ in range(2):
        peer = Peer.connect(port)
        peer.send(b'abc')
        assert peer.recv_all() == b'a'
        peer.close()
    api.done('DELETE', path_of('e', 'short'), status=204)
    for _ in range(2):
        peer = Peer.connect(port)
        peer.send(b'abc')
        assert peer.recv_exactly(3) == b'abc'
        peer.close()


def test_faults_are_told_of(spread: Command, api: Toxiproxy, redis_server: Server) -> None:
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    with clients(port, 2) as peers, closing(Client(HOST, spread.control_port).events()) as events:
        followed = Followed(events)
        followed.next('second')  # from then on
        assert arm(f'{spread.api}/proxies/r', name='error').ok
        for peer in peers:
            assert ask(peer).startswith(ERROR)
        assert [followed.next('fault')['link'] for _ in peers] == [1, 2]


@pytest.mark.parametrize(('protocol', 'text'), [('redis', 'PING'), ('tcp', f'{len(PING)} bytes')])
def test_exchanges_are_timed_while_somebody_looks(
    protocol: str, text: str, spread: Command, api: Toxiproxy, redis_server: Server
) -> None:
    port = port_of(api.create('r', redis_server.address, protocol=protocol))
    client = Client(HOST, spread.control_port).proxy('r')
    with clients(port, 2) as peers, closing(client.events()) as events:
        followed = Followed(events)
        told: dict[int, dict[str, Any]] = {}
        while len(told) < 2:
            for peer in peers:
                assert ask(peer) == PONG
            if client.status()['times']['timed']:
                one = followed.next('exchange')
                told[one['link']] = one
        addresses = {link['id']: link['client'] for link in client.links()}
        times = client.status()['times']
        metrics = requests.get(f'{spread.api}/metrics', timeout=TIMEOUT).text
    for link, one in told.items():
        assert (one['client'], one['request'], one['executed']) == (addresses[link], text, True)
        assert 0 < one['backend_time'] <= one['client_time']
    assert times['client'] is not None
    assert times['backend'] is not None
    assert times['client']['p50'] >= times['backend']['p50'] > 0
    series = f'vaurien_client_seconds_count{{class="",protocol="{protocol}",proxy="r"}} '
    (counted,) = (line.removeprefix(series) for line in metrics.splitlines() if line.startswith(series))
    assert float(counted) >= times['timed']


def test_faults_are_waited_for(spread: Command, api: Toxiproxy, redis_server: Server) -> None:
    """Of all workers the oldest comes first, whether or not somebody looks on; arming gives up what nobody took."""
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    client = Client(HOST, spread.control_port).proxy('r')
    with clients(port, 4) as peers:
        client.set_behavior('error')
        for peer in peers:
            assert ask(peer).startswith(ERROR)
        with requests.get(f'{spread.api}/events', stream=True, timeout=TIMEOUT) as events:
            assert b'event: second' in events.iter_lines(chunk_size=1)
            assert [client.wait_for_fault().link for _ in peers] == [1, 2, 3, 4]
        assert client.take_fault() is None
        assert ask(peers[0]).startswith(ERROR)
        client.set_behavior('error')
        assert client.take_fault() is None


def test_a_link_is_closed_over_the_api(spread: Command, api: Toxiproxy, redis_server: Server) -> None:
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    url = f'{spread.api}/proxies/r/links'
    with clients(port, 3) as peers:
        assert requests.delete(f'{url}/2', timeout=TIMEOUT).ok
        assert [link['id'] for link in show(f'{spread.api}/proxies/r', 'links')['links']] == [1, 3]
        assert peers[1].recv() == b''
        assert requests.delete(f'{url}/2', timeout=TIMEOUT).status_code == 404
        assert ask(peers[0]) == ask(peers[2]) == PONG


def test_links_that_are_closed_over_the_api_are_not_there_any_more(
    spread: Command, api: Toxiproxy, redis_server: Server
) -> None:
    """When it is answered: who asks next does not see them, however busy the workers are."""
    port = port_of(api.create('r', redis_server.address, protocol='redis'))
    with requests.Session() as session, clients(port, 40):
        session.trust_env = False
        for number in range(1, 41):
            assert session.delete(f'{spread.api}/proxies/r/links/{number}', timeout=TIMEOUT).ok
            assert session.delete(f'{spread.api}/proxies/r/links/{number}', timeout=TIMEOUT).status_code == 404


@pytest.mark.parametrize(
    ('options', 'name'),
    [
        ({'name': 'error', 'nth': 3}, 'error.nth'),
        ({'name': 'error', 'warmup': 3}, 'error.nth'),
        ({'name': 'transient'}, 'transient.times'),
        ({'name': 'delay', 'max_active': 3}, 'delay.max_active'),
    ],
)
def test_what_counts_over_all_links_is_refused(
    spread: Command, api: Toxiproxy, redis_server: Server, options: dict[str, Any], name: str
) -> None:
    api.create('r', redis_server.address, protocol='redis')
    answer = arm(f'{spread.api}/proxies/r', **options)
    (error,) = answer.json()['errors']
    assert (answer.status_code, error['name']) == (400, name)
    assert error['description'] == 'it is about all links, which are shared out among workers: start with --workers 1'
    assert show(f'{spread.api}/proxies/r', 'behavior') == {'behavior': 'dummy', 'options': {}}


def test_so_is_what_links_share(api: Toxiproxy, redis_server: Server) -> None:
    api.create('r', redis_server.address)
    body = {'type': 'bandwidth', 'attributes': {'rate': 1, 'shared': 'proxy'}}
    assert '--workers 1' in api.refused('POST', '/proxies/r/toxics', 400, body)
    proxy = {'name': 'x', 'listen': f'{HOST}:0', 'upstream': redis_server.address, 'addressed': True}
    assert '--workers 1' in api.refused('POST', '/proxies', 400, proxy)
    assert api.done('GET', '/proxies').keys() == {'r'}


@pytest.mark.parametrize(
    ('flags', 'error'),
    [
        (['--journal', 'x'], '--journal: it needs all exchanges in one process: start with --workers 1'),
        (['--replay', 'x'], '--replay: it needs all exchanges in one process: start with --workers 1'),
        (['--otel', 'http://localhost:1'], '--otel: it needs all exchanges in one process: start with --workers 1'),
        (['--addressed'], '--addressed: requests cannot ask several workers for faults: start with --workers 1'),
    ],
)
def test_so_are_flags(flags: Sequence[str], error: str) -> None:
    with own_root_logger(), pytest.raises(ConfigError, match=f'^{re.escape(error)}$'):
        main.run(parse(['--workers', '2', '--log-output', os.devnull, *flags]))


def test_how_many_there_are() -> None:
    assert parse([]).settings.size == 1
    assert parse(['--workers', '3']).settings.size == 3
    assert parse(['--workers', 'auto']).settings.size == len(os.sched_getaffinity(0))


@pytest.mark.parametrize('count', ['0', '-1', 'many', '1.5', ''])
def test_how_many_there_cannot_be(count: str) -> None:
    with pytest.raises(ConfigError, match=r'^--workers: expected int( >= 1)? or auto, got '):
        parse([f'--workers={count}'])


def draw_faults(vaurien_command: StartCommand, backend: Server, workers: int) -> tuple[list[Any], str]:
    flags = ('--backend', backend.address, '--protocol', 'redis', '--http', '--seed', '7', '--log-level', 'error')
    command = vaurien_command(*flags, '--behavior', '30:error,20:delay(sleep=0)', '--workers', str(workers))
    replies = []
    for _ in range(12):
        with clients(command.port, 1) as (peer,):
            replies += [ask(peer)[:4] for _ in range(2)]
    faults = show(command.api, 'faults')['faults']
    status, out, err = command.stop()
    assert (status, err) == (0, '')
    return [replies, [(one['link'], one['exchange'], one['behavior']) for one in faults]], out.splitlines()[-1]


def test_the_same_seed_has_the_same_faults(vaurien_command: StartCommand, redis_server: Server) -> None:
    alone, spread = (draw_faults(vaurien_command, redis_server, count) for count in (1, 3))
    assert spread == alone
    assert {behavior for _, _, behavior in alone[0][1]} == {'error', 'delay'}


def test_a_worker_that_dies_is_replaced(vaurien_command: StartCommand, redis_server: Server) -> None:
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--workers', '2')
    command = vaurien_command(*flags)
    assert arm(command.api, name='error').ok
    toxic = {'type': 'slicer', 'attributes': {'average_size': 1, 'size_variation': 0, 'delay': 0}}
    assert requests.post(f'{command.api}/proxies/vaurien/toxics', json=toxic, timeout=TIMEOUT).ok
    with clients(command.port, 4) as peers:
        assert show(command.api, 'status')['faults'] == {'error': 4}
        victim = workers_of(command)[0]
        victim.kill()
        assert peers[0].recv() == b''
        assert ask(peers[1]).startswith(ERROR)
        other = int(command.wait_for_log(r'worker 1: pid (\d+)')[1])
        with clients(command.port, 2) as more:  # which come to the one with the fewest links
            assert count_links(other, command) == 2
            assert all(ask(peer).startswith(ERROR) for peer in more)
            status = show(command.api, 'status')
            links = show(command.api, 'links')['links']
    assert status['faults'] == {'error': 9}  # those of the dead one are not forgotten
    assert status['links'] == {'open': 4, 'total': 6}
    assert [(link['id'], link['toxics']) for link in links] == [(n, ['slicer_downstream']) for n in (2, 4, 5, 6)]
    status, out, err = command.stop()
    assert status == 0
    warnings = [line.partition(' WARNING ')[2] for line in err.splitlines() if ' INFO ' not in line]
    assert warnings == [
        f'worker 1, pid {victim.pid}, has ended by signal 9, and its links with it: another one takes its place'
    ]
    assert 'faults: 9 error' in out


@pytest.mark.parametrize('looks', [False, True])
def test_a_worker_that_does_not_answer_is_replaced(
    looks: bool, vaurien_command: StartCommand, redis_server: Server
) -> None:
    """Before the client of the control API gives up: what that is told is what has become of its change."""
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--workers', '3')
    command = vaurien_command(*flags, '--behavior', '100:error(match=NOTHING)')
    client = Client(HOST, command.control_port)
    with ExitStack() as stack, clients(command.port, 6) as peers:
        assert client.status()['exchanges'] == 6
        for victim in workers_of(command)[:2]:
            victim.suspend()
            stack.callback(resume, victim)
        if looks:
            assert client.links()[2]['client'] == f'{HOST}:{peers[2].sock.getsockname()[1]}'
            assert client.status()['exchanges'] == 6  # as far as it is known
        client.set_behavior('100:error')
        for number in (1, 2):
            command.wait_for_log(f'ERROR worker {number} does not answer, and is killed')
            command.wait_for_log(rf'worker {number}: pid \d+')
        assert client.get_behavior() == 'error'
    with clients(command.port, 3) as peers:
        assert all(ask(peer).startswith(ERROR) for peer in peers)


def test_a_worker_that_cannot_be_started_is_started_later(vaurien_command: StartCommand, redis_server: Server) -> None:
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--workers', '2')
    command = vaurien_command(*flags)
    before = resource.prlimit(command.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    workers_of(command)[0].kill()
    command.wait_for_log(r'ERROR worker 1 cannot be started: too many open files: it is tried again every 1 s$')
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, before)
    command.wait_for_log(r'worker 1: pid \d+')
    with clients(command.port, 2):
        assert len(workers_of(command)) == 2
    status, _, err = command.stop()
    assert status == 0
    assert 'Traceback' not in err
    assert err.count('cannot be started') == 1


def test_the_lines_that_workers_lose_are_counted(vaurien_command: StartCommand, redis_server: Server) -> None:
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--workers', '2')
    command = vaurien_command(*flags, '--behavior', '100:error', '--log-output', '/dev/full')
    with clients(command.port, 6):
        eventually(lambda: count_lines_lost(command) >= 6)  # each fault is a line
    lost = count_lines_lost(command)
    victim = workers_of(command)[0]
    victim.kill()
    eventually(lambda: len(workers_of(command)) == 2 and victim not in workers_of(command))
    eventually(lambda: count_lines_lost(command) == lost + 2)  # it has ended, and there is another one


def count_lines_lost(command: Command) -> float:
    name = 'vaurien_lines_lost_total '
    lines = requests.get(f'{command.api}/metrics', timeout=TIMEOUT).text.splitlines()
    (value,) = (line.removeprefix(name) for line in lines if line.startswith(name))
    return float(value)


def resume(process: psutil.Process) -> None:
    """Let a process go on that was stopped, so that it ends with its parent if it was not killed."""
    with suppress(psutil.NoSuchProcess):
        process.resume()


def count_links(pid: int, command: Command) -> int:
    return sum(one.laddr[1:] == (command.port,) for one in psutil.Process(pid).net_connections('tcp') if one.laddr)


def test_without_descriptors_clients_wait_and_are_reset(vaurien_command: StartCommand, redis_server: Server) -> None:
    """As they are by one process: nobody waits for longer than the timeout, and nobody uses a processor meanwhile."""
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--workers', '2', '--timeout', '1')
    command = vaurien_command(*flags)
    processes = workers_of(command)
    with clients(command.port, 10):  # loads what is loaded with the first link
        pass
    eventually(lambda: show(command.api, 'status')['links']['open'] == 0)
    for process in processes:
        limit = descriptors(process.pid) + 2 * 10 + RESERVE
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer.connect(command.port)) for _ in range(60)]
        for peer in peers:
            peer.send(PING)
        before = sum(cpu_seconds(process.pid) for process in processes)
        began = monotonic()
        replies = [receive(peer) for peer in peers]
        assert monotonic() - began < 20, 'forty, one after the other'
        assert sum(cpu_seconds(process.pid) for process in processes) - before < 0.5
        served = [peer for peer, reply in zip(peers, replies, strict=True) if reply == PONG]
        assert 15 <= len(served) <= 20
        assert replies.count(None) == 60 - len(served)
        eventually(lambda: show(command.api, 'status')['links']['open'] == len(served))
        late = stack.enter_context(Peer.connect(command.port))
        late.send(PING)
        assert late.is_silent(0.2)
        for peer in served[:4]:
            peer.close()
        assert late.recv_until(b'\r\n') == PONG
    _, _, err = command.stop()
    lines = [line.partition(' WARNING ')[2] for line in err.splitlines()]
    assert 'clients have to wait: Too many open files' in lines
    assert lines.count('a client was reset: there was no room for it within 1 s') == 60 - len(served)


def receive(peer: Peer) -> bytes | None:
    """Return the line that comes; None if the connection is reset."""
    try:
        return peer.recv_until(b'\r\n')
    except ConnectionResetError:
        return None


#: A behavior that cannot be made in the process that makes it for the last time. It is armed in the
#: parent, and then in each of two workers.
PICKY = """\
import contextlib
import itertools
from vaurien.behaviors.dummy import Dummy

class Picky(Dummy):
    '''Refuses one process.'''
    name = 'picky'

    def __init__(self, options=None):
        super().__init__(options)
        for made in itertools.count():  # workers come here at the same time: a number belongs to one of them
            with contextlib.suppress(FileExistsError):
                open(f'made/{made}', 'x').close()
                break
        if made == 2:
            raise ValueError('not here')
"""


def test_what_one_worker_cannot_take_is_taken_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vaurien_command: StartCommand, redis_server: Server
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'made').mkdir()
    (tmp_path / 'picky.py').write_text(PICKY)
    (tmp_path / 'x.ini').write_text('[behavior:picky]\ncallable = picky:Picky\n')
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--workers', '2')
    command = vaurien_command('--proxy', f'{HOST}:0', '--config', 'x.ini', *flags)
    assert arm(command.api, name='error').ok
    with clients(command.port, 2) as peers:
        answer = arm(command.api, name='picky')
        assert answer.status_code == 503
        (error,) = answer.json()['errors']
        assert error['description'] in [
            f'worker {number} cannot do that, and nothing was changed: picky failed: ValueError: not here'
            for number in (1, 2)
        ]
        assert show(command.api, 'behavior') == {'behavior': 'error', 'options': {}}
        assert [ask(peer)[:4] for peer in peers] == [ERROR, ERROR]
        assert arm(command.api, name='picky').ok  # it is no longer the last time
        assert [ask(peer) for peer in peers] == [PONG, PONG]


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_all_end_in_order(number: int, vaurien_command: StartCommand, redis_server: Server) -> None:
    flags = ('--backend', redis_server.address, '--protocol', 'redis', '--http', '--log-level', 'warning')
    command = vaurien_command(*flags, '--behavior', '100:delay(sleep=0.4, match=DBSIZE)', '--workers', '2')
    processes = workers_of(command)
    links = [redis.Redis(port=command.port) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        for link in links:
            link.ping()
        late = [threads.submit(link.dbsize) for link in links]
        eventually(lambda: show(command.api, 'status')['faults'] == {'delay': 2})
        for process in processes:
            process.send_signal(signal.SIGTERM)  # as a service manager does
        status, out, err = command.stop(number)
        assert all(one.result(TIMEOUT) >= 0 for one in late)
    assert (status, err) == (0, '')
    assert out.splitlines()[-1] == 'faults: 2 delay'
    assert 'links: 2, exchanges: ' in out
    eventually(lambda: not any(one.is_running() for one in processes))
