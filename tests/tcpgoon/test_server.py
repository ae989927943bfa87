"""``tcpgoon server``, and ``tcpgoon`` against it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import run
from tests.peers import Peer, RawBackend
from tests.servers import HOST
from tests.tcpgoon.processes import GOON, Process, read_statuses, running


@contextmanager
def serving(*flags: str) -> Iterator[tuple[Process, int]]:
    """Run a server on a free port; the port is the second value."""
    with running('server', '-p', '0', *flags) as server:
        port = int(server.wait_for(r'^tcpgoon server: 127\.0\.0\.1:(\d+) holds ')[1])
        yield server, port


def is_refused(port: int) -> bool:
    """Return whether nobody listens on a port. The server does not count a connection that waits to be accepted."""
    try:
        Peer.connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_it_holds() -> None:
    with serving('-m', '3', '-d', '0') as (server, port), ExitStack() as stack:
        peers = [stack.enter_context(Peer.connect(port)) for _ in range(3)]
        for peer in peers:
            peer.send(b'hello')
            assert peer.is_silent(0.05)
        eventually(lambda: is_refused(port))
        for peer in peers:
            peer.close()
        assert server.wait() == (0, server.said, '')  # all came, and all left
    assert server.said.endswith('accepted: 3, most at a time: 3, closed by the client: 3\n')
    assert server.said.startswith(f'tcpgoon server: {HOST}:{port} holds up to 3 connections\nCtrl-C ends\n')


def test_its_time_is_over() -> None:
    with serving('-d', '1') as (server, port), Peer.connect(port) as peer:
        assert peer.recv() == b''
        assert server.wait()[0] == 0
    assert server.said.startswith(f'tcpgoon server: {HOST}:{port} holds up to 10 connections for 1 s\n')
    assert 'accepted: 1, most at a time: 1, closed by the client: 0' in server.said


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_it_is_ended(signal_number: int) -> None:
    with serving('-m', '0', '-d', '0') as (server, port), Peer.connect(port) as peer:
        status, said, complaints = server.interrupt(signal_number)
        assert (status, complaints) == (0, '')
        assert peer.recv() == b''
    assert said.startswith(f'tcpgoon server: {HOST}:{port} holds any number of connections\n')


def test_a_client_that_resets() -> None:
    with serving('-m', '1') as (server, port):
        Peer.connect(port).reset()
        assert server.wait()[0] == 0


def test_a_port_in_use(raw_backend: RawBackend) -> None:
    result = run('tcpgoon', 'server', '-p', str(raw_backend.port))
    assert result.stderr == f'tcpgoon: error: cannot listen on {raw_backend.address}: address already in use\n'
    assert (result.returncode, result.stdout) == (1, '')


def test_many_connections() -> None:
    with serving('-m', '2000') as (server, port):
        result = run('tcpgoon', '-y', '-c', '2000', '-s', '0', '--hold', '0.2', HOST, str(port))
        assert (result.returncode, read_statuses(result.stdout)[-1]['established']) == (0, 2000)
        assert server.wait()[0] == 0
    assert 'accepted: 2000, most at a time: 2000, ' in server.said


def test_more_than_it_takes() -> None:
    with serving('-m', '5') as (_, port):
        result = run('tcpgoon', '-y', '-c', '20', '-s', '20', '--hold', '0.2', HOST, str(port))
    status = read_statuses(result.stdout)[-1]
    assert (status['established'], status['error'] + status['closed'], result.returncode) == (5, 15, 1)


def test_clients_wait_while_no_descriptor_is_left() -> None:
    limited = f'ulimit -n 24; exec {GOON} server -p 0 -m 0 -d 0'
    with (
        subprocess.Popen(['bash', '-c', limited], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server,
        ExitStack() as stack,
    ):
        assert server.stdout is not None
        assert server.stderr is not None
        announced = re.search(r':(\d+) holds', server.stdout.readline())
        assert announced
        for _ in range(2):
            peers = [stack.enter_context(Peer.connect(int(announced[1]))) for _ in range(30)]
            for peer in peers:
                peer.shut_down()
            for peer in peers:
                assert peer.recv() == b''  # each was accepted, some of them after others had left
        server.terminate()
        assert 'accepted: 60' in server.stdout.read()
        assert server.stderr.read() == ''
