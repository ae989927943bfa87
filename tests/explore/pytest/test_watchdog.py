"""What ends a process in which a call holds the GIL, so that no thread of Python can run."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.explore.pytest.suspending import running, suspend
from tests.servers import TIMEOUT

HOLDING = """
import ctypes
import os
from time import sleep
from vaurien.explore.pytest import watchdog

watchdog.FROZEN, watchdog.BEAT = 0.5, 0.05

def hold(seconds):
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))

one = watchdog.Watchdog(os.dup(2))
sleep(0.7)  # others may run
hold(0.01)
one.close()
hold(0.7)
print('it goes on', flush=True)
watchdog.Watchdog(os.dup(2))
sleep(0.1)
hold(600)
"""


def test_a_process_in_which_nobody_can_run_ends_and_says_why() -> None:
    command = [sys.executable, '-c', HOLDING]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (result.returncode, result.stdout) == (1, 'it goes on\n')
    assert 'File "<string>", line 10 in hold' in result.stderr
    assert 'File "vaurien ends pytest: for a minute, no thread could run' in result.stderr
    assert 'see "A run" in docs/explore-pytest.md"' in result.stderr


#: It reads once there is something: a signal that comes just before a call that waits is heard only behind that.
SUSPENDED = """
import os
from select import select
from vaurien.explore.pytest import watchdog

os.setpgid(0, 0)  # Ctrl-Z suspends nobody else
watchdog.FROZEN, watchdog.BEAT = 1.0, 0.05
one = watchdog.Watchdog(os.dup(2))
for line in ('ready', 'again', 'it goes on'):
    print(line, flush=True)
    while not select([0], [], [], 0.02)[0]:
        pass
    input()
one.close()
"""


def test_a_process_that_ctrl_z_suspends_goes_on() -> None:
    with running(SUSPENDED) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in ('ready', 'again'):
            assert process.stdout.readline() == f'{line}\n'
            suspend(process.pid, signal.SIGTSTP, 1.2)
            process.stdin.write('\n')
            process.stdin.flush()
        assert process.communicate('\n', TIMEOUT)[0] == 'it goes on\n'
        assert process.returncode == 0
