"""What SIGHUP does to the running command: the log is opened again, and the faults of the file are taken over."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.commands import SCRIPTS, Command, StartCommand
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, Server

CONFIG = """\
[vaurien]
backend = "{backend}"
proxy = "127.0.0.1:0"
behavior = "{behavior}"
"""

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, echo_server: Server) -> Write:
    """Return a function that writes ``vaurien.toml`` with a behavior, or with it and more."""

    def write(behavior: str) -> None:
        path = tmp_path / 'vaurien.toml'
        path.write_text(CONFIG.replace('{behavior}', behavior).replace('{backend}', echo_server.address))

    return write


@pytest.fixture
def command(tmp_path: Path, write: Write, vaurien_command: StartCommand) -> Command:
    """Return a command with a file that arms one behavior."""
    write('20:delay')
    flags = ('--config', str(tmp_path / 'vaurien.toml'), '--log-output', str(tmp_path / 'log'), '--http')
    return vaurien_command(*flags)


def armed(command: Command) -> str:
    return str(requests.get(f'http://{HOST}:{command.control_port}/status', timeout=TIMEOUT).json()['behavior'])


def hang_up(command: Command, tmp_path: Path) -> str:
    """Send SIGHUP, wait until the log says what has come of it, and return that."""
    path = tmp_path / 'log'
    before = path.read_text().count('reloaded:') if path.exists() else 0
    command.process.send_signal(signal.SIGHUP)
    eventually(lambda: path.exists() and path.read_text().count('reloaded:') > before)
    return path.read_text()


def test_the_faults_of_the_file(command: Command, write: Write, tmp_path: Path) -> None:
    write('30:error')
    assert 'INFO reloaded: behaviors of vaurien\n' in hang_up(command, tmp_path)
    assert armed(command) == '30:error'


def test_a_mistake_in_the_file_is_one_line(command: Command, write: Write, tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.toml'
    peer = Peer.connect(command.port)
    with peer:
        write('30:errror')
        text = hang_up(command, tmp_path)
        assert text.count('\n') == 1
        assert f"ERROR not reloaded: {path}:4: vaurien.behavior: unknown behavior 'errror', did you" in text
        path.write_text('\x1b[2J')
        lines = hang_up(command, tmp_path).splitlines()
        assert [line.isprintable() for line in lines] == [True, True]
        peer.send(b'ping')
        assert peer.recv_exactly(4) == b'ping'
    assert armed(command) == '20:delay'
    write('40:delay')
    hang_up(command, tmp_path)
    assert armed(command) == '40:delay'
    status, _, err = command.stop()
    assert (status, err) == (0, '')


def test_what_the_api_has_armed_stays(command: Command, tmp_path: Path) -> None:
    url = f'http://{HOST}:{command.control_port}/behavior'
    requests.put(url, json={'name': 'abort'}, timeout=TIMEOUT).raise_for_status()
    before = armed(command)
    assert 'no fault has changed' in hang_up(command, tmp_path)
    assert armed(command) == before != '20:delay'


def test_a_log_that_was_renamed(command: Command, tmp_path: Path) -> None:
    hang_up(command, tmp_path)
    (tmp_path / 'log').rename(tmp_path / 'log.1')
    hang_up(command, tmp_path)
    assert (tmp_path / 'log.1').read_text().count('reloaded:') == 1
    assert (tmp_path / 'log').read_text().count('reloaded:') == 1


def test_without_a_file_the_log_is_opened_again(
    vaurien_command: StartCommand, echo_server: Server, tmp_path: Path
) -> None:
    log = tmp_path / 'log'
    command = vaurien_command('--backend', echo_server.address, '--behavior', '100:abort', '--log-output', str(log))
    log.rename(tmp_path / 'log.1')
    command.process.send_signal(signal.SIGHUP)
    eventually(log.exists)
    with Peer.connect(command.port) as peer:
        peer.send(b'ping')
        assert peer.recv_all() == b''
    eventually(lambda: 'abort on' in log.read_text())
    assert command.stop()[0] == 0


def test_a_journal_that_was_renamed(vaurien_command: StartCommand, echo_server: Server, tmp_path: Path) -> None:
    journal, moved = tmp_path / 'run.jsonl', tmp_path / 'moved.jsonl'
    command = vaurien_command('--backend', echo_server.address, '--journal', str(journal))
    for path in (journal, moved):
        with Peer.connect(command.port) as peer:
            peer.send(b'ping')
            assert peer.recv_exactly(4) == b'ping'
        eventually(lambda: journal.read_text().count('4 bytes') == 1)
        if path is journal:
            journal.rename(moved)
            command.process.send_signal(signal.SIGHUP)
            eventually(lambda: journal.exists() and '"part":2' in journal.read_text())
    assert command.stop()[0] == 0
    assert moved.read_text().count('4 bytes') == 1


def test_a_terminal_that_has_gone_ends_it(echo_server: Server) -> None:
    master, slave = pty.openpty()
    arguments = ['--proxy', f'{HOST}:0', '--backend', echo_server.address]
    with subprocess.Popen(
        [str(SCRIPTS / 'vaurien'), *arguments],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        start_new_session=True,
    ) as process:
        try:
            os.close(slave)
            assert process.stdout is not None
            assert b' -> ' in process.stdout.readline()
            process.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
            os.close(master)
            process.send_signal(signal.SIGHUP)  # as the shell does
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
