"""The two ends of a link over its streams: what `vaurien.plugins.end` promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from errno import EBADF
from socket import SHUT_RD
from time import monotonic
from typing import Any, Protocol

from gevent import Timeout

from vaurien.engine.stream import Stream
from vaurien.engine.tls_socket import TLSSocket
from vaurien.engine.traffic import TrafficLink
from vaurien.errors import EndError, EndResetError, EndShutError, EndTimeoutError
from vaurien.framing.error_reply import ErrorReply
from vaurien.plugins.decision import PASS, Decision
from vaurien.plugins.end import Damage, End

#: Seconds of silence after which a peer that was answered, and may have more to send, is not waited for any longer; and
#: for how many seconds it is listened to at most. Both are those of nginx: lingering_timeout and lingering_time.
SILENCE = 5.0
LINGER = 30.0

#: Seconds that the backend may take from the beginning of its reply to the end: there may be none.
PATIENCE = 30.0


class EndUser(Protocol):
    """The user of an end, an exchange or a handler, which has to know what was read and written."""

    @property
    def expects_reply(self) -> bool:
        """Whether a server would reply to the request."""

    @property
    def request_ended(self) -> bool:
        """Whether nothing is left to read of the request."""

    @property
    def is_asking(self) -> bool:
        """Whether the next reply is to a request of the proxy's own, and was not read to its end."""

    def on_asking(self) -> None:
        """Handle that a request of the proxy's own is about to be sent to the backend."""

    def on_reading(self, stream: Stream) -> None:
        """Handle that a stream is about to be read."""

    def is_exhausted(self, stream: Stream) -> bool:
        """Return whether a reader would wait in vain although the stream has not ended."""

    def on_taken(self, stream: Stream, kinds: Sequence[int]) -> None:
        """Handle that bytes were read, and marks of these kinds were passed."""

    def on_writing(self, stream: Stream, data: bytes) -> None:
        """Handle that *data* is about to be written into a stream."""

    def on_prompted(self) -> None:
        """Handle that the client was asked for the rest of its request, and not by the backend."""

    def on_lingering(self, begins: bool) -> None:
        """Handle that the client has its answer, and what else it sends is dropped for a while; or the end of that."""


class LinkEnd(End):
    """Reads what the *inbound* stream holds, and writes into the *outbound* one."""

    __slots__ = ('_decision', '_inbound', '_link', '_outbound', '_timeout', '_user')

    def __init__(self, link: TrafficLink, user: EndUser, inbound: Stream, outbound: Stream) -> None:
        self._link = link
        self._user = user
        self._inbound = inbound
        self._outbound = outbound
        self._timeout: float | None = None
        self._decision = PASS

    def recv(self, size: int = 65536) -> bytes:
        data = b''
        while size and not data:
            self._await(self._inbound)
            if not self._inbound.held.data:
                break
            data = self._take(self._inbound, size)
        return data

    def _take(self, stream: Stream, size: int) -> bytes:
        data, kinds = stream.take(size)
        self._user.on_taken(stream, kinds)
        return data

    def await_data(self) -> None:
        self._await(self._inbound)

    def _await(self, stream: Stream) -> None:
        link, user = self._link, self._user
        user.on_reading(stream)
        if not (stream.held.data or stream.ended):
            with self._limit():
                while not (link.closed or stream.held.data or stream.ended or user.is_exhausted(stream)):
                    link.wait()
        if link.closed:
            raise _make_closed_error()

    def recv_into(self, buffer: Any, size: int = 0) -> int:
        view = memoryview(buffer).cast('B')
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        link, stream = self._link, self._outbound
        if link.closed:
            raise _make_closed_error()
        if stream.is_ending:
            raise EndShutError('this end was shut down')
        self._user.on_writing(stream, data)
        stream.inject(data)
        if not stream.takes_more:
            with self._limit():
                while not (stream.takes_more or link.closed):
                    link.wait()
        if link.closed:
            raise _make_closed_error()

    def skip_message(self) -> None:
        while not self._user.request_ended and self._skip():
            pass

    def _skip(self) -> bool:
        """Drop some of what the client sends, nothing behind the end of a message; return whether there was any."""
        link, up = self._link, self._link.up
        if link.closed or not up.held.data:
            self._await(up)
            if not up.held.data:
                return False
        self._take(up, len(up.held.data))
        return True

    def skip_reply(self) -> None:
        with Timeout.start_new(PATIENCE, False):
            while self._user.request_ended and self.recv():
                pass

    def ask(self, request: bytes) -> bytes:
        return b''.join(self.ask_for(request))

    def ask_for(self, request: bytes) -> Iterator[bytes]:
        user, replies = self._user, self._inbound
        user.on_asking()
        self.sendall(request)
        while user.is_asking:
            self._await(replies)
            if not replies.held.data:
                raise EndResetError('the backend has gone')
            yield self._take(replies, len(replies.held.data))
        replies.release()

    def answer(self, reply: ErrorReply) -> None:
        user = self._user
        if reply.early:
            self.sendall(reply.early)
        if not user.request_ended and (reply.prompts or reply.waits):
            self.skip_message()
        for prompt in reply.prompts:
            self.sendall(prompt)
            user.on_prompted()
            self.skip_message()
        if user.expects_reply or reply.unasked:
            self.sendall(reply.data)
        if not reply.closes:
            if not user.request_ended:
                self._linger(lambda: user.request_ended)
            if user.request_ended or self._inbound.ended:
                return
        self._outbound.end()
        self._linger(lambda: False)  # closing with bytes unread would reset the connection: the reply might be lost
        self.close()

    @property
    def is_secure(self) -> bool:
        return isinstance(self._inbound.source, TLSSocket)

    def end_session(self, damage: Damage, data: bytes = b'') -> None:
        outbound = self._outbound
        self._await_clear()
        if isinstance(outbound.sink, TLSSocket):
            outbound.sink.damage(damage)
        self.sendall(data)
        if damage != 'bad-mac' or not data:  # which the client has to complain of
            outbound.end()
        self._await_clear()
        self._linger(lambda: False)
        self.close()

    def _await_clear(self) -> None:
        """Wait until everything that was sent on has left."""
        while not (self._outbound.is_clear or self._link.closed):
            self._link.wait()

    def _linger(self, is_over: Callable[[], bool]) -> None:
        """Drop what the client sends, until *is_over* says so or it has nothing more to send; but not for long."""
        deadline = monotonic() + LINGER
        timeout, self._timeout = self._timeout, SILENCE
        self._user.on_lingering(True)
        with suppress(TimeoutError):
            while not (self._link.closed or is_over() or monotonic() > deadline) and self._skip():
                pass
        self._user.on_lingering(False)
        self._timeout = timeout

    def shutdown(self, how: int) -> None:
        if self._link.closed:
            raise _make_closed_error()
        if how != SHUT_RD and not self._outbound.is_ending:
            self.sendall(b'')  # what is on its way comes first
            self._outbound.end()

    def close(self) -> None:
        self._link.close_behind(self._outbound)

    def sleep(self, seconds: float) -> None:
        self._link.runtime.clock.sleep(seconds)

    def hold(self, request: str, seconds: float) -> Decision:
        link, inbound = self._link, self._inbound
        with link.arming.breakpoints.holding(link, request, seconds) as held, Timeout.start_new(seconds, False):
            while held.decision is None and not (link.closed or inbound.ended):
                link.wait()
        if held.decision is None and inbound.ended:
            link.close_behind(self._outbound)
        if link.closed:
            raise _make_closed_error()
        self._decision = held.decision or PASS
        return self._decision

    @property
    def decision(self) -> Decision:
        return self._decision

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

    def _limit(self) -> Timeout:
        return Timeout.start_new(self._timeout, EndTimeoutError('timed out'))


def is_of_end(error: BaseException, link: TrafficLink) -> bool:
    """Return whether an exception says that an end of the link is closed, and is no mistake of who used it."""
    return isinstance(error, EndError) or (isinstance(error, OSError) and link.closed)


def _make_closed_error() -> EndError:
    return EndError(EBADF, 'the link is closed')
