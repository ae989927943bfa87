"""The two ends of a link over its streams: what `vaurien.plugins.end` promises."""

from __future__ import annotations

from errno import EBADF
from socket import SHUT_RD
from typing import TYPE_CHECKING, Any

from gevent import Timeout

from vaurien.plugins.end import End

if TYPE_CHECKING:
    from vaurien.engine.stream import Stream
    from vaurien.framing.error_reply import ErrorReply

#: Seconds for a peer to close after it was answered and told that no more will come.
LINGER = 5.0


class LinkEnd(End):
    """Reads what the *inbound* stream holds, writes into the *outbound* one."""

    def __init__(self, inbound: Stream, outbound: Stream) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._link = inbound.link
        assert inbound.link.traffic is not None
        self._traffic = inbound.link.traffic
        self._timeout: float | None = None

    def recv(self, size: int = 65536) -> bytes:
        data = b''
        while size and not data:
            self.await_data()
            if not self._inbound.held:
                break
            self._traffic.on_touched()
            data = self._inbound.take(size)
        return data

    def await_data(self) -> None:
        stream, traffic = self._inbound, self._traffic
        traffic.on_reading(stream)
        with self._patience():
            while not (self._link.closed or stream.held or stream.ended or traffic.is_exhausted(stream)):
                self._link.wait()
        self._check_open()

    def recv_into(self, buffer: Any, size: int = 0) -> int:
        view = memoryview(buffer).cast('B')
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        self._check_open()
        if self._outbound.is_ending:
            raise BrokenPipeError('this end was shut down')
        self._traffic.on_written(self._outbound)
        self._outbound.inject(data)
        with self._patience():
            while not (self._outbound.takes_more or self._link.closed):
                self._link.wait()
        self._check_open()

    def skip_message(self) -> None:
        self._traffic.skip_message(self)

    def answer(self, reply: ErrorReply) -> None:
        if reply.early:
            self.sendall(reply.early)
        if reply.prompt or not reply.closes:
            self.skip_message()
        if reply.prompt:
            self.sendall(reply.prompt)
            self._traffic.on_prompted()
            self.skip_message()
        if self._traffic.expects_reply:
            self.sendall(reply.data)
        if not reply.closes:
            return
        self._outbound.end()
        with Timeout(LINGER, False):  # closing with bytes unread would reset the connection: the reply might be lost
            while not self._link.closed and self.recv():
                pass
        self.close()

    def shutdown(self, how: int) -> None:
        self._check_open()
        if how != SHUT_RD and not self._outbound.is_ending:
            self.sendall(b'')  # what is on its way comes first
            self._outbound.end()

    def close(self) -> None:
        self._link.close()

    def sleep(self, seconds: float) -> None:
        self._link.proxy.sleep(seconds)

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def fileno(self) -> int:
        return self._inbound.source.fileno()

    def getpeername(self) -> Any:
        return self._inbound.source.getpeername()

    def getsockname(self) -> Any:
        return self._inbound.source.getsockname()

    def _patience(self) -> Timeout:
        return Timeout.start_new(self._timeout, TimeoutError('timed out'))

    def _check_open(self) -> None:
        if self._link.closed:
            raise OSError(EBADF, 'the link is closed')
