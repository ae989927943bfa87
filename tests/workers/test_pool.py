"""Workers that cannot be started, or not in time: real processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import HOST, TIMEOUT

#: The command with two workers, after something is made to fail; then the number of processes that are left.
COMMAND = f"""\
import os, sys
from vaurien.cli.main import main
{{}}
status = main(['--proxy', '{HOST}:0', '--workers', '2'])
import psutil
print(status, len(psutil.Process().children()))
"""

#: Python was updated meanwhile, or is something else.
NO_PROGRAM = "sys.executable = '/nowhere/python'"
FALSE = "sys.executable = '/bin/false'"

#: The second cannot be started.
NO_SECOND = """
spawn, left = os.posix_spawn, [1]
def spawn_one(*args, **given):
    if not left:
        raise OSError(11, os.strerror(11))
    left.pop()
    return spawn(*args, **given)
os.posix_spawn = spawn_one
"""

#: It has ended before it is told anything.
ENDED = """
from vaurien.console.patching import patch_standard_library
patch_standard_library()
spawn = os.posix_spawn
def spawn_false(*args, **given):
    pid = spawn('/bin/false', ['false'], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid
os.posix_spawn = spawn_false
"""

#: No worker is so fast.
SLOW = """
from vaurien.console.patching import patch_standard_library
patch_standard_library()
from vaurien.workers import pool
pool.START_TIMEOUT = 0.001
"""


@pytest.mark.parametrize(
    ('before', 'errors'),
    [
        (NO_PROGRAM, ['worker 1 cannot be started: no such file or directory']),
        (NO_SECOND, ['worker 2 cannot be started: resource temporarily unavailable']),
        (ENDED, ['worker 1 cannot be started: broken pipe']),
        (
            FALSE,
            ['worker 1 has ended with status 1', *(f'worker {one} cannot be started: broken pipe' for one in (1, 2))],
        ),
        (SLOW, ['worker 1 is not ready after 0.001 s']),
    ],
)
def test_one_line_says_why_and_nothing_is_left(before: str, errors: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, '-c', COMMAND.format(before)], capture_output=True, text=True, timeout=2 * TIMEOUT, check=True
    )
    assert done.stderr in [f'vaurien: error: {error}\n' for error in errors]
    assert done.stdout == '1 0\n'
