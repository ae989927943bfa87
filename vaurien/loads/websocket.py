"""A web socket for tests: send, receive, and a callback for every message."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import websocket

from vaurien.loads.recorder import Recorder

#: Seconds to wait for a connection, and by default for a message. A hit that waits forever would never end.
CONNECT_TIMEOUT = 30.0
RECEIVE_TIMEOUT = 60.0
#: Seconds that the peer may take to answer a close.
CLOSE_TIMEOUT = 3.0
#: The most messages that wait for `WebSocket.receive`, which a test with a callback may never call.
MAX_UNREAD = 10_000


class Message:
    """A message. Its ``data`` is a text, or bytes if it was sent as such."""

    def __init__(self, data: str | bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return self.data if isinstance(self.data, str) else self.data.decode('utf-8', 'replace')

    def __repr__(self) -> str:
        return f'Message({self.data!r})'


class WebSocket:
    """A connection that a thread reads, or a greenlet where the standard library is patched."""

    def __init__(
        self,
        url: str,
        recorder: Recorder,
        callback: Callable[[Message], object] | None = None,
        protocols: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        """Connect to *url*. Raises `OSError` or `websocket.WebSocketException`."""
        options.setdefault('timeout', CONNECT_TIMEOUT)
        self._socket = websocket.create_connection(url, subprotocols=list(protocols or ()) or None, **options)
        self._socket.settimeout(None)
        self._recorder = recorder
        self._callback = callback
        self._unread: queue.Queue[Message | None] = queue.Queue(MAX_UNREAD)
        self._dropped = 0
        self._failure: BaseException | None = None
        self._ended = False
        recorder.opened_websocket()
        self._reader = threading.Thread(target=self._read, daemon=True, name=f'reads {url}')
        self._reader.start()

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, or None."""
        chosen: str | None = self._socket.getsubprotocol()
        return chosen

    def send(self, data: str | bytes) -> None:
        """Send a text, or bytes as a binary message."""
        self._raise_failure()
        if isinstance(data, bytes):
            self._socket.send_binary(data)
        else:
            self._socket.send(data)

    def receive(self, timeout: float = RECEIVE_TIMEOUT) -> Message:
        """Return the next message that was not received yet, whether or not the callback got it.

        Raises `TimeoutError` after *timeout* seconds, `ConnectionError` when the connection is closed, and the
        exception of the callback if there was one.
        """
        if self._dropped:
            raise OverflowError(f'{self._dropped} messages are lost: {MAX_UNREAD} others were not received in time')
        try:
            message = None if self._ended and self._unread.empty() else self._unread.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f'no message within {timeout:g} s') from None
        if message is not None:
            return message
        self._raise_failure()
        raise ConnectionError('the web socket is closed')

    def close(self) -> None:
        """Close the connection and wait for its last message. A second call does nothing."""
        with suppress(OSError, websocket.WebSocketException):
            self._socket.send_close()
        if self._reader is not threading.current_thread():
            self._reader.join(CLOSE_TIMEOUT)  # it reads the peer's answer
        with suppress(OSError):  # the peer has left
            if self._socket.sock is not None:
                self._socket.sock.shutdown(socket.SHUT_RDWR)
        self._socket.shutdown()

    def finish(self) -> None:
        """Close the connection, and raise the exception of the callback if there was one."""
        self.close()
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _read(self) -> None:
        try:
            while True:
                opcode, data = self._socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return
                self._recorder.received(len(data))
                message = Message(data.decode() if opcode == websocket.ABNF.OPCODE_TEXT else data)
                self._keep(message)
                if self._callback is not None:
                    self._callback(message)
        except (OSError, websocket.WebSocketException):
            pass  # closed by either side: `receive` raises that
        except Exception as error:  # of the callback: raised where the test waits
            self._failure = error
        finally:
            self._ended = True
            self._keep(None)

    def _keep(self, message: Message | None) -> None:
        if self._unread.full():
            self._unread.get_nowait()
            self._dropped += 1
        self._unread.put_nowait(message)
