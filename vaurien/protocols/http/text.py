"""Texts of HTTP: what a request is called in logs and patterns, and the response that is an error."""

from __future__ import annotations

import re
from http import HTTPStatus

from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.head import TEXT_MAX, escape
from vaurien.protocols.http.headers import Headers
from vaurien.protocols.http.heads import HEAD_END, is_last, is_old

_METHOD_AND_TARGET = re.compile(rb'[\r\n]*([^ \r\n]*(?: [^ \r\n]*)?)')
_CONTINUE = re.compile(rb'\n(?i:expect:[ \t]*100-continue)')
FAULT = re.compile(rb'\n(?i:x-vaurien-fault):[ \t]*([^\r\n]*)')
USER_AGENT = re.compile(rb'\n(?i:user-agent):[ \t]*([^\r\n]*)')
#: The server has decided to close the connection (RFC 9110, 15.5.9), or does not want the rest (15.5.14).
_CLOSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
#: What a client needs to go on behind some statuses (RFC 9110, 15.5.2, 15.5.8 and 15.5.22). 405 has no Allow, nor has
#: it one from nginx: only the server knows which methods it allows.
_DEMANDED: dict[int, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {'WWW-Authenticate': 'Basic realm="vaurien"'},
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: {'Proxy-Authenticate': 'Basic realm="vaurien"'},
    HTTPStatus.UPGRADE_REQUIRED: {'Upgrade': 'TLS/1.0, HTTP/1.1', 'Connection': 'Upgrade'},
}
#: What a response of HTTP/1.0 ends with.
_KEEP_ALIVE = b'\r\nConnection: keep-alive'
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def describe(request: bytes) -> str:
    """Return method and target as sent (``GET /orders/7``), escaped."""
    words = _METHOD_AND_TARGET.match(request)
    return escape(words[1])[:TEXT_MAX] if words else ''


def find_field(request: bytes, field: re.Pattern[bytes]) -> bytes:
    """Return the value of the first *field* in the head of a request; nothing if there is none."""
    found = field.search(_head(request))
    return found[1].rstrip() if found else b''


def make_error(
    request: bytes, status: int, reason: str | None, headers: Headers, body: str | None, retry_after: int | None
) -> ErrorReply:
    """Return a response to *request*, without a Date, there being no clock here.

    It does not wait for a body: a server sends it as soon as it knows (RFC 9112, 9.5). The rest of the body is dropped,
    or else the connection closes (9.3).
    """
    phrase = reason or _PHRASES.get(status, 'Unknown')
    content = (f'{status} {phrase}, {INJECTED}\n' if body is None else body).encode()
    usual = {'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': str(len(content))}
    usual |= _DEMANDED.get(status, {})
    if retry_after is not None:
        usual['Retry-After'] = str(retry_after)
    head = [f'HTTP/1.1 {status} {phrase}', *headers.over(usual)]
    closes = status in _CLOSING or headers.closes or not keeps_alive(request)
    if closes:
        head.append('Connection: close')
    elif is_old(request):
        head.append(_KEEP_ALIVE.decode().strip())
    if _request_line(request).startswith(b'HEAD '):
        content = b''
    return ErrorReply('\r\n'.join([*head, '', '']).encode() + content, closes, at_once=True)


def announce_close(response: bytes) -> bytes:
    """Return a *response* that says that the connection closes behind it."""
    head, end, body = response.partition(HEAD_END)
    return head.removesuffix(_KEEP_ALIVE) + b'\r\nConnection: close' + end + body


def keeps_alive(request: bytes) -> bool:
    """Return whether the connection may stay open after *request* (RFC 9112, 9.3)."""
    head = _head(request)
    # Whoever expects 100-continue may send the body after an error or not (RFC 9110, 10.1.1): no telling where the next
    # request begins. HTTP/1.0 does not know it.
    return not is_last(head) and (is_old(head) or not _CONTINUE.search(head))


def _head(request: bytes) -> bytes:
    """Return the head of a request, which a body, or another request, may come after."""
    return request.lstrip(b'\r\n').partition(HEAD_END)[0]


def _request_line(request: bytes) -> bytes:
    return request.lstrip(b'\r\n').partition(b'\r\n')[0]
