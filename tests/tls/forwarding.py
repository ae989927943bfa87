"""A forward proxy, as companies have them for the way to the Internet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT


@contextmanager
def forward_proxy() -> Iterator[RawBackend]:
    """A proxy that takes CONNECT (RFC 9110, 9.3.6), and no other request."""
    proxy = RawBackend().serve(_serve)
    try:
        yield proxy
    finally:
        proxy.close()


def _serve(client: Peer) -> None:
    try:
        method, target, _ = client.recv_until(b'\r\n\r\n').split(b' ', 2)
    except (EOFError, OSError):  # it has asked for nothing
        return
    assert method == b'CONNECT'
    host, _, port = target.decode().rpartition(':')
    with Peer(socket.create_connection((host, int(port)), TIMEOUT)) as server:
        client.send(b'HTTP/1.1 200 Connection established\r\n\r\n')
        back = threading.Thread(target=_move, args=(server, client))
        back.start()
        _move(client, server)
        back.join()


def _move(source: Peer, sink: Peer) -> None:
    with suppress(OSError):
        while data := source.recv():
            sink.send(data)
        sink.shut_down()
