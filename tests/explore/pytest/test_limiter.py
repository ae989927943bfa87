"""What ends a phase of a test that takes too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest

from tests.explore.pytest.suspending import resume, running, suspend
from tests.servers import TIMEOUT
from vaurien.errors import OverdueError
from vaurien.explore.pytest.limiter import Limiter, Phase


class Taken:
    """Limits phases, and notes which steps were taken."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.disarmed, self.cut = threading.Event(), threading.Event()
        self.limiter = Limiter((self.disarm, self.sever))

    def disarm(self) -> None:
        self.steps.append('disarm')
        self.disarmed.set()

    def sever(self) -> None:
        self.steps.append('cut')
        self.cut.set()


def call_for_ever(function: Callable[[], object]) -> None:
    while True:
        function()


def catch_and_wait() -> None:
    try:
        sleep(600)
    except BaseException:
        sleep(600)


@pytest.fixture
def taken() -> Iterator[Taken]:
    taken = Taken()
    yield taken
    taken.limiter.close()


def test_what_is_over_in_time_is_left_alone(taken: Taken) -> None:
    with taken.limiter.watch(TIMEOUT) as phase:
        pass
    assert phase.steps == 0
    assert taken.steps == []


def test_what_waits_for_a_fault_to_end_is_freed_by_the_first_step(taken: Taken) -> None:
    with taken.limiter.watch(0.01) as phase:
        assert taken.disarmed.wait(TIMEOUT)
    assert phase.steps == 1


def test_what_waits_for_a_connection_is_freed_by_the_second_step(taken: Taken) -> None:
    with taken.limiter.watch(0.01) as phase:
        assert taken.cut.wait(TIMEOUT)
    assert (phase.steps, taken.steps) == (2, ['disarm', 'cut'])


@pytest.mark.parametrize('wait', [lambda: sleep(600), threading.Event().wait, threading.Lock().acquire])
def test_whatever_else_waits_is_interrupted(taken: Taken, wait: Callable[[], object]) -> None:
    began = monotonic()
    with pytest.raises(OverdueError), taken.limiter.watch(0.01):
        call_for_ever(wait)
    assert monotonic() - began < TIMEOUT


def test_who_catches_everything_is_interrupted_again(taken: Taken) -> None:
    with pytest.raises(OverdueError), taken.limiter.watch(0.01):
        catch_and_wait()


def test_where_it_waits_is_shown_before_anything_else_is_done(taken: Taken) -> None:
    with pytest.raises(OverdueError), taken.limiter.watch(0.01, is_shown=True) as phase:
        sleep(600)
    assert (phase.steps, taken.steps) == (1, [])
    with taken.limiter.watch(0.01, is_shown=True):
        with pytest.raises(OverdueError):
            sleep(600)
        assert taken.cut.wait(TIMEOUT)
    assert taken.steps == ['disarm', 'cut']


def test_a_phase_that_somebody_looks_at_has_no_end(taken: Taken) -> None:
    with taken.limiter.watch(0.01) as phase:
        phase.pause()
        assert not taken.disarmed.wait(0.05)
    assert phase.steps == 0


def test_the_next_phase_begins_anew(taken: Taken) -> None:
    with taken.limiter.watch(0.01):
        assert taken.disarmed.wait(TIMEOUT)
    with taken.limiter.watch(TIMEOUT) as phase:
        pass
    assert isinstance(phase, Phase)
    assert phase.steps == 0


SUSPENDED = """
from vaurien.explore.pytest.limiter import Limiter

limiter = Limiter(())
with limiter.watch(2.0) as phase:
    print('ready', flush=True)
    input()
print(phase.steps, flush=True)
limiter.close()
"""


def test_a_process_that_is_suspended_meanwhile_has_its_time() -> None:
    with running(SUSPENDED) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
        suspend(process.pid, signal.SIGSTOP, 2.2)
        assert process.communicate('\n', TIMEOUT)[0] == '0\n'


SUSPENDED_AT_ONCE = """
import os
import signal
from vaurien.explore.pytest.limiter import Limiter

limiter = Limiter(())
with limiter.watch(2.0) as phase:
    os.kill(os.getpid(), signal.SIGSTOP)
    input()
print(phase.steps, flush=True)
limiter.close()
"""


def test_a_process_that_is_suspended_before_anybody_has_looked() -> None:
    with running(SUSPENDED_AT_ONCE) as process:
        resume(process.pid, 2.2)
        assert process.communicate('\n', TIMEOUT)[0] == '0\n'
