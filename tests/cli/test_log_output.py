"""Whatever becomes of the log, the command serves, and ends when it is told to."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import requests

from tests.commands import CONTROL, LISTENING, SCRIPTS, StartCommand
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, Server

#: The smallest pipe, which a hundred lines fill.
PIPE = 4096
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


@contextmanager
def unheard(*flags: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Start a proxy whose standard error nobody reads: the process, its port, and its control API."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE)
    command = [str(SCRIPTS / 'vaurien'), '--proxy', f'{HOST}:0', '--http-port', '0', *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=write_end, text=True) as process:
        os.close(write_end)
        try:
            said = read_until_announced(process.stdout)
            listening, control = LISTENING.search(said), CONTROL.search(said)
            assert listening
            assert control
            yield process, int(listening['port']), f'http://localhost:{control["port"]}'
        finally:
            process.kill()
            os.close(read_end)


def read_until_announced(stream: IO[str] | None) -> str:
    assert stream is not None
    said = ''
    while 'Ctrl-C ends' not in said:
        line = stream.readline()
        assert line, said
        said += line
    return said


def test_a_standard_error_that_nobody_reads(echo_server: Server) -> None:
    with unheard('--backend', echo_server.address, *FLAGS) as (process, port, api):
        exchange(port, FAULTS)
        assert requests.get(f'{api}/status', timeout=TIMEOUT).json()['faults'] == {'delay': FAULTS}
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
