"""``--test-runner``: any command as the test."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from tests.loads.commands import wait_until
from tests.loads.conftest import Shop, Starter
from tests.servers import TIMEOUT

RUNNER = ('--test-runner', './script.sh {test}')


def test_a_command(shop: Shop) -> None:
    flags = ['-u', '2:1', '--hits', '3', '--server-url', shop.nginx.url, '--project-name', 'shop']
    done = shop.run('test', *flags, *RUNNER)
    assert (done.status, done.counts()) == (0, (9, 9, 0, 0)), done
    assert (done.number('hit'), done.number('bytes')) == (9, 9 * 12)
    assert re.search(r'^  CMD GET /ok +9 +0 ', done.out, re.MULTILINE)
    assert re.search(r'^  CMD GET /broken +9 +9 ', done.out, re.MULTILINE)
    assert '9 x CMD GET /broken: 503' in done.out
    assert '9 x warning: cannot read: loads: what is this' in done.out
    assert sorted(shop.noted()) == sorted(f'{user} {hit}  shop' for user in (0, 0, 1) for hit in range(3))


def test_commands_that_fail(shop: Shop) -> None:
    broken, killed, missing = shop.run_all(
        [
            ['broken', '--hits', '3', *RUNNER],
            ['killed', '--hits', '2', *RUNNER],
            ['x', '--hits', '2', '--test-runner', './nowhere {test}'],
        ]
    )
    assert (broken.status, broken.counts()) == (1, (3, 0, 0, 3)), broken
    assert '3 x failure: exit status 3: no such order\n    the first line\n    no such order' in broken.out
    assert (killed.status, killed.counts()) == (1, (2, 0, 2, 0)), killed
    assert '2 x error: killed by SIGKILL' in killed.out
    assert (missing.status, missing.counts()) == (1, (2, 0, 2, 0)), missing
    assert '2 x error: ./nowhere: No such file or directory' in missing.out


def test_commands_on_agents(shop: Shop, scratch: Path) -> None:
    done = shop.run('test', '-u', '2', '--agents', '2', '--server-url', shop.nginx.url, *RUNNER)
    assert (done.status, done.counts()) == (0, (4, 4, 0, 0)), done
    assert sorted(shop.noted()) == ['0 0 local-1 ', '1 0 local-1 ', '2 0 local-2 ', '3 0 local-2 ']


def test_what_a_command_leaves_running_is_killed(shop: Shop) -> None:
    done = shop.run('leaving', *RUNNER)
    assert (done.status, done.counts()) == (0, (1, 1, 0, 0)), done
    (number,) = shop.noted()
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(number))
        wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_ctrl_c_ends_commands(shop: Shop, start: Starter) -> None:
    runner = start('loads-runner', 'endless', '-u', '2', *RUNNER)
    wait_until(lambda: len(shop.noted()) == 2)
    children: list[psutil.Process] = []

    def have_all_begun_to_sleep() -> bool:
        children[:] = psutil.Process(runner.process.pid).children(recursive=True)
        return [child.name() for child in children].count('sleep') == 2

    wait_until(have_all_begun_to_sleep)
    runner.signal(signal.SIGINT)
    done = runner.wait()
    assert (done.status, done.number('Cut off')) == (130, 2), done
    assert psutil.wait_procs(children, 5)[1] == []


#: In a process of its own: the event loop of one that has started commands waits for all of its children.
KILLED = """
import os
import tempfile
import gevent
from gevent import subprocess
from gevent.pool import Group
from vaurien.loads.users.command_hits import start

pids = []

class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        pids.append(self.pid)
        gevent.sleep(0.01)  # as long as it takes until the command is known to run

subprocess.Popen = Popen
with tempfile.TemporaryFile() as stderr:
    user = Group().spawn(start, ['sleep', '60'], os.environ, stderr)
    while not pids:
        gevent.sleep(0.001)
    user.kill()
print(*pids)
"""


def test_a_user_that_is_killed_while_its_command_starts() -> None:
    done = subprocess.run([sys.executable, '-c', KILLED], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert not psutil.pid_exists(int(done.stdout))


def test_a_command_that_nobody_can_run() -> None:
    code = "import os; from vaurien.loads.users.command_hits import start; start(['a\\0b'], os.environ, None)"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.stderr.splitlines()[-1].startswith('ValueError: ')
