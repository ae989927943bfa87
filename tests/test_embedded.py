"""The proxy inside a process: `vaurien.Proxy`."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import vaurien
from tests.arming import UNAIMED
from tests.behaviors.doors import lively, try_to_connect, try_to_take
from tests.behaviors.waiting import eventually
from tests.descriptors import descriptors, wait_until_none_is_left
from tests.engine.talk import MB, checksum, connect, inside, join, make_proxy, receive_exactly
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.embedded import Proxy
from vaurien.errors import ConfigError, OptionError, PluginError


def count(what: str) -> int:
    """Of this process: ``fd``, its descriptors, or ``task``, its threads."""
    return len(list(Path('/proc/self', what).iterdir()))


def run(code: str) -> tuple[int, str, str]:
    """The exit status and the output of a Python process that is given *code*, in which a warning is an error."""
    command = [sys.executable, '-W', 'error', '-c', code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=2 * TIMEOUT, check=False)
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def proxy(echo_server: RawBackend) -> Iterator[Proxy]:
    with Proxy(echo_server.address) as proxy:
        yield proxy


def ask(proxy: Proxy, request: bytes = b'hello') -> bytes:
    """The reply of an echo server to a request, as far as it comes."""
    with Peer.connect(proxy.address.port, proxy.address.host) as client:
        client.send(request)
        return client.recv_exactly(len(request))


class TestLife:
    def test_it_is_public(self) -> None:
        assert vaurien.Proxy is Proxy

    def test_it_serves_until_the_block_ends(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address) as proxy:
            assert ask(proxy) == b'hello'
            address = proxy.address
            client = connect(proxy)
            client.send(b'hello')
            assert client.recv_exactly(5) == b'hello'
        with client:
            assert client.recv() == b''
        with pytest.raises(ConnectionRefusedError):
            Peer.connect(address.port)
        with pytest.raises(RuntimeError, match='not running'):
            proxy.address  # noqa: B018

    def test_a_url_says_the_protocol(self, echo_server: RawBackend) -> None:
        with Proxy(f'redis://:secret@{echo_server.address}/0') as proxy:
            status = proxy.status()
            assert (status['backend'], status['protocol']) == (echo_server.address, 'redis')
        with Proxy(f'redis://{echo_server.address}', 'tcp') as proxy:
            assert proxy.status()['protocol'] == 'tcp'
        Proxy('rediss://localhost', backend_tls=True)
        for backend, protocol, said in (
            ('redis://:secret@localhost', 'http', 'a URL of redis is for the protocol redis, and not http'),
            ('rediss://:secret@localhost', None, 'its URL is for TLS: add tls = auto'),
            ('redsi://:secret@localhost', None, "unknown scheme of a URL 'redsi', did you mean 'redis'?"),
        ):
            with pytest.raises(ConfigError, match=re.escape(said)) as caught:
                Proxy(backend, protocol)
            assert 'secret' not in str(caught.value)

    def test_it_leaves_nothing(self, echo_server: RawBackend) -> None:
        def use() -> None:
            with Proxy(echo_server.address, behavior='50:delay', options={'delay': {'sleep': 0}}) as proxy:
                for _ in range(5):
                    ask(proxy)
                clients = [connect(proxy) for _ in range(5)]
                for client in clients:
                    client.send(b'hello')
                    client.recv_exactly(5)
                    client.close()

        use()
        before = count('fd'), count('task')
        for _ in range(5):
            use()
        eventually(lambda: (count('fd'), count('task')) <= before)

    def test_its_memory_is_given_back(self, echo_server: RawBackend) -> None:
        """Of one after the other: the loop's buffer alone is 256 KiB."""
        code = f"""
import gc, socket, tracemalloc
from greenlet import greenlet
from vaurien import Proxy

def use(behavior='dummy', proxy='127.0.0.1:0', backend='{echo_server.address}'):
    options = {{'delay': {{'sleep': 0.001}}}} if behavior == 'delay' else None
    with Proxy(backend, behavior=behavior, options=options, proxy=proxy) as proxy:
        with socket.create_connection(proxy.address, {TIMEOUT}) as client:
            client.sendall(b'hello')
            if behavior == 'hang':
                proxy.wait_for_fault({TIMEOUT})
            else:
                assert client.recv(5) == b'hello'

def use_all():
    for behavior in ('dummy', 'delay', 'hang'):
        use(behavior)
    use(backend='localhost:{echo_server.port}')
    try:
        use(backend='127.0.0.1:1', proxy='{echo_server.address}')
    except OSError:
        pass
    gc.collect()

use_all()
tracemalloc.start()
use_all()
first = tracemalloc.get_traced_memory()[0]
for _ in range(8):
    use_all()
gained = (tracemalloc.get_traced_memory()[0] - first) / 40
greenlets = sum(isinstance(one, greenlet) for one in gc.get_objects())
assert greenlets < 3, greenlets
assert gained < 1000, gained
print('done')
"""
        assert run(code) == (0, 'done\n', '')

    def test_several_threads_may_make_the_first_ones(self) -> None:
        code = """
import threading
import time
import vaurien

together = threading.Barrier(8)
failures = []

def use():
    together.wait()
    try:
        with vaurien.Proxy('127.0.0.1:1', 'http', behavior='50:error,50:delay') as proxy:
            proxy.add_toxic('latency')
    except BaseException as failure:
        failures.append(failure)

threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
print('done')
"""
        assert run(code) == (0, 'done\n', '')

    def test_it_can_be_started_again(self, echo_server: RawBackend) -> None:
        proxy = Proxy(echo_server.address)
        for _ in range(3):
            proxy.start()
            assert ask(proxy) == b'hello'
            proxy.stop()
            proxy.stop()

    def test_it_cannot_be_started_twice(self, proxy: Proxy) -> None:
        with pytest.raises(RuntimeError, match='running'):
            proxy.start()
        assert ask(proxy) == b'hello'

    def test_down_and_up_on_the_same_port(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, behavior='dummy') as proxy, lively(proxy) as client:
            port = proxy.address.port
            for _ in range(2):
                with proxy.down():
                    assert try_to_connect(port) == 'refused'
                    assert try_to_take(port) == 'Address already in use'
                    assert (proxy.status()['enabled'], proxy.address.port, proxy.links()) == (False, port, [])
                with lively(proxy):
                    assert (proxy.status()['enabled'], proxy.address.port) == (True, port)
            assert client.recv() == b''

    def test_down_while_a_behavior_is_at_work(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, behavior='hang') as proxy, Peer.connect(proxy.port) as client:
            client.send(b'hello')
            proxy.wait_for_fault(TIMEOUT)
            with proxy.down():
                assert client.recv() == b''

    def test_what_is_changed_while_it_is_down(self, echo_server: RawBackend, raw_backend: RawBackend) -> None:
        with Proxy(raw_backend.address) as proxy:
            proxy.disable()
            proxy.disable()
            proxy.set_backend(echo_server.address)
            proxy.set_behavior('refuse')
            uptime = proxy.status()['uptime']
            proxy.enable()
            proxy.enable()
            assert proxy.status()['uptime'] >= uptime
            assert try_to_connect(proxy.address.port) == 'refused'
            proxy.set_behavior('dummy')
            with lively(proxy):
                proxy.disable()

    def test_a_port_in_use(self, raw_backend: RawBackend) -> None:
        before = descriptors()
        proxy = Proxy('127.0.0.1:1', proxy=raw_backend.address)
        for _ in range(2):
            with pytest.raises(OSError, match='already in use'):
                proxy.start()
        wait_until_none_is_left(before)

    def test_mistakes(self) -> None:
        with pytest.raises(PluginError, match="did you mean 'error'"):
            Proxy('localhost:1', behavior='eror')
        with pytest.raises(OptionError):
            Proxy('localhost:1', behavior='delay', options={'delay': {'slep': 1}})
        with pytest.raises(ConfigError):
            Proxy('localhost')
        with pytest.raises(PluginError), Proxy('localhost:1', 'htp'):
            pass

    def test_times_may_have_units(self) -> None:
        settings = Proxy('localhost:1', timeout='1m30s', keepalive='2m').settings
        assert (settings.timeout, settings.keepalive) == (90.0, 120)
        with pytest.raises(ConfigError, match=r"^timeout: expected a duration such as 200ms or 2s, got '2 parsecs'$"):
            Proxy('localhost:1', timeout='2 parsecs')

    def test_a_hanging_exchange_does_not_keep_it(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, behavior='hang') as proxy:
            client = connect(proxy)
            client.send(b'hello')
            eventually(lambda: proxy.status()['faults'] == {'hang': 1})
        with client:
            assert client.recv() == b''


class TestFromAFile:
    CONTENT = """
        [vaurien]
        seed = 3
        [proxy.cache]
        proxy = 'localhost:8000'
        backend = 'localhost:6379'
        protocol = 'redis'
        behavior = '20:delay'
        [proxy.db]
        backend = 'localhost:5432'
        [behavior.delay]
        sleep = 2
    """

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / 'vaurien.toml'
        path.write_text(self.CONTENT)
        return path

    def test_one_of_several(self, path: Path) -> None:
        with Proxy.from_file(path, 'cache') as proxy:
            status = proxy.status()
            assert (status['name'], status['protocol'], status['seed']) == ('cache', 'redis', 3)
            assert (proxy.get_behavior(), proxy.get_backend()) == ('20:delay', 'localhost:6379')
            assert proxy.address.port != 8000
            proxy.set_behavior('delay')
            assert status['behaviors'][0]['options']['sleep'] == 2
        with Proxy.from_file(path, 'db', seed=4) as proxy:
            assert proxy.status()['seed'] == 4

    def test_the_only_one(self, tmp_path: Path) -> None:
        (tmp_path / 'vaurien.ini').write_text('[vaurien]\nbackend = localhost:1\n')
        with Proxy.from_file(tmp_path / 'vaurien.ini') as proxy:
            assert proxy.get_backend() == 'localhost:1'

    def test_mistakes(self, path: Path) -> None:
        with pytest.raises(ConfigError, match=r'vaurien\.toml: there is not one proxy, known: cache, db$'):
            Proxy.from_file(path)
        with pytest.raises(ConfigError, match=r"vaurien\.toml: there is no proxy 'cahe', did you mean 'cache'\?$"):
            Proxy.from_file(path, 'cahe')
        with pytest.raises(ConfigError, match='cannot read it'):
            Proxy.from_file(path.with_name('none.toml'))


class TestThreads:
    """What several of them do at once."""

    def test_calls_that_race_with_the_end(self, echo_server: RawBackend) -> None:
        """Each gets its result, or an error: none waits for ever."""
        for _ in range(5):
            proxy = Proxy(echo_server.address).start()
            failures: list[RuntimeError] = []

            def ask_on(proxy: Proxy = proxy, failures: list[RuntimeError] = failures) -> None:
                try:
                    while True:
                        proxy.status()
                except RuntimeError as error:
                    failures.append(error)

            asking = [threading.Thread(target=ask_on, daemon=True) for _ in range(4)]
            for thread in asking:
                thread.start()
            for _ in range(20):
                proxy.status()
            proxy.stop()
            for thread in asking:
                thread.join(TIMEOUT)
            assert len(failures) == 4
            assert all('not running' in str(failure) for failure in failures)

    def test_each_that_stops_it_returns_when_all_is_closed(self, echo_server: RawBackend) -> None:
        for _ in range(5):
            proxy = Proxy(echo_server.address).start()
            address = proxy.address
            refused: list[bool] = []

            def stop(proxy: Proxy = proxy, refused: list[bool] = refused, port: int = address.port) -> None:
                proxy.stop()
                with pytest.raises(ConnectionRefusedError):
                    Peer.connect(port)
                refused.append(True)

            stopping = [threading.Thread(target=stop, daemon=True) for _ in range(4)]
            for thread in stopping:
                thread.start()
            for thread in stopping:
                thread.join(TIMEOUT)
            assert refused == [True] * 4


class TestArming:
    def test_a_block_restores_what_was_armed(self, echo_server: RawBackend) -> None:
        options: dict[str, dict[str, Any]] = {'delay': {'sleep': 0.0}, 'error': {'warmup': 3}}
        with Proxy(echo_server.address, behavior='20:delay,10:error', options=options) as proxy:
            before = proxy.status()['behaviors']
            with proxy.with_behavior('delay', sleep=0.01) as same:
                assert same is proxy
                assert [entry['options']['sleep'] for entry in proxy.status()['behaviors']] == [0.01]
                with proxy.with_behavior('hang'):
                    assert proxy.status()['behavior'] == 'hang'
                assert proxy.status()['behavior'] == 'delay'
            assert proxy.status()['behaviors'] == before

    def test_a_block_puts_back_what_is_left(self, proxy: Proxy) -> None:
        proxy.set_behavior("50:delay(for='1h'),50:hang(for=0.05)")
        with proxy.with_behavior('error'):
            time.sleep(0.05)
        (rule,) = proxy.status()['behaviors']
        assert (rule['name'], rule['percent']) == ('delay', 50.0)
        assert 3500 < rule['options']['for'] < 3600 - 0.05

    def test_blocks_that_overlap(self, proxy: Proxy) -> None:
        """As in threads: the last one to begin has what is armed, and nothing of any is left in the end."""
        blocks = [ExitStack() for _ in range(3)]
        with ExitStack() as stack:
            for block, name in zip(blocks, ('delay', 'hang', 'abort'), strict=True):
                stack.callback(block.close)
                block.enter_context(proxy.with_behavior(name))
            blocks[1].close()
            assert proxy.get_behavior() == 'abort'
            blocks[2].close()
            assert proxy.get_behavior() == 'delay'
            blocks[1].enter_context(proxy.with_behavior('hang'))
            blocks[0].close()
            assert proxy.get_behavior() == 'hang'
        assert proxy.get_behavior() == 'dummy'

    def test_threads_that_arm(self, proxy: Proxy) -> None:
        def arm(name: str) -> None:
            for _ in range(20):
                with proxy.with_behavior(name):
                    pass

        with ThreadPoolExecutor() as pool:
            list(pool.map(arm, ['delay', 'hang', 'abort', 'error']))
        assert proxy.get_behavior() == 'dummy'

    def test_the_faults_of_a_block_can_be_waited_for_behind_it(self, proxy: Proxy) -> None:
        with proxy.with_behavior('delay', sleep=0):
            assert ask(proxy) == b'hello'
        assert proxy.wait_for_fault(0).behavior == 'delay'
        with proxy.with_behavior('delay', sleep=0):
            assert ask(proxy) == b'hello'
        with proxy.with_behavior('error', match='never'):
            assert proxy.take_fault() is None  # they are of what was armed before

    def test_also_when_it_raises(self, proxy: Proxy) -> None:
        def fail() -> None:
            with proxy.with_behavior('error'):
                client = connect(proxy)
                client.send(b'hello')
                assert len(client.recv_exactly(1000)) == 1000
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert ask(proxy) == b'hello'

    def test_a_mistake_changes_nothing(self, proxy: Proxy) -> None:
        with pytest.raises(PluginError):
            proxy.set_behavior('eror')
        with pytest.raises(OptionError):
            proxy.set_behavior('delay', slep=1)
        assert proxy.status()['behavior'] == 'dummy'

    def test_configured_options_are_the_default(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, options={'delay': {'sleep': 0.25}}) as proxy:
            proxy.set_behavior('delay', before=False)
            assert proxy.status()['behaviors'][0]['options'] == {'sleep': 0.25, 'before': False, **UNAIMED}

    def test_several_of_one_name(self, proxy: Proxy) -> None:
        with proxy.with_behavior('100:delay(sleep=0, nth=1),100:delay(sleep=0.001, nth=2)'), connect(proxy) as client:
            for _ in range(3):
                client.send(b'hello')
                client.recv_exactly(5)
        assert [fault.options['sleep'] for fault in proxy.faults()] == [0.0, 0.001]

    def test_what_is_asked_from_many_threads(self, proxy: Proxy) -> None:
        failures = []

        def ask_on() -> None:
            try:
                for _ in range(50):
                    proxy.status()
                    proxy.set_behavior('50:dummy')
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=ask_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures

    def test_what_fails_inside_is_raised_outside(self, proxy: Proxy) -> None:
        with pytest.raises(ZeroDivisionError):
            inside(proxy, lambda server: 1 // 0)
        assert ask(proxy) == b'hello'


class TestFaults:
    """What was hit, as data."""

    def test_one_after_the_other(self, proxy: Proxy) -> None:
        with proxy.with_behavior('delay', sleep=0, nth='2+'):
            for text in (b'a', b'bb', b'ccc'):
                assert ask(proxy, text) == text
            first, second = proxy.faults()
            assert (first.request, second.request) == ('2 bytes', '3 bytes')
            assert (first.behavior, first.link, first.exchange) == ('delay', 2, 1)
            assert first.options == {'sleep': 0.0, 'before': True, **UNAIMED, 'nth': '2+'}
            assert [proxy.wait_for_fault(), proxy.wait_for_fault()] == [first, second]
            with pytest.raises(TimeoutError, match=r'^no fault within 0\.01 s; delay\(.*\): matched 3 of 3 exchanges'):
                proxy.wait_for_fault(0.01)
        assert proxy.status()['faults'] == {'delay': 2}
        proxy.clear_faults()
        assert proxy.faults() == []
        assert proxy.status()['faults'] == {'delay': 2}

    def test_waiting_for_one_that_is_late(self, proxy: Proxy) -> None:
        with proxy.with_behavior('delay', sleep=0):
            later = threading.Timer(0.05, ask, [proxy])
            later.start()
            assert proxy.wait_for_fault(TIMEOUT).request == '5 bytes'
            later.join()

    def test_only_those_since_something_was_armed_are_waited_for(self, proxy: Proxy) -> None:
        proxy.set_behavior('delay', sleep=0)
        ask(proxy)
        proxy.set_behavior('delay', sleep=0.001)
        with pytest.raises(TimeoutError):
            proxy.wait_for_fault(0)
        ask(proxy)
        assert proxy.wait_for_fault().options['sleep'] == 0.001

    def test_bounded(self, proxy: Proxy) -> None:
        with proxy.with_behavior('delay', sleep=0), connect(proxy) as client:
            for number in range(1010):
                client.send(b'x' * (number + 1))
                client.recv_exactly(number + 1)
        faults = proxy.faults()
        assert [faults[0].request, faults[-1].request] == ['11 bytes', '1010 bytes']
        assert len(faults) == 1000


class TestToxics:
    """What is on the streams."""

    def test_for_the_length_of_a_block(self, proxy: Proxy) -> None:
        with connect(proxy) as client:
            client.send(b'hello')
            assert client.recv_exactly(5) == b'hello'
            with proxy.toxic('limit_data', bytes=3) as same:
                assert same is proxy
                client.send(b'hello')
                assert client.recv_all() == b'hel'
        assert proxy.toxics() == []
        assert ask(proxy) == b'hello'

    def test_that_is_gone_when_the_block_ends(self, proxy: Proxy) -> None:
        with proxy.toxic('noop', name='nothing'):
            proxy.remove_toxic('nothing')
        with proxy.toxic('noop'):
            proxy.stop()

    def test_adds_changes_and_removes(self, proxy: Proxy) -> None:
        added = proxy.add_toxic('latency', stream='upstream', toxicity=0.5, name='far', latency=200)
        attributes = {'latency': 200, 'jitter': 0}
        assert added == {
            'type': 'latency',
            'name': 'far',
            'stream': 'upstream',
            'toxicity': 0.5,
            'attributes': attributes,
        }
        assert proxy.toxics() == proxy.status()['toxics'] == [added]
        assert proxy.update_toxic('far', jitter=50) == {**added, 'attributes': {**attributes, 'jitter': 50}}
        assert proxy.update_toxic('far', toxicity=0)['toxicity'] == 0
        assert proxy.toxics()[0]['attributes'] == {**attributes, 'jitter': 50}
        proxy.remove_toxic('far')
        assert proxy.toxics() == []

    @pytest.mark.parametrize(
        ('spec', 'options', 'error'),
        [
            (None, {}, 'behavior: expected a name, a text or a list, got None'),
            (
                '20:error,10:delay',
                {'sleep': 1},
                "sleep: of which behavior? Give options by behavior, as in error={'sleep': …}",
            ),
            ('20:error,10:delay', {'dealy': {'sleep': 1}}, "did you mean 'delay'?"),
        ],
    )
    def test_what_cannot_be_armed(self, proxy: Proxy, spec: Any, options: dict[str, Any], error: str) -> None:
        with pytest.raises(ConfigError, match=f'{re.escape(error)}$'):
            proxy.set_behavior(spec, **options)

    def test_mistakes_change_nothing(self, proxy: Proxy) -> None:
        added = proxy.add_toxic('latency', latency=200)
        with pytest.raises(PluginError, match="did you mean 'latency'"):
            proxy.add_toxic('latecny')
        with pytest.raises(OptionError, match=r"^latnecy: latency has no such option, did you mean 'latency'\?$"):
            proxy.update_toxic('latency_downstream', jitter=1, latnecy=5)
        with pytest.raises(ConfigError, match="there is a toxic named 'latency_downstream' already"):
            proxy.add_toxic('latency')
        for call in (proxy.update_toxic, proxy.remove_toxic):
            with pytest.raises(ConfigError, match="there is no toxic named 'far'"):
                call('far')
        assert proxy.toxics() == [added]


def test_lists_and_cuts_links(proxy: Proxy) -> None:
    with connect(proxy) as first, connect(proxy) as second:
        for client in (first, second):
            client.send(b'hello')
            client.recv_exactly(5)
        links = proxy.links()
        assert [link['id'] for link in links] == [1, 2]
        assert links[0]['client'] == '{}:{}'.format(*first.sock.getsockname())
        proxy.cut_link(1)
        assert first.recv() == b''
        assert [link['id'] for link in proxy.links()] == [2]
        with pytest.raises(ConfigError, match='there is no open link 1'):
            proxy.cut_link(1)


def test_the_bytes_of_two_do_not_mix() -> None:
    """Each has a loop, a thread and a buffer of its own."""
    data = [letter * 65536 for letter in (b'a', b'b')]
    repeats = 40 * MB // 65536
    wanted = [checksum(iter([piece] * repeats)) for piece in data]
    got = [0, 0]
    backends = [RawBackend(), RawBackend()]
    with make_proxy(backends[0], 'http') as one, make_proxy(backends[1], 'http') as two:
        pairs = [join(one, backends[0]), join(two, backends[1])]

        def send(number: int) -> None:
            for _ in range(repeats):
                pairs[number][1].send(data[number])

        def receive(number: int) -> None:
            got[number] = checksum(receive_exactly(pairs[number][0], 65536 * repeats))

        threads = [threading.Thread(target=target, args=(n,)) for target in (send, receive) for n in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for backend in backends:
        backend.close()
    assert got == wanted


def test_in_a_process_that_is_patched(echo_server: RawBackend) -> None:
    """By gevent: clients that are greenlets share a thread, the proxy has its own."""
    code = f"""
import gevent.monkey
gevent.monkey.patch_all()
import gevent, socket
from vaurien import Proxy

def ask(proxy):
    with socket.create_connection(proxy.address, {TIMEOUT}) as client:
        client.sendall(b'hello')
        return client.recv(5)

with Proxy('{echo_server.address}', behavior='delay', options={{'delay': {{'sleep': 0.05}}}}) as proxy:
    clients = [gevent.spawn(ask, proxy) for _ in range(20)]
    assert [client.get() for client in clients] == [b'hello'] * 20
    with proxy.with_behavior('dummy'):
        assert ask(proxy) == b'hello'
    assert proxy.status()['faults'] == {{'delay': 20}}
with Proxy('{echo_server.address}') as proxy:
    assert ask(proxy) == b'hello'
print('done')
"""
    assert run(code) == (0, 'done\n', '')


@pytest.mark.parametrize('backend', [None, ('localhost', 6379), 6379])
def test_a_backend_that_is_no_text(backend: Any) -> None:
    with pytest.raises(ConfigError, match=f'^{re.escape(f"backend: expected host:port or a URL, got {backend!r}")}$'):
        Proxy(backend)


@pytest.mark.parametrize(
    ('settings', 'error'),
    [
        ({'behaviour': 'error'}, "there is no setting 'behaviour', did you mean 'behavior'?"),
        ({'time_out': 3}, "there is no setting 'time_out', did you mean 'timeout'?"),
    ],
)
def test_a_setting_that_there_is_not(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(TypeError, match=re.escape(error)):
        Proxy('localhost:6379', **settings)
