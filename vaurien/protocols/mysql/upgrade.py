"""TLS inside MySQL and MariaDB: the client's first packet may ask for it, and packets of a login are numbered on.

Sources: "Protocol::SSLRequest", "Connection Phase", "Caching_sha2_password information"; MariaDB: "Connection
Protocol".

A server of either kind goes by the capabilities of the packet that asks for TLS, not by those of the login behind it.
So the proxy asks with the capabilities of the client. If only one of the legs is TLS, the packets of the other one have
other numbers until the login is over, for there is one less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.error_reply import ErrorReply
from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import UPGRADE, Mark
from vaurien.protocols.mysql.commands import NOTHING
from vaurien.protocols.mysql.login import CLIENT_SSL, LOGIN_HEAD, find_capabilities, read_login
from vaurien.protocols.mysql.packets import read_length
from vaurien.protocols.mysql.replies import FramedMySQL
from vaurien.protocols.upgrade import Upgrade, Upgrading

#: Where the byte of the capabilities that has CLIENT_SSL is in a login, behind the header; and its bit there.
_AT, _BIT = 4 + 1, CLIENT_SSL >> 8
#: "Perform full authentication": now the password goes over TLS as it is, and else it is encrypted.
_FULL = b'\x01\x04'
_MISMATCH = (
    'this login fails, for the password goes over TLS as it is, and is encrypted where there is none '
    '(caching_sha2_password): speak TLS with both client and backend, or with neither'
)


class Renumbering:
    """Changes the numbers of packets, except those that begin a command: 0."""

    def __init__(self, by: int) -> None:
        self._by = by
        #: How many bytes of a header have passed, and of the packet behind it are to pass.
        self._passed = 0
        self._length = 0

    def feed(self, data: bytes) -> bytes:
        """Return *data*, which may begin and end anywhere, with other numbers."""
        changed, i = bytearray(data), 0
        while i < len(data):
            if self._passed == 4:
                step = min(self._length, len(data) - i)
                self._length -= step
                i += step
            elif self._passed == 3:
                changed[i] = data[i] and (data[i] + self._by) & 0xFF
                self._passed = 4
                i += 1
            else:
                self._length |= data[i] << 8 * self._passed
                self._passed += 1
                i += 1
            if self._passed == 4 and not self._length:
                self._passed = 0
        return bytes(changed)


class MySQLUpgrade(Upgrading[int], FramedMySQL):
    """Finds requests for TLS, and has each peer see a login whose packets are numbered as its own leg has it."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        # Whether the greeting was read; whether the backend offers TLS.
        self._has_read = self._is_offered = False
        # How the client begins: its capabilities, and what else a request for TLS has.
        self._login_head = b''
        # How many packets the requests for TLS are, on the client's leg and on the backend's.
        self._client_by = self._backend_by = 0
        self._from_client = self._to_backend = self._to_client = Renumbering(0)

    def describe(self, request: bytes) -> str:
        """Return the name of a request for TLS; see `BaseProtocol.describe`."""
        is_request = len(request) == 4 + LOGIN_HEAD and request[3] == 1 and request[_AT] & _BIT
        return 'SSLRequest' if is_request else super().describe(request)

    def error(self, *args: Any, **choice: Any) -> ErrorReply:
        """See `BaseProtocol.error`; it is numbered as the client has it."""
        reply = super().error(*args, **choice)
        return reply._replace(data=self._make_renumbering().feed(reply.data)) if self.edits else reply

    def _make_renumbering(self) -> Renumbering:
        return Renumbering(self._client_by - self._backend_by)

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        if not self.edits or self._is_upgrading:
            return super().feed_upstream(data)
        was_logged_in = self._logged_in
        data, marks = super().feed_upstream(self._from_client.feed(data))
        if self._logged_in and not was_logged_in:
            data = self._edit_login(data)
        return self._to_backend.feed(data), marks

    def _open(self, data: bytes, i: int, marks: list[Mark]) -> bool:
        if self._is_upgrading:
            return False
        is_first = not (self._logged_in or self._backend_by) and self._legs.backend
        if is_first and (len(data) - i < 4 or len(data) - i < 4 + min(MAX_HEAD, read_length(data, i))):
            return False  # it has to be whole
        count = len(marks)
        is_open = super()._open(data, i, marks)
        if self._is_upgrading or (is_first and self._logged_in and not self.opaque):
            self._is_upgrading = True
            marks[count] = (UPGRADE, marks[count][1])
        return is_open

    def _expect(self, head: bytes, position: int) -> int:
        if not self._logged_in:
            self._login_head = head[:LOGIN_HEAD]
            asks = read_login(head) & CLIENT_SSL and self._up.left == 4 + LOGIN_HEAD
            if asks and self._legs.client and not self._client_by:
                self._is_upgrading = True
                return NOTHING
        expected = super()._expect(head, position)
        if self._legs.backend and not self._backend_by and not self.opaque:
            self._backend_by = 1
            self._to_backend = Renumbering(1)
        return expected

    def _edit_login(self, data: bytes) -> bytes:
        """Have the login say of TLS what is so for the backend."""
        flags = data[_AT] | _BIT if self._backend_by else data[_AT] & ~_BIT
        return data[:_AT] + bytes([flags]) + data[_AT + 1 :]

    def upgrade(self) -> Upgrade:
        """Begin TLS with the client if it has asked for that, and with the backend, which does not answer either."""
        legs, asks, question, problem = self._legs, not self._logged_in, b'', ''
        if legs.backend:
            question, problem = self._make_question(), '' if self._is_offered else 'it does not speak TLS'
        if asks:
            self._client_by, self._backend_by = 1, int(legs.backend)
            self._from_client, self._to_backend = Renumbering(-1), Renumbering(self._backend_by)
        self._to_client = self._make_renumbering()
        return Upgrade(client=asks, early=True, question=question, problem=problem, passes=not asks)

    def _make_question(self) -> bytes:
        head = self._login_head
        return LOGIN_HEAD.to_bytes(3, 'little') + b'\1' + head[:1] + bytes([head[1] | _BIT]) + head[2:]

    # Downstream

    def edit_downstream(self, data: bytes) -> bytes:
        """Have the greeting say of TLS what is so for the client, and number what follows on it."""
        if self._has_read:
            return self._to_client.feed(data)
        data, self._unread = self._unread + data, b''
        if len(data) < 4 or len(data) < 4 + min(MAX_HEAD, read_length(data, 0)):
            self._unread = data
            return b''
        self._has_read = True
        try:
            at = 4 + find_capabilities(data[4:]) + 1
        except ValueError:  # an error, or no greeting at all
            return data
        self._is_offered = bool(data[at] & _BIT)
        flags = data[at] | _BIT if self._legs.client else data[at] & ~_BIT
        return data[:at] + bytes([flags]) + data[at + 1 :]

    def _take_login(self, packet: bytes) -> int:
        if packet == _FULL and self._client_by != self._backend_by:
            self.warning = _MISMATCH
        return super()._take_login(packet)

    def _end_reply(self) -> int:
        self.edits = False  # the login is over
        return super()._end_reply()
