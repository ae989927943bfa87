"""How far it is, while it goes on."""

from __future__ import annotations

import re
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from tests.commands import SCRIPTS
from tests.conntest.serving import Server
from tests.terminal import ESCAPE, Terminal
from vaurien.conntest.progress import watch


def test_a_live_line_on_a_terminal(server: Server) -> None:
    flags = ('--run-count', '25', '--client-delay-ns', '50000000')
    with Terminal(columns=100) as terminal:
        process = terminal.start(
            str(SCRIPTS / 'conntest'), 'run', '-r', server.url, *flags, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        status, shown = terminal.wait()
        out = process.stdout.read()
        process.stdout.close()
    assert status == 0
    assert out.startswith('runs      25, 1 at a time\n')
    lines = ESCAPE.sub('', shown)
    assert re.search(r'━ +0% +0/25 0/s 0 errors', lines)
    assert re.search(r'━ +\d+% +[1-9]\d?/25 \d+/s 0 errors (-:--:--|\d:\d\d:\d\d)', lines)
    assert not lines.rstrip().endswith('errors'), 'the line goes when all is over'


def test_plain_lines_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    waits = iter([False, False, True])
    client: Any = SimpleNamespace(runs=[], failed=0, group=SimpleNamespace(run_count=9))

    def wait(seconds: float) -> bool:
        client.runs.append(None)
        client.failed = len(client.runs) - 1
        return next(waits)

    client.wait = wait
    watch(client)
    assert capsys.readouterr() == ('', '1 of 9 runs, 0 errors\n2 of 9 runs, 1 errors\n')
