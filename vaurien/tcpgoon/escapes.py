r"""Bytes as they are typed on a command line: ``PING\r\n``, ``\x16\x03``."""

from __future__ import annotations

import re

from vaurien.errors import ConfigError

ESCAPE = re.compile(rb'\\(x[0-9a-fA-F]{2}|.?)', re.DOTALL)
MEANINGS = {b'r': b'\r', b'n': b'\n', b't': b'\t', b'0': b'\0', b'\\': b'\\'}


def unescape(text: str) -> bytes:
    """The bytes that *text* stands for, in UTF-8; raises `ConfigError` for an escape that means nothing."""
    return ESCAPE.sub(_replace, text.encode('utf-8', 'surrogateescape'))


def _replace(match: re.Match[bytes]) -> bytes:
    word = match[1]
    if word in MEANINGS:
        return MEANINGS[word]
    if len(word) == 3:
        return bytes.fromhex(word[1:].decode())
    raise ConfigError(rf'no such escape: {match[0].decode(errors="replace")}; there are \r \n \t \0 \\ and \xHH')
