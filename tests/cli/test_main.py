"""The installed command: mistakes, start, signals and end."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.commands import SCRIPTS, StartCommand, call, insist, run
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien import __version__, native
from vaurien.cli import run as unpatched
from vaurien.cli.flags import parse
from vaurien.console.command import run_command


def run_here(argv: Sequence[str]) -> int:
    """Run the command without patching the standard library first."""
    return run_command('vaurien', lambda: unpatched.run(parse(argv)))


def assert_refused(result: subprocess.CompletedProcess[str], said: str, status: int = 2) -> None:
    assert result.stdout == ''
    assert re.fullmatch(f'vaurien: error: {re.escape(said)}.*\n', result.stderr)
    assert result.returncode == status


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('--prox localhost:1', 'unknown flag --prox, did you mean --proxy?'),
        ('localhost:1', "unexpected argument 'localhost:1', see vaurien --help"),
        ('--behavior certificate', 'certificate.problem: it needs tls or proxy_tls: TLS is not spoken with clients'),
        ('--behavior 20:eror', "--behavior: unknown behavior 'eror', did you mean 'error'?"),
        ('--behavior-delay-sleep soon', '--behavior-delay-sleep: expected a duration'),
        ('--backend localhost', "--backend: 'localhost' is not an address"),
        ('--proxy-tls /nowhere', '--proxy-tls: cannot read /nowhere: No such file'),
        ('--protocol redis --tls-mode upgrade', '--tls-mode: redis has no requests for TLS'),
    ],
)
def test_mistakes_in_flags(line: str, said: str) -> None:
    assert_refused(call(run_here, *line.split()), said)


def test_a_mistake_that_is_found_late_has_the_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.ini'
    path.write_text('[vaurien]\nbackend-tls = yes\nbackend-tls-ca = /a\n[proxy:x]\nbackend-tls-ca = /b\n')
    said = f'{path}:5: proxy.x.backend-tls-ca: cannot read /b: No such file'
    assert_refused(call(run_here, '--config', str(path)), said)
    path.write_text('[vaurien]\nbackend-tls-ca = /a\n[proxy:x]\nbackend-tls = yes\n')
    said = f'{path}:2: vaurien.backend-tls-ca: cannot read /a: No such file'
    assert_refused(call(run_here, '--config', str(path)), said)


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('--prox localhost:1', 'unknown flag --prox, did you mean --proxy?'),
        ('--log-output /nowhere/vaurien.log', 'cannot write the log to /nowhere/vaurien.log: No such file'),
    ],
)
def test_mistakes_end_the_command(line: str, said: str) -> None:
    assert_refused(run('vaurien', *line.split()), said)


@pytest.mark.parametrize(
    ('name', 'content', 'said'),
    [
        ('vaurien.ini', b'[vaurien]\nproxy\n', ":2: unexpected line: 'proxy'"),
        ('vaurien.ini', b'[vaurien]\nseed = 1\nseed = 2\n', ":3: duplicate name 'seed'"),
        ('vaurien.ini', b'[vaurien]\n# caf\xe9\n', ':2: not UTF-8: byte 0xe9'),
        ('vaurien.ini', b'[vaurin]\n', ":1: vaurin: unknown section, did you mean 'vaurien'?"),
        (
            'vaurien.ini',
            b'[behavior:delay]\nslep = 1\n',
            ":2: behavior.delay.slep: delay has no such option, did you mean 'sleep'?",
        ),
        ('vaurien.toml', b'[vaurien]\nseed = x\n', ':2: Invalid value (column 8)'),
        ('vaurien.toml', b'[vaurien]\nbehavior = "200:delay"\n', ":2: vaurien.behavior: 200 in '200:delay' is"),
        ('vaurien.yaml', b'vaurien: {seed: [}\n', ':1: '),
        ('vaurien.yaml', b'vaurien: {behavior: 20:dely}\n', ":1: vaurien.behavior: unknown behavior 'dely', did you"),
        ('vaurien.yaml', b'vaurien: {seed: x}\n', ":1: vaurien.seed: expected int, got 'x'"),
        ('vaurien.json', b'{}', ': expected a file named .ini'),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert_refused(call(run_here, '--config', str(path)), f'{path}{said}')


def test_a_plug_in_that_does_not_compile_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('mine.py').write_text('class Late(:\n')
    Path('vaurien.ini').write_text('[behavior:late]\ncallable = mine:Late\n')
    said = "vaurien.ini:2: behavior.late.callable: cannot load 'mine:Late': SyntaxError: "
    assert_refused(run('vaurien', '--config', 'vaurien.ini'), said)


def test_a_plug_in_in_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('mine.py').write_text(
        'from vaurien.behaviors.dummy import Dummy\n\n\n'
        'class Late(Dummy):\n    """Comes late."""\n    options = {"sleep": ("Seconds to wait", float, 1.5)}\n'
    )
    Path('yaml.py').write_text('raise SystemExit("not this one")\n')  # what is installed goes before what lies around
    Path('vaurien.yaml').write_text('behavior: {late: {callable: mine:Late}}\n')
    result = run('vaurien', '--config', 'vaurien.yaml', '--help')
    assert (result.returncode, result.stderr) == (0, '')
    assert 'behavior late:\n  Comes late.\n' in result.stdout
    assert re.search(r'--behavior-late-sleep FLOAT\s+Seconds to wait \(default 1.5\)', result.stdout)


def test_version() -> None:
    result = run('vaurien', '--version')
    assert (result.returncode, result.stdout, result.stderr) == (0, f'vaurien {__version__}\n', '')


@pytest.mark.parametrize(('pure', 'way'), [('0', native.describe()), ('1', 'pure Python (VAURIEN_PURE is set)')])
def test_version_in_detail(pure: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('VAURIEN_PURE', pure)
    result = run('vaurien', '--version', '--verbose')
    assert (result.returncode, result.stdout, result.stderr) == (0, f'vaurien {__version__}\n{way}\n', '')


def test_verbose_alone() -> None:
    result = run('vaurien', '--verbose')
    assert (result.returncode, result.stderr) == (
        2,
        'vaurien: error: --verbose: only with --version, see vaurien --help\n',
    )


def test_help() -> None:
    result = run('vaurien', '--help')
    assert (result.returncode, result.stderr) == (0, '')
    assert 'fail the way real backends fail' in result.stdout
    assert '--behavior-error-warmup' in result.stdout
    assert '--stay-connected' not in result.stdout
    by_module = subprocess.run(
        [sys.executable, '-m', 'vaurien', '--help'], capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    assert by_module.stdout == result.stdout


def test_help_imports_nothing_slow() -> None:
    slow = {'falcon', 'prometheus_client', 'requests', 'rich', 'yaml', 'tomli', 'iniconfig'}
    code = (
        'import sys\nfrom vaurien.cli.main import main\ntry:\n    main(["--help"])\nfinally:\n'
        f'    print("imported:", *{slow} & {{*sys.modules}})'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert result.stdout.endswith('imported:\n')


def test_importing_the_command_patches_nothing() -> None:
    code = 'import vaurien.cli.main, vaurien.cli.run, time; print(time.sleep.__module__)'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert result.stdout == 'time\n'


def test_a_port_in_use(raw_backend: RawBackend) -> None:
    result = run('vaurien', '--proxy', raw_backend.address)
    assert_refused(result, f'cannot listen on {raw_backend.address}: address already in use', status=1)


def test_a_control_port_in_use(raw_backend: RawBackend) -> None:
    result = run('vaurien', '--proxy', f'{HOST}:0', '--http', '--http-host', HOST, '--http-port', str(raw_backend.port))
    assert_refused(result, f'cannot listen on {raw_backend.address}: address already in use', status=1)


def test_an_address_that_is_not_here() -> None:
    assert_refused(run('vaurien', '--proxy', '192.0.2.1:0'), 'cannot listen on 192.0.2.1:0: ', status=1)


def test_what_it_says_at_the_start(vaurien_command: StartCommand) -> None:
    flags = '--backend localhost:6379 --protocol redis --behavior 5:error,10:delay --behavior-delay-sleep 2 --seed 7'
    command = vaurien_command(*flags.split(), '--http', '--http-host', HOST)
    command.wait_for_line(command.out_lines, re.compile('Ctrl-C'))
    assert command.out_lines[0] == f'vaurien {__version__}: {HOST}:{command.port} -> localhost:6379 (redis)'
    assert re.fullmatch(r'armed: 5% error( \(.*\))?, 10% delay \(sleep=2.0, before=true\)', command.out_lines[1])
    assert command.out_lines[2:] == [
        'seed: 7 (--seed 7 draws the same again)',
        f'control API: http://{HOST}:{command.control_port}',
        'Ctrl-C ends',
    ]
    assert command.port > 0
    assert command.control_port > 0
    soft, hard = resource.prlimit(command.pid, resource.RLIMIT_NOFILE)
    assert soft == hard, 'a link takes two descriptors'


def test_the_seed_that_chance_took_is_told(vaurien_command: StartCommand) -> None:
    command = vaurien_command()
    told = command.wait_for_line(command.out_lines, re.compile(r'^seed: (\d+) \(--seed \1 draws the same again\)$'))
    assert 0 <= int(told[1]) < 2**32


def test_classic_flags_are_told_once(vaurien_command: StartCommand) -> None:
    command = vaurien_command('--stay-connected', '--protocol-tcp-pool-max-size', '100')
    _, out, err = command.stop()
    assert 'armed: nothing, all passes' in out
    assert re.fullmatch(r'\S+ \S+ WARNING ignored, .*: --stay-connected, --protocol-tcp-pool-max-size', err), (
        'one line, and no other'
    )


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary(
    vaurien_command: StartCommand, raw_backend: RawBackend, signal_number: int
) -> None:
    command = vaurien_command('--backend', raw_backend.address)
    with Peer.connect(command.port) as client:
        client.send(b'hello')
        backend = raw_backend.accept()
        assert backend.recv_exactly(5) == b'hello'
        backend.send(b'yes')
        assert client.recv_exactly(3) == b'yes'
    assert backend.recv() == b''
    code, out, err = command.stop(signal_number)
    assert (code, err) == (0, '')
    assert out.endswith('\nlinks: 1, exchanges: 1, upstream: 5 B, downstream: 3 B\nfaults: none')


@pytest.mark.parametrize(('signal_number', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_it_at_once(
    vaurien_command: StartCommand, raw_backend: RawBackend, signal_number: int, status: int
) -> None:
    command = vaurien_command('--backend', raw_backend.address, '--protocol', 'http')
    with Peer.connect(command.port) as client, Peer.connect(command.port) as idle:
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        raw_backend.accept().recv()
        command.process.send_signal(signal_number)
        assert idle.recv() == b''  # the first one is at work, and lets the open exchange finish
        insist(command.process, signal_number)
        code, out, err = command.wait()
    assert (code, err) == (status, '')
    assert out.endswith('Ctrl-C ends')


def test_an_open_exchange_may_finish(vaurien_command: StartCommand, raw_backend: RawBackend) -> None:
    command = vaurien_command('--backend', raw_backend.address, '--protocol', 'http')
    with Peer.connect(command.port) as client, Peer.connect(command.port) as idle:
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        backend = raw_backend.accept()
        backend.recv()
        command.process.send_signal(signal.SIGTERM)
        assert idle.recv() == b''
        reply = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
        backend.send(reply)
        assert client.recv_exactly(len(reply)) == reply
        assert command.wait()[0] == 0


def test_nobody_reads_what_it_says() -> None:
    with subprocess.Popen(
        [str(SCRIPTS / 'vaurien'), '--proxy', f'{HOST}:0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ''
        assert process.wait(TIMEOUT) == 0


def test_the_log_goes_to_a_file(tmp_path: Path, vaurien_command: StartCommand) -> None:
    path = tmp_path / 'vaurien.log'
    command = vaurien_command('--log-output', str(path), '--stay-connected')
    assert command.stop()[2] == ''
    assert ' WARNING ignored, ' in path.read_text()


def test_a_behavior_of_somebodys_that_sleeps_delays_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vaurien_command: StartCommand, echo_server: RawBackend
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    path = tmp_path / 'vaurien.ini'
    path.write_text(
        f'[vaurien]\nproxy = {HOST}:0\nbackend = {echo_server.address}\nbehavior = slow\n'
        '[behavior:slow]\ncallable = tests.samples.delay:Delay\nsleep = 1\n'
    )
    command = vaurien_command('--config', str(path))
    clients = [Peer.connect(command.port) for _ in range(5)]
    began = time.monotonic()
    for client in clients:
        client.send(b'hello')
    for client in clients:
        assert client.recv_exactly(5) == b'hello'
        client.close()
    assert 1 <= time.monotonic() - began < 5, 'what it takes one after the other'
