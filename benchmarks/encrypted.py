"""Loads over TLS. All of them are for an nginx; a certificate is verified by the proxies only, as by `wrk`."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack

from benchmarks.contenders import Contender, Endpoint
from benchmarks.idle import measure_growth
from benchmarks.loads import GB_RATE, RATE, Outcome
from benchmarks.process import BenchError
from tests.servers import HOST, INDEX, LARGE

GET = b'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n'
#: nginx drops the body that it takes.
UPLOAD = b'POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n' % len(LARGE) + LARGE


def open_sessions(contender: Contender, endpoint: Endpoint, seconds: float, *, resumed: bool) -> Outcome:
    """Open connections one after the other, for one request each; all but the first resume its session if *resumed*."""
    context = _context()
    known: ssl.SSLSession | None = None
    work = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with _connect(context, endpoint.port, known) as sock:
            sock.sendall(GET % (b'/', b'close'))
            received = b''
            while data := sock.recv(4096):
                received += data
            if not received.endswith(INDEX):
                raise BenchError('not the reply of nginx')
            if known is not None and not sock.session_reused:
                raise BenchError('the session was not resumed')
            if resumed and known is None:
                known = sock.session
        work += 1
    return Outcome(work, {RATE: work / seconds})


def download(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Fetch a large file again and again on one connection."""
    return _transfer(endpoint.port, seconds, GET % (b'/large', b'keep-alive'), len(LARGE))


def upload(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Send a large body again and again on one connection."""
    return _transfer(endpoint.port, seconds, UPLOAD, len('ok\n'))


def idle_sessions(contender: Contender, endpoint: Endpoint, seconds: float) -> Outcome:
    """Open links, send one request on each, and measure by how much the memory of the proxy has grown."""
    context = _context()

    def open_some(stack: ExitStack, count: int) -> None:
        for _ in range(count):
            sock = stack.enter_context(_connect(context, endpoint.port))
            sock.sendall(GET % (b'/', b'keep-alive'))
            _read_reply(sock, len(INDEX), memoryview(bytearray(4096)))

    return measure_growth(endpoint, open_some)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connect(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    sock = socket.create_connection((HOST, port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(sock, server_hostname='localhost', session=session)


def _transfer(port: int, seconds: float, request: bytes, reply_size: int) -> Outcome:
    """Make exchanges, each of which moves as many bytes as `LARGE` has."""
    count = 0
    started = time.perf_counter()
    with _connect(_context(), port) as sock:
        buffer = memoryview(bytearray(1 << 18))
        while not count or time.perf_counter() - started < seconds:
            sock.sendall(request)
            _read_reply(sock, reply_size, buffer)
            count += 1
    gigabytes = count * len(LARGE) / 1e9
    return Outcome(gigabytes, {GB_RATE: gigabytes / (time.perf_counter() - started)})


def _read_reply(sock: ssl.SSLSocket, size: int, buffer: memoryview) -> None:
    """Read a reply with a body of that many bytes."""
    received = sock.recv_into(buffer)
    head, separator, rest = buffer[:received].tobytes().partition(b'\r\n\r\n')
    if not (head.startswith(b'HTTP/1.1 200') and separator):
        raise BenchError(f'not the reply of nginx: {head[:50]!r}')
    left = size - len(rest)
    while left > 0:
        received = sock.recv_into(buffer)
        if not received:
            raise BenchError('the reply was cut short')
        left -= received
