"""Cells of a table."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.console.table import say_rows, spell


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
    assert spell(value) == text


def test_lines_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    say_rows(('name', 'count'), [('a', 1), ('b', None)], 'nothing')
    assert capsys.readouterr().out == 'a\t1\nb\t-\n'
    say_rows(('name', 'count'), [], 'nothing')
    assert capsys.readouterr().out == ''
