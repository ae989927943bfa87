"""HTTP/1.0 and HTTP/1.1 (RFC 9112).

Where heads and bodies end is decided here; whether a head is valid, by httptools. That does not say at which byte a
message ended, nor can it be told that a reply to HEAD has no body.

- `framing`: the full way to find requests and replies
- `heads`: where a head ends, and whether it is valid
- `body`: how long a body is, and where it ends
- `places`: where in a reply a chunk or an event ends
- `malformed`: what is wrong with a malformed reply
- `quick`: the quick way, for whole small messages
- `meaning`: what a request does, and what a response says of that
- `text`: what a request is called, and the response that is an error
- `mark`: a response that names the fault
- `headers`: the option with header fields for it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from vaurien.framing.error_reply import ErrorReply
from vaurien.framing.finder import Finder
from vaurien.framing.head import TEXT_MAX, escape
from vaurien.framing.meaning import Meaning, ReplyMeaning
from vaurien.framing.traceparent import find_in_head
from vaurien.framing.trials import CHANGING, USUAL_TRIALS, Kind, Trial
from vaurien.plugins.options import Line, Option
from vaurien.plugins.place import Place
from vaurien.plugins.units import WholeSeconds
from vaurien.protocols.http import text
from vaurien.protocols.http.headers import Headers
from vaurien.protocols.http.malformed import ChunkSize, ContentLength
from vaurien.protocols.http.mark import ResponseMark, mark_head
from vaurien.protocols.http.meaning import find_middle, read_meaning, read_reply
from vaurien.protocols.http.places import Chunks, Events
from vaurien.protocols.http.quick import QuickHTTP

_FINDERS: dict[str, type[Finder]] = {'chunks': Chunks, 'events': Events}


class HTTP(QuickHTTP):
    """HTTP/1.x. An error is a 500, 501, 502 or 503; the connection stays open where the request lets it."""

    name = 'http'
    alpn = ('http/1.1', 'http/1.0')
    options: ClassVar[Mapping[str, Option]] = {
        'overwrite-host-header': ('Replace the Host header of requests by the backend (true or false)', bool, True),
    }
    error_options: ClassVar[Mapping[str, Option]] = {
        'code': ('Status (none: 500, 501, 502 or 503)', Annotated[int, Meta(ge=400, le=599)] | None, None),
        'reason': ('Text after the status (none: the usual one)', Line | None, None),
        'headers': ('More header fields: names and values, or lines of Name: value', Headers | None, None),
        'body': ('Body (none: a line of text)', str | None, None),
        'retry_after': ('Seconds in the header field Retry-After', WholeSeconds | None, None),
    }
    reply_units = tuple(_FINDERS)
    malformations = {'chunk-size': ChunkSize, 'content-length': ContentLength}
    trials = (
        *USUAL_TRIALS,
        Trial(Kind.NO, 'error(code=503)', '503'),
        Trial(Kind.NO, 'error(code=500)', '500', CHANGING),
    )
    stateless = True
    describes_alike = True
    # The behavior that its next response is marked with; none if it is empty.
    _behavior = ''
    _mark: ResponseMark | None = None
    names_clients = True
    takes_addressed = True

    def set_backend(self, backend: str) -> None:
        """Write the backend in Host headers, if that is wanted."""
        if self.option('overwrite-host-header'):
            self._set_host(backend)

    def describe(self, request: bytes) -> str:
        """Return method and target: ``GET /orders/7``."""
        return text.describe(request)

    def close_behind(self, reply: ErrorReply) -> ErrorReply:
        """See `BaseProtocol.close_behind`: the response says so."""
        return reply if reply.closes else super().close_behind(reply._replace(data=text.announce_close(reply.data)))

    def find(self, place: Place) -> Finder:
        """See `BaseProtocol.find`."""
        finder = _FINDERS.get(place.unit)
        return finder(place.number) if finder else super().find(place)

    def client_name(self, request: bytes) -> str:
        """Return the field User-Agent (RFC 9110, 10.1.5)."""
        return escape(text.find_field(request, text.USER_AGENT))[:TEXT_MAX]

    def traceparent(self, request: bytes) -> str:
        """Return the field traceparent."""
        return find_in_head(request)

    def meaning(self, request: bytes, text: str) -> Meaning:
        """See `BaseProtocol.meaning`."""
        return read_meaning(request, text.partition(' ')[0])

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """See `BaseProtocol.reply_meaning`."""
        return read_reply(head, meaning)

    def find_middle(self, head: bytes, size: int) -> int:
        """See `BaseProtocol.find_middle`: half of a head may pass for all of it."""
        return find_middle(head, size)

    def find_asked(self, request: bytes) -> str:
        """Return the field X-Vaurien-Fault."""
        return text.find_field(request, text.FAULT).decode(errors='backslashreplace')

    def mark_fault(self, behavior: str) -> None:
        """See `BaseProtocol.mark_fault`: the response has the field X-Vaurien-Fault."""
        self._behavior, self._mark, self.edits = behavior, ResponseMark(behavior), True

    def unmark_fault(self) -> None:
        """See `BaseProtocol.unmark_fault`."""
        self._behavior, self._mark, self.edits = '', None, False

    def edit_downstream(self, data: bytes) -> bytes:
        """See `BaseProtocol.edit_downstream`: mark the response."""
        if self._mark is None:
            return data
        data = self._mark.feed(data)
        if self._mark.is_done:
            self.unmark_fault()
        return data

    def take_unread(self) -> bytes:
        """See `BaseProtocol.take_unread`."""
        return b'' if self._mark is None else self._mark.take_unread()

    def error(
        self,
        code: int | None = None,
        reason: str | None = None,
        headers: Headers | None = None,
        body: str | None = None,
        retry_after: int | None = None,
    ) -> ErrorReply:
        """Return a response of status *code*, 500 to 503 at random by default."""
        status = code or self.random.choice((500, 501, 502, 503))
        reply = text.make_error(self.request, status, reason, headers or Headers(), body, retry_after)
        return reply._replace(data=mark_head(reply.data, self._behavior)) if self._behavior else reply
