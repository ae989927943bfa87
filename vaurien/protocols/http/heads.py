"""Heads of HTTP messages: where they end, and whether httptools takes them."""

from __future__ import annotations

import re

import httptools

from vaurien.framing.head import MAX_HEAD, escape

HEAD_END = b'\r\n\r\n'

#: Its method is any in capital letters, as nginx has it: RFC 9110, 9.1, lets others register more of them.
REQUEST_LINE = re.compile(rb'[\r\n]*([A-Z_-]+) [^\r\n]* HTTP/1\.[01]\r\n')
#: What may become a request line.
_OPEN_LINE = re.compile(rb'[\r\n]*(?:[A-Z_-]+(?: [^\r\n]*\r?)?)?')
STATUS_LINE = re.compile(rb'[\r\n]*HTTP/1\.[01] ([1-9][0-9][0-9])')
#: How a message of HTTP/1.0 begins, be it a request or a response.
_OLD = re.compile(rb'[\r\n]*(?:HTTP/1\.0 |[^ /\r\n]+ [^\r\n]* HTTP/1\.0(?:\r|$))')
_CONNECTION = re.compile(rb'\n(?i:connection):([^\r\n]*)')
_EMPTY_LINES = re.compile(rb'[\r\n]*')
_UPGRADE = re.compile(rb'\n(?i:upgrade):[ \t]*([^\r\n,]*)')

#: The method whose target is unlike all others.
_CONNECT = b'CONNECT'
#: A method that httptools knows, and that says nothing of the rest of the request.
_KNOWN = b'POST'
#: For each byte of a target: httptools takes those of ASCII.
_PLAIN_BYTES = bytes(ord('~') if byte > 127 else byte for byte in range(256))

#: What a parser calls back that is only asked whether it takes the bytes.
DEAF = object()

Parser = httptools.HttpRequestParser | httptools.HttpResponseParser


def find_end(data: bytes, i: int, known: int = 0) -> int:
    """Return where the head at *i* ends, with the empty lines before it (RFC 9112, 2.2); -1 if it is not complete.

    It is known not to end in the first *known* bytes. Raise ValueError if it is longer than `MAX_HEAD`.
    """
    start = i
    if data[i] in b'\r\n':
        empty = _EMPTY_LINES.match(data, i)
        start = empty.end() if empty else i
    end = data.find(HEAD_END, max(start, known - len(HEAD_END) + 1))
    end = end + len(HEAD_END) if end >= 0 else -1
    if (len(data) if end < 0 else end) - i > MAX_HEAD:
        raise ValueError(f'a head of more than {MAX_HEAD} bytes')
    return end


def check(parser: Parser, head: bytes) -> None:
    """Raise ValueError if *parser* does not take *head*."""
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        return
    except httptools.HttpParserError as error:
        raise ValueError(str(error)) from None


def has_open_line(head: bytes) -> bool:
    """Return whether *head*, which is not complete, may go on with its request line."""
    return _OPEN_LINE.fullmatch(head) is not None


def simplify(head: bytes) -> bytes:
    """Return *head*, of a request, with a method that httptools knows, and a target that it takes.

    Servers take any method that is a word, and most take bytes of UTF-8 in a target, which some clients send.
    """
    line = REQUEST_LINE.match(head)
    if line is None:
        return head
    method = _CONNECT if line[1] == _CONNECT else _KNOWN
    return method + head[line.end(1) : line.end()].translate(_PLAIN_BYTES) + head[line.end() :]


def check_beginning(parser: Parser, head: bytes, news: bytes, first_line: re.Pattern[bytes]) -> None:
    """Raise ValueError if the incomplete *head*, whose end *news* the *parser* does not know, cannot go on well."""
    check(parser, news)
    if b'\n' in head.lstrip(b'\r\n') and not first_line.match(head):
        raise ValueError('not HTTP/1.x')


def is_old(head: bytes) -> bool:
    """Return whether the message with this *head* is one of HTTP/1.0."""
    return _OLD.match(head) is not None


def is_last(head: bytes) -> bool:
    """Return whether the connection ends behind the message with this *head* (RFC 9112, 9.3 and 9.6)."""
    options = {option.strip().lower() for value in _CONNECTION.findall(head) for option in value.split(b',')}
    return b'close' in options or (b'keep-alive' not in options and is_old(head))


def describe_upgrade(head: bytes) -> str:
    """Return to what the connection changes, by a reply of status 101: ``upgrade to websocket``."""
    upgrade = _UPGRADE.search(head)
    return f'upgrade to {escape(upgrade[1].strip().lower())}' if upgrade else 'upgrade'
