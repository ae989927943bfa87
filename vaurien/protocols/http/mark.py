"""The mark of a fault in a response of HTTP: the field ``X-Vaurien-Fault``, which names the behavior.

It comes in behind the status line, before anything looks at the response. Nothing else changes: neither what is behind
it nor how long that is depends on a field that nobody knows.
"""

from __future__ import annotations

import re

from vaurien.framing.head import MAX_HEAD
from vaurien.protocols.http.heads import HEAD_END, STATUS_LINE

FIELD = 'X-Vaurien-Fault'

_LINE_END = b'\r\n'
#: What is no part of a token (RFC 9110, 5.6.2): a behavior of somebody's own may be called anything.
_NO_TOKEN = re.compile(r"[^\w!#$%&'*+.^`|~-]", re.ASCII)
_CONTINUE, _FINAL = 100, 200
_SWITCHING = 101


def mark_head(head: bytes, behavior: str) -> bytes:
    """Return a response with the field in it. *head* has the status line, at least."""
    line, end, rest = head.partition(_LINE_END)
    field = f'{FIELD}: {_NO_TOKEN.sub("_", behavior)}'.encode()
    return line + end + field + end + rest


class ResponseMark:
    """Marks the next final response of a backend: those before it are interim ones (RFC 9110, 15.2)."""

    def __init__(self, behavior: str) -> None:
        self._behavior = behavior
        self._unread = b''
        #: Whether the response is marked, or cannot be: all else passes.
        self.is_done = False

    def feed(self, data: bytes) -> bytes:
        """Take what the backend sent; return what goes on.

        The beginning of a status line is held back, and that of an interim response, unless it is too long for one.
        """
        data = self.take_unread() + data
        passed = b''
        while data and not self.is_done:
            line_end = data.find(_LINE_END, len(data) - len(data.lstrip(_LINE_END)))
            status = STATUS_LINE.match(data)
            if line_end < 0 and len(data) < MAX_HEAD:
                self._unread = data
                return passed
            if status is None or line_end < 0:
                self.is_done = True
            elif _CONTINUE <= int(status[1]) < _FINAL and int(status[1]) != _SWITCHING:
                end = data.find(HEAD_END)
                if end >= 0:
                    passed, data = passed + data[: end + len(HEAD_END)], data[end + len(HEAD_END) :]
                elif len(data) < MAX_HEAD:
                    self._unread = data
                    return passed
                else:
                    self.is_done = True
            else:
                start = len(data) - len(data.lstrip(_LINE_END))
                passed, data = passed + data[:start] + mark_head(data[start:], self._behavior), b''
                self.is_done = True
        return passed + data

    def take_unread(self) -> bytes:
        """Return what is held back, and forget it."""
        unread, self._unread = self._unread, b''
        return unread
