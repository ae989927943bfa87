"""One end of a link, as a behavior or a protocol with ``_handle`` sees it: like a blocking socket, cooperative."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from vaurien.plugins.decision import Decision

if TYPE_CHECKING:
    from vaurien.framing.error_reply import ErrorReply

#: How a session of TLS ends that breaks off: without ``close_notify``, in the middle of a record, or with a record that
#: has one bit changed.
Damage = Literal['truncate', 'half-record', 'bad-mac']


class End(ABC):
    """The client's or the backend's end of a link.

    Reading takes what has arrived from this peer, before it goes on to the other one. Writing goes to this peer at
    once, after what was sent to it before. Errors and time-outs are those of sockets: `OSError` once the link is
    closed, `TimeoutError` after `settimeout`.
    """

    @abstractmethod
    def recv(self, size: int = 65536) -> bytes:
        """Return at most *size* bytes, never more than up to the end of a message.

        Return ``b''`` once the peer has ended its stream; for the backend, also once the whole reply was read.
        """

    @abstractmethod
    def recv_into(self, buffer: Any, size: int = 0) -> int:
        """Read into a writable buffer, as `recv` does, and return the number of bytes."""

    @abstractmethod
    def await_data(self) -> None:
        """Wait until `recv` would return at once, and read nothing."""

    @abstractmethod
    def skip_message(self) -> None:
        """Read the rest of the request that the behavior is applied to, and drop it."""

    @abstractmethod
    def skip_reply(self) -> None:
        """Read the rest of the reply, for 30 s at most, and drop it.

        There is none while the backend waits for more of the request.
        """

    @abstractmethod
    def ask(self, request: bytes) -> bytes:
        """Send the backend a request of the proxy's own; return the reply, which the client does not see."""

    @abstractmethod
    def ask_for(self, request: bytes) -> Iterator[bytes]:
        """Do as `ask`, and yield the reply as it arrives."""

    @abstractmethod
    def send(self, data: bytes) -> int:
        """Send all of *data*, as `sendall` does, and return its length."""

    @abstractmethod
    def sendall(self, data: bytes) -> None:
        """Send all of *data*; return once the socket, or the first toxic before it, has taken it."""

    @abstractmethod
    def answer(self, reply: ErrorReply) -> None:
        """Answer the request in the backend's place: read it, send the reply, close the link if the reply says so.

        A reply that does not wait for the whole request is sent first. What the client sends after it is read and
        dropped, but not for ever: then the link is closed.

        Send nothing to a client that asked for no reply, unless the reply says that it is sent all the same.
        """

    @property
    @abstractmethod
    def is_secure(self) -> bool:
        """Whether TLS is spoken with this peer by now."""

    @abstractmethod
    def end_session(self, damage: Damage, data: bytes = b'') -> None:
        """Send the client *data* as the last of its session of TLS, which ends with that *damage*; close the link.

        Of more data than one record holds, ``half-record`` and ``bad-mac`` send the first record alone.
        """

    @abstractmethod
    def shutdown(self, how: int) -> None:
        """Send this peer nothing more (``SHUT_WR``, ``SHUT_RDWR``); reading goes on."""

    @abstractmethod
    def close(self) -> None:
        """Close the link, both ends of it."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Wait, precise to a fraction of a millisecond; ``gevent.sleep`` may be late by two."""

    @abstractmethod
    def hold(self, request: str, seconds: float) -> Decision:
        """Show a *request*, of that text, to whoever controls the proxy; wait for what they decide, and return it.

        After so many *seconds* it passes, or at once if the proxy holds as many as it may. The link is closed if this
        peer goes away meanwhile, or ends its stream.
        """

    @property
    @abstractmethod
    def decision(self) -> Decision:
        """What `hold` has returned last."""

    @abstractmethod
    def settimeout(self, timeout: float | None) -> None:
        """Set for how many seconds each later call may wait; None: without limit."""

    @abstractmethod
    def gettimeout(self) -> float | None:
        """Return the seconds set by `settimeout`."""

    @abstractmethod
    def fileno(self) -> int:
        """Return the file descriptor of the socket; -1 once it is closed."""

    @abstractmethod
    def getpeername(self) -> Any:
        """Return the address of the peer."""

    @abstractmethod
    def getsockname(self) -> Any:
        """Return the proxy's own address on this connection."""
