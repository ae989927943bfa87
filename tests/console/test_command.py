"""What becomes of errors and Ctrl-C in a command."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from vaurien.console.command import run_command
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
