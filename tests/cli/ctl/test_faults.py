"""``vaurienctl faults --follow``, and what is new among faults."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.cli.asking import Running, read_error
from tests.commands import Command, StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST
from vaurien.cli.ctl.faults import find_new, watch
from vaurien.client import Client
from vaurien.records.fault_log import KEPT
from vaurien.records.faults import Fault


@pytest.fixture
def command(vaurien_command: StartCommand, echo_server: RawBackend, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A proxy with every exchange delayed, by nothing; vaurienctl knows where it is."""
    command = vaurien_command(
        '--http', '--backend', echo_server.address, '--behavior', 'delay', '--behavior-delay-sleep', '0'
    )
    monkeypatch.setenv('VAURIEN_URL', f'http://{HOST}:{command.control_port}')
    return command


@pytest.fixture
def peer(command: Command) -> Iterator[Peer]:
    """A client of it."""
    with Peer.connect(command.port) as peer:
        yield peer


def cause_fault(peer: Peer, size: int) -> str:
    """Send so many bytes, which are delayed; the end of the line that tells of it."""
    peer.send(b'x' * size)
    peer.recv_exactly(size)
    return f'delay on {size} bytes\n'


def test_tells_the_last_and_then_the_new(command: Command, peer: Peer) -> None:
    first = cause_fault(peer, 1)
    with Running('faults', '--follow') as running:
        running.wait_for(first)
        for size in (2, 3):
            running.wait_for(cause_fault(peer, size))
        Client(HOST, command.control_port).clear_faults()
        running.wait_for(cause_fault(peer, 4))
        running.interrupt()
        assert running.wait() == (130, '')
    lines = running.said.splitlines()
    assert [line.rpartition(': ')[2] for line in lines] == [f'delay on {size} bytes' for size in (1, 2, 3, 4)]


def test_a_json_object_a_line(command: Command, peer: Peer) -> None:
    with Running('faults', '--follow', '--json') as running:
        for size in (1, 2):
            cause_fault(peer, size)
            running.wait_for(f'"{size} bytes"}}\n')
        running.interrupt()
        assert running.wait() == (130, '')
    faults = [json.loads(line) for line in running.said.splitlines()]
    assert [(fault['behavior'], fault['request']) for fault in faults] == [('delay', '1 bytes'), ('delay', '2 bytes')]


def test_on_a_terminal_until_ctrl_c(command: Command, peer: Peer) -> None:
    with Running('faults', '--follow', terminal=True) as running:
        running.wait_for(cause_fault(peer, 1).replace('\n', '\r\n'))
        running.interrupt()
        assert running.wait() == (130, '')


def test_ends_when_nobody_reads(command: Command, peer: Peer) -> None:
    with Running('faults', '--follow') as running:
        running.wait_for(cause_fault(peer, 1))
        running.leave()
        assert running.wait() == (0, '')


def test_ends_with_the_process(command: Command, peer: Peer) -> None:
    with Running('faults', '--follow') as running:
        running.wait_for(cause_fault(peer, 1))
        command.stop(signal.SIGKILL)
        code, complaint = running.wait()
    assert (code, read_error(complaint)) == (
        1,
        f'cannot reach http://{HOST}:{command.control_port}: connection refused',
    )


def test_ends_with_the_proxy_and_minds_no_other(command: Command, peer: Peer, echo_server: RawBackend) -> None:
    client = Client(HOST, command.control_port)
    with Running('faults', '--follow') as running:
        running.wait_for(cause_fault(peer, 1))
        client.create_proxy('other', f'{HOST}:0', echo_server.address)
        running.wait_for(cause_fault(peer, 2))
        client.proxy('vaurien').delete()
        code, complaint = running.wait()
    assert (code, read_error(complaint)) == (
        1,
        "/proxies/vaurien/faults: there is no proxy 'vaurien', known: other",
    )


@pytest.fixture
def several(process: Client, echo_server: RawBackend) -> list[Client]:
    """Two proxies of one process, whose every exchange is delayed, by nothing."""
    proxies = [process.create_proxy(name, f'{HOST}:0', echo_server.address) for name in ('first', 'second')]
    for proxy in proxies:
        proxy.set_behavior('100:delay(sleep=0)')
    return proxies


def use(proxy: Client, size: int) -> str:
    """Cause a fault on a link of its own."""
    with Peer.connect(int(proxy.inspect()['listen'].rpartition(':')[2])) as peer:
        return cause_fault(peer, size)


def test_follows_all_of_several(process: Client, several: list[Client], echo_server: RawBackend) -> None:
    first, second = several
    with Running('faults', '--follow') as running:
        running.wait_for(use(first, 1))
        running.wait_for(use(second, 2))
        first.delete()
        late = process.create_proxy('late', f'{HOST}:0', echo_server.address)
        late.set_behavior('100:delay(sleep=0)')
        running.wait_for(use(late, 3))
        running.wait_for(use(second, 4))
        running.interrupt()
        assert running.wait() == (130, '')
    lines = [(line.partition(': ')[0], line.rpartition(' on ')[2]) for line in running.said.splitlines()]
    assert lines == [('first', '1 bytes'), ('second', '2 bytes'), ('late', '3 bytes'), ('second', '4 bytes')]


def test_follows_all_of_several_as_json(several: list[Client]) -> None:
    with Running('faults', '--follow', '--json') as running:
        use(several[1], 1)
        running.wait_for('"1 bytes"}\n')
        running.interrupt()
        running.wait()
    assert [json.loads(line)['proxy'] for line in running.said.splitlines()] == ['second']


def make_faults(first: int, count: int) -> list[Fault]:
    return [
        Fault(time=float(i), link=1, exchange=i, behavior='delay', options={}, request='GET /')
        for i in range(first, first + count)
    ]


def test_what_is_new() -> None:
    faults = make_faults(0, 4)
    assert find_new(faults, None) == faults
    assert find_new(faults, faults[1]) == faults[2:]
    assert find_new(faults, faults[3]) == []
    assert find_new(faults[2:], faults[0]) == faults[2:]
    assert find_new([], faults[0]) == []


def test_too_many_to_tell_all(capsys: pytest.CaptureFixture[str]) -> None:
    class Busy(Client):
        """A stand-in for one of a proxy that has more faults in a moment than it remembers."""

        looks = iter([make_faults(0, KEPT), make_faults(KEPT - 1, KEPT), make_faults(3 * KEPT, KEPT)])

        def faults(self) -> list[Fault]:
            return next(self.looks)

    faults = watch(Busy())
    assert [len(next(faults)) for _ in range(2)] == [KEPT, KEPT - 1]
    assert capsys.readouterr().err == ''
    assert len(next(faults)) == KEPT
    assert capsys.readouterr().err == 'vaurienctl: warning: more than 1000 faults at once: some are left out\n'
