"""``vaurien --demo``, as it is run: without a terminal, with one, and cut short."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.commands import SCRIPTS
from tests.terminal import Terminal

#: Seconds of a delay, where the test sets it.
SLEEP = 0.1
#: Seconds the demonstration may take, start and end included.
LONGEST = 20.0
COMMAND = [str(SCRIPTS / 'vaurien'), '--demo']
#: The same without the pauses that let people follow it.
WITHOUT_PAUSES = f"""
import sys
from vaurien.cli import demo, main
from vaurien.engine import arming
demo.SLEEP, demo.PAUSE, demo.PROGRESS = {SLEEP}, 0, 0.5
arming.BLOCKED = {LONGEST}  # a machine that is busy stops a behavior, too
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
    with Terminal(columns=120) as terminal:
        process = terminal.start(*COMMAND)
        terminal.wait_for('What Vaurien does')
        assert process.poll() is None
        terminal.type('\x03')
        status, shown = terminal.wait()
    assert status == 0
    assert 'Traceback' not in shown
    assert 'KeyboardInterrupt' not in shown
    assert 'ending; Ctrl-C again ends at once' in shown
    assert shown.rstrip().endswith('5:error,10:delay')
    assert 'Try next:' in shown
