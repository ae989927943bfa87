"""``vaurienctl`` against a process with one proxy: `behaviors`, `command`, `links`, `options` and `status`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.arming import UNAIMED
from tests.behaviors.waiting import eventually
from tests.cli.asking import done, failed, rows
from tests.commands import MEMORY, Command, call, run, run_within
from tests.peers import Peer, RawBackend, pour
from tests.servers import HOST, TIMEOUT, free_port
from vaurien.behaviors import Behavior
from vaurien.cli import ctl
from vaurien.cli.ctl.behaviors import show_names
from vaurien.cli.ctl.faults import show_faults
from vaurien.cli.ctl.options import add_options, parse_options
from vaurien.cli.ctl.status import show_status
from vaurien.client import Client
from vaurien.console.output import format_json, print_json
from vaurien.errors import OptionError
from vaurien.records.faults import Fault


@pytest.fixture(scope='module')
def command() -> Iterator[Command]:
    """A proxy to ask."""
    command = Command('--http', '--backend', 'localhost:6379')
    yield command
    command.kill()


@pytest.fixture
def host(command: Command) -> str:
    """Its control API; nothing is armed."""
    Client(HOST, command.control_port).set_behavior('dummy')
    return f'{HOST}:{command.control_port}'


def armed(host: str) -> dict[str, dict[str, object]]:
    """Options by name of what is armed."""
    status = json.loads(done('--host', host, 'status', '--json'))
    return {entry['name']: entry['options'] for entry in status['behaviors']}


def test_lists_behaviors(host: str) -> None:
    assert done('--host', host, 'list-behaviors').split() == Behavior.names()


def test_sets_and_gets_a_behavior(host: str) -> None:
    assert done('--host', host, 'get-behavior') == 'dummy\n'
    assert done('--host', host, 'set-behavior', 'delay', '--sleep', '2', '--before', 'false') == ''
    assert done('--host', host, 'get-behavior') == 'delay\n'
    assert armed(host) == {'delay': {'sleep': 2.0, 'before': False, **UNAIMED}}


def test_sets_behaviors_by_weight(host: str) -> None:
    done('--host', host, 'set-behavior', '20:error,10:delay', '--delay-sleep=0.5', '--error-inject')
    assert done('--host', host, 'get-behavior') == '20:error,10:delay\n'
    assert armed(host)['delay']['sleep'] == 0.5
    assert armed(host)['error']['inject'] is True


def test_aims(host: str) -> None:
    done('--host', host, 'set-behavior', 'error', '--match', 'GET /slow*', '--nth', '1-2')
    assert done('--host', host, 'get-behavior') == "error(match='GET /slow*', nth='1-2')\n"
    spec = "100:delay(match='GET *, x', sleep=0),5:hang(nth=2)"
    done('--host', host, 'set-behavior', spec, '--delay-before', 'false')
    told = done('--host', host, 'get-behavior')
    assert told == "100:delay(sleep=0.0, before=false, match='GET *, x'),5:hang(nth='2')\n"


def test_host_may_come_last(host: str) -> None:
    assert done('set-behavior', 'hang', '--host', host) == ''
    assert done('get-behavior', f'--host={host}') == 'hang\n'


def test_json_everywhere(host: str) -> None:
    assert json.loads(done('--host', host, 'list-behaviors', '--json'))[0] == 'abort'
    assert done('--host', host, '--json', 'get-behavior') == '"dummy"\n'
    assert json.loads(done('--host', host, '--json', 'get-backend')).startswith('localhost:')
    assert done('--host', host, '--json', 'set-behavior', 'dummy') == ''
    assert json.loads(done('--host', host, '--json', 'links')) == []


def test_gets_and_sets_the_backend(host: str) -> None:
    assert done('--host', host, 'set-backend', 'localhost:6380') == ''
    assert done('--host', host, 'get-backend') == 'localhost:6380\n'


def test_status_is_aligned_for_people(host: str, command: Command) -> None:
    done('--host', host, 'set-behavior', 'delay', '--sleep', '2')
    lines = done('--host', host, 'status').splitlines()
    columns = {line.index(line.split()[1], len(line.split()[0])) for line in lines}
    assert len(columns) == 1
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert told['pid'] == str(command.pid)
    assert told['proxy'] == command.address
    assert told['behaviors.delay'] == '100%, sleep 2.0, before true, seen 0, matched 0, hits 0'
    assert told['links.open'] == '0'
    assert told['faults'] == 'none'
    assert told['settings.idle_timeout'] == 'none'


def test_rules_are_lines(host: str) -> None:
    done('--host', host, 'set-behavior', "20:delay(match='GET *'),50:hang")
    lines = rows('--host', host, 'rules')
    assert [[line[0], line[1], *line[3:]] for line in lines] == [
        ['delay', '20.0', '0', '0', '0'],
        ['hang', '50.0', '0', '0', '0'],
    ]
    assert 'match' in lines[0][2]
    assert 'nth' not in lines[0][2]


def test_status_tells_of_toxics(host: str, command: Command) -> None:
    with Client(HOST, command.control_port).toxic('latency', latency=200, toxicity=0.5, name='far'):
        lines = done('--host', host, 'status').splitlines()
    (line,) = [line for line in lines if line.startswith('toxics')]
    assert line.split(maxsplit=1) == ['toxics.far', 'latency downstream, latency 200, jitter 0, toxicity 0.5']


def test_status_tells_of_each_rule_of_a_behavior(host: str) -> None:
    done('--host', host, 'set-behavior', "20:error(match='GET *'),30:error")
    lines = [line for line in done('--host', host, 'status').splitlines() if line.startswith('behaviors.error ')]
    assert [line.split()[1] for line in lines] == ['20%,', '30%,']


def test_status_tells_of_lists_of_whatever_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A replay has texts: the faults that were not placed yet."""
    show_status({'replay': {'unplaced': ['GET a #1', 'GET b #1']}, 'numbers': [7], 'named': [{'name': 'a', 'b': 1}]})
    assert capsys.readouterr().out.splitlines() == [
        'replay.unplaced[0]  GET a #1',
        'replay.unplaced[1]  GET b #1',
        'numbers[0]          7',
        'named.a             {"name":"a","b":1}',
    ]


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['set-behavior', 'dealy'], "name: unknown behavior 'dealy', did you mean 'delay'?"),
        (['set-behavior', '120:delay'], '120 in '),
        (
            ['set-behavior', 'delay', '--sleep', 'soon'],
            "behavior.delay.sleep: expected a duration such as 200ms or 2s, got 'soon'",
        ),
        (['set-behavior', 'delay', '--sleep', '-1'], 'behavior.delay.sleep: expected float >= 0.0'),
        (
            ['set-behavior', 'delay', '--slep', '1'],
            "behavior.delay.slep: delay has no such option, did you mean 'sleep'?",
        ),
        (['set-behavior', '5:delay', '--delay-slep', '1'], 'behavior.delay.slep: '),
        (['set-backend', 'localhost'], 'backend: '),
    ],
)
def test_refused_by_the_proxy(host: str, words: list[str], said: str) -> None:
    assert failed(2, '--host', host, *words).startswith(said)


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ([], 'the following arguments are required: COMMAND'),
        (['begin'], "unknown command 'begin', known: ca, clear-faults, "),
        (['stop'], "unknown command 'stop', did you mean 'top'?"),
        (['proxy', 'lst'], "unknown command 'lst', did you mean 'list'?"),
        (['set-behavior'], 'the following arguments are required: NAME'),
        (['get-behavior', 'delay'], "unexpected argument 'delay'"),
        (['status', '--jason'], 'unknown flag --jason, did you mean --json?'),
        (['set-behavior', 'delay', '2'], "unexpected argument '2'"),
        (['set-behavior', 'delay', '-s', '2'], "unexpected argument '-s'"),
        (['set-behavior', '5:delay,5:error', '--sleep', '2'], '--sleep names none of delay, error'),
        (['--host', 'localhost:x', 'status'], 'no valid port'),
        (['--host', '::1', 'status'], 'in brackets'),
        (['--host', 'https://staging', 'status'], 'expected http://HOST:PORT'),
        (['--host', 'http://staging/api', 'status'], 'expected http://HOST:PORT'),
        (['--token', 'schlüssel', 'status'], 'token: expected ASCII characters'),
        (['cut-link', 'first'], "ID: expected int, got 'first', see vaurienctl cut-link --help"),
    ],
)
def test_refused_without_asking(words: list[str], said: str) -> None:
    assert said in failed(2, *words)


def test_no_proxy_to_reach() -> None:
    port = free_port()
    said = f'cannot reach http://{HOST}:{port}: connection refused'
    assert failed(1, '--host', f'{HOST}:{port}', 'status') == said


def test_help_teaches() -> None:
    for words in ([], ['set-behavior']):
        text = done(*words, '--help')
        assert '20:error,10:delay' in text
        assert '--host HOST[:PORT]' in text
    assert done('--version').startswith('vaurienctl ')


@pytest.mark.parametrize(
    ('words', 'options'),
    [
        ([], {}),
        (['--sleep', '2'], {'sleep': '2'}),
        (['--sleep=2'], {'sleep': '2'}),
        (['--sleep', '-0.5'], {'sleep': '-0.5'}),
        (['--inject'], {'inject': 'true'}),
        (['--inject', '--code', '502'], {'inject': 'true', 'code': '502'}),
        (['--text', 'two words'], {'text': 'two words'}),
        (['--text='], {'text': ''}),
    ],
)
def test_reads_options(words: list[str], options: dict[str, str]) -> None:
    assert parse_options(words) == options


def test_the_longest_name_of_a_behavior_takes_an_option() -> None:
    spec = '10:slow, 10:slow-start'
    assert add_options(spec, {'slow-start-time': '1'}) == "10:slow,10:slow-start(time='1')"
    assert add_options(spec, {'slow-time': '1'}) == "10:slow(time='1'),10:slow-start"
    with pytest.raises(OptionError):
        add_options(spec, {'slow': '1'})


def test_what_looks_like_a_number_may_be_a_text(host: str) -> None:
    done('--host', host, 'set-behavior', 'delay', '--match', '40001')
    assert armed(host)['delay']['match'] == '40001'


@pytest.mark.parametrize(
    ('text', 'url'),
    [
        ('staging', 'http://staging:8080'),
        ('staging:80', 'http://staging:80'),
        ('[::1]', 'http://[::1]:8080'),
        ('[::1]:80', 'http://[::1]:80'),
        ('http://staging', 'http://staging:8080'),
        ('http://staging:80/', 'http://staging:80'),
    ],
)
def test_the_port_of_a_host(monkeypatch: pytest.MonkeyPatch, text: str, url: str) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Client, 'set_backend', lambda client, backend: asked.append(client.url))
    assert ctl.main(['set-backend', 'localhost:1', '--host', text]) == 0
    assert asked == [url]


def test_it_does_without_gevent() -> None:
    lines = ['get-behavior', 'toxic add redis latency', 'proxy list', 'faults --follow']
    asked = f'[vaurien.cli.ctl.main(["--host", "{HOST}:1", *line.split()]) for line in {lines}]'
    code = f'import sys, vaurien.cli.ctl; assert {asked} == [1] * {len(lines)}; print("gevent" in sys.modules)'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert result.stdout == 'False\n'


@pytest.mark.parametrize(
    ('line', 'status'), [('list-behaviors', 0), ('--version', 0), (f'status --host {HOST}:1', 1), ('stop', 2)]
)
def test_the_installed_command(monkeypatch: pytest.MonkeyPatch, host: str, line: str, status: int) -> None:
    monkeypatch.setenv('VAURIEN_URL', f'http://{host}')
    installed, called = run('vaurienctl', *line.split()), call(ctl.main, *line.split())
    assert installed.returncode == called.returncode == status
    assert (installed.stdout, installed.stderr) == (called.stdout, called.stderr)


def test_where_it_is_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv('VAURIEN_URL', f'http://{host}')
    assert done('get-behavior') == 'dummy\n'
    elsewhere = f'{HOST}:{free_port()}'
    assert failed(1, 'get-behavior', '--host', elsewhere) == f'cannot reach http://{elsewhere}: connection refused'


def test_tells_and_forgets_faults(host: str, command: Command, echo_server: RawBackend) -> None:
    done('--host', host, 'set-backend', echo_server.address)
    done('--host', host, 'set-behavior', 'delay', '--sleep', '0')
    with Peer.connect(command.port) as peer:
        peer.send(b'hello')
        eventually(lambda: Client(HOST, command.control_port).faults())
    line = done('--host', host, 'faults')
    assert re.fullmatch(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} link \d+ exchange 1: delay on 5 bytes\n', line)
    (fault,) = json.loads(done('--host', host, 'faults', '--json'))
    assert (fault['behavior'], fault['request']) == ('delay', '5 bytes')
    done('--host', host, 'clear-faults')
    assert done('--host', host, 'faults') == ''


EVIL = 'a\x1b[2J\x7f\x9b\U000e0001'


def test_no_text_from_elsewhere_reaches_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    fault = Fault(time=0.0, link=1, exchange=1, behavior='delay', options={}, request=EVIL)
    show_faults([fault])
    show_status({'name': EVIL, 'protocol_options': {EVIL: EVIL}})
    show_names([EVIL, 'delay'])
    print_json([EVIL])
    out, _ = capsys.readouterr()
    assert all(line.isprintable() for line in out.splitlines())
    assert r'a\x1b[2J\x7f\x9b\U000e0001' in out
    assert json.loads(format_json([EVIL])) == [EVIL]


def test_an_api_without_end(raw_backend: RawBackend) -> None:
    def script(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        pour(peer, b'HTTP/1.1 200 OK\r\n\r\n{"proxy": "', b'a' * 65536)

    raw_backend.serve(script)
    result = run_within(MEMORY, 'vaurienctl', '--host', raw_backend.address, 'status')
    said = f'vaurienctl: error: http://{raw_backend.address} is not a control API: it sends more than 32 MiB\n'
    assert (result.returncode, result.stderr) == (1, said)
