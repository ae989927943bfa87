"""What commands print: one line for a mistake, and no traceback when nobody reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

import pytest

from tests.servers import TIMEOUT
from tests.terminal import Terminal
from vaurien.console.output import (
    can_redraw,
    fail,
    flush,
    is_terminal,
    make_printable,
    print_json,
    print_line,
    wait,
    warn,
)


@contextmanager
def unread() -> Iterator[TextIO]:
    """Have a standard output whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, 'w') as stream, redirect_stdout(stream):  # noqa: PTH123  # a descriptor
        yield stream


def test_one_line_to_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail('vaurien', ValueError('first\n  second'), 2) == 2
    warn('vaurien', 'first\n  second')
    assert capsys.readouterr() == ('', 'vaurien: error: first second\nvaurien: warning: first second\n')


@pytest.mark.parametrize(
    ('text', 'printed'),
    [
        ('größe 😀', 'größe 😀'),
        ('ß\x1b[2J\x1b]0;gone\x07', 'ß\\x1b[2J\\x1b]0;gone\\x07'),
        ('a\rb\nc', 'a\\rb\\nc'),
        ('\x7f\x9b31m\u202e\udcff', '\\x7f\\x9b31m\\u202e\\udcff'),
    ],
)
def test_what_a_terminal_might_obey_is_escaped(text: str, printed: str) -> None:
    assert make_printable(text) == printed


def test_it_is_escaped_in_a_message_too(capsys: pytest.CaptureFixture[str]) -> None:
    fail('vaurienctl', ValueError('\x1b[2Jall is well\x9b'), 2)
    assert capsys.readouterr().err == 'vaurienctl: error: \\x1b[2Jall is well\\x9b\n'


def test_nothing_is_printed_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    print_line('name\tvalue\n\x1b[2J\r\x9b31m\t…')
    assert capsys.readouterr().out == 'name\tvalue\n\\x1b[2J\\r\\x9b31m\t…\n'


def test_json_is_printed_without_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({'name': '\x9b2J\x7f\x1b'})
    out = capsys.readouterr().out
    assert out == '{\n  "name": "\\u009b2J\\u007f\\u001b"\n}\n'
    assert json.loads(out) == {'name': '\x9b2J\x7f\x1b'}


def test_a_line_is_printed_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert print_line('one', end='')
    assert print_line('two', sys.stderr)
    assert capfd.readouterr() == ('one', 'two\n')


def test_nobody_reads() -> None:
    with unread():
        assert not print_line('x' * 100_000)
        assert print_line('again')  # goes nowhere


def test_nobody_reads_what_others_printed() -> None:
    with unread():
        print('x')
        flush()
        flush()


def test_there_is_no_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdout', None)
    assert not print_line('x')
    assert not wait(0)
    flush()


def test_the_interpreter_does_not_complain_at_its_end() -> None:
    code = 'from vaurien.console.output import flush, print_line; input(); print("x"); flush(); print_line("again")'
    with subprocess.Popen(
        [sys.executable, '-E', '-c', code],  # PYTHONUNBUFFERED would make print fail by itself
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert process.communicate('\n', TIMEOUT)[1] == ''
        assert process.returncode == 0


def test_a_wait_ends_when_the_reader_leaves() -> None:
    began = time.monotonic()
    with unread():
        assert not wait(2 * TIMEOUT)
    assert time.monotonic() - began < TIMEOUT


def test_a_wait_while_somebody_reads(capfd: pytest.CaptureFixture[str]) -> None:
    assert wait(0.001)


@pytest.mark.parametrize(('term', 'redrawn'), [('xterm', True), ('dumb', False)])
def test_a_terminal(monkeypatch: pytest.MonkeyPatch, term: str, redrawn: bool) -> None:
    monkeypatch.setenv('TERM', term)
    with Terminal() as terminal, terminal.open() as stream:
        assert is_terminal(stream)
        assert can_redraw(stream) is redrawn


def test_no_terminal() -> None:
    with unread() as stream:
        assert not is_terminal(stream)
        assert not can_redraw(stream)
    assert not is_terminal(None)
    assert not can_redraw(None)
