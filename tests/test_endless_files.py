"""Files without an end, in place of every file that a command reads: one line, and not more memory than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import MEMORY, call, run_within
from vaurien.conntest import main as conntest
from vaurien.tcpgoon import main as tcpgoon


@pytest.mark.parametrize('suffix', ['ini', 'toml', 'yaml'])
def test_a_configuration(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'vaurien.{suffix}'
    path.symlink_to('/dev/zero')
    result = run_within(MEMORY, 'vaurien', '--config', str(path))
    said = f'vaurien: error: {path}: cannot read it: it has more than 256 KiB\n'
    assert (result.returncode, result.stderr) == (2, said)


def test_aliases(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.yaml'
    lines = [f'l{i}: &l{i} [{", ".join([f"*l{i - 1}"] * 9)}]' for i in range(1, 20)]
    path.write_text('\n'.join(['l0: &l0 x', *lines]))
    result = run_within(MEMORY, 'vaurien', '--config', str(path))
    said = f'vaurien: error: {path}:7: more than 100000 values\n'
    assert (result.returncode, result.stderr) == (2, said)


@pytest.mark.parametrize(('path', 'said'), [('/dev/zero', 'cannot read it: it has more than 8 MiB')])
def test_a_configuration_of_toxiproxy(path: str, said: str) -> None:
    result = run_within(MEMORY, 'vaurien', '--toxiproxy-config', path)
    assert (result.returncode, result.stderr) == (2, f'vaurien: error: {path}: {said}\n')


def test_certificates() -> None:
    result = call(tcpgoon.main, '-y', '--tls', '--cacert', '/dev/zero', 'localhost', '80')
    said = 'tcpgoon: error: --cacert: cannot read /dev/zero: it has more than 8 MiB\n'
    assert (result.returncode, result.stderr) == (2, said)


def test_data() -> None:
    result = call(conntest.main, 'run', '-r', 'http://localhost:1', '--data-file', '/dev/zero')
    said = 'conntest: error: cannot read /dev/zero: it has more than 64 MiB\n'
    assert (result.returncode, result.stderr) == (2, said)


def test_a_report() -> None:
    result = run_within(MEMORY, 'conntest', 'summary', '/dev/zero')
    said = 'conntest: error: cannot read /dev/zero: it has more than 256 MiB\n'
    assert (result.returncode, result.stderr) == (2, said)
