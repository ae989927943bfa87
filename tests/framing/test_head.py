"""Bytes as printable text."""

from __future__ import annotations

import pytest

from vaurien.framing.head import escape


@pytest.mark.parametrize(
    ('data', 'text'),
    [(b'', ''), (b'SET user:1', 'SET user:1'), (b'a\r\n\0\xff', r'a\r\n\x00\xff'), (b"it's", "it's"), (b'\\', '\\\\')],
)
def test_escape(data: bytes, text: str) -> None:
    assert escape(data) == text
    assert escape(data).isprintable()
