"""Rows of values, as a table or as lines."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from vaurien.console.table import format_cell, print_rows, print_table


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        ('redis', 'redis'),
        (3, '3'),
        (0.5, '0.5'),
        (True, 'true'),
        (None, '-'),
        ([], '-'),
        ({}, '-'),
        (['a', 'b'], 'a, b'),
        ({'latency': 200, 'distribution': 'normal'}, 'latency=200, distribution=normal'),
        ('größe', 'größe'),
        ('a\tb\nc\x1b', 'a\\tb\\nc\\x1b'),
        ('\udcff', '\\udcff'),
    ],
)
def test_every_value_is_one_cell(value: Any, text: str) -> None:
    assert format_cell(value) == text


def test_lines_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(('name', 'count'), [('a', 1), ('b', None)], 'nothing')
    assert capsys.readouterr().out == 'name\tcount\na\t1\nb\t-\n'
    print_rows(('name', 'count'), [], 'nothing')
    assert capsys.readouterr().out == 'name\tcount\n'


def test_a_table_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(('name', 'count'), [('[red]a', 1), ('b' * 150, None)], numbers=('count',))
    heading, *rows = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert heading.split() == ['name', 'count']
    assert rows[0].split() == ['[red]a', '1']
    assert [len(line) for line in (heading, rows[0])] == [heading.index('count') + 5] * 2
    assert max(map(len, rows)) <= 120
    assert ''.join(row.split()[0] for row in rows[1:]) == 'b' * 150


def test_a_table_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    monkeypatch.setenv('TERM', 'dumb')  # no colours
    print_rows(('name', 'count'), [('a', 1)], 'nothing')
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [['name', 'count'], ['a', '1']]
    print_rows(('name', 'count'), [], 'nothing')
    assert capsys.readouterr().out == 'nothing\n'
