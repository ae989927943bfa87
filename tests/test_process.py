"""Proxies as processes: started, stopped, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.arming import UNAIMED
from tests.behaviors.waiting import eventually
from tests.commands import Command
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from vaurien import Client, process, start_proxy, stop_proxy
from vaurien.errors import ConfigError, StartError

Start = Callable[..., int]


@pytest.fixture
def port() -> int:
    """A free port for the control API."""
    return free_port()


@pytest.fixture
def start(port: int) -> Iterator[Start]:
    """`start_proxy` with that port and a free one for the proxy; what it starts ends with the test."""
    pids = []

    def start(**given: Any) -> int:
        pids.append(start_proxy(**{'port': port, 'proxy_port': 0, **given}))
        return pids[-1]

    yield start
    for pid in pids:
        stop_proxy(pid)


def children() -> set[str]:
    """The pids of all children of this process, zombies too."""
    tasks = Path('/proc/self/task').iterdir()
    return {pid for task in tasks for pid in (task / 'children').read_text().split()}


def is_gone(pid: int) -> bool:
    """Whether there is no such process, not even a zombie."""
    return not Path(f'/proc/{pid}').exists()


def test_it_takes_clients_and_control_when_it_returns(start: Start, port: int, echo_server: RawBackend) -> None:
    pid = start(backend_host=HOST, backend_port=echo_server.port)
    status = Client(port=port).status()
    assert status['pid'] == pid
    assert status['backend'] == echo_server.address
    with Peer.connect(int(status['proxy'].rpartition(':')[2])) as peer:
        peer.send(b'hello')
        assert peer.recv_exactly(5) == b'hello'


def test_everything_can_be_chosen(start: Start, port: int, tmp_path: Path) -> None:
    log = tmp_path / 'proxy.log'
    start(
        port=1,
        http_port=port,
        proxy_host='127.0.0.1',
        protocol='http',
        behavior='20:delay,10:error',
        options={'delay': {'sleep': 2, 'before': False}, 'transient': {'agitate': 5}},
        log_level='debug',
        log_output=str(log),
    )
    client = Client(port=port)
    status = client.status()
    assert status['protocol'] == 'http'
    assert status['behavior'] == '20:delay,10:error'
    assert status['behaviors'][0]['options'] == {'sleep': 2.0, 'before': False, **UNAIMED}
    client.set_behavior('transient')
    assert client.status()['behaviors'][0]['options']['agitate'] == 5
    assert log.exists()


def test_stopping_leaves_nothing(port: int) -> None:
    before = children()
    pid = start_proxy(port, proxy_port=0)
    assert str(pid) in children()
    stop_proxy(pid)
    assert is_gone(pid)
    assert children() == before
    stop_proxy(pid)


def test_stopping_what_is_gone_already_is_quiet(port: int) -> None:
    pid = start_proxy(port, proxy_port=0)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    stop_proxy(pid)
    assert is_gone(pid)


def test_no_other_process_is_stopped() -> None:
    command = Command('--http')
    try:
        with pytest.raises(ValueError, match=rf'^start_proxy has not started a process {command.pid}$'):
            stop_proxy(command.pid)
        assert Client(port=command.control_port).status()['pid'] == command.pid
    finally:
        command.kill()


def test_a_pid_that_another_process_has_now(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = start_proxy(port, proxy_port=0)
    stop_proxy(pid)
    monkeypatch.setattr(os, 'kill', pytest.fail)
    monkeypatch.setattr(signal, 'pidfd_send_signal', pytest.fail)
    stop_proxy(pid)


def test_kills_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, 'STOP_TIMEOUT', 0.05)
    code = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()'
    stubborn = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)
    with stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        monkeypatch.setitem(process._started, stubborn.pid, stubborn)
        stop_proxy(stubborn.pid)
        assert stubborn.wait(TIMEOUT) == -signal.SIGKILL


@pytest.mark.parametrize('pid', [0, -1])
def test_a_group_is_no_process(pid: int) -> None:
    with pytest.raises(ValueError, match='has not started'):
        stop_proxy(pid)


class TestNotStarting:
    """Nothing is left, and the message is the process's own."""

    @pytest.fixture(autouse=True)
    def no_child_left(self) -> Iterator[None]:
        before = children()
        yield
        assert children() == before

    @pytest.mark.parametrize(
        ('given', 'said'),
        [
            ({'behavior': '20:dealy'}, "did you mean 'delay'?"),
            ({'options': {'delay': {'sleep': 'x'}}}, '--behavior-delay-sleep'),
            ({'protocol': 'gopher'}, 'gopher'),
            ({'log_output': '/nowhere/proxy.log'}, 'cannot write the log to /nowhere/proxy.log'),
        ],
    )
    def test_a_mistake(self, port: int, given: dict[str, Any], said: str) -> None:
        with pytest.raises(StartError) as caught:
            start_proxy(port, proxy_port=0, **given)
        message = str(caught.value)
        assert message.startswith('vaurien: error: ')
        assert said in message
        assert '\n' not in message

    @pytest.mark.parametrize('taken', ['port', 'proxy_port'])
    def test_a_port_that_is_taken(self, port: int, raw_backend: RawBackend, taken: str) -> None:
        ports: dict[str, Any] = {'port': port, 'proxy_port': 0, taken: raw_backend.port}
        with pytest.raises(StartError, match=f'cannot listen on localhost:{raw_backend.port}: address already in use'):
            start_proxy(**ports)

    def test_another_proxy_is_not_mistaken_for_it(self, start: Start, port: int) -> None:
        pid = start()
        with pytest.raises(StartError, match='address already in use'):
            start_proxy(port, proxy_port=0)
        assert Client(port=port).status()['pid'] == pid
        stop_proxy(pid)

    def test_too_late(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, 'START_TIMEOUT', 0.01)
        with pytest.raises(StartError, match=r'did not start within 0\.01 s'):
            start_proxy(port, proxy_port=0)

    def test_an_interrupt(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*args: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(process, '_wait_until_ready', interrupt)
        with pytest.raises(KeyboardInterrupt):
            start_proxy(port, proxy_port=0)

    def test_no_words(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, 'executable', '/bin/false')
        with pytest.raises(StartError, match=r'^the process ended with status 1$'):
            start_proxy(port, proxy_port=0)

    def test_a_port_that_nobody_would_know(self) -> None:
        with pytest.raises(ConfigError, match=r'^port: '):
            start_proxy(port=0)


def test_a_log_that_nobody_reads_blocks_nothing(
    start: Start, port: int, capfd: pytest.CaptureFixture[str], echo_server: RawBackend
) -> None:
    start(
        backend_host=HOST,
        backend_port=echo_server.port,
        behavior='delay',
        options={'delay': {'sleep': 0}},
        log_output='-',
    )
    client = Client(port=port)
    with Peer.connect(int(client.status()['proxy'].rpartition(':')[2])) as peer:
        for _ in range(2000):
            peer.send(b'x' * 64)
            peer.recv_exactly(64)
    assert client.status()['faults']['delay'] >= 2000
    log: list[str] = []  # written in the background

    def has_all() -> bool:
        log.append(capfd.readouterr().err)
        return ''.join(log).count(': delay on ') >= 2000

    eventually(has_all)


def test_the_unit_test_of_the_documentation(port: int) -> None:
    class MyTest(unittest.TestCase):
        def setUp(self) -> None:
            self.proxy_pid = start_proxy(port=port, proxy_port=0)

        def tearDown(self) -> None:
            stop_proxy(self.proxy_pid)

        def test_one(self) -> None:
            client = Client(port=port)
            options = {'inject': True}

            with client.with_behavior('error', **options):
                assert client.get_behavior() == 'error'

            assert client.get_behavior() == 'dummy'

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(MyTest).run(result)
    assert result.testsRun == 1
    assert not result.errors + result.failures
