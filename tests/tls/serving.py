"""Backends that speak TLS, and clients of a proxy that does."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import trustme

from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien import Proxy

AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert('localhost', HOST)


def server_context(**changed: Any) -> ssl.SSLContext:
    """Return the context of a backend."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    LEAF.configure_cert(context)
    for name, value in changed.items():
        setattr(context, name, value)
    return context


@contextmanager
def tls_backend(script: Callable[[ssl.SSLSocket], None], context: ssl.SSLContext | None = None) -> Iterator[RawBackend]:
    """A backend that shakes hands and then plays *script*."""
    context = context or server_context()

    def play(peer: Peer) -> None:
        with suppress(OSError), context.wrap_socket(peer.sock, server_side=True) as sock:
            script(sock)

    backend = RawBackend().serve(play)
    try:
        yield backend
    finally:
        backend.close()


def echo(sock: ssl.SSLSocket) -> None:
    """Send back what arrives: a script."""
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.unwrap()


def dial(
    proxy: Proxy,
    context: ssl.SSLContext | None = None,
    name: str | None = 'localhost',
    session: ssl.SSLSession | None = None,
) -> ssl.SSLSocket:
    """Connect and shake hands, or resume a *session*."""
    sock = socket.create_connection((HOST, proxy.address.port), TIMEOUT)
    context = context or proxy.ssl_context()
    return context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False, session=session)


def pong(sock: ssl.SSLSocket) -> None:
    """Answer as a Redis does to PING: a script."""
    while sock.recv(65536):
        sock.sendall(b'+PONG\r\n')


def ping(sock: ssl.SSLSocket) -> bytes:
    """Send a PING, and return the reply."""
    sock.sendall(b'PING\r\n')
    return sock.recv(100)


@contextmanager
def tls_proxy() -> Iterator[Proxy]:
    """A proxy before a backend that answers as Redis does; both legs are TLS."""
    with (
        tls_backend(pong) as backend,
        Proxy(f'localhost:{backend.port}', 'redis', tls='auto', backend_tls_verify=False) as proxy,
    ):
        yield proxy
