"""Measure the memory of idle links."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.contenders import Contender, Endpoint
from benchmarks.loads import GET, NIL, Outcome
from benchmarks.measure import resident_kib
from benchmarks.process import BenchError

LINKS = 3000
#: Links that are opened before the first measurement, so that the proxy has allocated what it needs only once.
WARM_UP = 50
KIB = 'KiB per idle link'


def idle_links(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Open links, send one request on each, and measure by how much the memory of the proxy has grown."""
    return measure_growth(endpoint, lambda stack, count: _open(stack, endpoint.port, count))


def measure_growth(endpoint: Endpoint, open_links: Callable[[ExitStack, int], None]) -> Outcome:
    """Measure by how much the memory of the proxy grows with what *open_links* puts that many of on a stack."""
    if endpoint.pid is None:
        raise BenchError('there is no proxy')
    with ExitStack() as stack:
        open_links(stack, WARM_UP)
        before = resident_kib(endpoint.pid)
        open_links(stack, LINKS)
        time.sleep(0.2)  # let the proxy finish what it does after the last reply
        grown = resident_kib(endpoint.pid) - before
    return Outcome(LINKS, {KIB: grown / LINKS})


def _open(stack: ExitStack, port: int, count: int) -> None:
    """Open *count* links, and wait for a reply on each.

    The requests go out before the first reply is awaited: a proxy that delays replies delays them side by side.
    """
    links = [stack.enter_context(socket.create_connection(('127.0.0.1', port), timeout=10)) for _ in range(count)]
    for link in links:
        link.sendall(GET)
    for link in links:
        if link.recv(64) != NIL:
            raise BenchError('not the reply of Redis')
