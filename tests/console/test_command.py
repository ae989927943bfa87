"""What becomes of errors and Ctrl-C in a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

import pytest

from tests.commands import SCRIPTS
from tests.servers import TIMEOUT
from vaurien.cli import ctl
from vaurien.cli.main import main
from vaurien.console.background import in_background
from vaurien.console.command import run_command
from vaurien.console.output import print_line
from vaurien.errors import AddressError, ConfigError, ControlError, StartError, UnreachableError, VaurienError


def failing(error: BaseException) -> Callable[[], int]:
    """Return a command that raises."""

    def run() -> int:
        raise error

    return run


def test_its_own_status() -> None:
    assert run_command('cook', lambda: 3) == 3


@pytest.mark.parametrize(
    ('error', 'status'), [(ConfigError('no pot'), 2), (AddressError('no pot'), 2), (StartError('no pot'), 1)]
)
def test_an_error_is_one_line(error: VaurienError, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command('cook', failing(error)) == status
    assert capsys.readouterr() == ('', 'cook: error: no pot\n')


def test_the_nearest_base_class_counts() -> None:
    statuses = {VaurienError: 5, ControlError: 6}
    found = [run_command('cook', failing(error), statuses) for error in (ConfigError(''), UnreachableError('', 0))]
    assert found == [5, 6]


def test_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command('cook', failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ('', '')


def test_errors_of_the_program_itself_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command('cook', failing(ZeroDivisionError()))
    with pytest.raises(SystemExit):
        run_command('cook', lambda: sys.exit(0))  # after --help


def printing() -> int:
    """Print a line, and succeed."""
    print_line('done')
    return 0


def printing_in_background() -> int:
    with in_background(keep_output=True):
        print_line('done')
    return 0


@pytest.mark.parametrize('run', [printing, printing_in_background])
def test_an_output_that_cannot_be_written(run: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> None:
    with open('/dev/full', 'w') as full, redirect_stdout(full):  # noqa: PTH123  # a device
        assert run_command('cook', run) == 1
    assert capsys.readouterr().err == 'cook: error: cannot write the output: No space left on device\n'
    assert run_command('cook', run) == 0


def test_an_output_that_was_closed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdout', None)
    assert run_command('cook', printing) == 1
    assert capsys.readouterr().err == 'cook: error: cannot write the output: Bad file descriptor\n'


def test_errors_that_nobody_is_to_read_are_no_output() -> None:
    command = ['sh', '-c', 'exec "$0" --bakend x 2>&-', str(SCRIPTS / 'vaurien')]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout) == (2, '')


def test_a_reader_that_has_gone_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    for run in (printing, printing_in_background):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, 'w') as stream, redirect_stdout(stream):  # noqa: PTH123  # a descriptor
            assert run_command('cook', run) == 0
    assert capsys.readouterr() == ('', '')


def test_what_serves_does_without_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    def serve() -> int:
        with in_background():
            print_line('serving')
        return 0

    with open('/dev/full', 'w') as full, redirect_stdout(full):  # noqa: PTH123  # a device
        assert run_command('cook', serve) == 0


@pytest.mark.parametrize(
    ('command', 'words'),
    [(main, '--help'), (main, '--version --verbose'), (main, 'schema'), (main, 'schema --help'), (ctl.main, '-V')],
)
def test_what_is_asked_for_and_cannot_be_written(
    command: Callable[[list[str]], int], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open('/dev/full', 'w') as full, redirect_stdout(full):  # noqa: PTH123  # a device
        try:
            status: object = command(words.split())
        except SystemExit as end:
            status = end.code
    assert status == 1
    assert capsys.readouterr().err.endswith(': error: cannot write the output: No space left on device\n')
