"""Texts of HTTP: what a request is called in logs and patterns, and the response that is an error."""

from __future__ import annotations

import re
from http import HTTPStatus

from vaurien.framing.error_reply import INJECTED
from vaurien.framing.head import TEXT_MAX, escape
from vaurien.protocols.http.headers import Headers
from vaurien.protocols.http.heads import HEAD_END

_METHOD_AND_TARGET = re.compile(rb'[\r\n]*([^ \r\n]*(?: [^ \r\n]*)?)')
_CONNECTION = re.compile(rb'\n(?i:connection):([^\r\n]*)')
_CONTINUE = re.compile(rb'\n(?i:expect:[ \t]*100-continue)')
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def describe(request: bytes) -> str:
    """Return method and target as sent (``GET /orders/7``), escaped."""
    words = _METHOD_AND_TARGET.match(request)
    return escape(words[1])[:TEXT_MAX] if words else ''


def make_error(
    request: bytes, status: int, reason: str | None, headers: Headers, body: str | None, retry_after: int | None
) -> bytes:
    """Return a response to *request*, without a Date, there being no clock here."""
    phrase = reason or _PHRASES.get(status, 'Unknown')
    content = (f'{status} {phrase}, {INJECTED}\n' if body is None else body).encode()
    usual = {'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': str(len(content))}
    if retry_after is not None:
        usual['Retry-After'] = str(retry_after)
    head = [f'HTTP/1.1 {status} {phrase}', *headers.over(usual)]
    if not keeps_alive(request):
        head.append('Connection: close')
    elif _is_old(request):
        head.append('Connection: keep-alive')
    if _request_line(request).startswith(b'HEAD '):
        content = b''
    return '\r\n'.join([*head, '', '']).encode() + content


def keeps_alive(request: bytes) -> bool:
    """Return whether the connection may stay open after *request* (RFC 9112, 9.3)."""
    head = request.lstrip(b'\r\n').partition(HEAD_END)[0]  # a body, or another request, may come after it
    options = {option.strip().lower() for value in _CONNECTION.findall(head) for option in value.split(b',')}
    # Whoever expects 100-continue may send the body after an error or not: no telling where the next request begins.
    if b'close' in options or _CONTINUE.search(head):
        return False
    return not _is_old(request) or b'keep-alive' in options


def _is_old(request: bytes) -> bool:
    return _request_line(request).endswith(b' HTTP/1.0')


def _request_line(request: bytes) -> bytes:
    return request.lstrip(b'\r\n').partition(b'\r\n')[0]
