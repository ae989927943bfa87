"""Commands with all of their processes: how they end, and what they have printed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from tests.behaviors.waiting import eventually
from tests.descriptors import descriptors
from tests.servers import TIMEOUT
from vaurien.errors import StartError
from vaurien.explore import process_group
from vaurien.explore.process_group import OUTPUT_MAX, ProcessGroup, find_session


def run(code: str, *, echoes: bool = False) -> ProcessGroup:
    return ProcessGroup([sys.executable, '-c', code], os.environ, echoes=echoes)


@pytest.mark.parametrize(
    ('code', 'status'), [('', 0), ('raise SystemExit(3)', 3), ('import os; os.kill(os.getpid(), 9)', -9)]
)
def test_the_exit_status(code: str, status: int) -> None:
    assert run(code).wait(TIMEOUT) == status


@pytest.mark.parametrize('error', [OSError(38, 'Function not implemented'), PermissionError(1, 'no'), AttributeError()])
def test_where_the_system_does_not_tell_of_the_end(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> int:
        raise error

    monkeypatch.setattr(os, 'pidfd_open', refuse)
    assert run('raise SystemExit(3)').wait(TIMEOUT) == 3
    assert run('import time; time.sleep(600)').wait(0.05) is None


def test_the_end_of_the_output_is_kept() -> None:
    group = run(f'import sys; print("x" * {2 * OUTPUT_MAX}, flush=True); print("end", file=sys.stderr)')
    assert group.wait(TIMEOUT) == 0
    assert len(group.output) == OUTPUT_MAX
    assert group.output.endswith('x\nend\n')


def test_the_output_may_be_seen_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    assert run('print("seen")', echoes=True).wait(TIMEOUT) == 0
    assert run('print("unseen")').wait(TIMEOUT) == 0
    assert capsys.readouterr().out == 'seen\n'


def test_there_is_nothing_to_read() -> None:
    assert run('import sys; raise SystemExit(sys.stdin.read() == "")').wait(TIMEOUT) == 1


def test_a_command_that_takes_too_long_is_ended_with_its_children() -> None:
    group = run(
        'import subprocess, time; subprocess.Popen(["sleep", "600"]); print("both", flush=True); time.sleep(600)'
    )
    assert group.wait(0.5) is None
    assert not [process for process in find_session(group.number) if not process.has_ended]


def test_a_command_that_prints_without_end_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    group = run('while True: print("x" * 1000)')
    reads = []

    def read(number: int, size: int) -> bytes:
        reads.append(number)
        if len(reads) > 100_000:
            raise BlockingIOError
        return b'x' * size  # whenever one looks, there is more

    monkeypatch.setattr(os, 'read', read)
    assert group.wait(0.2) is None
    assert len(reads) < 100_000


def test_a_command_that_does_not_obey_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_group, 'GRACE', 0.05)
    started = tmp_path / 'started'
    code = 'import pathlib, signal, time; signal.signal(15, signal.SIG_IGN)'
    group = run(f'{code}; pathlib.Path({str(started)!r}).touch(); time.sleep(600)')
    waiting = Thread(target=group.wait, args=(None,))
    waiting.start()
    eventually(started.exists)
    group.interrupt()
    waiting.join(TIMEOUT)
    assert not waiting.is_alive()
    assert not find_session(group.number)


def test_what_a_command_leaves_behind_is_ended() -> None:
    group = run('import subprocess; subprocess.Popen(["sleep", "600"])')
    assert group.wait(TIMEOUT) == 0
    assert not [process for process in find_session(group.number) if not process.has_ended]


def test_a_command_that_is_not_there_is_one_line() -> None:
    with pytest.raises(StartError) as caught:
        ProcessGroup(['/no/such/command'], {})
    assert str(caught.value) == "cannot run '/no/such/command': no such file or directory"


def test_without_a_pipe_for_its_interruption_no_command_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, 'pipe', refuse)
        patch.setattr(subprocess, 'Popen', pytest.fail)
        with pytest.raises(StartError, match=r'too many open files$'):
            run('')


def test_a_command_that_is_not_there_leaves_nothing_open() -> None:
    before = descriptors()
    with pytest.raises(StartError):
        ProcessGroup(['/no/such/command'], {})
    assert descriptors() == before


def test_interrupting_one_that_has_ended_does_nothing() -> None:
    group = run('')
    assert group.wait(TIMEOUT) == 0
    group.interrupt()
