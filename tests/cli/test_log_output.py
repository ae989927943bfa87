"""Whatever becomes of the log, the command serves, and ends when it is told to."""

from __future__ import annotations

import signal

import requests

from tests.commands import CONTROL, LISTENING, StartCommand, unheard
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, Server

#: More than the pipe of `unheard` has room for.
FAULTS = 300
#: Every chunk of `tcp` is an exchange, and this makes a line of the log for each.
FLAGS = ('--behavior', '100:delay(sleep=0.00001)', '--http')


def exchange(port: int, count: int) -> None:
    """Make so many exchanges with an echo server, one after the other."""
    peer = Peer.connect(port)
    with peer:
        for _ in range(count):
            peer.send(b'ping')
            assert peer.recv_exactly(4) == b'ping'


def test_a_standard_error_that_nobody_reads(echo_server: Server) -> None:
    flags = ('--proxy', f'{HOST}:0', '--backend', echo_server.address, '--http-port', '0', *FLAGS)
    with unheard('vaurien', *flags) as (process, said):
        listening, control = LISTENING.search(said), CONTROL.search(said)
        assert listening
        assert control
        exchange(int(listening['port']), FAULTS)
        assert requests.get(f'http://localhost:{control["port"]}/status', timeout=TIMEOUT).json()['faults'] == {
            'delay': FAULTS
        }
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0


def test_a_disk_that_is_full(vaurien_command: StartCommand, echo_server: Server) -> None:
    command = vaurien_command('--backend', echo_server.address, *FLAGS, '--log-output', '/dev/full')
    exchange(command.port, FAULTS)
    metrics = requests.get(f'{command.api}/metrics', timeout=TIMEOUT).text
    assert f'vaurien_faults_total{{kind="behavior",name="delay",proxy="vaurien"}} {FAULTS}.0\n' in metrics
    lost = next(line for line in metrics.splitlines() if line.startswith('vaurien_lines_lost_total'))
    assert float(lost.split()[-1]) > 0
    status, out, err = command.stop()
    assert (status, err) == (0, '')
    assert f'{FAULTS} delay' in out
