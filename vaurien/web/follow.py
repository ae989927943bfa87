"""Server-sent events, read as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html).

As in `ask`, the server may be anything: an event has a limit in bytes, and the wait for the next byte one in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from vaurien import __version__
from vaurien.errors import AnswerError, EndOfStreamError
from vaurien.web.ask import Answer


class Sent(NamedTuple):
    """An event: its name, and its data."""

    name: str
    data: bytes


def follow(url: str, *, seconds: float, most: int, headers: Mapping[str, str]) -> Iterator[Sent | Answer]:
    """Yield the events that the server at *url* sends, until it ends; or only its answer, if that is something else.

    A silence may last for *seconds*, and an event has up to *most* bytes. The connection is closed with the iterator.

    Raise `TimeoutError` after *seconds*, another `OSError` if the connection ends within an event, and `AnswerError` if
    one is too large.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or '', parts.port, timeout=seconds)
    with closing(connection):
        try:
            given = {'User-Agent': f'vaurien/{__version__}', 'Accept': 'text/event-stream', **headers}
            connection.request('GET', parts._replace(scheme='', netloc='').geturl(), headers=given)
            response = connection.getresponse()
            type_ = response.headers.get('Content-Type', '')
            if not type_.startswith('text/event-stream'):
                yield Answer(response.status, response.reason, type_, response.read(most))
                return
            yield from _read_events(response, most)
        except HTTPException as error:
            if isinstance(error, OSError):
                raise
            raise EndOfStreamError(f'malformed answer: {type(error).__name__}') from None


def _read_events(response: HTTPResponse, most: int) -> Iterator[Sent]:
    name, data, size = '', [], 0
    while line := response.readline(most + 1):
        size += len(line)
        if size > most:
            raise AnswerError(f'it sends an event of more than {most >> 20} MiB')
        field, _, value = line.rstrip(b'\r\n').partition(b':')
        if field == b'event':
            name = value.removeprefix(b' ').decode(errors='backslashreplace')
        elif field == b'data':
            data.append(value.removeprefix(b' '))
        elif not field:  # the end of an event, or a comment
            if not value and data:
                yield Sent(name, b'\n'.join(data))
            if not value:
                name, data = '', []
            size = 0 if not data else size
