"""How every command runs: an error of ours is one line and an exit status, and Ctrl-C is no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from vaurien.console.output import fail, flush, take_unwritten
from vaurien.console.statuses import INTERRUPTED
from vaurien.errors import ConfigError, VaurienError

#: The exit status of each error, where a command has no others: 2 for a mistake of the user, 1 for what went wrong.
STATUSES: Mapping[type[VaurienError], int] = {ConfigError: 2, VaurienError: 1}
#: The exit status if the output cannot be written.
FAILED = 1


def run_command(
    name: str,
    run: Callable[[], int],
    statuses: Mapping[type[VaurienError], int] = STATUSES,
) -> int:
    """Call *run* and return its exit status; if it raises an error of ours, print it and return the error's status.

    The nearest base class of the error that is in *statuses* counts. An output that could not be written is an error of
    this kind, too.
    """
    take_unwritten()
    if sys.stderr is None:  # it was closed before the start: what is for it must not get into the output
        sys.stderr = Path(os.devnull).open('w')  # noqa: SIM115  # for the rest of the process
    try:
        return _end_output(name, _run(name, run, statuses))
    except SystemExit:  # after --help and --version, which print
        if status := _end_output(name, 0):
            raise SystemExit(status) from None
        raise
    finally:
        flush()


def _run(name: str, run: Callable[[], int], statuses: Mapping[type[VaurienError], int]) -> int:
    try:
        return run()
    except VaurienError as error:
        return fail(name, error, next(statuses[base] for base in type(error).__mro__ if base in statuses))
    except KeyboardInterrupt:
        return INTERRUPTED


def _end_output(name: str, status: int) -> int:
    """Return *status*; if the standard output could not be written, print why, and return 1 in the place of 0."""
    flush()
    reason = take_unwritten()
    return fail(name, f'cannot write the output: {reason}', status or FAILED) if reason else status
