"""The first signal ends in order, the second at once, and whoever looks on is told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import gevent
import pytest
from gevent.event import Event

from tests.commands import insist
from tests.servers import TIMEOUT
from tests.terminal import Terminal
from vaurien.console import signals
from vaurien.console.signals import ANNOUNCEMENT, CLEARED, WITH_CURSOR, on_signals, on_signals_in_loop

#: A program that waits for signals.
WAIT = """\
import signal
from vaurien.console.signals import on_signals

with on_signals(lambda: None):
    print('waits', flush=True)
    while True:
        signal.pause()
"""

Catch = Callable[..., AbstractContextManager[None]]


class ProcessEndedError(Exception):
    """Raised in place of the end of the process."""


@pytest.fixture(autouse=True)
def _survival(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``os._exit`` raise with the exit status instead."""

    def leave(status: int) -> None:
        raise ProcessEndedError(status)

    monkeypatch.setattr(os, '_exit', leave)


@pytest.fixture
def _no_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no signal be the twin of the one before."""
    monkeypatch.setattr(signals, 'TWIN', 0.0)


def send(number: int) -> None:
    """Send this process a signal; its handler has run when this returns."""
    os.kill(os.getpid(), number)


@pytest.mark.usefixtures('_no_twins')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_calls_and_the_second_leaves(number: int) -> None:
    calls: list[str] = []
    with on_signals(lambda: calls.append('end')):
        send(number)
        assert calls == ['end']
        with pytest.raises(ProcessEndedError) as ended:
            send(number)
    assert (calls, ended.value.args) == (['end'], (128 + number,))


def test_the_twin_of_the_first_signal_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, 'TWIN', TIMEOUT)
    calls: list[str] = []
    with on_signals(lambda: calls.append('end')):
        send(signal.SIGTERM)
        send(signal.SIGTERM)
    assert calls == ['end']


@pytest.mark.parametrize('catch', [on_signals, on_signals_in_loop])
def test_handlers_are_as_before_after_the_block(catch: Catch) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with catch(lambda: None):
        assert signal.getsignal(signal.SIGINT) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_in_a_loop_it_may_wait() -> None:
    ended = Event()

    def end() -> None:
        gevent.sleep(0)
        ended.set()

    with on_signals_in_loop(end), gevent.Timeout(TIMEOUT):
        gevent.get_hub().loop.run_callback(send, signal.SIGINT)
        ended.wait()


@pytest.mark.usefixtures('_no_twins')
def test_a_loop_that_is_held_up_calls_later() -> None:
    ended = Event()
    with on_signals_in_loop(ended.set):
        send(signal.SIGINT)
        assert not ended.is_set()
        with pytest.raises(ProcessEndedError):
            send(signal.SIGINT)
        assert ended.wait(TIMEOUT)


def test_a_loop_without_anything_to_do_waits_for_a_signal() -> None:
    ended = Event()
    with on_signals_in_loop(ended.set):
        assert not ended.wait(0.001)
        hub = gevent.get_hub()
        timer = hub.loop.timer(0.001, ref=False)  # does not keep the loop alive
        timer.start(send, signal.SIGTERM)
        ended.wait()  # would raise LoopExit
        timer.close()


def shown_on_terminal(monkeypatch: pytest.MonkeyPatch, name: str, number: int = signal.SIGINT) -> bytes:
    """Return what a terminal, which is the stream of that *name*, shows after a signal."""
    with Terminal() as terminal, terminal.open() as stream, on_signals(lambda: None):
        monkeypatch.setattr(sys, name, stream)
        send(number)
        os.write(stream.fileno(), b'.')
        return terminal.wait_for('.').encode()[:-1]


@pytest.mark.parametrize(('kind', 'begin'), [('xterm', CLEARED + WITH_CURSOR), ('dumb', b'\n')])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_is_announced_on_a_terminal(monkeypatch: pytest.MonkeyPatch, kind: str, begin: bytes, number: int) -> None:
    monkeypatch.setenv('TERM', kind)
    assert shown_on_terminal(monkeypatch, 'stderr', number) == begin + ANNOUNCEMENT


def test_it_is_announced_where_only_the_output_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')
    assert shown_on_terminal(monkeypatch, 'stdout') == CLEARED + WITH_CURSOR + ANNOUNCEMENT


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_announced_elsewhere(capfd: pytest.CaptureFixture[str], number: int) -> None:
    with on_signals(lambda: None):
        send(number)
    assert capfd.readouterr() == ('', '')


def test_a_terminal_that_is_stopped_holds_no_second_signal_up() -> None:
    with Terminal() as terminal:
        process = terminal.start(sys.executable, '-c', WAIT)
        terminal.wait_for('waits')
        terminal.type('\x13')  # Ctrl-S
        insist(process, signal.SIGTERM)
        assert process.returncode == 128 + signal.SIGTERM
