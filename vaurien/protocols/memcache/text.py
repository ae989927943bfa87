"""Texts of memcached: what a request is called in logs and patterns, and what an error says."""

from __future__ import annotations

import re

from vaurien.framing.error_reply import ErrorReply
from vaurien.protocols.memcache import binary
from vaurien.protocols.memcache.heads import escape

#: protocol.txt, "Error strings".
_KIND = re.compile(r'ERROR$|(?:CLIENT|SERVER)_ERROR ')


def describe(request: bytes) -> str:
    """Return command and first key (``get user:1``), escaped. A block of data, which may be a password, is not read.

    Return an empty text if *request* does not begin with a command.
    """
    if request.startswith(binary.MAGIC):
        return binary.describe(request)
    words = request.partition(b'\n')[0].split(None, 3)
    key = 2 if words[:1] in ([b'gat'], [b'gats']) else 1  # after the time until it expires
    return escape(b' '.join(words[:1] + words[key : key + 1]))


def make_error(request: bytes, message: str) -> ErrorReply:
    """Return ``SERVER_ERROR``, unless *message* begins with another kind; to ``quit``, before the connection closes."""
    if request.startswith(binary.MAGIC):
        return binary.make_error(request, message)
    kind = '' if _KIND.match(message) else 'SERVER_ERROR '
    return ErrorReply(f'{kind}{message}\r\n'.encode(), request[:8].split()[:1] == [b'quit'])
