"""The first signal ends in order, the second at once, and whoever looks on is told."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import gevent
import pytest
from gevent.event import Event

from tests.servers import TIMEOUT
from vaurien.console.signals import ANNOUNCEMENT, on_signals, on_signals_in_loop

Catch = Callable[..., AbstractContextManager[None]]


class ProcessEndedError(Exception):
    """Raised in place of the end of the process."""


@pytest.fixture(autouse=True)
def _survival(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``os._exit`` raise with the exit status instead."""

    def leave(status: int) -> None:
        raise ProcessEndedError(status)

    monkeypatch.setattr(os, '_exit', leave)


def send(number: int) -> None:
    """Send this process a signal; its handler has run when this returns."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_calls_and_the_second_leaves(number: int) -> None:
    calls: list[str] = []
    with on_signals(lambda: calls.append('end')):
        send(number)
        assert calls == ['end']
        with pytest.raises(ProcessEndedError) as ended:
            send(number)
    assert (calls, ended.value.args) == (['end'], (128 + number,))


@pytest.mark.parametrize('catch', [on_signals, on_signals_in_loop])
def test_a_status_of_the_command(catch: Catch) -> None:
    with catch(lambda: None, status=1):
        send(signal.SIGINT)
        with pytest.raises(ProcessEndedError, match='1'):
            send(signal.SIGTERM)


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


def test_a_loop_that_is_held_up_calls_later() -> None:
    calls: list[str] = []
    with on_signals_in_loop(lambda: calls.append('end')):
        send(signal.SIGINT)
        assert calls == []
        with pytest.raises(ProcessEndedError):
            send(signal.SIGINT)
        gevent.sleep(0.001)
        assert calls == ['end']


def test_a_loop_without_anything_to_do_waits_for_a_signal() -> None:
    ended = Event()
    with on_signals_in_loop(ended.set):
        assert not ended.wait(0.001)
        hub = gevent.get_hub()
        timer = hub.loop.timer(0.001, ref=False)  # does not keep the loop alive
        timer.start(send, signal.SIGTERM)
        ended.wait()  # would raise LoopExit
        timer.close()


@pytest.mark.parametrize(('terminal', 'told'), [('xterm', ANNOUNCEMENT), ('dumb', b'')])
def test_it_is_announced_on_a_terminal(monkeypatch: pytest.MonkeyPatch, terminal: str, told: bytes) -> None:
    monkeypatch.setenv('TERM', terminal)
    ours, theirs = pty.openpty()
    with open(theirs, 'w') as stream, on_signals(lambda: None):  # noqa: PTH123  # a descriptor
        monkeypatch.setattr(sys, 'stderr', stream)
        send(signal.SIGINT)
        os.write(theirs, b'.')
        shown = b''
        while not shown.endswith(b'.'):
            shown += os.read(ours, 1000)
    os.close(ours)
    assert shown.replace(b'\r\n', b'\n') == told + b'.'


def test_nothing_is_announced_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    with on_signals(lambda: None):
        send(signal.SIGINT)
    assert capfd.readouterr() == ('', '')
