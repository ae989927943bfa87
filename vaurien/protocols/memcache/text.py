"""Texts of memcached: what a request is called in logs and patterns, and what an error says."""

from __future__ import annotations

import re

from vaurien.framing.error_reply import ErrorReply
from vaurien.protocols.memcache import binary, commands
from vaurien.protocols.memcache.heads import QUIET, QUIT, escape

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
    expected = commands.read_expected(request)
    return ErrorReply(f'{kind}{message}\r\n'.encode(), expected == QUIT, unasked=expected == QUIET)


def make_deletion(request: bytes) -> bytes:
    """Return the command that deletes what *request* would set; an empty text if it sets nothing.

    Memcached deletes it if there is no memory for the new value, lest a client read the old one.
    """
    if request.startswith(binary.MAGIC):
        return binary.make_deletion(request)
    name, *words = request.partition(b'\n')[0].split() or [b'']
    if name not in (b'set', b'ms') or not words:
        return b''
    is_encoded = name == b'ms' and b'b' in words[2:]
    return b'md %b%b\r\n' % (words[0], b' b' if is_encoded else b'') if name == b'ms' else b'delete %b\r\n' % words[0]
