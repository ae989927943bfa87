"""The question before anything is opened, piped and on a terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import StringIO

import pytest

from tests.commands import call, run
from tests.peers import RawBackend
from tests.servers import HOST
from tests.tcpgoon.processes import on_a_terminal, read_statuses
from vaurien.tcpgoon.main import main

WARNING = """\
****************************** WARNING ******************************
* This puts load on a server that may not bear it:
*	- Host: {host}
*	- TCP Port: {port}
*	- # of concurrent connections: 4
*********************************************************************
Do you want to continue? (y/N): """


Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return a function that runs the command with an answer as its input."""

    def ask(answer: str, port: int, *flags: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, 'stdin', StringIO(answer))
        return call(main, *flags, '-c', '4', HOST, str(port))

    return ask


@pytest.mark.parametrize('answer', ['y\n', 'yes\n', ' YES \n', 'what?\ny\n', 'y'])
def test_yes(ask: Ask, holder: RawBackend, answer: str) -> None:
    result = ask(answer, holder.port)
    assert result.stdout.startswith(WARNING.format(host=HOST, port=holder.port))
    assert ('Please answer yes or no' in result.stdout) == ('what' in answer)
    assert 'Max concurrent established connections: 4' in result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize('answer', ['n\n', 'no\n', '\n', 'perhaps\nN\n'])
def test_no(ask: Ask, raw_backend: RawBackend, answer: str) -> None:
    result = ask(answer, raw_backend.port)
    assert result.stdout.endswith('*** Not started, as you said ***\n')
    assert (result.returncode, result.stderr, read_statuses(result.stdout)) == (1, '', [])


def test_the_end_of_the_input(raw_backend: RawBackend) -> None:
    result = run('tcpgoon', '-c', '4', HOST, str(raw_backend.port))
    assert 'Do you want to continue? (y/N): ' in result.stdout
    assert '*** Not started: the input ended without an answer (-y goes on without asking) ***' in result.stdout
    assert (result.returncode, result.stderr, read_statuses(result.stdout)) == (1, '', [])
    raw_backend.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        raw_backend.listener.accept()


def test_with_json_it_is_asked_elsewhere(ask: Ask, holder: RawBackend) -> None:
    result = ask('y\n', holder.port, '--json')
    assert result.stdout.startswith('{')
    assert result.stderr.startswith(WARNING.format(host=HOST, port=holder.port))


def test_on_a_terminal(holder: RawBackend) -> None:
    with on_a_terminal('-c', '4', HOST, str(holder.port)) as terminal:
        terminal.wait_for('(y/N): ')
        terminal.type('y\n')
        status, shown = terminal.wait()
    assert status == 0
    assert 'Max concurrent established connections: 4' in shown


@pytest.mark.parametrize('keys', ['n\n', '\x04', '\x03'], ids=['no', 'Ctrl-D', 'Ctrl-C'])
def test_not_on_a_terminal(raw_backend: RawBackend, keys: str) -> None:
    with on_a_terminal('-c', '4', HOST, str(raw_backend.port)) as terminal:
        terminal.wait_for('(y/N): ')
        terminal.type(keys)
        status, shown = terminal.wait()
    assert status == (130 if keys == '\x03' else 1)
    assert 'Traceback' not in shown
    assert 'Total:' not in shown
    assert shown.endswith('\n')
