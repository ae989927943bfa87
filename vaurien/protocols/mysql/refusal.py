"""How a server is made to refuse one statement of several, and how the reply to that is taken apart.

A server parses and executes the statements of a COM_QUERY one by one, and skips what follows on one that fails
("Multi-Statement"). So it gets the text up to the statement, and nonsense behind it.
"""

from __future__ import annotations

from vaurien.framing.parts import Refusal
from vaurien.protocols.mysql.packets import ERR, MAX_PACKET, peek

#: The server says so much of what it cannot parse in its error, 1064.
_NONSENSE = b'injected by vaurien'
_PARSE_ERROR = b'\xff\x28\x04'


class MySQLRefusal(Refusal):
    """Has a server execute the beginning of a COM_QUERY, and refuse what is next."""

    def __init__(self, lead: bytes) -> None:
        """*lead* is the beginning of the command, with the header of its packet."""
        payload = lead[4:] + _NONSENSE
        self.request = len(payload).to_bytes(4, 'little') + payload
        #: The number of the packet that the error is in.
        self.number = 0
        self._kept = b''
        # Bytes of a packet that passes.
        self._left = 0

    def feed(self, reply: bytes) -> bytes:
        """See `Refusal.feed`: all packets pass but the server's error."""
        data = self._kept + reply
        i = min(self._left, len(data))
        self._left -= i
        shown = data[:i]
        while len(data) - i >= 5:
            header, kind = peek(data, i)
            end = i + 4 + (header & MAX_PACKET)
            packet = data[i:end]
            if kind == ERR and end > len(data):
                break
            if packet[4:].startswith(_PARSE_ERROR) and _NONSENSE in packet:
                self.is_met = True
                self.number = header >> 24
            else:
                shown += packet
                self._left = max(0, end - len(data))
            i = min(end, len(data))
        self._kept = data[i:]
        return shown
