"""Lines, and stretches of known length between them."""

from __future__ import annotations

from collections import deque

import pytest

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.lines import Lines


def test_whole() -> None:
    assert Lines().line(b'..one\r\ntwo', 2) == (b'one', 7)


def test_cut_anywhere() -> None:
    data = b'one\r\n.'
    for place in range(1, 5):
        lines = Lines()
        assert lines.line(data[:place], 0) == (None, place)
        assert lines.line(data[place:], 0) == (b'one', 5 - place)
        assert lines.kept == b''


@pytest.mark.parametrize('step', [1, 1000, MAX_HEAD, 3 * MAX_HEAD])
def test_longest(step: int) -> None:
    data = b'x' * MAX_HEAD + b'\r\n'
    lines = Lines()
    found: bytes | None = None
    for i in range(0, len(data), step):
        found, _ = lines.line(data[i : i + step], 0)
    assert found == data[:-2]


@pytest.mark.parametrize('step', [1, 1000, MAX_HEAD, 3 * MAX_HEAD])
def test_too_long(step: int) -> None:
    data = b'x' * (MAX_HEAD + 1) + b'\r\n'
    lines = Lines()
    pieces = [data[i : i + step] for i in range(0, len(data), step)]
    with pytest.raises(ValueError, match='more than 65536 bytes'):
        deque((lines.line(piece, 0) for piece in pieces), maxlen=0)
    assert len(lines.kept) <= MAX_HEAD + 1


def test_stretch() -> None:
    lines = Lines()
    lines.begin_stretch(10)
    assert lines.stretch(b'12345', 1) == 5
    assert lines.left == 6
    lines.begin_stretch(2)
    assert lines.stretch(b'12345', 0) == 2
    assert lines.left == 0
