"""Much data through both legs, each way, compared by its hash.

``VAURIEN_TEST_TLS_MIB=1024`` moves a GiB each way.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from tests.tls.serving import AUTHORITY, dial, tls_backend
from vaurien import Proxy

#: How much goes each way, in MiB. The tests of `engine/tls_opening.py` move some by every version of TLS.
SIZE = int(os.environ.get('VAURIEN_TEST_TLS_MIB', '128'))
MIB = 1 << 20


def blocks() -> Iterator[bytearray]:
    """Yield as many blocks of a MiB, no two of them the same, in one buffer."""
    block = bytearray(os.urandom(MIB))
    for number in range(SIZE):
        block[:8] = number.to_bytes(8, 'big')
        yield block


def send(sock: ssl.SSLSocket) -> bytes:
    """Send all the blocks, and return their hash."""
    sent = hashlib.sha256()
    for block in blocks():
        sent.update(block)
        sock.sendall(block)
    return sent.digest()


def receive(sock: ssl.SSLSocket) -> bytes:
    """Receive as many bytes, and return their hash."""
    received, left, buffer = hashlib.sha256(), SIZE * MIB, memoryview(bytearray(MIB))
    while left:
        count = sock.recv_into(buffer[: min(left, MIB)])
        assert count, f'{left} bytes are missing'
        received.update(buffer[:count])
        left -= count
    return received.digest()


def test_each_way(tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / 'ca.pem')

    def take_and_give(sock: ssl.SSLSocket) -> None:
        sock.sendall(receive(sock))
        sock.sendall(send(sock))
        sock.unwrap()

    with (
        tls_backend(take_and_give) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=str(tmp_path / 'ca.pem')) as proxy,
        dial(proxy) as sock,
    ):
        sent = send(sock)
        assert sock.recv(32) == sent
        received = receive(sock)
        assert sock.recv(32) == received
        assert sock.recv(1) == b''
        moved = proxy.status()['bytes']
    assert moved == {'upstream': SIZE * MIB, 'downstream': SIZE * MIB + 64}
