"""What is shown while a run goes on: a bar on a terminal, a line now and then elsewhere, and what is waited for."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import redirect_stderr

import gevent
import pytest

from tests.loads.users.test_run import StillRun
from tests.loop import in_loop
from tests.servers import TIMEOUT
from tests.terminal import ESCAPE, Screen
from vaurien.loads.cli import progress
from vaurien.loads.cli.progress import show_progress
from vaurien.loads.plan import Cycle, Plan


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, 'REFRESH', 0.001)
    monkeypatch.setattr(progress, 'LINE_EVERY', 0.005)


Script = Callable[[StillRun, Callable[[str], None]], None]


def show(script: Script, stream: io.StringIO) -> str:
    """What is printed to *stream* during *script*, which gets the run and a function that waits for a text there."""

    def wait_for(text: str) -> None:
        with gevent.Timeout(TIMEOUT):
            while text not in stream.getvalue():
                gevent.sleep(0.001)

    def call() -> None:
        run = StillRun(Plan(test='t', cycles=(Cycle(2, 5),)))
        showing = gevent.Greenlet(show_progress, run)
        showing.start()
        script(run, wait_for)
        showing.kill()
        run.environment.runner.greenlet.kill()

    with redirect_stderr(stream):
        in_loop(call)
    return stream.getvalue()


def hits(run: StillRun, wait_for: Callable[[str], None]) -> None:
    run.started = run.now()
    wait_for('0 hits, 0 users')
    for outcome in ('success', 'error', 'failure'):
        run.stats.end_hit(outcome, 0.1)
    wait_for('3 hits, 0 users')


@pytest.mark.parametrize(
    ('columns', 'beside'),
    [(80, r'30% 3 hits, 0 users, 1 errors, 1 failures (-:--:--|0:00:\d\d)'), (30, '30% 3 hits, 0 users, 1 error…')],
)
def test_a_bar(columns: int, beside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('COLUMNS', str(columns))
    monkeypatch.setenv('TERM', 'xterm')
    shown = show(hits, Screen())
    first, *_, last = [ESCAPE.sub('', text).strip() for text in shown.split('\r') if len(text) > 20]
    assert re.fullmatch(rf'([━╸╺]+ )? *{beside}', last)
    assert len(last) <= columns
    assert ' 0% 0 hits' in f' {first}'
    assert shown.count('\n') == 1  # it stays where it is
    assert shown.endswith('\x1b[?25h\r\x1b[1A\x1b[2K'), 'it is erased, and the cursor is back'


def test_lines() -> None:
    assert show(hits, io.StringIO()).splitlines()[-1] == '30% 3 hits, 0 users, 1 errors, 1 failures, 0 s'


def test_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, 'WAITING_AFTER', 0.01)

    def script(run: StillRun, wait_for: Callable[[str], None]) -> None:
        for waiting in ('waiting for 2 agents', 'waiting for 1 agent', 'waiting for 1 agent'):
            run.waiting = waiting
            wait_for(f'{waiting} (Ctrl-C ends)\n')
        gevent.sleep(0.02)

    assert show(script, io.StringIO()).splitlines() == [
        'waiting for 2 agents (Ctrl-C ends)',
        'waiting for 1 agent (Ctrl-C ends)',
    ]


def test_short_waits_are_not_worth_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, 'WAITING_AFTER', 3600)

    def script(run: StillRun, wait_for: Callable[[str], None]) -> None:
        run.waiting = 'setting up'
        gevent.sleep(0.02)

    assert show(script, io.StringIO()).splitlines() == []
