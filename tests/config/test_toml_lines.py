"""The line of every key and element, however a TOML document is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given, settings, strategies as st

from vaurien.config.build import build
from vaurien.config.source import read
from vaurien.config.toml_lines import find_lines
from vaurien.errors import ConfigError

DOCUMENT = '''\
title = "a # no comment, [no table]"  # a comment
"quoted.key" = 'C:\\'
numbers = [1.5, -2,  # two
  [3],
  2026-01-05 10:12:31.5,
]
text = """
not = 1
[neither] \\""" ""\\"
""""
[vaurien]  # [not]
plain.dotted . "deep" = """one"""
inline = {first = 1, second = {third = [
  {x = 1}, "a,b"]}}

[[steps]]
at = \'\'\'
  '5s\'\'\'\'
[steps.flap]
down = "1s"
[[steps]]
[[steps.inner]]
x = 1
[[steps.inner]]
x = 2
[a . b."c"]
d = +inf
'''
LINES = {
    'title': 1,
    'quoted.key': 2,
    'numbers[1]': 3,
    'numbers[2][0]': 4,
    'numbers[3]': 5,
    'text': 7,
    'vaurien': 11,
    'vaurien.plain.dotted.deep': 12,
    'vaurien.inline.second.third': 13,
    'vaurien.inline.second.third[0].x': 14,
    'vaurien.inline.second.third[1]': 14,
    'steps[0]': 16,
    'steps[0].at': 17,
    'steps[0].flap.down': 20,
    'steps[1].inner[0].x': 23,
    'steps[1].inner[1]': 24,
    'a.b.c.d': 27,
}


def list_paths(value: Any, path: str = '') -> Iterator[str]:
    """Yield the dotted path of each key and element."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from list_paths(inner, f'{path}.{key}'.removeprefix('.'))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from list_paths(inner, f'{path}[{number}]')


def test_every_line() -> None:
    found = find_lines(DOCUMENT)
    assert {path: found[path] for path in LINES} == LINES
    assert found.keys() == set(list_paths(tomli.loads(DOCUMENT)))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                '[a]',
                '[[b]]',
                '[b.c]',
                'x = 1',
                'y.z = """\n"""',
                "'q' = [\n1, {w = '''\n''', v = 2}]",
                '# c',
                '"s" = {}',
            ]
        ),
        max_size=12,
    )
)
def test_all_paths_of_any_document(lines: list[str]) -> None:
    text = '\n'.join(lines)
    with suppress(tomli.TOMLDecodeError):
        assert find_lines(text).keys() == set(list_paths(tomli.loads(text)))


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('[vaurin]\n', '1: vaurin: unknown section'),
        ('[vaurien]\nseed = 1\ntimeout = "soon"\n', '3: vaurien.timeout: expected a duration'),
        ('[vaurien]\nbehaviors = [\n  {name = "delay"},\n  {name = "dely"},\n]\n', '4: vaurien.behaviors[1]: '),
        ('[vaurien]\n\n[[vaurien.behaviors]]\npercent = 5\n', '3: vaurien.behaviors[0]'),
    ],
)
def test_mistakes_have_their_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / 'vaurien.toml'
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        build(read(str(path)))
    assert str(caught.value).startswith(f'{path}:{said}')
