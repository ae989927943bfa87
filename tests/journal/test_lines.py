"""The lines of a journal: each says what it was made of, and nothing else is one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from tests.journal.entries import make_entry
from vaurien.journal.lines import FORMAT, Head, Line, Notice, decode, encode

#: Any text that JSON can carry.
TEXTS = st.text(st.characters(exclude_categories=['Cs']))


@pytest.mark.parametrize(
    'line',
    [
        make_entry('GET user:1', behavior='error', options={'code': 503}),
        Head(journal=FORMAT, run='0' * 16, part=2),
        Notice('3 lines are lost'),
    ],
)
def test_a_line_is_read_as_it_was_written(line: Line) -> None:
    data = encode(line)
    assert data.endswith(b'}\n')
    assert data.count(b'\n') == 1
    assert decode(data) == line


@given(TEXTS, TEXTS)
def test_a_text_never_ends_a_line(request: str, where: str) -> None:
    entry = make_entry(request, where=where)
    assert encode(entry).count(b'\n') == 1
    assert decode(encode(entry)) == entry


@pytest.mark.parametrize(
    ('data', 'said'),
    [
        (b'', 'truncated'),
        (b'[]', 'Expected `object`, got `array`'),
        (b'{"request":"GET a"}', 'missing required field'),
        (b'{"notice":1}', 'Expected `str`, got `int`'),
        (b'{"journal":1,"run":"","part":1,"more":1}', 'unknown field `more`'),
        (b'{"journal":2,"run":"","part":1}', 'it has the format 2, and this Vaurien reads 1'),
        (b'{"options":' + b'[' * 1_000_000 + b']' * 1_000_000 + b'}', 'nested too deeply'),
    ],
)
def test_what_is_no_line_of_a_journal(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_line_or_a_mistake(data: bytes) -> None:
    with suppress(ValueError):
        decode(data)
