"""What works where none of the extras is installed, and what the rest then says that it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

import vaurien
from tests.commands import StartCommand
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT
from tests.terminal import ESCAPE, Terminal

#: What the extras bring.
MISSING = (
    *('rich', 'yaml', 'requests', 'trustme', 'shtab', 'matplotlib', 'opentelemetry', 'testcontainers'),
    *('locust', 'webtest', 'wsgiproxy', 'websocket', 'psutil', 'statsd', 'influxdb_client'),
)
#: Runs a command, or pytest, in a process in which these cannot be imported.
PLAIN = f"""\
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {MISSING} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
command = sys.argv.pop(1)
if command == 'pytest':
    import pytest
    sys.exit(pytest.main())
from vaurien.cli import entries
sys.argv[0] = command
sys.exit(getattr(entries, command)())
"""
COMMAND = (sys.executable, '-c', PLAIN)
#: Bytes of the files that installing takes, at the most.
SIZE = 40_000_000


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=cwd, capture_output=True, text=True, timeout=2 * TIMEOUT)


def run_on_terminal(*words: str) -> tuple[int, str]:
    """Return the exit status, and the text that is shown."""
    with Terminal(columns=200) as terminal:
        terminal.start(*COMMAND, *words)
        status, shown = terminal.wait()
    return status, ESCAPE.sub('', shown)


def test_the_demonstration() -> None:
    with Terminal(columns=120) as terminal:
        terminal.start(*COMMAND, 'vaurien', '--demo')
        terminal.wait_until(lambda: re.search(rb'\n\d+ of 200 requests, \d+ faults', terminal.shown))
        terminal.type('\x03')
        status, shown = terminal.wait()
    assert (status, 'What the clients see' in shown, 'Traceback' in shown) == (0, True, False)


def test_a_proxy_and_tables(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    command = vaurien_command('--backend', echo_server.address, '--http')
    status, shown = run_on_terminal('vaurienctl', '--host', f'{HOST}:{command.control_port}', 'proxy', 'list')
    assert status == 0
    assert re.search(r'^name +listen', shown, re.MULTILINE), shown


def test_progress(echo_server: RawBackend) -> None:
    status, shown = run_on_terminal('tcpgoon', '-y', '-c', '3', '-i', '0', HOST, str(echo_server.port))
    assert status == 0
    assert shown.startswith('Total: 3, Dialing: 0, Established: 0')
    assert 'Total established connections: 3' in shown


def test_tests_with_a_proxy(tmp_path: Path, echo_server: RawBackend) -> None:
    (tmp_path / 'test_mine.py').write_text(
        'import socket\n'
        'def test_mine(vaurien_proxy):\n'
        f'    proxy = vaurien_proxy({echo_server.address!r})\n'
        '    with socket.create_connection(proxy.address, 5) as client:\n'
        '        client.sendall(b"hello")\n'
        '        assert client.recv(5) == b"hello"\n'
    )
    done = run('pytest', '-q', '-p', 'no:cacheprovider', '-p', 'no:xdist', '-p', 'no:schemathesis', cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    done = run('pytest', '--vaurien-explore', '-p', 'no:xdist', '-p', 'no:schemathesis', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (4, "ERROR: it needs rich: pip install 'vaurien[terminal]'\n\n")


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ('vaurienctl top', "it needs rich: pip install 'vaurien[terminal]'"),
        ('vaurien explore --vaurien http:API_URL -- true', "it needs rich: pip install 'vaurien[terminal]'"),
        ('vaurien check vaurien.yaml', "vaurien.yaml: YAML needs PyYAML: pip install 'vaurien[yaml]'"),
        ('vaurien --config vaurien.yaml', "vaurien.yaml: YAML needs PyYAML: pip install 'vaurien[yaml]'"),
        ('vaurien --backend localhost:1 --tls auto', "it needs trustme: pip install 'vaurien[tls]'"),
        ('vaurien completion bash', "it needs shtab: pip install 'vaurien[completion]'"),
        (
            'vaurien --backend localhost:1 --otel http://localhost:1',
            "it needs OpenTelemetry: pip install 'vaurien[otel]'",
        ),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('API_URL', 'http://localhost:1')
    Path('vaurien.yaml').write_text('vaurien: {backend: localhost:1}\n')
    status, shown = run_on_terminal(*words.split())
    assert (status, shown.count('\n')) == (2, 1), shown
    assert said in shown


def find_needed(name: str, seen: dict[str, Distribution]) -> None:
    """Note the distribution of that *name*, and what it needs without extras."""
    from packaging.requirements import Requirement

    found = seen[name] = distribution(name)
    for requirement in map(Requirement, found.requires or []):
        is_needed = requirement.marker is None or requirement.marker.evaluate({'extra': ''})
        if is_needed and requirement.name.lower() not in seen:
            find_needed(requirement.name.lower(), seen)


def test_it_takes_little_room() -> None:
    seen: dict[str, Distribution] = {}
    find_needed('vaurien', seen)
    assert len(seen) > 10
    del seen['vaurien']
    files = [Path(str(one.locate_file(file))) for one in seen.values() for file in one.files or []]
    others = sum(path.stat().st_size for path in files if path.is_file())
    folder = Path(vaurien.__file__).parent
    own = {suffix: sum(path.stat().st_size for path in folder.rglob(f'*{suffix}')) for suffix in ('.py', '.so', '.js')}
    assert others + 2 * own['.py'] + own['.so'] + own['.js'] < SIZE, 'what Python compiles is about as large'
