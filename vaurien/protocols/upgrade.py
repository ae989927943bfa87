"""TLS that begins inside a protocol, at a request for it: what such a protocol says of that.

Either leg of a link may begin with TLS without the other one. So a protocol of this kind keeps what one peer says of
TLS from the other one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import NOTHING, Mark
from vaurien.protocols.framed import Expected, Framed

#: Yields what is to be sent to the backend, empty for nothing, and is sent what the backend says then; returns what of
#: that is for the client. Raises `ValueError` if the backend does not want TLS.
Talk = Generator[bytes, bytes, bytes]


class TLSLegs(NamedTuple):
    """What of a link is, or may become, TLS."""

    #: Whether a client that asks for TLS gets it, and whether it has it already.
    client: bool = False
    is_client_secure: bool = False
    #: Whether TLS is spoken with the backend.
    backend: bool = False
    #: Whether the client is shown the certificate that is the backend's own.
    shares_certificate: bool = False


class Upgrade(NamedTuple):
    """How TLS begins at a request, once no behavior is applied to that any more."""

    #: What the client is answered, as if the backend had said it.
    reply: bytes = b''
    #: Whether TLS begins with the client behind that.
    client: bool = False
    #: Whether the handshake may follow on the request at once. Else whatever follows has been put there by somebody in
    #: between, who wants it to be taken for a part of what is secure.
    early: bool = False
    #: What asks the backend for TLS, which then begins with it; empty: it does not.
    question: bytes = b''
    #: Why TLS cannot begin with the backend, though it is to; empty: it can.
    problem: str = ''
    #: A request that makes the backend forget what the client has said; empty: there is none.
    reset: bytes = b''
    #: Whether the request itself goes on to the backend.
    passes: bool = False


class Upgrading(Framed[Expected]):
    """A protocol with requests for TLS, which it marks with UPGRADE. It holds back what follows on one until then."""

    #: The port where TLS begins with the first byte all the same.
    implicit_port: ClassVar[int | None] = None
    #: Whether a client may also begin with TLS at once, and so is waited for.
    begins_with_tls: ClassVar[bool] = False

    edits = True
    #: What the user is to know, once, about a login that TLS on one leg or both makes fail; empty: nothing.
    warning = ''

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._legs = TLSLegs()
        # What the backend has begun to say, and may be edited once there is more of it.
        self._unread = b''
        # Whether a request for TLS was found that was not answered yet.
        self._is_upgrading = False

    @classmethod
    def ask_backend(cls) -> Talk | None:
        """Return a talk after which TLS begins with the backend; None: it is for the client to begin."""
        return None

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        if not self._is_upgrading:
            return super().feed_upstream(data)
        self._held += data
        if len(self._held) > MAX_HEAD:
            raise ValueError(f'more than {MAX_HEAD} bytes behind a request for TLS')
        return b'', NOTHING

    def set_legs(self, legs: TLSLegs) -> None:
        """Take what is to be TLS, before anything is fed."""
        self._legs = legs

    def take_unread(self) -> bytes:
        """See `BaseProtocol.take_unread`."""
        unread, self._unread = self._unread, b''
        return unread

    def on_warned(self) -> None:
        """Note that the user knows."""
        self.warning = ''

    def upgrade(self) -> Upgrade:
        """Return how TLS begins at the oldest request without an answer, which is for that."""
        return Upgrade()

    def take_early(self) -> bytes:
        """Return what the client has sent behind the request, and forget it."""
        early, self._held = self._held, b''
        return early

    def on_upgraded(self, *, client: bool) -> None:
        """Go on behind a request for TLS; *client*: which has begun with the client."""
        self._is_upgrading = False
        if client:
            self._legs = self._legs._replace(is_client_secure=True)
        self.misread = bool(self._held)

    def withdraw(self) -> None:
        """See `BaseProtocol.withdraw`: a request for TLS, too, may be refused."""
        super().withdraw()
        if self._is_upgrading:
            self.on_upgraded(client=False)

    def rewind(self, position: int) -> None:
        """See `BaseProtocol.rewind`."""
        super().rewind(position)
        self.misread = False
