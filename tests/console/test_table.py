"""Rows of values, as a table or as lines."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from vaurien.console.table import format_cell, format_table, print_rows


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


def test_a_table_is_as_wide_as_it_has_to_be() -> None:
    rows = [('[red]a', 1), ('größe 大', None), ('b' * 10, 12)]
    assert format_table(('name', 'count', 'x'), [(*row, '') for row in rows], {'count'}).split('\n') == [
        'name         count   x',
        '[red]a           1',
        'größe 大         -',
        'bbbbbbbbbb      12',
    ]


def test_a_table_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    print_rows(('name', 'count'), [('a', 1)], 'nothing')
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [['name', 'count'], ['a', '1']]
    print_rows(('name', 'count'), [], 'nothing')
    assert capsys.readouterr().out == 'nothing\n'
