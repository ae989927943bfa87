"""What clients see who connect to a port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers import Peer
from tests.servers import HOST
from vaurien import Proxy

#: Seconds after which a client gives up that gets no answer.
PATIENCE = 0.3


def try_to_connect(port: int) -> str:
    """Return what becomes of a client: ``connected``, ``refused``, or ``no answer``."""
    try:
        socket.create_connection((HOST, port), PATIENCE).close()
    except ConnectionRefusedError:
        return 'refused'
    except TimeoutError:
        return 'no answer'
    return 'connected'


@contextmanager
def lively(proxy: Proxy) -> Iterator[Peer]:
    """Return a client of *proxy*, before an echo server, which has had an answer already."""
    with Peer.connect(proxy.address.port) as client:
        client.send(b'hello')
        assert client.recv_exactly(5) == b'hello'
        yield client


def try_to_take(port: int) -> str:
    """Return what becomes of somebody who wants to listen on the port, too, with the option for that and without."""
    seen = set()
    for shared in (False, True):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shared)
            try:
                sock.bind((HOST, port))
                sock.listen()
            except OSError as error:
                seen.add(str(error.strerror))
            else:
                seen.add('taken')
    return ', '.join(sorted(seen))
