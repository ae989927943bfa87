"""What ``vaurienctl top --once`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec

from vaurien.cli.ctl.top.board import Board, ProxyRow, RequestRow
from vaurien.client import Client
from vaurien.console.output import print_line
from vaurien.console.table import print_rows
from vaurien.errors import UnreachableError
from vaurien.rules.match import Pattern

PROXY_COLUMNS = (
    *('proxy', 'enabled', 'links', 'requests', 'errors', 'faults', 'upstream', 'downstream'),
    *('p50', 'p95', 'p99', 'backend_p99', 'behavior', 'toxics'),
)
REQUEST_COLUMNS = ('proxy', 'request', 'requests', 'errors', 'cuts', 'faults', 'timed', 'p50', 'p99', 'backend_p99')

#: For so many seconds the second that is shown may have begun before anybody asked for it.
LEEWAY = 0.2


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What went through the proxies in a second."""

    time: float
    #: Exchanges begun in the process, and how many of them are in the requests.
    requests: int
    timed: int
    proxies: list[ProxyRow]
    busiest: list[RequestRow]


def summarize(client: Client, pattern: Pattern | None) -> Summary:
    """Wait for a second, and return what went through the proxies in it; raise `ControlError`."""
    board, asked = Board(), 0.0
    with closing(client.events()) as events:
        for event in events:
            board.add(event)
            if event.name == 'snapshot':
                asked = event.data['time']
            # One that was almost over has had no exchange for this reader, if somebody else has looked before.
            elif event.name == 'second' and event.data['time'] - event.data['seconds'] > asked - LEEWAY:
                break
        else:
            raise make_ended_error(client)
    return Summary(
        time=board.time,
        requests=board.requests,
        timed=board.timed,
        proxies=board.list_proxies(),
        busiest=board.list_requests(pattern=pattern),
    )


def make_ended_error(client: Client) -> UnreachableError:
    """Return the error for a process that has ended."""
    return UnreachableError(f'{client.url} has ended')


def print_summary(summary: Summary) -> None:
    """Print the proxies, an empty line, and the requests, each on a line."""
    print_rows(PROXY_COLUMNS, [[row.name, *_pick(row, PROXY_COLUMNS[1:])] for row in summary.proxies], 'no proxies')
    print_line('')
    requests = [[row.proxy, row.name, *_pick(row, REQUEST_COLUMNS[2:])] for row in summary.busiest]
    print_rows(REQUEST_COLUMNS, requests, 'no requests')


def _pick(row: ProxyRow | RequestRow, fields: tuple[str, ...]) -> Iterator[Any]:
    return (getattr(row, field) for field in fields)
