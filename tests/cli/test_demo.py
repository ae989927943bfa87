"""``vaurien --demo``, as it is run: without a terminal, with one, and cut short."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from contextlib import suppress

from tests.commands import SCRIPTS
from tests.servers import TIMEOUT

#: Seconds of a delay, where the test sets it.
SLEEP = 0.1
#: Seconds the demonstration may take, start and end included.
LONGEST = 20.0
COMMAND = [str(SCRIPTS / 'vaurien'), '--demo']
#: The same without the pauses that let people follow it.
WITHOUT_PAUSES = f"""
import sys
from vaurien.cli import demo, main
demo.SLEEP, demo.PAUSE, demo.PROGRESS = {SLEEP}, 0, 0.5
sys.exit(main.main(['--demo']))
"""


def test_without_a_terminal() -> None:
    command = [sys.executable, '-c', WITHOUT_PAUSES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, '')
    assert '\x1b' not in done.stdout
    assert done.stdout.count('What the clients see') == 1
    rows = re.finditer(r'^(\d\d\d|all)\b(?: [A-Z]\w+)* +(\d+)  ', done.stdout, re.MULTILINE)
    requests = {row[1]: int(row[2]) for row in rows}
    assert requests.pop('all') == sum(requests.values()) == 200
    rows = re.finditer(r'^(delay|error) +\d+ % +(\d+)  ', done.stdout, re.MULTILINE)
    faults = {row[1]: int(row[2]) for row in rows}
    assert faults['error'] == 200 - requests['200'] > 0
    assert faults['delay'] > 0
    slowest = re.search(r'^all .* (\d+) ms *$', done.stdout, re.MULTILINE)
    assert slowest
    assert int(slowest[1]) >= 1000 * SLEEP
    assert re.search(r'^\d+ of 200 requests, \d+ faults$', done.stdout, re.MULTILINE)
    assert 'Try next:\n' in done.stdout


def test_on_a_terminal_until_it_is_interrupted() -> None:
    terminal, inside = pty.openpty()
    process = subprocess.Popen(COMMAND, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    shown = read_until(terminal, b'What Vaurien does')
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    shown += read_until(terminal, None)
    os.close(terminal)
    assert process.wait(TIMEOUT) == 0
    assert b'Traceback' not in shown
    assert b'KeyboardInterrupt' not in shown
    assert shown.rstrip().endswith(b'5:error,10:delay')
    assert b'Try next:' in shown


def read_until(terminal: int, mark: bytes | None) -> bytes:
    """Return what a terminal shows, up to *mark* or to the end."""
    shown = b''
    with suppress(OSError):  # what Linux answers once nobody has the other side open
        while mark is None or mark not in shown:
            assert select.select([terminal], [], [], LONGEST)[0], shown
            shown += os.read(terminal, 65536)
    return shown
