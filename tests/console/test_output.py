"""One line for a mistake, and no traceback when nobody reads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import TIMEOUT
from vaurien.console.output import fail


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail('vaurien', ValueError('first\n  second'), 2) == 2
    assert capsys.readouterr() == ('', 'vaurien: error: first second\n')


@pytest.mark.parametrize(
    'code',
    [
        'say("x" * 100_000); say("again")',
        'print("x"); flush(); say("again")',
        'import sys; sys.stdout = None; say("x"); flush()',
        f'assert not wait({TIMEOUT} * 2)',
        'import sys; sys.stdout = None; assert not say("x"); assert not wait(0)',
    ],
)
def test_nobody_reads(code: str) -> None:
    script = f'from vaurien.console.output import flush, say, wait; input(); {code}'
    with subprocess.Popen(
        [sys.executable, '-E', '-c', script],  # PYTHONUNBUFFERED would make print fail by itself
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert process.communicate('\n', TIMEOUT)[1] == ''
        assert process.returncode == 0
