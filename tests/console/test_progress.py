"""A line that is drawn again and again, while others print."""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest

from tests.terminal import Screen
from vaurien.console.progress import ProgressLine


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('COLUMNS', '60')
    monkeypatch.delenv('NO_COLOR', raising=False)


def draw(text: str) -> tuple[str, str]:
    """Draw a line while others print; return what the terminal shows, and what is in the file of standard error."""
    with redirect_stdout(Screen()) as screen, redirect_stderr(StringIO()) as file:
        line = ProgressLine(8, screen, in_full=True)
        line.show(4, text)
        line.begin()
        print('printed')
        print('logged', file=sys.stderr)
        line.end()
        print('after it')
    return screen.getvalue(), file.getvalue()


def test_others_print_above_it_and_files_get_what_is_theirs() -> None:
    shown, logged = draw('[b]4 of 8')
    assert logged == 'logged\n'
    above, line, after, _ = shown.split('\n')
    assert above.endswith('\r\x1b[2Kprinted')
    assert ' 50% [b]4 of 8 -:--:--' in line
    assert after == '\x1b[?25h\r\x1b[1A\x1b[2Kafter it'


@pytest.mark.parametrize('color', [True, False])
def test_colors(color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not color:
        monkeypatch.setenv('NO_COLOR', '1')
    shown, _ = draw('')
    assert bool(re.search(r'\x1b\[[39]\d', shown)) is color
