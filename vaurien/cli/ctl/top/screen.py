"""What ``vaurienctl top`` draws: tables for a terminal that has 60 columns, or more.

Colours have a meaning: `ERROR`, `LATE` and `CUT`. Everything else is bold, dim or reversed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Group
from rich.table import Table
from rich.text import Text

from vaurien.cli.ctl.top.board import WINDOW, Board, Order, ProxyRow, RequestRow
from vaurien.console.output import make_printable
from vaurien.rules.match import Pattern

#: An error reply; an exchange that took longer than the backend; one without a whole reply, and a disabled proxy.
ERROR, LATE, CUT = 'red', 'yellow', 'magenta'

#: Columns of a terminal from which on there is room for more.
WIDE, WIDER = 80, 110
#: Lines that have no row of a table: the top, headings, the selected proxy, the title of the requests, the keys.
OTHER_LINES = 7
#: The order of the suffixes of large numbers.
SUFFIXES = 'kMGT'

Row = TypeVar('Row', ProxyRow, RequestRow)


@dataclass
class View:
    """What the user has chosen to see."""

    order: Order = Order.REQUESTS
    pattern: Pattern | None = None
    #: The name of the selected proxy; of one that there is not: the first one.
    selected: str = ''
    #: The pattern that is being typed; None if none is.
    typed: str | None = None
    #: What was done last, or why it could not be done.
    message: str = ''
    has_failed: bool = False

    def find_selected(self, rows: Sequence[ProxyRow]) -> int:
        """Return the index of the selected proxy, 0 if there is none."""
        return next((index for index, row in enumerate(rows) if row.name == self.selected), 0)


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of numbers."""

    heading: str
    width: int
    show: Callable[[Row], str]
    #: The style of the cell of a row.
    style: Callable[[Row], str] = lambda row: ''
    #: The columns that a terminal must have to show it.
    least: int = 0
    order: Order | None = None


def draw(board: Board, view: View, url: str, width: int, height: int) -> Group:
    """Return the picture for a terminal of that size."""
    proxies = board.list_proxies(view.order)
    requests = board.list_requests(view.order, view.pattern)
    at = view.find_selected(proxies)
    room = max(2, height - OTHER_LINES)
    shown = min(len(proxies), max(1, room // 2))
    first = min(max(0, at - shown // 2), len(proxies) - shown)
    rows, busiest = proxies[first : first + shown], requests[: room - shown]
    empty = [Text()] * (room - shown - len(busiest))
    return Group(
        _draw_top(board, url),
        _make_table('proxy', PROXY_COLUMNS, rows, [_text(row.name) for row in rows], view, width, at - first),
        *_describe(proxies[at] if proxies else None, board),
        _draw_title(view),
        _make_table('request', REQUEST_COLUMNS, busiest, _name(busiest, len(proxies)), view, width),
        *empty,
        _draw_bottom(view, proxies[at] if proxies else None),
    )


def _draw_top(board: Board, url: str) -> Text:
    text = Text.assemble((f'vaurien {make_printable(board.version)}', 'bold'), f' {url}  {board.requests} requests/s')
    if board.timed < board.requests:
        text.append(f', {board.timed} of them timed')
    return _fit(text)


def _make_table(
    heading: str,
    columns: Sequence[Column[Row]],
    rows: Sequence[Row],
    names: Sequence[Text],
    view: View,
    width: int,
    selected: int = -1,
) -> Table:
    """Return a table whose first column has the *names*, in the room that the others leave."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style='')
    table.add_column(Text(heading, 'dim'), no_wrap=True, overflow='ellipsis', ratio=1)
    chosen = [column for column in columns if width >= column.least]
    for column in chosen:
        style = 'bold' if column.order is view.order else 'dim'
        table.add_column(Text(column.heading, style), width=column.width, justify='right', no_wrap=True)
    for index, (row, name) in enumerate(zip(rows, names, strict=False)):
        cells = [Text(column.show(row), column.style(row)) for column in chosen]
        table.add_row(name, *cells, style='reverse' if index == selected else '')
    return table


def _describe(row: ProxyRow | None, board: Board) -> tuple[Text, Text]:
    """Return two lines about the selected proxy."""
    if row is None:
        return Text('no proxies'), Text()
    place = _text(f'{row.name}: {row.listen} -> {row.backend} ({row.protocol})')
    if not row.enabled:
        place.append(', disabled', CUT)
    armed = ', '.join([*([] if row.behavior == 'dummy' else [row.behavior]), *row.toxics])
    last = board.find_armed(row.name)
    again = f', {last} was' if last is not None and row.behavior == 'dummy' else ''
    return _fit(place), _fit(_text(f'armed: {armed or "nothing"}{again}'))


def _draw_title(view: View) -> Text:
    only = '' if view.pattern is None else f', only {view.pattern}'
    return _fit(_text(f'requests of the last {WINDOW} s, by {view.order.value}{only}', 'bold'))


def _name(rows: Sequence[RequestRow], proxies: int) -> list[Text]:
    """Return the names of the classes, with their proxies where there are several."""
    return [_text(f'{row.proxy} ' if proxies > 1 else '', 'dim').append_text(_text(row.name)) for row in rows]


def _draw_bottom(view: View, row: ProxyRow | None) -> Text:
    if view.typed is not None:
        return _fit(_text(f'filter: {view.typed}_', 'bold'))
    if view.message:
        return _fit(_text(view.message, ERROR if view.has_failed else 'bold'))
    listening = 'd disable' if row is None or row.enabled else 'd enable'
    return _fit(Text(f'q quit  s sort  / filter  a arm  x disarm  {listening}  c cut', 'dim'))


def format_rate(value: float) -> str:
    """Return a number in up to five characters."""
    if value < 9.95:
        return f'{value:.1f}'.removesuffix('.0')
    suffix = ''
    for larger in SUFFIXES:
        if value < 9999.5:
            break
        value, suffix = value / 1000, larger
    return f'{value:.0f}{suffix}'


def format_time(seconds: float | None) -> str:
    """Return a duration in up to six characters; ``-`` for None."""
    if seconds is None:
        return '-'
    if seconds >= 0.9995:
        return f'{seconds:.{2 if seconds < 9.995 else 0}f}s'
    milliseconds = 1000 * seconds
    return f'{milliseconds:.{2 if milliseconds < 9.995 else 0}f}ms'


def _text(text: str, style: str = '') -> Text:
    return Text(make_printable(text), style)


def _fit(text: Text) -> Text:
    """Return the text, on one line whatever the width."""
    text.no_wrap, text.overflow = True, 'ellipsis'
    return text


def _mark_errors(row: ProxyRow | RequestRow) -> str:
    return ERROR if row.errors else ''


def _mark_late(row: ProxyRow | RequestRow) -> str:
    return LATE if row.is_late else ''


def _mark_links(row: ProxyRow) -> str:
    return '' if row.enabled else CUT


PROXY_COLUMNS: tuple[Column[ProxyRow], ...] = (
    Column('req/s', 5, lambda row: format_rate(row.requests), order=Order.REQUESTS),
    Column('err/s', 5, lambda row: format_rate(row.errors), _mark_errors, order=Order.ERRORS),
    Column('flt/s', 5, lambda row: format_rate(row.faults), order=Order.FAULTS),
    Column('p50', 6, lambda row: format_time(row.p50)),
    Column('p95', 6, lambda row: format_time(row.p95), least=WIDE),
    Column('p99', 6, lambda row: format_time(row.p99), _mark_late, order=Order.TIME),
    Column('backend', 7, lambda row: format_time(row.backend_p99), least=WIDE),
    Column('links', 5, lambda row: format_rate(row.links) if row.enabled else 'off', _mark_links),
    Column('B/s up', 6, lambda row: format_rate(row.upstream), least=WIDER),
    Column('B/s down', 8, lambda row: format_rate(row.downstream), least=WIDER),
)
REQUEST_COLUMNS: tuple[Column[RequestRow], ...] = (
    Column('req/s', 5, lambda row: format_rate(row.requests), order=Order.REQUESTS),
    Column('err/s', 5, lambda row: format_rate(row.errors), _mark_errors, order=Order.ERRORS),
    Column('cut/s', 5, lambda row: format_rate(row.cuts), lambda row: CUT if row.cuts else ''),
    Column('flt/s', 5, lambda row: format_rate(row.faults), least=WIDE, order=Order.FAULTS),
    Column('p50', 6, lambda row: format_time(row.p50), least=WIDE),
    Column('p99', 6, lambda row: format_time(row.p99), _mark_late, order=Order.TIME),
    Column('backend', 7, lambda row: format_time(row.backend_p99), least=WIDER),
)
