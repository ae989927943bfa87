"""What requests of HTTP do, and what responses say of that.

Sources: RFC 9110, 9.2 (methods that are safe, and idempotent) and 15; draft-ietf-httpapi-idempotency-key-header; and
for ``Idempotent-Replayed``, Stripe's API.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vaurien.framing.head import TEXT_MAX, escape
from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.protocols.http.heads import HEAD_END, STATUS_LINE
from vaurien.protocols.http.text import find_field

#: Safe methods, those of WebDAV and its kin included.
_SAFE = 'GET HEAD OPTIONS TRACE QUERY PROPFIND REPORT SEARCH'
_MEANINGS = {
    **dict.fromkeys(_SAFE.split(), Meaning(Effect.READ)),
    'CONNECT': Meaning(Effect.CONNECT),
    'POST': Meaning(Effect.WRITE, repeatable=False),
    'PATCH': Meaning(Effect.WRITE, repeatable=False),
}
#: Of a method that nobody knows, nothing is claimed.
_WRITE = Meaning(Effect.WRITE)

_KEY = re.compile(rb'\n(?i:(?:x-)?idempotency-key):[ \t]*([^\r\n]*)')
_REPLAYED = re.compile(rb'\n(?i:idempotent-replayed):[ \t]*(?i:true)')
#: The request is to be made again elsewhere, as it is: nothing was done here (RFC 9110, 15.4.8 and 15.4.9).
_ELSEWHERE = {307, 308}
_SWITCHING = 101
_BEGINNINGS = (b'HTTP/1.1 ', b'HTTP/1.0 ')
#: Where a response without a body breaks off: in ``HTTP/1.1``. Clients take any more of its head for all of it.
_IN_VERSION = 6


class _Response(NamedTuple):
    """A response behind interim ones: where it begins, its status, and where its head ends."""

    begin: int
    status: int
    #: -1: further on.
    head_end: int


def read_meaning(request: bytes, method: str) -> Meaning:
    """Return what *request* of that *method* does."""
    meaning = _MEANINGS.get(method, _WRITE)
    if meaning.repeatable:
        return meaning
    return meaning._replace(key=escape(find_field(request, _KEY)[:TEXT_MAX]))


def read_reply(head: bytes, meaning: Meaning) -> ReplyMeaning:
    """Return what a response to a request of that *meaning* says, by its status."""
    if head[9:10] == b'2' and head.startswith(_BEGINNINGS) and not meaning.key:  # so are most
        return ReplyMeaning(ReplyClass.OK)
    response = _find_response(head)
    if response is None or response.status >= 400:
        return ReplyMeaning(ReplyClass.ERROR)
    is_replayed = _REPLAYED.search(head, response.begin, len(head) if response.head_end < 0 else response.head_end)
    if is_replayed or response.status in _ELSEWHERE:
        return ReplyMeaning(ReplyClass.NOTHING)
    return ReplyMeaning(ReplyClass.OK)


def find_middle(head: bytes, size: int) -> int:
    """Return where a response of that *size* is to break off: in its body, if it has one."""
    if head[9:10] == b'2' and head.startswith(_BEGINNINGS):
        end = head.find(HEAD_END) + len(HEAD_END)
        if len(HEAD_END) <= end < size:
            return end + (size - end) // 2
    response = _find_response(head)
    if response is None:
        return size // 2
    if response.head_end < 0:  # the last byte is in the body, or in the head if there is none
        return size - 1
    if response.head_end < size:
        return response.head_end + (size - response.head_end) // 2
    return response.begin + _IN_VERSION


def _find_response(head: bytes) -> _Response | None:
    """Return the final response that begins in *head*, perhaps behind interim ones; None if there is none."""
    begin = 0
    while line := STATUS_LINE.match(head, begin):
        status = int(line[1])
        end = head.find(HEAD_END, line.end())
        head_end = end + len(HEAD_END) if end >= 0 else -1
        if status >= 200 or status == _SWITCHING or head_end < 0:
            return _Response(begin, status, head_end)
        begin = head_end
    return None
