"""A TLS session over a connected socket. It has those methods of a socket that streams and links use.

The session is sans-IO, an `ssl.SSLObject` between two buffers in memory. So the bytes that a connection began with may
have been read by somebody else, and records can be changed on their way.
"""

from __future__ import annotations

import ssl
from _socket import socket
from collections.abc import Callable
from contextlib import suppress
from socket import MSG_PEEK, SO_LINGER
from typing import Any

from vaurien.engine.kernel import MSG_MORE
from vaurien.framing.records import split_records
from vaurien.plugins.end import Damage
from vaurien.records.proxy_log import ProxyLog
from vaurien.tls.damage import DamagedRecords
from vaurien.tls.session import Session, explain

READ, WRITE = 1, 2

#: A record has at most so many bytes (RFC 8446, 5.2). One that has begun to arrive is inside the session.
RECORD_MAX = (1 << 14) + 256 + 5

#: So much is enciphered before it is sent: a few records.
_PIECE = 64 * 1024


class TLSSocket:
    """Deciphers what arrives on a socket, and enciphers what is sent.

    As a socket that does not block, it raises `BlockingIOError` where there is nothing to read or no room. The end of
    what it reads is that of the session (``close_notify``) or of the connection.
    """

    __slots__ = (
        '_again',
        '_cipher',
        '_closing',
        '_deferred',
        '_early',
        '_ends',
        '_incoming',
        '_is_cut',
        '_is_reset',
        '_label',
        '_log',
        '_loop',
        '_on_received',
        '_outgoing',
        '_reader',
        '_session',
        '_sock',
        '_twin',
        '_waiting',
        'has_more',
    )

    def __init__(
        self,
        sock: socket,
        session: Session,
        loop: Any,
        cipher: memoryview,
        log: ProxyLog,
        label: str,
        on_received: Callable[[ssl.SSLObject], None] | None = None,
    ) -> None:
        """*cipher* is a buffer to read into, which others use as well; *label*, for the *log*, tells who the peer is.

        *on_received* is called once, when something has arrived: a server gives its tickets behind the handshake.
        """
        self._sock = sock
        self._session, self._incoming = session.tls, session.incoming
        self._outgoing: ssl.MemoryBIO | DamagedRecords = session.outgoing
        #: So many bytes that the handshake has left, tickets for the client, are sent with what is sent first.
        self._deferred = session.outgoing.pending
        self._loop = loop
        self._cipher = cipher
        self._log = log
        self._label = label
        self._on_received = on_received
        self._reader: TLSReader | None = None
        self._closing: Any = None
        #: What the socket did not take.
        self._waiting = b''
        #: How many of the next bytes to be sent are in `_waiting` already.
        self._again = 0
        #: What comes before anything that the session has.
        self._early = b''
        #: Whether the session has ended, which was not told yet.
        self._ends = False
        #: Whether there may be something to read though the socket has nothing: the handshake may have read it.
        self.has_more = True
        #: Whether the peer is to see a reset.
        self._is_reset = False
        #: Whether the peer is to see the end of the connection without that of the session.
        self._is_cut = False
        self._twin: TLSSocket | None = None

    def join(self, twin: TLSSocket) -> None:
        """Pass what cuts the session short on to the *twin*, which sends on what is received here."""
        self._twin = twin

    def put_before(self, data: bytes) -> None:
        """Have *data* read first: the peer has said it before the session began."""
        self._early = data

    @property
    def certificate(self) -> bytes:
        """The certificate of the peer, in DER; empty if it has shown none."""
        return self._session.getpeercert(True) or b''

    # Receiving

    def recv_into(self, buffer: memoryview) -> int:
        """Read into *buffer*, of more than `RECORD_MAX` bytes, and return how many; 0: the peer will send no more."""
        if self.has_more:
            self.has_more = False
            if self._early:
                return self._take_early(buffer)
            if count := self._decipher(buffer):
                return count
            if self._ends:
                return 0
        count = self._sock.recv_into(self._cipher[: len(buffer) - RECORD_MAX])
        if not count:  # told of it, OpenSSL would give up the session, which later links are to go on with
            self._ends = True
            if self._twin is not None:
                self._twin.cut()
            return 0
        arrived, got = self._cipher[:count], 0
        if self._on_received is not None:
            got, arrived = self._receive_first(arrived, buffer)
        self._incoming.write(arrived)
        got += self._decipher(buffer[got:])
        if self._outgoing.pending > self._deferred:  # a reply to an update of keys
            self._push(self._take_cipher())
        if not (got or self._ends):
            raise BlockingIOError
        return got

    def _receive_first(self, arrived: memoryview, buffer: memoryview) -> tuple[int, memoryview]:
        """Read one record alone, and return how many bytes it had and what comes behind it.

        Servers send two tickets. The second has OpenSSL go on with a copy of the first one's session: so what spoils
        its own, such as an alert, leaves the one alone that later links go on with, which Python 3.13 does not copy.
        """
        assert self._on_received is not None
        end = len(next(split_records(arrived.tobytes())))
        self._incoming.write(arrived[:end])
        got = self._decipher(buffer)
        self._on_received(self._session)
        self._on_received = None
        return got, arrived[end:]

    def _take_early(self, buffer: memoryview) -> int:
        data, self._early = self._early[: len(buffer)], self._early[len(buffer) :]
        buffer[: len(data)] = data
        self._read_again()
        return len(data)

    def _decipher(self, buffer: memoryview) -> int:
        read: Callable[[int, memoryview], int] = self._session.read  # type: ignore[assignment]  # no bytearray is needed
        incoming, pending = self._incoming, self._session.pending
        size, got = len(buffer), 0
        try:
            while count := read(size - got, buffer[got:]):
                got += count
                if not (incoming.pending or pending()):  # else OpenSSL would have to say so by an exception
                    return got
            self._ends = True
        except ssl.SSLWantReadError:
            return got
        except ssl.SSLZeroReturnError:
            self._ends = True
        except ssl.SSLError as error:
            if not self._is_cut:
                self._log.warning('%s: TLS: %s', self._label, explain(error))
                raise
            self._ends = True  # the peer complains of that
        if got:
            self._read_again()
        return got

    def _read_again(self) -> None:
        """Have the stream read once more: the socket may stay silent."""
        self.has_more = True
        if self._reader is not None:
            self._reader.read_again()

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has arrived. With MSG_PEEK, it is only told whether the end has."""
        if flags & MSG_PEEK:
            if self._ends:
                return b''
            raise BlockingIOError
        buffer = memoryview(bytearray(size + RECORD_MAX))
        return buffer[: self.recv_into(buffer)].tobytes()

    def watch(self) -> TLSReader:
        """Return a watcher of the event loop for what there is to read."""
        self._reader = TLSReader(self, self._loop)
        return self._reader

    # Sending

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0) -> int:
        """Send *data*, and return how much of it was taken. What was not taken has to come first the next time."""
        if not self._push(b''):
            raise BlockingIOError
        sent, self._again = self._again, 0
        view = memoryview(data)
        while sent < len(view):
            piece = view[sent : sent + _PIECE]
            count = self._session.write(piece)
            if not self._push(self._take_cipher(), flags):
                self._again = count
                break
            sent += count
        if not sent and self._again:
            raise BlockingIOError
        return sent

    def _take_cipher(self) -> bytes:
        self._deferred = 0
        return self._outgoing.read()

    def _push(self, cipher: bytes, flags: int = 0) -> bool:
        """Send what waits and then *cipher*; return whether the socket has taken all of it."""
        cipher = self._waiting + cipher
        if not cipher:
            return True
        try:
            sent = self._sock.send(cipher, flags)
        except BlockingIOError:
            sent = 0
        self._waiting = cipher[sent:]
        return not self._waiting

    # Ends

    def cut(self) -> None:
        """Have the connection end without ``close_notify``: to the peer, the session is cut short."""
        self._is_cut = True

    def damage(self, damage: Damage) -> None:
        """Have the session end with that *damage*: to what is sent next, or, if nothing is, to its end alone."""
        self.cut()
        if self._deferred:  # tickets are not what is to be damaged
            self._push(self._take_cipher())
        if damage != 'truncate' and isinstance(self._outgoing, ssl.MemoryBIO):
            self._outgoing = DamagedRecords(self._outgoing, damage)

    def shutdown(self, how: int) -> None:
        """Tell the peer that no more will come: end the session, and then this direction of the connection."""
        self._end_session()
        if not self._waiting:
            self._sock.shutdown(how)
            return
        self._closing = self._loop.io(self._sock.fileno(), WRITE)
        self._closing.start(self._shut_down_when_sent, how)

    def _shut_down_when_sent(self, how: int) -> None:
        with suppress(OSError):  # the reader hears of it, too
            if not self._push(b''):
                return
            self._sock.shutdown(how)
        self._stop_closing()

    def _stop_closing(self) -> None:
        if self._closing is not None:
            self._closing.stop()
            self._closing.close()
            self._closing = None

    def _end_session(self) -> None:
        """Send a ``close_notify`` (RFC 8446, 6.1)."""
        if self._is_cut or self._is_reset:
            return
        with suppress(ssl.SSLError):  # it wants to read the peer's, which is not waited for
            self._session.unwrap()
        self._push(self._take_cipher(), MSG_MORE)  # the end of the connection comes in the same packet

    def close(self) -> None:
        """End the session and close the connection, unless the peer is to see a reset."""
        self._stop_closing()
        self._twin = None
        if self._sock.fileno() >= 0:
            with suppress(OSError):
                self._end_session()
        self._sock.close()

    def leave_to_parent(self) -> None:
        """Close this process's copy of the descriptor, for it is a child of a fork: the session goes on elsewhere."""
        self._sock.close()

    # As of the socket

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Set an option of the socket. SO_LINGER is set for a reset only."""
        if option == SO_LINGER:
            self._is_reset = True
        self._sock.setsockopt(level, option, value)

    def getsockopt(self, *args: int) -> Any:
        """Return an option of the socket."""
        return self._sock.getsockopt(*args)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def getpeername(self) -> Any:
        """Return the address of the peer."""
        return self._sock.getpeername()

    def getsockname(self) -> Any:
        """Return the own address."""
        return self._sock.getsockname()


class TLSReader:
    """Watches a socket for a stream, and calls it also when the session has something that the socket has not."""

    __slots__ = ('_callback', '_pending', '_run_callback', '_tls', '_watcher')

    def __init__(self, tls: TLSSocket, loop: Any) -> None:
        self._tls = tls
        self._run_callback = loop.run_callback
        self._watcher = loop.io(tls.fileno(), READ)
        self._callback: Callable[[], object] | None = None
        self._pending: Any = None

    def start(self, callback: Callable[[], object]) -> None:
        """Call back whenever there may be something to read."""
        self._callback = callback
        self._watcher.start(callback)
        if self._tls.has_more:
            self.read_again()

    def read_again(self) -> None:
        """Call back once in the next turn of the event loop."""
        if self._callback is not None and self._pending is None:
            self._pending = self._run_callback(self._call_back)

    def _call_back(self) -> None:
        self._pending = None
        if self._callback is not None and self._tls.has_more:
            self._callback()

    def stop(self) -> None:
        """Call back no more."""
        self._callback = None
        self._watcher.stop()

    def close(self) -> None:
        """Call back no more, and free the watcher."""
        self.stop()
        self._watcher.close()


#: What a stream reads from, and what it writes into.
Connection = socket | TLSSocket
