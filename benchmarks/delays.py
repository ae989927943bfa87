"""Measure how exact a delay is."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from contextlib import ExitStack
from heapq import heappop, heappush
from random import Random

from benchmarks.contenders import Contender, Endpoint
from benchmarks.loads import GET, NIL, P50, RATE, Outcome
from benchmarks.process import BenchError

CONNECTIONS = 20
#: The longest pause of a connection between a reply and its next request, in seconds. The pauses are random: with equal
#: pauses, the connections would fall into step and queue behind each other.
REST = 0.05
P99_ERROR = 'p99 error ms'


def delay_error(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Measure the error: the difference of each latency from the median latency without a proxy plus the delay."""
    expected = statistics.median(latencies(endpoint.backend.port, seconds / 4)) + contender.delay
    seen = latencies(endpoint.port, seconds)
    errors = [abs(latency - expected) for latency in seen]
    p99 = statistics.quantiles(errors, n=100, method='inclusive')[98]
    return Outcome(len(seen), {RATE: len(seen) / seconds, P50: statistics.median(seen) * 1e3, P99_ERROR: p99 * 1e3})


def latencies(port: int, seconds: float) -> list[float]:
    """Return the latency of every request, in seconds. A single thread sends them all, so no two threads compete."""
    spent = []
    sent_at = [0.0] * CONNECTIONS
    random = Random(CONNECTIONS)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        sockets = [stack.enter_context(socket.create_connection(('127.0.0.1', port), 10)) for _ in sent_at]
        for number, sock in enumerate(sockets):
            selector.register(sock, selectors.EVENT_READ, number)
        started = time.perf_counter()
        resting = sorted((started + random.uniform(0, REST), number) for number in range(CONNECTIONS))
        while (now := time.perf_counter()) - started < seconds:
            while resting and resting[0][0] <= now:
                number = heappop(resting)[1]
                sent_at[number] = time.perf_counter()
                sockets[number].sendall(GET)
            for key, _ in selector.select(resting[0][0] - now if resting else 1):
                if sockets[key.data].recv(64) != NIL:
                    raise BenchError('not the reply of Redis')
                received = time.perf_counter()
                spent.append(received - sent_at[key.data])
                heappush(resting, (received + random.uniform(0, REST), key.data))
    return spent
