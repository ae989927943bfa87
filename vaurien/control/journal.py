"""What is asked of the journal, and the lines of those who follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vaurien.control.query import read_parameters
from vaurien.journal.kept import KeptEntries
from vaurien.journal.lines import Line, Notice, encode
from vaurien.plugins.options import Natural, Option
from vaurien.records.page import KEPT, Limit
from vaurien.web.call import HEARTBEAT

#: Lines with a JSON object each (https://github.com/ndjson/ndjson-spec).
LINES = 'application/x-ndjson'
#: The most exchanges that are written at once.
PART = 100

#: The parameters of the path.
PARAMETERS: dict[str, Option] = {
    'since': ('The number of the exchange after which to begin: last, of the answer before', Natural, None),
    'limit': ('The most exchanges of the answer', Limit, KEPT),
    'follow': ('Whether to go on with every new exchange, each in a line', bool, False),
}


class JournalQuery(NamedTuple):
    """What is asked for."""

    since: int | None = None
    limit: int = KEPT
    follow: bool = False


def read_query(parameters: Mapping[str, Any]) -> JournalQuery:
    """Return what the query of a path asks for; raise `ParameterError`."""
    return JournalQuery(**read_parameters(parameters, PARAMETERS))


def follow(kept: KeptEntries, asked: JournalQuery, proxy: str) -> Iterator[bytes]:
    """Yield the lines of those exchanges, and then of every new one, until nobody wants them any more.

    A notice stands where some are no longer kept: the first ones were too old, or the reader was too slow.
    """
    page = kept.find(asked.since, asked.limit, proxy)
    is_awake = False
    while True:
        lines: list[Line] = [*page.entries]
        if page.lost:
            lines.insert(0, Notice(f'{page.lost} exchanges before this line are no longer kept'))
        if lines or not is_awake:
            yield b''.join(map(encode, lines)) or b'\n'
        is_awake = page.last < kept.last or kept.wait(HEARTBEAT)
        page = kept.find(page.last, PART, proxy)
