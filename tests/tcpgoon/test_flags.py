"""The command line, and `main` with it: the help of the original, and every mistake as one line."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.commands import call, run
from tests.servers import TIMEOUT
from vaurien import __version__
from vaurien.tcpgoon.flags import RUN, SERVER, parse
from vaurien.tcpgoon.main import main
from vaurien.tcpgoon.settings import ServerSettings, Settings

#: What the original prints.
HELP = """\
tcpgoon tests concurrent connections towards a server listening on a TCP port

Usage:
  tcpgoon [flags] <host> <port>

Flags:
  -y, --assume-yes         Force execution without asking for confirmation
  -c, --connections int    Number of connections you want to open (default 100)
  -d, --dial-timeout int   Connection dialing timeout, in ms (default 5000)
  -h, --help               help for tcpgoon
  -i, --interval int       Interval, in seconds, between stats updates (default 1)
  -s, --sleep int          Time you want to sleep between connections, in ms (default 10)
  -v, --verbose            Print debugging information to the standard error
"""


@pytest.mark.parametrize('words', [['--help'], ['-h'], ['run', '--help'], ['-c', '5', 'localhost', '80', '-h']])
def test_help(words: list[str]) -> None:
    result = call(main, *words)
    assert (result.returncode, result.stderr) == (0, '')
    assert result.stdout.startswith(f'{HELP}\n')
    assert 'exit status:\n  0    all connections were established' in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_help_of_the_server() -> None:
    result = call(main, 'server', '-h')
    assert (result.returncode, result.stderr) == (0, '')
    assert '  -p, --port int             Port to listen on; 0 takes a free one (default 54321)\n' in result.stdout
    assert '(default 10)' in result.stdout
    assert '(default 30)' in result.stdout


def test_help_is_the_same_by_module() -> None:
    command = [sys.executable, '-m', 'vaurien.tcpgoon', '--help']
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert result.stdout == run('tcpgoon', '--help').stdout


def test_help_imports_nothing_slow() -> None:
    code = (
        'import sys\nfrom vaurien.tcpgoon.main import main\nmain(["--help"])\n'
        'print("imported:", *{"gevent", "requests", "rich", "matplotlib", "ssl"} & {*sys.modules})'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert result.stdout.endswith('imported:\n')


@pytest.mark.parametrize('word', ['version', '--version'])
def test_version(word: str) -> None:
    result = call(main, word)
    assert (result.returncode, result.stdout, result.stderr) == (0, f'tcpgoon {__version__}\n', '')


@pytest.mark.parametrize(
    'words',
    [
        'myhost 80 --connections 10 --sleep 999 -y',
        '-y --connections=10 --sleep=999 myhost 80',
        'myhost -c 10 80 -s 999 -y',
        '-yc10 -s999 -- myhost 80',
    ],
)
def test_flags_and_words_in_any_order(words: str) -> None:
    line = parse(RUN, words.split())
    assert line.settings == Settings(assume_yes=True, connections=10, sleep=999)
    assert line.words == ['myhost', '80']


def test_every_flag() -> None:
    line = parse(
        RUN,
        [
            *('-y', '-c', '1', '-d', '2', '-i', '0', '-s', '0', '-v', '--rate', '0.5', '--hold', '1.5'),
            *('--source', '127.0.0.1,::1', '--tls', '--cacert', 'ca.pem', '--insecure'),
            *('--send=-x', '--expect', 'y', '--json', '--plot', 'p.png', '--eureka', 'http://h', 'APP'),
        ],
    )
    assert line.words == ['APP']
    assert line.settings == Settings(
        assume_yes=True,
        connections=1,
        dial_timeout=2,
        interval=0,
        sleep=0,
        verbose=True,
        rate=0.5,
        hold=1.5,
        source='127.0.0.1,::1',
        tls=True,
        cacert='ca.pem',
        insecure=True,
        send='-x',
        expect='y',
        json=True,
        plot='p.png',
        eureka='http://h',
    )
    given = parse(SERVER, ['-p', '0', '-m', '1', '-d', '2', '--host', '::1'])
    assert given.settings == ServerSettings(port=0, maxconnections=1, duration=2, host='::1')


def test_every_setting_has_a_flag() -> None:
    for form in (RUN, SERVER):
        names = {flag.name.replace('-', '_') for flags in form.groups.values() for flag in flags}
        assert names - {'help'} == set(form.settings.__struct_fields__)


#: What is no mistake: a name may have an address the next time.
FAILED = ('cannot listen', 'cannot resolve no-such-host.invalid')


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('', 'expected <host> <port>, got nothing, see tcpgoon --help'),
        ('localhost', "expected <host> <port>, got 'localhost', see tcpgoon --help"),
        ('localhost 80 90', "expected <host> <port>, got 'localhost' '80' '90', see tcpgoon --help"),
        ('--eureka http://localhost/eureka', 'expected <application>, got nothing, see tcpgoon --help'),
        ('localhost 0', "<port>: expected int >= 1, got '0'"),
        ('localhost 65536', "<port>: expected int <= 65535, got '65536'"),
        ('localhost -1', "<port>: expected int >= 1, got '-1'"),
        ('localhost http', "<port>: expected int, got 'http'"),
        ('no-such-host.invalid 80', 'cannot resolve no-such-host.invalid: '),
        ('ada:secret@localhost 80', '<host>: there is a user in it: expected <host> <port>'),
        ('http://ada:secret@localhost', '<host>: it is a URL: expected <host> <port>'),
        (f'{"a" * 64}.example 80', f'cannot resolve {"a" * 64}.example: not a name'),
        ('-c 0 localhost 80', "-c/--connections: expected int >= 1, got '0'"),
        ('-c -5 localhost 80', "-c/--connections: expected int >= 1, got '-5'"),
        ('-c many localhost 80', "-c/--connections: expected int, got 'many'"),
        ('-c 99999999999999999999999 localhost 80', '-c/--connections: '),
        ('-d 0 localhost 80', "-d/--dial-timeout: expected int >= 1, got '0'"),
        ('-i -1 localhost 80', "-i/--interval: expected int >= 0, got '-1'"),
        ('-s -1 localhost 80', "-s/--sleep: expected int >= 0, got '-1'"),
        ('--rate 0 localhost 80', "--rate: expected float > 0.0, got '0'"),
        ('--rate nan localhost 80', '--rate: expected '),
        ('--hold -1 localhost 80', "--hold: expected float >= 0.0, got '-1'"),
        ('--connection 5 localhost 80', 'unknown flag --connection, did you mean --connections?'),
        ('--zzz localhost 80', 'unknown flag --zzz, see tcpgoon --help'),
        ('localhost 80 -c', '-c/--connections: expected one argument'),
        ('--source localhost localhost 80', "--source: 'localhost' is not a numeric address"),
        ('--source 192.0.2.1 localhost 80', '--source: cannot dial from 192.0.2.1: '),
        ('--source ::1 127.0.0.1 80', '--source: 127.0.0.1 and the addresses given are not both IPv4 or both IPv6'),
        ('--cacert ca.pem localhost 80', '--cacert: has no effect without --tls'),
        ('--insecure localhost 80', '--insecure: has no effect without --tls'),
        ('--tls --cacert /nowhere/ca.pem localhost 80', '--cacert: cannot read /nowhere/ca.pem: No such file'),
        ('--tls --cacert /dev/null localhost 80', '--cacert: no certificate in /dev/null'),
        (r'--send \q localhost 80', r'--send: unknown escape \q:'),
        (r'--expect \x1 localhost 80', r'--expect: unknown escape \x:'),
        ('--plot picture.gif localhost 80', "--plot: expected a file named .png, .svg, .pdf, got 'picture.gif'"),
        ('--plot /nowhere/picture.png localhost 80', '--plot: cannot write /nowhere/picture.png: No such file'),
        ('--eureka localhost:8761 ORDERS', '--eureka: expected a URL like http://host:8761/eureka'),
        ('server -p 65536', "-p/--port: expected int <= 65535, got '65536'"),
        ('server -m -1', "-m/--maxconnections: expected int >= 0, got '-1'"),
        ('server -d -1', "-d/--duration: expected int >= 0, got '-1'"),
        ('server --host no-such-host.invalid', 'cannot resolve no-such-host.invalid: '),
        ('server localhost', "unexpected argument 'localhost', see tcpgoon --help"),
        ('version x', "unexpected argument 'x', see tcpgoon --help"),
        ('server --host 192.0.2.1', 'cannot listen on 192.0.2.1:54321: '),
    ],
)
def test_mistakes(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == (1 if said.startswith(FAILED) else 2)
    out, complaint = capsys.readouterr()
    assert out == ''
    assert re.fullmatch(f'tcpgoon: error: {re.escape(said)}.*\n', complaint)


def test_a_host_that_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['', '80']) == 2
    assert capsys.readouterr().err == "tcpgoon: error: expected <host> <port>, got '' '80', see tcpgoon --help\n"


def test_a_mistake_in_the_installed_command() -> None:
    result = run('tcpgoon', 'localhost', 'http')
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr == "tcpgoon: error: <port>: expected int, got 'http'\n"
