"""Raw TCP ends: what a test holds to say, byte by byte, what a client or a backend does."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from tests.servers import HOST, TIMEOUT

#: Closes with a reset: linger on, for 0 seconds.
RESET = struct.pack('ii', 1, 0)


class Peer:
    """One connection, in a test's hands. Every wait ends after `TIMEOUT` with `TimeoutError`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock

    @classmethod
    def connect(cls, port: int, host: str = HOST) -> Peer:
        """A client of whatever listens there."""
        return cls(socket.create_connection((host, port), TIMEOUT))

    def send(self, data: bytes) -> None:
        """Send all of *data*."""
        self.sock.sendall(data)

    def recv(self, most: int = 65536) -> bytes:
        """What has arrived, at most that many bytes; empty at the end of the stream."""
        return self.sock.recv(most)

    def recv_exactly(self, count: int) -> bytes:
        """Just so many bytes; raises `EOFError` with what came if the stream ends before."""
        data = bytearray()
        while len(data) < count:
            chunk = self.recv(count - len(data))
            if not chunk:
                raise EOFError(bytes(data))
            data += chunk
        return bytes(data)

    def recv_until(self, mark: bytes) -> bytes:
        """Everything up to and with *mark*, and not a byte more; raises `EOFError` likewise."""
        data = b''
        while not data.endswith(mark):
            data += self.recv_exactly(1)
        return data

    def recv_all(self) -> bytes:
        """Everything up to the end of the stream."""
        data = bytearray()
        while chunk := self.recv():
            data += chunk
        return bytes(data)

    def is_silent(self, seconds: float) -> bool:
        """Whether for so long nothing arrives, not even the end of the stream."""
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(TIMEOUT)
        return False

    def shut_down(self) -> None:
        """Send no more, go on receiving."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a reset (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def close(self) -> None:
        """Close both streams."""
        self.sock.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RawBackend:
    """A listening socket. Either the test calls `accept` and plays the backend, or `serve` has a script play it.

    Closing it closes every connection accepted, and raises what a script raised.
    """

    def __init__(self, backlog: int = 128) -> None:
        self.listener = socket.create_server((HOST, 0), backlog=backlog)
        self.host = HOST
        self.port: int = self.listener.getsockname()[1]
        self.address = f'{HOST}:{self.port}'
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._closing = False

    def accept(self) -> Peer:
        """The next connection, waiting for it up to `TIMEOUT`."""
        self.listener.settimeout(TIMEOUT)
        peer = Peer(self.listener.accept()[0])
        self._peers.append(peer)
        return peer

    def serve(self, script: Callable[[Peer], None]) -> RawBackend:
        """From now on run *script* for every connection, in a thread of its own, and then close the connection."""
        self.listener.settimeout(None)
        self._start(self._accept_all, script)
        return self

    def close(self) -> None:
        """End it all; raises the first error of a script that was not caused by closing."""
        self._closing = True
        for sock in [self.listener, *(peer.sock for peer in self._peers)]:
            with suppress(OSError):  # closed, or not connected any more
                sock.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for it in a thread
        self.listener.close()
        for thread in self._threads:
            thread.join(TIMEOUT)
        for peer in self._peers:
            peer.close()
        if self._errors:
            raise self._errors[0]

    def _accept_all(self, script: Callable[[Peer], None]) -> None:
        while True:
            try:
                peer = Peer(self.listener.accept()[0])
            except OSError:
                return  # closed
            self._peers.append(peer)
            self._start(self._play, script, peer)

    def _play(self, script: Callable[[Peer], None], peer: Peer) -> None:
        with peer:
            try:
                script(peer)
            except BaseException as error:
                if not self._closing:
                    self._errors.append(error)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()


def echo(peer: Peer) -> None:
    """A script: send back what arrives, until the client sends no more, is gone, or is silent for too long."""
    with suppress(OSError):
        while data := peer.recv():
            peer.send(data)


def pour(peer: Peer, head: bytes, endless: bytes) -> None:
    """Send *head* and then *endless* over and over, until the peer is gone."""
    with suppress(OSError):
        peer.send(head)
        while True:
            peer.send(endless)
