"""The head of a request, read as strictly as RFC 9112 allows.

A request that two servers on its way would read differently lets a client smuggle another one past the first of them
(RFC 9112, 11.2). So nothing is repaired here. `httptools` finds most of what is malformed; the rest of it is below.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import BinaryIO, NamedTuple

import httptools

#: The most bytes of the first line, and of the whole head.
MAX_FIRST_LINE = 8192
MAX_HEAD = 64 * 1024
#: The most fields of a head.
MAX_FIELDS = 100

#: A method, a target and a version. Some clients send the bytes of UTF-8 in a target as they are.
FIRST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~\x80-\xff]+ (HTTP/1\.[01])")


class RequestHead(NamedTuple):
    """What the server has to know of a head: its fields, and whether another request may follow this one."""

    fields: list[tuple[str, str]]
    keeps_alive: bool


def read_head(rfile: BinaryIO) -> bytes:
    """Return the bytes of a head, up to its empty line; fewer if the stream ends before, or if it is too long.

    An empty line in front of the head is skipped (RFC 9112, 2.2).
    """
    line = rfile.readline(MAX_FIRST_LINE)
    if line == b'\r\n':
        line = rfile.readline(MAX_FIRST_LINE)
    head = bytearray(line)
    while line.endswith(b'\n') and line not in (b'\r\n', b'\n') and len(head) < MAX_HEAD:
        line = rfile.readline(MAX_HEAD)
        head += line
    return bytes(head)


def parse_head(head: bytes) -> RequestHead:
    """Return what is in a head; raise `httptools.HttpParserError` if it is malformed."""
    line, end, fields = head.partition(b'\r\n')
    matched = FIRST_LINE.fullmatch(line)
    if not matched:
        raise httptools.HttpParserError('malformed first line')
    collector = _Collector()
    with suppress(httptools.HttpParserUpgrade):  # this server does not upgrade: HTTP goes on (RFC 9110, 7.8)
        # The parser knows few methods and only ASCII; the application answers to all.
        collector.parser.feed_data(b'POST / ' + matched[1] + end + fields)
    if not collector.is_complete:
        raise httptools.HttpParserError('the head does not end')
    _check_fields(collector.fields, collector.parser.get_http_version())
    return RequestHead(collector.fields, collector.keeps_alive)


class _Collector:
    """A parser, and what it says."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.fields: list[tuple[str, str]] = []
        self.is_complete = False
        self.keeps_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field."""
        self.fields.append((name.decode('latin-1'), value.decode('latin-1')))

    def on_headers_complete(self) -> None:
        """Note the end of the head. Only now the parser knows whether the connection is kept alive."""
        self.keeps_alive = self.parser.should_keep_alive()
        self.is_complete = True


def _check_fields(fields: list[tuple[str, str]], version: str) -> None:
    if len(fields) > MAX_FIELDS:
        raise httptools.HttpParserError(f'more than {MAX_FIELDS} fields')
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name.lower(), []).append(value.strip().lower())
    hosts, codings = values.get('host', []), values.get('transfer-encoding')
    if len(hosts) != 1 and (hosts or version != '1.0'):  # RFC 9112, 3.2
        raise httptools.HttpParserError(f'{len(hosts)} Host fields')
    if codings is None:
        return
    if version == '1.0' or 'content-length' in values:  # RFC 9112, 6.1
        raise httptools.HttpParserError('misplaced Transfer-Encoding')
    if codings != ['chunked']:
        raise httptools.HttpParserError(f'Transfer-Encoding {codings}')
