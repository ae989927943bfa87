"""What is shown while a run goes on: a bar on a terminal, a line now and then elsewhere, and what is waited for."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import gevent
import pytest

from tests.loads.users.test_run import StillRun
from tests.loop import in_loop
from tests.servers import TIMEOUT
from vaurien.loads.cli import progress as progress_module
from vaurien.loads.cli.progress import Progress
from vaurien.loads.plan import Cycle, Plan


class Screen(io.StringIO):
    """A terminal, or none."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, 'REFRESH', 0.001)
    monkeypatch.setattr(progress_module, 'LINE_EVERY', 0.005)


def show(
    monkeypatch: pytest.MonkeyPatch,
    script: Callable[[StillRun, Callable[[str], None]], None],
    *,
    terminal: bool,
    quiet: bool = False,
) -> tuple[str, str]:
    """What is printed during *script*, which gets the run and a function that waits until something is printed."""
    out, err = Screen(terminal=terminal), io.StringIO()
    monkeypatch.setattr(sys, 'stdout', out)
    monkeypatch.setattr(sys, 'stderr', err)

    def wait_for(text: str) -> None:
        with gevent.Timeout(TIMEOUT):
            while text not in out.getvalue() + err.getvalue():
                gevent.sleep(0.001)

    def call() -> None:
        run = StillRun(Plan(test='t', cycles=(Cycle(2, 5),)))
        progress = Progress(run, is_bar=True, quiet=quiet)
        showing = gevent.Greenlet(progress.show)
        showing.start()
        script(run, wait_for)
        showing.kill()
        progress.clear()
        run.environment.runner.greenlet.kill()

    in_loop(call)
    return out.getvalue(), err.getvalue()


def hits(run: StillRun, wait_for: Callable[[str], None]) -> None:
    run.started = run.now()
    wait_for('0 hits, 0 users')
    for outcome in ('success', 'error', 'failure'):
        run.stats.end_hit(outcome, 0.1)
    wait_for('3 hits, 0 users')


def test_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = show(monkeypatch, hits, terminal=True)
    pictures = out.split('\r\x1b[K')
    assert pictures[1] == f'[{" " * 47}]    0%  0 hits, 0 users'
    assert pictures[-2] == f'[{"=" * 14}{" " * 33}]   30%  3 hits, 0 users'
    assert (pictures[-1], err) == ('', '')  # cleared


def test_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = show(monkeypatch, hits, terminal=False)
    assert (out, err.splitlines()[-1]) == ('', '30%, 3 hits, 0 users, 0 s, 1 errors, 1 failures')


def test_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(run: StillRun, wait_for: Callable[[str], None]) -> None:
        run.started = run.now()
        run.waiting = 'waiting'
        gevent.sleep(0.02)

    assert show(monkeypatch, script, terminal=True, quiet=True) == ('', '')


def test_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, 'WAITING_AFTER', 0.01)

    def script(run: StillRun, wait_for: Callable[[str], None]) -> None:
        for waiting in ('waiting for 2 agents', 'waiting for 1 agent', 'waiting for 1 agent'):
            run.waiting = waiting
            wait_for(f'{waiting} (Ctrl-C ends)\n')
        gevent.sleep(0.02)

    _, err = show(monkeypatch, script, terminal=True)
    assert err == 'waiting for 2 agents (Ctrl-C ends)\nwaiting for 1 agent (Ctrl-C ends)\n'


def test_short_waits_are_not_worth_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, 'WAITING_AFTER', 3600)

    def script(run: StillRun, wait_for: Callable[[str], None]) -> None:
        run.waiting = 'setting up'
        gevent.sleep(0.02)

    assert show(monkeypatch, script, terminal=True) == ('', '')
