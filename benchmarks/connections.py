"""Measure how fast ``tcpgoon`` opens many connections, and how much memory it takes for them."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contenders import Contender, Endpoint
from benchmarks.loads import Outcome
from benchmarks.measure import resident_kib
from benchmarks.process import BenchError, listening
from tests.commands import SCRIPTS
from tests.servers import HOST, Server, free_port

CONNECTIONS = 15_000
#: Connections of a first run, which makes it allocate what does not depend on their number.
WARM_UP = 50
#: The longest that it holds the connections while its memory is measured, in seconds.
HOLD = 60

SECONDS = 's to open all'
KIB = 'KiB per connection'


def open_many(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Open connections as fast as possible. Compare the memory with that of a run with few connections."""
    _, before = _open(endpoint.port, WARM_UP)
    elapsed, after = _open(endpoint.port, CONNECTIONS)
    return Outcome(CONNECTIONS, {SECONDS: elapsed, KIB: (after - before) / (CONNECTIONS - WARM_UP)})


@contextmanager
def holding_server(directory: Path) -> Iterator[Server]:
    """Run the server that `open_many` connects to."""
    port = free_port()
    with listening([str(SCRIPTS / 'tcpgoon'), 'server', '-p', str(port), '-m', '0', '-d', '0'], port) as pid:
        yield Server(HOST, port, pid)


def _open(port: int, connections: int) -> tuple[float, int]:
    """Return the seconds until all connections are established, and the KiB of memory at that time."""
    flags = ['-y', '-s', '0', '-c', str(connections), '--hold', str(HOLD), '--json']
    with subprocess.Popen(
        [str(SCRIPTS / 'tcpgoon'), *flags, HOST, str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        all_established = f'Established: {connections},'
        last = next((line for line in process.stderr if all_established in line or 'Error: 0' not in line), '')
        if all_established not in last:
            process.kill()
            raise BenchError(f'not all were established: {last.strip()}')
        resident = resident_kib(process.pid)
        process.send_signal(signal.SIGINT)
        return json.load(process.stdout)['dialed_after_s'], resident
