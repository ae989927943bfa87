"""What clients see who connect to a port."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, command_path
from vaurien import Proxy

#: Prints what becomes of a connection that Node.js makes: ``connect``, ``timeout``, or the code of an error.
_NODE = """
const [port, patience] = process.argv.slice(1).map(Number);
const socket = require('net').connect({host: '127.0.0.1', port});
socket.setTimeout(patience * 1000);
const tell = what => { console.log(what); socket.destroy(); };
socket.once('connect', () => tell('connect'));
socket.once('timeout', () => tell('timeout'));
socket.once('error', error => tell(error.code));
"""

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


def connect_with_node(port: int) -> str:
    """Return what becomes of a connection that the module ``net`` of Node.js makes."""
    command = [command_path('node'), '-e', _NODE, '--', str(port), str(PATIENCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=3 * TIMEOUT)
    return done.stdout.strip()


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
