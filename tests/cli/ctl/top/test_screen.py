"""The pictures of ``vaurienctl top``."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tests.cli.ctl.top.test_board import exchange, make_board, second, snapshot, state
from vaurien.cli.ctl.top.board import Board
from vaurien.cli.ctl.top.screen import View, draw, format_rate, format_time

HEIGHT = 24


def print_board(board: Board, view: View | None = None, width: int = 80, *, colour: bool = False) -> str:
    output = StringIO()
    console = Console(file=output, width=width, force_terminal=colour, color_system='standard' if colour else None)
    console.print(draw(board, view or View(), 'http://localhost:8080', width, HEIGHT))
    return output.getvalue()


def test_nothing_out_of_the_ordinary_has_no_colour() -> None:
    board = make_board(snapshot(), exchange('GET a'), second(redis={'requests': 1.0}))
    assert '\x1b[3' not in print_board(board, colour=True)


@pytest.mark.parametrize(
    ('changed', 'code'),
    [({'reply': 'error'}, 31), ({'client_time': 1.0}, 33), ({'reply': None, 'client_time': None}, 35)],
)
def test_a_request_out_of_the_ordinary_has_one(changed: dict[str, Any], code: int) -> None:
    board = make_board(exchange('GET a', **changed), second(redis={'requests': 1.0}))
    assert print_board(board, colour=True).count('\x1b[3') == print_board(board, colour=True).count(f'\x1b[{code}m') > 0


def test_nothing_is_there() -> None:
    assert 'no proxies' in print_board(make_board(snapshot()))


@pytest.mark.parametrize('width', [60, 80, 110, 200])
def test_it_fits(width: int) -> None:
    names = {f'{name}-of-a-long-name-{number}': {'requests': 1e7} for number in range(50) for name in ('a', 'b')}
    requests = [exchange(f'GET /{"x" * number}', name, client_time=1234.5) for number in range(90) for name in names]
    lines = print_board(make_board(*requests, second(**names)), width=width).splitlines()
    assert len(lines) == HEIGHT
    assert max(map(len, lines)) <= width


def test_the_selected_proxy_is_seen() -> None:
    board = make_board(snapshot(**{f'proxy{number}': state() for number in range(30)}))
    for name in ('proxy0', 'proxy17', 'proxy9'):
        assert print_board(board, View(selected=name)).count(f'{name} ') == 1
        assert f'{name}: localhost:1' in print_board(board, View(selected=name))


def test_nothing_that_a_terminal_obeys() -> None:
    board = make_board(exchange('GET \x1b[2J'), second(**{'a\x07': {'requests': 1.0, 'state': state('\x9b')}}))
    view = View(typed='\x1b')
    assert all(char.isprintable() for char in print_board(board, view).replace('\n', ''))


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (0.0, '0'),
        (0.333, '0.3'),
        (9.96, '10'),
        (9999, '9999'),
        (9999.9, '10k'),
        (123_456, '123k'),
        (12_345_678, '12M'),
    ],
)
def test_rates(value: float, text: str) -> None:
    assert format_rate(value) == text


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (None, '-'),
        (0.000123, '0.12ms'),
        (0.009999, '10ms'),
        (0.9994, '999ms'),
        (0.9996, '1.00s'),
        (12.3, '12s'),
    ],
)
def test_times(seconds: float | None, text: str) -> None:
    assert format_time(seconds) == text
