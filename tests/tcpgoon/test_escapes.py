"""Bytes as they are typed."""

from __future__ import annotations

import pytest

from vaurien.errors import ConfigError
from vaurien.tcpgoon.escapes import unescape


@pytest.mark.parametrize(
    ('text', 'data'),
    [
        ('', b''),
        ('PING', b'PING'),
        (r'PING\r\n', b'PING\r\n'),
        (r'\0\t\\', b'\0\t\\'),
        (r'\\n', b'\\n'),
        (r'\x16\x03\xfF', b'\x16\x03\xff'),
        ('é', 'é'.encode()),
        ('\udcff', b'\xff'),
        ('real\nline', b'real\nline'),
    ],
)
def test_bytes(text: str, data: bytes) -> None:
    assert unescape(text) == data


@pytest.mark.parametrize(('text', 'said'), [(r'\d', r'\d;'), (r'\x1', r'\x;'), ('\\', '\\;'), ('\\\n', '\\\n;')])
def test_an_escape_that_means_nothing(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        unescape(text)
    assert str(caught.value).startswith(f'no such escape: {said}')
