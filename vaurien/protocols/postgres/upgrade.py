"""TLS inside PostgreSQL: the SSLRequest, and what a login says of the channel that it is made over.

Sources: https://www.postgresql.org/docs/current/protocol-flow.html ("SSL Session Encryption", "GSSAPI Session
Encryption"), sasl-authentication.html, RFC 5802, and ``auth-scram.c`` of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import REPLY, UPGRADE, Mark
from vaurien.protocols.postgres.messages import AUTHENTICATION, DENIED, pass_whole, unpack_header
from vaurien.protocols.postgres.replies import FramedPostgres
from vaurien.protocols.postgres.requests import STARTUP, TO_GSSENC, TO_SSL
from vaurien.protocols.upgrade import Talk, Upgrade, Upgrading

_SSL_REQUEST = bytes.fromhex('00000008 04d2162f')
_GRANTED = b'S'

#: What an AuthenticationSASL says behind its length.
_SASL = (10).to_bytes(4, 'big')
#: A mechanism that proves which certificate the client has seen.
_BINDING = b'SCRAM-SHA-256-PLUS\0'
#: How a client begins that could have used that mechanism, and believes that the server cannot (RFC 5802, 6).
_WOULD_BIND = b'SCRAM-SHA-256\0'
_FLAG = b'y,,'
#: NegotiateProtocolVersion and NoticeResponse.
_BEFORE_OFFER = frozenset(b'vN')
_UP_TO_OFFER = _BEFORE_OFFER | {AUTHENTICATION}


class PostgresUpgrade(Upgrading[int], FramedPostgres):
    """Finds requests for TLS, and has clients prove nothing of the certificate, for it is not the backend's."""

    begins_with_tls = True

    # Whether what the backend offers was read, and has changed.
    _has_read = _has_cut = False

    @classmethod
    def ask_backend(cls) -> Talk:
        """Say SSLRequest. Nothing may follow on the answer that is not encrypted (CVE-2021-23222)."""
        answer = yield _SSL_REQUEST
        if answer == DENIED:
            raise ValueError('it does not speak TLS')
        if answer != _GRANTED:
            raise ValueError(f'it answers {answer[:20]!r}')
        return b''

    def _packet(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int | None:
        if self._is_upgrading:
            return None
        end = super()._packet(data, i, base, marks)
        if end is not None and self._outstanding and self._outstanding[-1] in (TO_SSL, TO_GSSENC):
            self._is_upgrading = True
            marks[-1] = (UPGRADE, base + end)
        return end

    def upgrade(self) -> Upgrade:
        """Grant the first SSLRequest, if the proxy has a certificate to show."""
        legs = self._legs
        if self._outstanding[0] == TO_SSL and legs.client and not legs.is_client_secure:
            return Upgrade(_GRANTED, client=True)
        return Upgrade(DENIED)

    def _end_negotiation(self, expected: int, data: bytes, i: int, base: int, marks: list[Mark]) -> int:
        """Mark the one byte that answers a request for encryption: it was the proxy's."""
        self._outstanding.popleft()
        marks.append((REPLY, base + i + 1))
        return i + 1

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        if self._has_cut and (at := data.find(_WOULD_BIND)) >= 0:
            self._has_cut = False
            if data.startswith(_FLAG, at + len(_WOULD_BIND) + 4):
                self.warning = (
                    'the backend refuses this login, for the client could have bound it to the certificate: have it '
                    'connect with channel_binding=disable'
                )
        return super().feed_upstream(data)

    def edit_downstream(self, data: bytes) -> bytes:
        """Take the mechanism out of the offer that proves which certificate the client has seen."""
        legs = self._legs
        if not legs.backend or (legs.is_client_secure and legs.shares_certificate):
            self.edits = False
        elif self._has_read:
            self.edits = self._has_cut  # a warning may still come
        elif self._outstanding and self._outstanding[0] == STARTUP:
            data, self._unread = self._unread + data, b''
            return self._edit_offer(data)
        return data

    def _edit_offer(self, data: bytes) -> bytes:
        i = pass_whole(data, 0, _BEFORE_OFFER)
        kind, length = unpack_header(data, i) if len(data) - i >= 5 else (AUTHENTICATION, MAX_HEAD)
        end = i + 1 + length
        if kind in _UP_TO_OFFER and len(data) < end and length <= MAX_HEAD:
            self._unread = data[i:]
            return data[:i]
        self._has_read = True
        offer = data[i + 5 : end]
        if kind != AUTHENTICATION or not offer.startswith(_SASL) or _BINDING not in offer:
            return data
        self._has_cut = True
        offer = offer.replace(_BINDING, b'', 1)
        return data[: i + 1] + (4 + len(offer)).to_bytes(4, 'big') + offer + data[end:]
