"""The full way to frame what a client of MySQL sends: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.marks import END, HEAD, OPAQUE, REQUEST, UNANSWERED, Mark, Opaque
from vaurien.framing.statements import Statements
from vaurien.protocols.framed import Framed
from vaurien.protocols.mysql import text
from vaurien.protocols.mysql.commands import CLOSE, EXPECTED, LATEST, LOGIN, PREPARE, PREPARED
from vaurien.protocols.mysql.login import (
    CLIENT_DEPRECATE_EOF,
    CLIENT_OPTIONAL_METADATA,
    CLIENT_SSL,
    LOGIN_HEAD,
    MARIADB_CLIENT_CACHE_METADATA,
    read_login,
)
from vaurien.protocols.mysql.packets import Packets

#: The most of a request that is its head. A login fits in; of a statement, more than is ever shown.
HEAD_MAX = 1024

#: Either adds to the number of columns whether their definitions follow.
_METADATA_FLAG = CLIENT_OPTIONAL_METADATA | MARIADB_CLIENT_CACHE_METADATA

# What the client was asked for: nothing; a message; a file, which is messages up to an empty one.
NOTHING, MESSAGE, FILE = range(3)


class FramedRequests(Framed[int]):
    """Requests, and the state of the link.

    A head is the beginning of a command. A link becomes opaque when the client asks for TLS.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._up = Packets()
        # Whether the next chunk may be anything but a whole command.
        self._up_busy = True
        self._logged_in = False
        self._prompted = NOTHING
        # Whether the end of the message that is passing is that of its request, too, and no mark says so yet.
        self._ends_request = False
        # Capabilities of the backend, of the client, and what both have; what follows from these.
        self._of_backend = self._of_client = self._capabilities = 0
        self._has_eof = True
        self._has_metadata_flag = False
        self._statements = Statements(text.show)
        # What the client has called itself in its login.
        self._client_name = ''
        # Statements whose numbers the backend has not told yet, and where they were sent.
        self._preparing: list[tuple[int, bytes]] = []

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; "Command Phase"."""
        return self._walk_upstream(data)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        up = self._up
        up.resume(self.upstream_body)
        if self._held:
            data, self._held = self._held + data, b''
        marks: list[Mark] = []
        i = 0
        try:
            while not self.opaque and (up.inside or self._open(data, i, marks)):
                i = up.leave(data, i)
                if up.inside:
                    break
                if self._ends_request:
                    marks.append((END, self._up_at + i))
        except ValueError as error:
            self.opaque = Opaque(str(error), unparsed=True)
        if self.opaque:
            marks.append((OPAQUE, self._up_at + i))
            return data, marks
        self._held = data[i:]
        self._up_at += i
        self.upstream_body = up.left
        self._up_busy = bool(up.inside or self._held or self._prompted or not self._logged_in)
        return data[:i], marks

    def _open(self, data: bytes, i: int, marks: list[Mark]) -> bool:
        """Begin a message, if enough of it has arrived. Raise ValueError if it is none."""
        up = self._up
        if self._prompted:
            return self._open_prompted(data, i)
        # The first packet of a command has the number 0; the login's follows on the greeting's.
        if len(data) - i >= 4 and data[i + 3] != (0 if self._logged_in else 1):
            raise ValueError(f'a packet of number {data[i + 3]}')
        head = up.enter(data, i, HEAD_MAX)
        if head is None:
            return False
        is_whole = not up.goes_on and up.left <= len(data) - i
        expected = self._expect(head, self._up_at + i)
        if self.opaque:
            return True
        self._ends_request = not is_whole
        position = self._up_at + i + (up.left if is_whole else 4 + len(head))
        marks.append((REQUEST if is_whole else HEAD, position))
        if expected:
            self._outstanding.append(expected)
        else:
            marks.append((UNANSWERED, position))
        return True

    def _open_prompted(self, data: bytes, i: int) -> bool:
        up = self._up
        if up.enter(data, i, 0) is None:
            return False
        self._ends_request = self._prompted == MESSAGE or up.left == 4
        if self._ends_request:
            self._prompted = NOTHING
        return True

    def _expect(self, head: bytes, position: int) -> int:
        """Return what the message at *position* expects that begins like this. Raise ValueError if it is none."""
        if self._logged_in:
            if not head:
                raise ValueError('a command of no bytes')
            self._note_statement(head, position)
            return EXPECTED[head[0]]
        flags = read_login(head)
        if flags & CLIENT_SSL and self._up.left == 4 + LOGIN_HEAD:
            self.opaque = Opaque('TLS')
        self._logged_in = True
        self._of_client = flags
        self._client_name = text.read_client_name(head, flags)
        self._agree()
        return LOGIN

    def _note_statement(self, head: bytes, position: int) -> None:
        """Remember what the command at *position* prepares, forget what it closes."""
        if not self._outstanding:  # every command before this one has been looked at
            self._statements.go_to(position)
        if head[0] == PREPARE:
            self._preparing.append((position, head[1:]))
            self._statements.put_behind(position, LATEST, head[1:])
        elif head[0] == CLOSE:
            self._statements.put_behind(position, int.from_bytes(head[1:5], 'little'), None)

    def _agree(self) -> None:
        """Note what follows from the capabilities that both have."""
        self._capabilities = self._of_backend & self._of_client
        self._has_eof = not self._capabilities & CLIENT_DEPRECATE_EOF
        self._has_metadata_flag = bool(self._capabilities & _METADATA_FLAG)

    def withdraw(self) -> None:
        """See `BaseProtocol.withdraw`."""
        if not self._outstanding:
            return
        if self._outstanding[0] == PREPARED:
            self._statements.withdraw(self._preparing[0][0])
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        if self._outstanding.popleft() == PREPARED:
            self._preparing.pop(0)
