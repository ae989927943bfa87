"""Whoever prints in the background waits for nobody."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import TIMEOUT
from vaurien.console.background import in_background

#: What a process does in the background with more than fits into any pipe; then it says so in a file.
PRINT_MUCH = """
import sys
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.patching import patch_standard_library

if sys.argv[1] == 'patched':
    patch_standard_library()
import logging

with in_background():
    log.set_up('info', '-')
    for i in range(5_000):
        print('printed', i)
        logging.info('logged %d', i)
    open(sys.argv[2], 'w').close()
"""


@pytest.mark.parametrize('patched', ['patched', 'as it is'])
def test_a_process_whose_output_nobody_reads_ends(patched: str, tmp_path: Path) -> None:
    done = tmp_path / 'done'
    command = [sys.executable, '-c', PRINT_MUCH, patched, str(done)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
    assert done.exists()


def test_a_process_whose_output_is_read_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, '-c', PRINT_MUCH, 'patched', str(tmp_path / 'done')]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert [int(line.split()[-1]) for line in ended.stdout.splitlines()] == list(range(5_000))
    assert [int(line.split()[-1]) for line in ended.stderr.splitlines()] == list(range(5_000))


@pytest.mark.parametrize('keep_output', [False, True])
def test_one_file_for_both_is_in_order(keep_output: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'both'
    with path.open('a') as out, path.open('a') as err:
        monkeypatch.setattr(sys, 'stdout', out)
        monkeypatch.setattr(sys, 'stderr', err)
        with in_background(keep_output=keep_output):
            for i in range(10):
                print('out', i)
                print('err', i, file=sys.stderr)
            sys.stdout.write('no end')
    lines = [f'{name} {i}' for i in range(10) for name in ('out', 'err')]
    assert path.read_text() == '\n'.join([*lines, 'no end'])


def test_the_streams_are_as_before_after_it(capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with in_background():
        assert (sys.stdout.fileno(), sys.stderr.fileno()) == (before[0].fileno(), before[1].fileno())
        assert (sys.stdout.encoding, sys.stderr.errors) == (before[0].encoding, before[1].errors)
        assert not sys.stdout.isatty()
        sys.stdout.buffer.write(b'bytes\n')
    assert (sys.stdout, sys.stderr) == before
    print('after')
    assert capfd.readouterr().out == 'bytes\nafter\n'


def test_streams_without_a_descriptor_are_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'stderr', None)
    before = sys.stdout
    with in_background(keep_output=True):
        assert sys.stdout is before
        print('printed')
        logging.getLogger('vaurien.x').error('heard by nobody')
    assert capsys.readouterr().out == 'printed\n'
