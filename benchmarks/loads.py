"""The loads: programs that send requests, and functions that read what they print.

A load runs against an endpoint for a number of seconds. It returns how much work was done, in requests or GB, and what
it measured.
"""

from __future__ import annotations

import csv
import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import Contender, Endpoint
from benchmarks.process import BenchError, listening
from tests.servers import HOST, Server, command_path, free_port

RATE = 'per second'
P50 = 'p50 ms'
GB_RATE = 'GB/s'

#: A request to Redis, and its reply while the key is not set.
GET = b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
NIL = b'$-1\r\n'

#: The factors from the units that wrk prints to milliseconds.
WRK_UNITS = {'us': 1e-3, 'ms': 1.0, 's': 1e3}


@dataclass(frozen=True)
class Outcome:
    """The number of units of work that were done, and the measured values by column."""

    work: float
    seen: dict[str, float] = field(default_factory=dict)


Load = Callable[[Contender, Endpoint, float], Outcome]


def redis_benchmark(
    contender: Contender, endpoint: Endpoint, seconds: float, *, clients: int, pipeline: int, nominal_rate: int
) -> Outcome:
    """Send GET with redis-benchmark.

    It takes a number of requests, not a time: *nominal_rate*, in requests per second, turns the time into a number.
    """
    requests = int(seconds * nominal_rate)
    flags = ['-c', str(clients), '-P', str(pipeline), '-n', str(requests)]
    output = _run('redis-benchmark', seconds, '-p', str(endpoint.port), '-t', 'get', '--csv', *flags)
    row = next(csv.DictReader(output.splitlines()))
    return Outcome(requests, {RATE: float(row['rps']), P50: float(row['p50_latency_ms'])})


def ping_pong(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Send one request after the other on one connection, and time each with `time.perf_counter`.

    The resolution of redis-benchmark, 8 µs, is too coarse here. Client, proxy and backend are pinned to one processor:
    otherwise the choices of the scheduler would change the result more than the proxy does.
    """
    pids = [0, endpoint.backend.pid, *([endpoint.pid] if endpoint.pid else [])]
    spent = []
    with _pinned(pids), socket.create_connection(('127.0.0.1', endpoint.port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.perf_counter()
        while (sent := time.perf_counter()) - started < seconds:
            sock.sendall(GET)
            if sock.recv(64) != NIL:
                raise BenchError('not the reply of Redis')
            spent.append(time.perf_counter() - sent)
    return Outcome(len(spent), {RATE: len(spent) / seconds, P50: statistics.median(spent) * 1e3})


def wrk(contender: Contender, endpoint: Endpoint, seconds: float, *, keep_alive: bool, scheme: str = 'http') -> Outcome:
    """Send requests to nginx on 50 connections with wrk. Without *keep_alive*, each connection serves one request."""
    flags = ['-t', '1', '-c', '50', '-d', f'{max(1, round(seconds))}s', '--latency']
    if not keep_alive:
        flags += ['-H', 'Connection: close']
    output = _run('wrk', seconds, *flags, f'{scheme}://127.0.0.1:{endpoint.port}/')
    if failures := re.search(r'Non-2xx.*|Socket errors.*', output):
        raise BenchError(f'wrk: {failures[0]}')
    latency, unit = _search(r'50%\s+([\d.]+)(us|ms|s)', output)
    requests = float(_search(r'(\d+) requests in', output)[0])
    rate = float(_search(r'Requests/sec:\s+([\d.]+)', output)[0])
    return Outcome(requests, {RATE: rate, P50: float(latency) * WRK_UNITS[unit]})


def iperf3(contender: Contender, endpoint: Endpoint, seconds: float, *, reverse: bool) -> Outcome:
    """Transfer bulk data upstream with iperf3, or downstream if *reverse*."""
    flags = ['-R'] if reverse else []
    arguments = ['-c', '127.0.0.1', '-p', str(endpoint.port), '-t', str(max(1, round(seconds))), '-J', *flags]
    report = json.loads(_run('iperf3', seconds, *arguments))
    if 'error' in report:
        raise BenchError(f'iperf3: {report["error"]}')
    received = report['end']['sum_received']
    gigabytes = received['bytes'] / 1e9
    return Outcome(gigabytes, {GB_RATE: gigabytes / received['seconds']})


def closed_loop(
    contender: Contender, endpoint: Endpoint, seconds: float, *, request: bytes, reply: bytes, clients: int
) -> Outcome:
    """Send *request* on every connection, again as soon as *reply* has arrived, all in one thread."""
    work = 0
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(clients):
            sock = stack.enter_context(socket.create_connection(('127.0.0.1', endpoint.port), timeout=10))
            selector.register(sock, selectors.EVENT_READ, sock)
            sock.sendall(request)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for key, _ in selector.select(1):
                if key.data.recv(len(reply) + 1) != reply:
                    raise BenchError(f'not the reply {reply!r}')
                work += 1
                key.data.sendall(request)
    return Outcome(work, {RATE: work / seconds})


def paced(
    contender: Contender, endpoint: Endpoint, seconds: float, *, request: bytes, reply: bytes, clients: int, rate: int
) -> Outcome:
    """Send *request* *rate* times a second: on all connections at once, and again when it is time."""
    spent = []
    with ExitStack() as stack:
        address = ('127.0.0.1', endpoint.port)
        socks = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(clients)]
        started = time.perf_counter()
        for turn in range(round(seconds * rate / clients)):
            time.sleep(max(0.0, started + turn * clients / rate - time.perf_counter()))
            sent = time.perf_counter()
            for sock in socks:
                sock.sendall(request)
            for sock in socks:
                if sock.recv(len(reply) + 1) != reply:
                    raise BenchError(f'not the reply {reply!r}')
            spent.append(time.perf_counter() - sent)
        whole = time.perf_counter() - started
    work = len(spent) * clients
    return Outcome(work, {RATE: work / whole, P50: statistics.median(spent) * 1e3})


def mariadb_slap(contender: Contender, endpoint: Endpoint, seconds: float, *, nominal_rate: int) -> Outcome:
    """Send ``SELECT 1`` on 50 connections with mariadb-slap.

    It takes a number of queries, not a time: *nominal_rate*, in queries per second, turns the time into a number.
    """
    queries = max(50, int(seconds * nominal_rate))
    flags = ['--concurrency=50', f'--number-of-queries={queries}', '--query=SELECT 1', '--csv']
    where = ['--no-defaults', '--host=127.0.0.1', f'--port={endpoint.port}', '--user=tester', '--password=secret']
    where += ['--create-schema=test', '--no-drop']  # use the schema that exists, and keep it
    output = _run('mariadb-slap', seconds, *where, *flags)
    return Outcome(queries, {RATE: queries / float(output.split(',')[2])})


def pgbench(contender: Contender, endpoint: Endpoint, seconds: float, *, script: str) -> Outcome:
    """Run *script* repeatedly on 50 connections with pgbench."""
    where = ['-h', '127.0.0.1', '-p', str(endpoint.port), '-U', 'tester', 'postgres']
    flags = ['-n', '-c', '50', '-T', str(max(1, round(seconds))), '-f', '/dev/stdin']
    output = _run('pgbench', seconds, *flags, *where, text=script, environment={'PGPASSWORD': 'secret'})
    transactions = float(_search(r'actually processed: (\d+)', output)[0])
    return Outcome(transactions, {RATE: float(_search(r'tps = ([\d.]+)', output)[0])})


@contextmanager
def iperf3_server(directory: Path) -> Iterator[Server]:
    """Run the server that `iperf3` connects to."""
    port = free_port()
    command = [command_path('iperf3'), '-s', '-B', HOST, '-p', str(port)]
    with listening(command, port) as pid:
        yield Server(HOST, port, pid)


@contextmanager
def _pinned(pids: list[int]) -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    for pid in pids:
        os.sched_setaffinity(pid, {max(allowed)})
    try:
        yield
    finally:
        for pid in pids:
            os.sched_setaffinity(pid, allowed)


def _run(
    command: str, seconds: float, *arguments: str, text: str = '', environment: dict[str, str] | None = None
) -> str:
    try:
        done = subprocess.run(
            [command_path(command), *arguments],
            input=text,
            env=os.environ | (environment or {}),
            capture_output=True,
            text=True,
            timeout=20 * seconds + 30,
        )
    except FileNotFoundError as error:
        raise BenchError(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f'{command} did not end in time') from error
    if done.returncode or 'Error' in done.stderr:
        raise BenchError(f'{command} ended with status {done.returncode}: {done.stderr.strip()[-200:]}')
    return done.stdout


def _search(pattern: str, output: str) -> tuple[str, ...]:
    match = re.search(pattern, output)
    if match is None:
        raise BenchError(f'the output of the load does not match {pattern}')
    return match.groups()
